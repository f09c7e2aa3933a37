"""From a mapping of a specification to the dataclass of parameters that an architecture or a dataset takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from hqml.errors import ParameterError
from hqml.options import unlike


class WrongParameter(ParameterError):
    """A parameter that is not known, or has a wrong value.

    Attributes:
        key: its name; None where several do not fit each other.
    """

    def __init__(self, message: str, key: str | None = None) -> None:
        super().__init__(message)
        self.key = key


def filled(kind: type[Any], given: Mapping[str, Any], owner: str) -> Any:
    """Make the dataclass, with defaults where nothing is given.

    Args:
        kind: a frozen dataclass.
        given: values by name.
        owner: whose parameters they are, in messages.

    Raises:
        WrongParameter: one is unknown, or its value is none that it takes.
    """
    import pydantic

    known = [field.name for field in fields(kind)]
    for key in given:
        if key not in known:
            raise WrongParameter(f"{owner} takes no parameter {key!r}{unlike(key, known)}", key)
    try:
        return pydantic.TypeAdapter(kind).validate_python(dict(given), strict=False)
    except ParameterError as error:
        raise WrongParameter(f"{owner}: {error}") from error
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = str(first["loc"][0]) if first["loc"] else None
        if first["type"] == "value_error":  # of the dataclass itself, whose message says all
            raise WrongParameter(f"{owner}: {first['ctx']['error']}") from None
        raise WrongParameter(f"{owner}: {place}: {first['msg']}, found {first['input']!r}", place) from None
