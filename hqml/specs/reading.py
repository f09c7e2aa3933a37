"""Read a YAML file into a pydantic model; what is wrong with it is one line that says where."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from hqml.errors import FormatError
from hqml.files import meant_instead
from hqml.specs.libraries import check_installed
from hqml.specs.places import Place, Places, plain_place

if TYPE_CHECKING:
    import pydantic

    Model = TypeVar("Model", bound=pydantic.BaseModel)

_LARGEST = 1 << 20
"""Bytes of a file: what people write is a thousand times smaller."""

_SHOWN = 60
"""Letters of a value in a message."""

_WORDS = {
    "Input should": "must",
    "a valid integer": "a whole number",
    "a valid dictionary": "a mapping",
    "a valid boolean": "true or false",
    "a valid tuple": "a list",
    "a valid ": "a ",
    "List should": "must",
    " after validation, not 0": "",
}
"""From pydantic's words to ours."""


def read_spec(path: str | os.PathLike[str], model: type[Model]) -> Model:
    """Read a YAML file.

    Args:
        path: the file.
        model: of `hqml.specs.model.Spec`, or another pydantic model that forbids extra keys.

    Raises:
        FormatError: the file cannot be read or is not what `model` says, in one line:
            `study.yaml:7: solvers[1].optoins: unknown key; did you mean 'options'?`
        LibraryMissing: PyYAML or pydantic is not installed.
    """
    return open_spec(path, model)[0]


def open_spec(path: str | os.PathLike[str], model: type[Model]) -> tuple[Model, Places]:
    """As `read_spec`, and where the values stand, for what only their use can find wrong."""
    content, places = read_content(path)
    return validated(content, places, model), places


def read_content(path: str | os.PathLike[str]) -> tuple[Any, Places]:
    """Read a YAML file as it is, for who changes something of it before it is `validated`.

    Raises:
        FormatError: it cannot be read.
        LibraryMissing: PyYAML or pydantic is not installed.
    """
    check_installed()
    from hqml.specs.nodes import read_yaml

    return read_yaml(_text_of(path), os.fspath(path))


def validated(content: Any, places: Places, model: type[Model]) -> Model:
    """The model of a file's content.

    Raises:
        FormatError: the content is not what `model` says, in one line with its place.
    """
    import pydantic

    try:
        return model.model_validate(content)
    except pydantic.ValidationError as error:
        # Without addresses: they point to pydantic's pages. The cause says no more than the line does.
        raise _first(error.errors(include_url=False), content, places) from None


def _text_of(path: str | os.PathLike[str]) -> str:
    name = os.fspath(path)
    try:
        if os.path.getsize(path) > _LARGEST:
            raise FormatError(
                f"{name}: is larger than {_LARGEST >> 20} MiB, which no such file needs; is it the right one?"
            )
        return Path(path).read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise FormatError(f"{name}: there is no such file{meant_instead(path)}") from None
    except OSError as error:
        raise FormatError(f"{name}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise FormatError(f"{name}: byte {error.start + 1} is no UTF-8; save the file as UTF-8") from error


def _first(errors: Any, content: Any, places: Places) -> FormatError:
    """The error that stands first in the file."""
    placed = [(_place_of(one, content), one) for one in errors]
    place, first = min(placed, key=lambda one: places.line(one[0]))
    return places.error(place, message_of(first))


def _place_of(error: Any, content: Any) -> Place:
    place = plain_place(error["loc"], content, missing=error["type"] == "missing")
    return (*place, error["ctx"]["key"]) if error["type"] == "unknown_key" else place


def message_of(error: Any) -> str:
    """What is wrong with a value and what was found, without its place.

    Args:
        error: one of `pydantic.ValidationError.errors()`.
    """
    kind, context = error["type"], error.get("ctx", {})
    if kind == "missing":
        return "this key is missing"
    if kind == "extra_forbidden":
        return "unknown key"
    if kind == "value_error":
        return str(context["error"])
    if kind == "unknown_key":
        return str(error["msg"])
    wanted = error["msg"].partition(", unable")[0].partition(" or instance of")[0]
    for theirs, ours in _WORDS.items():
        wanted = wanted.replace(theirs, ours)
    quotes = "; write it in quotes" if kind == "string_type" and isinstance(error["input"], int | float) else ""
    return f"{wanted[:1].lower()}{wanted[1:]}, found {_shown(error['input'])}{quotes}"


def _shown(value: Any) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
