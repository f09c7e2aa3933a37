"""From a mapping of a specification to the dataclass of parameters that an architecture or a dataset takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from hqml.errors import ParameterError
from hqml.options import unlike


class WrongParameter(ParameterError):
    """A parameter has a wrong value.

    Attributes:
        told: what is wrong, without the owner and the key, which a place in a file says.
        key: its name; None where several do not fit each other.
    """

    def __init__(self, owner: str, told: str, key: str | None = None) -> None:
        super().__init__(": ".join(part for part in (owner, key, told) if part is not None))
        self.told, self.key = told, key


def filled(kind: type[Any], given: Mapping[str, Any], owner: str) -> Any:
    """Make the dataclass, with defaults where nothing is given.

    Args:
        kind: a frozen dataclass.
        given: values by name.
        owner: whose parameters they are, in messages.

    Raises:
        ParameterError: one is unknown.
        WrongParameter: the value of one is none that it takes.
    """
    import pydantic

    from hqml.specs.reading import message_of

    known = [field.name for field in fields(kind)]
    for key in given:
        if key not in known:
            raise ParameterError(f"{owner} takes no parameter {key!r}{unlike(key, known)}")
    try:
        return pydantic.TypeAdapter(kind).validate_python(dict(given), strict=False)
    except ParameterError as error:
        raise WrongParameter(owner, str(error)) from error
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = first["loc"]
        if first["type"] == "missing" and len(place) > 1:  # pydantic's for a tuple that ends too early
            told = f"has too few values, found {first['input']!r}"
        else:
            told = message_of(first)
        # A check of the dataclass itself has no place, and its message says all.
        raise WrongParameter(owner, told, str(place[0]) if place else None) from None
