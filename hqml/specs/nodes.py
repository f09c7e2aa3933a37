"""YAML to plain data: mappings, lists, text, numbers, true, false and null, each with its line.

Scalars are read by the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema), unlike PyYAML, where
`no` is false, 1e3 is text and 10:30 is 630. Imported late: it needs PyYAML.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from hqml.errors import FormatError
from hqml.specs.places import Place, Places

_MOST_VALUES = 50_000
"""A file of 300 bytes can name the same values by aliases a billion times over."""

_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}
_WHOLE = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_BEYOND = re.compile(r"([-+]?)\.(inf|Inf|INF|nan|NaN|NAN)")

_HINTS = {
    "\\t": "a tab; indent with blanks",
    "mapping values are not allowed here": "mapping values are not allowed here; quote text that has ': ' in it, or "
    "check the indentation",
}
"""What PyYAML says, and what helps."""

_TAG = "tag:yaml.org,2002:"
_PLAIN = "plain"


class _Loader(yaml.SafeLoader):
    """Leaves plain scalars to us; a tag that it finds on one was written."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        plain = kind is yaml.ScalarNode and implicit[0]
        return _PLAIN if plain else super().resolve(kind, value, implicit)  # type: ignore[no-untyped-call]


def read_yaml(text: str, path: str) -> tuple[Any, Places]:
    """The content of a YAML document, and where its values stand.

    Raises:
        FormatError: it is no YAML, or holds what is not taken: duplicate keys, tags, aliases without end. The message
            names the line.
    """
    reading = _Reading(path)
    try:
        root = yaml.compose(text, Loader=_Loader)
        if root is None:
            raise FormatError(f"{path}:1: the file is empty")
        return reading.value(root, ()), Places(path, reading.lines)
    except yaml.YAMLError as error:
        raise _syntax_error(error, path) from error
    except RecursionError as error:
        raise FormatError(f"{path}:1: lists or mappings are nested too deeply") from error


def _syntax_error(error: yaml.YAMLError, path: str) -> FormatError:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "no YAML"
    for theirs, ours in _HINTS.items():
        problem = ours if theirs in problem else problem
    line = mark.line + 1 if mark else 1
    return FormatError(f"{path}:{line}: cannot be read as YAML: {problem.removeprefix('but ')}")


class _Reading:
    """One walk over the nodes of a document."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.lines: dict[Place, int] = {}
        self._values = 0
        self._above: set[int] = set()

    def value(self, node: yaml.Node, place: Place) -> Any:
        self.lines.setdefault(place, node.start_mark.line + 1)
        self._values += 1
        if self._values > _MOST_VALUES:
            raise self._refused(node, f"more than {_MOST_VALUES} values, counting each as often as aliases name it")
        if id(node) in self._above:
            raise self._refused(node, "an alias inside of what it names")
        self._above.add(id(node))
        try:
            return self._read(node, place)
        finally:
            self._above.discard(id(node))

    def _read(self, node: yaml.Node, place: Place) -> Any:
        if isinstance(node, yaml.MappingNode) and node.tag == f"{_TAG}map":
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
            return [self.value(one, (*place, index)) for index, one in enumerate(node.value)]
        if node.tag == _PLAIN:
            return self._plain(node, node.value)
        if node.tag == f"{_TAG}str":
            return node.value
        raise self._refused(node, f"the tag {node.tag.replace(_TAG, '!!')}, which is not taken; write plain values")

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = getattr(key_node, "value", None)
            if not isinstance(key, str):
                raise self._refused(key_node, "a key that is a list or a mapping; write a name")
            if key == "<<":
                raise self._refused(key_node, "a merge key <<, which is not taken; write the keys out")
            if key in found:
                before = self.lines[(*place, key)]
                raise self._refused(key_node, f"key {key!r} twice, first on line {before}; leave one out")
            self.lines[(*place, key)] = key_node.start_mark.line + 1
            found[key] = self.value(value_node, (*place, key))
        return found

    def _plain(self, node: yaml.Node, text: str) -> Any:
        if text.lower() in _WORDS:
            return _WORDS[text.lower()]
        try:
            if _WHOLE.fullmatch(text):
                return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
            if _NUMBER.fullmatch(text):
                return float(text)
        except ValueError as error:
            raise self._refused(node, "a number of too many digits") from error
        beyond = _BEYOND.fullmatch(text)
        return float(f"{beyond[1]}{beyond[2]}") if beyond else text

    def _refused(self, node: yaml.Node, found: str) -> FormatError:
        return FormatError(f"{self.path}:{node.start_mark.line + 1}: found {found}")
