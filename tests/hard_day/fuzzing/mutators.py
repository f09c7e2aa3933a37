"""Ways to change inputs that libFuzzer, which sees bytes alone, does not know.

All return what `atheris.Setup(custom_mutator=...)` expects, and leave some inputs to libFuzzer's own mutations.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from fuzzing.target import Mutate

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 1.5, -0.0, 2**31, 2**63, -(2**63), 2**64, 10**400, 1e308, 5e-324),
    *(float("nan"), float("inf"), float("-inf")),
    *(
        "",
        " ",
        "a",
        "nan",
        "\0",
        "\n",
        "é",
        "\ud800",
        "{0}",
        "%s",
        "../..",
        "/",
        "/dev/null",
        "a" * 300,
        "=",
        "[",
        "$(x)",
    ),
    *("1e999", "-1", "1_0", "0x10", "10:30", "1-12:00:00", "10m", ">=1,<", "~", "*", "cuda", "٣"),
    *([], {}, [[]], {"": None}, [0] * 30, {"a": {"a": {"a": {}}}}),
)
"""What programs are seldom tried with."""

_LINES = tuple(
    str(one) for one in VALUES if isinstance(one, str | int | float) and len(str(one)) < 350 and str(one).isprintable()
)


def lines(data: bytes, most: int, seed: int) -> bytes:
    """Text: lines dropped, doubled, exchanged; words replaced."""
    chance = random.Random(seed)
    if chance.random() < 0.4:
        return _raw(data, most)
    rows = data.decode("utf-8", "surrogateescape").split("\n")
    for _ in range(chance.choice((1, 1, 2, 4))):
        at = chance.randrange(len(rows))
        match chance.randrange(5):
            case 0 if len(rows) > 1:
                del rows[at]
            case 1:
                rows.insert(chance.randrange(len(rows) + 1), rows[at])
            case 2:
                other = chance.randrange(len(rows))
                rows[at], rows[other] = rows[other], rows[at]
            case _:
                words = rows[at].split(" ")
                words[chance.randrange(len(words))] = chance.choice(_LINES)
                rows[at] = " ".join(words)
    return "\n".join(rows).encode("utf-8", "surrogateescape")[:most]


def trees(load: Callable[[bytes], Any], dump: Callable[[Any], bytes], raw: float = 0.3) -> Mutate:
    """Data that are a tree of lists and mappings: values replaced, dropped, doubled, moved.

    Args:
        load: from bytes to a tree; may raise whatever it likes.
        dump: back.
        raw: share of inputs that are left to libFuzzer.
    """

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        chance = random.Random(seed)
        if chance.random() < raw:
            return _raw(data, most)
        try:
            tree = load(data)
            for _ in range(chance.choice((1, 1, 1, 2, 3))):
                tree = changed(tree, chance)
            found = dump(tree)
        except Exception:
            return _raw(data, most)
        return found if len(found) <= most else _raw(data, most)

    return mutate


def as_json(tree: Any) -> bytes:
    return json.dumps(tree).encode("utf-8", "surrogatepass")


json_trees = trees(json.loads, as_json)


def changed(tree: Any, chance: random.Random) -> Any:
    """The tree with one change somewhere."""
    places = _places(tree)
    place = chance.choice(places)
    if not place:
        return chance.choice(VALUES) if chance.random() < 0.05 else tree
    *way, key = place
    inner = tree
    for one in way:
        inner = inner[one]
    match chance.randrange(6):
        case 0:
            del inner[key]
        case 1:
            inner[key] = _at(tree, chance.choice(places))
        case 2 if isinstance(inner, dict):
            inner[chance.choice(_LINES)] = inner.pop(key)
        case 2:
            inner.insert(key, inner[key])
        case 3 if isinstance(inner[key], str) and inner[key]:
            at = chance.randrange(len(inner[key]))
            inner[key] = inner[key][:at] + str(chance.choice(_LINES)) + inner[key][at + chance.randrange(2) :]
        case 4 if isinstance(inner[key], int | float) and not isinstance(inner[key], bool):
            inner[key] *= chance.choice((-1, 0, 1e-9, 2, 1000))
        case _:
            inner[key] = chance.choice(VALUES)
    return json.loads(json.dumps(tree))  # what stands at two places is two things again


def _places(tree: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [way]
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in pairs:
        found += _places(value, (*way, key))
    return found


def _at(tree: Any, place: tuple[Any, ...]) -> Any:
    for key in place:
        tree = tree[key]
    return tree


def _raw(data: bytes, most: int) -> bytes:
    import atheris

    return bytes(atheris.Mutate(data, most))
