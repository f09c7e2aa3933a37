"""Keys of a task by their dotted names, as `--set optimizer.rate=0.01` and the space of a search have them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from hqml.errors import FormatError, ParameterError
from hqml.specs.places import Place, Places

_ALONE = {
    "model": "family",
    "data": "source",
    "loss": "name",
    "optimizer": "name",
    "schedule": "name",
    "tracking": "tool",
}
"""What a text stands for where a mapping can be: `model: resnet` is `model: {family: resnet}`."""


def place_of(dotted: str) -> Place:
    """The keys that a dotted name leads through; those of a search's space have dots themselves.

    Raises:
        ParameterError: a key is empty.
    """
    keys = dotted.split(".")
    if not all(key.strip() for key in keys):
        raise ParameterError(f"must be the name of a key, such as optimizer.rate, found {dotted!r}")
    return (*keys[:2], ".".join(keys[2:])) if keys[:2] == ["search", "space"] and len(keys) > 2 else tuple(keys)


def put(content: dict[str, Any], place: Place, value: Any) -> dict[str, Any]:
    """The content of a specification with another value at a place; mappings on the way are made where none are.

    Raises:
        ParameterError: on the way is something else than a mapping.
    """
    key, *others = place
    if not others:
        return {**content, str(key): value}
    inner = content.get(str(key))
    if isinstance(inner, str) and key in _ALONE:
        inner = {_ALONE[str(key)]: inner}
    if inner is not None and not isinstance(inner, dict):
        raise ParameterError(f"{key} has no keys: it is {inner!r:.60}")
    return {**content, str(key): put(inner or {}, tuple(others), value)}


def read_pair(pair: str) -> tuple[Place, Any]:
    """Read `key=value`, whose value is YAML, e.g. `model.hidden=[64, 64]`.

    Raises:
        ParameterError: it is no pair.
        FormatError: the value is no YAML.
    """
    from hqml.specs.nodes import read_yaml

    key, equals, text = pair.partition("=")
    if not equals or not key.strip():
        raise ParameterError(f"write it as KEY=VALUE, such as optimizer.rate=0.01, found {pair!r}")
    return place_of(key.strip()), read_yaml(text, f"--set {key.strip()}")[0] if text.strip() else None


@dataclass(frozen=True)
class OverriddenPlaces(Places):
    """The lines of a file some of whose values come from elsewhere.

    Attributes:
        overridden: the places of those values.
    """

    overridden: tuple[Place, ...] = field(default=())

    def line(self, place: Place) -> int:
        """As of a file; 0 of what comes from elsewhere, so that it is told first."""
        return 0 if self._option(place) else super().line(place)

    def error(self, place: Place, message: str) -> FormatError:
        """As of a file, or `--set optimizer.rate: message`."""
        option = self._option(place)
        if option is None:
            return super().error(place, message)
        rest = "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in place[len(option) :])
        return FormatError(f"--set {'.'.join(map(str, option))}{rest}: {message}")

    def _option(self, place: Place) -> Place | None:
        return next((one for one in self.overridden if place[: len(one)] == one), None)


Overrides: TypeAlias = Mapping[str, Any] | Iterable[str | tuple[str, Any]]
"""Values by dotted names: a mapping, or pairs and texts such as "optimizer.rate=0.01"."""


def overridden(content: Any, places: Places, overrides: Overrides) -> tuple[dict[str, Any], Places]:
    """The content of a file with other values at some places.

    Args:
        content: of the file.
        places: of its values.
        overrides: what to change.

    Raises:
        ParameterError, FormatError: one of them is none.
    """
    given = overrides.items() if isinstance(overrides, Mapping) else overrides
    pairs = [_told(one) if isinstance(one, str) else (place_of(one[0]), one[1]) for one in given]
    if not isinstance(content, dict) or not pairs:
        return content, places
    for place, value in pairs:
        try:
            content = put(content, place, value)
        except ParameterError as error:
            raise ParameterError(f"--set {'.'.join(map(str, place))}: {error}") from error
    return content, OverriddenPlaces(places.path, places.lines, tuple(place for place, _ in pairs))


def _told(pair: str) -> tuple[Place, Any]:
    try:
        return read_pair(pair)
    except ParameterError as error:
        raise ParameterError(f"--set: {error}") from error
