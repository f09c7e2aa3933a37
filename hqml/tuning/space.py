"""The configurations of a search: their axes, levels and grids, whatever the values are."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any, TypeAlias

import numpy as np

from hqml.errors import ParameterError
from hqml.options import is_finite
from hqml.tuning.fingerprint import told, told_parameter

Configuration: TypeAlias = tuple[int, ...]
"""The level on each axis; ABSENT where the configuration does not have the parameter."""

ABSENT = -1

_COUNT_UP_TO = 20_000
"""Configurations up to which all are listed to choose from; of more, some are drawn."""


@dataclass(frozen=True)
class Axis:
    """One parameter. `ordered` says that neighbouring levels are alike; their values rise then."""

    name: str
    values: tuple[Any, ...]
    ordered: bool

    @property
    def size(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class Space:
    """Axes, and the grids on them: for each grid the levels it has on each axis, () where it lacks the parameter."""

    axes: tuple[Axis, ...]
    grids: tuple[tuple[tuple[int, ...], ...], ...]

    @cached_property
    def size(self) -> int:
        """Number of distinct configurations."""
        return _union([tuple(map(_or_absent, grid)) for grid in self.grids])

    @cached_property
    def _all(self) -> list[Configuration]:
        return list(dict.fromkeys(found for grid in self.grids for found in product(*map(_or_absent, grid))))

    def grid_of(self, configuration: Configuration) -> int | None:
        """The first grid that has it, None where none does."""
        for number, grid in enumerate(self.grids):
            if all(level in _or_absent(levels) for level, levels in zip(configuration, grid, strict=True)):
                return number
        return None

    def params(self, configuration: Configuration) -> dict[str, Any]:
        """The configuration as scikit-learn's `set_params` takes it."""
        chosen = zip(self.axes, configuration, strict=True)
        return {axis.name: axis.values[level] for axis, level in chosen if level != ABSENT}

    def key(self, configuration: Configuration) -> dict[str, str]:
        """The configuration in words that are the same in every process and hold no backend's token."""
        return {name: told_parameter(name, value) for name, value in self.params(configuration).items()}

    @cached_property
    def _levels(self) -> list[dict[str, int]]:
        return [
            {told_parameter(axis.name, value): level for level, value in enumerate(axis.values)} for axis in self.axes
        ]

    def of_key(self, key: Mapping[str, str]) -> Configuration:
        """The reverse of `key`.

        Raises:
            KeyError: it is none of this space.
        """
        return tuple(
            levels[key[axis.name]] if axis.name in key else ABSENT
            for axis, levels in zip(self.axes, self._levels, strict=True)
        )

    def neighbours(self, configuration: Configuration) -> Iterator[Configuration]:
        """All that differ on one axis and are in the same grid."""
        grid = self.grid_of(configuration)
        if grid is None:
            return
        for place, levels in enumerate(self.grids[grid]):
            for level in levels:
                if level != configuration[place]:
                    yield (*configuration[:place], level, *configuration[place + 1 :])

    def unseen(self, count: int, seen: set[Configuration], rng: np.random.Generator) -> list[Configuration]:
        """Distinct ones that are not in `seen`, by chance: `count` of them, or all that are left if these are fewer."""
        if self.size <= max(_COUNT_UP_TO, 2 * (len(seen) + count)):
            left = [found for found in self._all if found not in seen]
            return [left[place] for place in rng.permutation(len(left))[:count]]
        share = np.array([math.prod(len(levels) or 1 for levels in grid) for grid in self.grids], dtype=np.float64)
        chosen: dict[Configuration, None] = {}
        while len(chosen) < count:  # at least half are unseen, so that it ends soon
            grid = self.grids[rng.choice(len(self.grids), p=share / share.sum())]
            found = tuple(int(rng.choice(_or_absent(levels))) for levels in grid)
            if found not in seen:
                chosen[found] = None
        return list(chosen)

    def spread(self, count: int, seen: set[Configuration], rng: np.random.Generator) -> list[Configuration]:
        """As `unseen`, each level of an axis about as often as any other: a Latin hypercube of each grid."""
        chosen: dict[Configuration, None] = {}
        share = np.array([math.prod(len(levels) or 1 for levels in grid) for grid in self.grids], dtype=np.float64)
        counts = rng.multinomial(count, share / share.sum())
        for grid, wanted in zip(self.grids, counts, strict=True):
            columns = [_evenly(_or_absent(levels), int(wanted), rng) for levels in grid]
            chosen.update(dict.fromkeys(found for found in zip(*columns, strict=True) if found not in seen))
        missing = self.unseen(count - len(chosen), seen | set(chosen), rng)
        return [*chosen, *missing]


def space_of(param_grid: Any) -> Space:
    """The space of a scikit-learn parameter grid: a dict {name: values}, or a list of such.

    Values that repeat count once, and so do configurations that several grids have. The axes are in the order of their
    names: processes that write a grid in another order share one search.

    Raises:
        ParameterError: it is neither, a name is no text, or values are none, empty, or no sequence.
    """
    grids = [param_grid] if isinstance(param_grid, Mapping) else param_grid
    if not isinstance(grids, Sequence) or isinstance(grids, str) or not grids:
        raise ParameterError(f"param_grid must be a dict {{name: values}} or a list of such, found {param_grid!r}")
    for grid in grids:
        _check_grid(grid)
    axes = tuple(_axis(name, grids) for name in sorted({name for grid in grids for name in grid}))
    places = [{told(value): level for level, value in enumerate(axis.values)} for axis in axes]
    return Space(
        axes,
        tuple(
            tuple(
                tuple(sorted({levels[told(value)] for value in grid[axis.name]})) if axis.name in grid else ()
                for axis, levels in zip(axes, places, strict=True)
            )
            for grid in grids
        ),
    )


def _check_grid(grid: Any) -> None:
    if not isinstance(grid, Mapping):
        raise ParameterError(f"a grid of param_grid must be a dict {{name: values}}, found {grid!r}")
    if not grid:
        raise ParameterError("a grid of param_grid is empty; name at least one parameter and its values")
    for name, values in grid.items():
        if not isinstance(name, str):
            raise ParameterError(f"param_grid names parameters by text, found {name!r}")
        if callable(getattr(values, "rvs", None)):
            raise ParameterError(
                f"param_grid[{name!r}] is a distribution; a QUBO needs levels: list the values to choose from"
            )
        listed = isinstance(values, Sequence | np.ndarray) and not isinstance(values, str | bytes)
        if not listed or (np.ndim(values) > 1 and isinstance(values, np.ndarray)):
            raise ParameterError(f"param_grid[{name!r}] must be a list of values, found {values!r}")
        if len(values) == 0:
            raise ParameterError(f"param_grid[{name!r}] has no value")


def _axis(name: str, grids: Sequence[Mapping[str, Any]]) -> Axis:
    every = [value for grid in grids for value in grid.get(name, ())]
    values = list({told(value): value for value in reversed(every)}.values())[::-1]
    ordered = len(values) > 2 and all(_is_number(value) for value in values)
    return Axis(name, tuple(sorted(values) if ordered else values), ordered)


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool | np.bool_) and is_finite(value)


def _union(boxes: Sequence[tuple[tuple[int, ...], ...]]) -> int:
    """Number of points in boxes, products of levels: of each box those that no later box has."""
    total = 0
    for place, box in enumerate(boxes):
        common = [
            tuple(tuple(sorted({*one} & {*two})) for one, two in zip(box, later, strict=True))
            for later in boxes[place + 1 :]
        ]
        total += math.prod(map(len, box)) - _union([shared for shared in dict.fromkeys(common) if all(shared)])
    return total


def _or_absent(levels: tuple[int, ...]) -> tuple[int, ...]:
    return levels or (ABSENT,)


def _evenly(levels: tuple[int, ...], count: int, rng: np.random.Generator) -> list[int]:
    """`count` levels in random order, none more than once oftener than another."""
    rounds = [rng.permutation(levels) for _ in range(-(-count // len(levels)))]
    column = np.concatenate(rounds)[:count] if rounds else np.empty(0, dtype=int)
    return [int(level) for level in rng.permutation(column)]
