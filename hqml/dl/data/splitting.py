"""Which samples of a file are to learn from, to watch, and to test on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hqml.dl.source import Rows
from hqml.errors import DataError

_MANY_UNITS = 100
"""Of which whole ones are shared out. Of fewer, with shares of a few percent, too few would be watched or tested on."""

_STRETCH = 20
"""Units from which each share gets its part, so that files sorted by class, or in time, are covered evenly."""


@dataclass(frozen=True, eq=False)
class Part:
    """Some samples of a file, in its order.

    Attributes:
        starts: (runs,) first sample of each run, numbered as in the file.
        places: (runs + 1,) number of that sample in this part, and of samples in it.
        bounds: (blocks + 1,) where blocks that are read together begin, numbered as in this part.
    """

    starts: Rows
    places: Rows
    bounds: Rows

    def __len__(self) -> int:
        return int(self.places[-1])

    def rows(self, chosen: Rows) -> Rows:
        """Numbers in the file of samples of this part."""
        if not len(self):
            return chosen
        run = np.searchsorted(self.places, chosen, side="right") - 1
        return self.starts[run] + (chosen - self.places[run])


def whole(samples: int, unit: int) -> Part:
    """All samples of a file that is read in units."""
    starts = np.arange(0, samples, unit, dtype=np.int64)
    places = np.append(starts, samples)
    return Part(starts, places, places)


def some(rows: Rows, unit: int) -> Part:
    """The samples of these numbers, ascending, of a file that is read in units."""
    new_block = np.diff(rows // unit, prepend=-1) != 0
    runs = np.flatnonzero(new_block | (np.diff(rows, prepend=-2) != 1))
    return Part(rows[runs], np.append(runs, len(rows)), np.append(np.flatnonzero(new_block), len(rows)))


def parts_of(usable: Part, unit: int, validation: float, test: float, seed: int = 0) -> tuple[Part, Part, Part]:
    """Share out samples: by chance, the same for the same arguments.

    Of large files whole units are shared out, evenly all over the file, so that none has to be read for the sake of
    a few samples. They are a property of the file; so is the split, whatever memory there is.

    Args:
        usable: what there is to share out.
        unit: samples that are read together.
        validation: share to watch.
        test: share to test on.
        seed: of the choice.

    Returns:
        What is to learn from, to watch, to test on.

    Raises:
        DataError: there are too few samples.
    """
    if validation + test >= 1:
        raise DataError(f"validation {validation:g} and test {test:g} leave no data to learn from; make them smaller")
    units = len(usable.bounds) - 1
    random = np.random.default_rng(seed % 2**64)
    if units < _MANY_UNITS:
        share = _shares(len(usable), validation, test, random, len(usable))
        rows = usable.rows(np.arange(len(usable)))
        train, watched, tested = (some(rows[share == kind], unit) for kind in range(3))
    else:
        share = _shares(units, validation, test, random, _STRETCH)
        train, watched, tested = (_blocks(usable, share == kind) for kind in range(3))
    return train, watched, tested


def in_stretches(usable: Part, unit: int, validation: float, test: float, gap: int) -> tuple[Part, Part, Part]:
    """Share out samples that overlap with their neighbours: one stretch to learn from, then one to watch, one to test.

    Args:
        usable: what there is to share out.
        unit: samples that are read together.
        validation: share to watch.
        test: share to test on.
        gap: samples left out between the stretches, so that none has a part of one in another stretch.

    Raises:
        DataError: there are too few samples.
    """
    rows = usable.rows(np.arange(len(usable)))
    first, second = (round(len(rows) * share) for share in (1 - validation - test, 1 - test))
    stretches = [rows[:first], rows[first:second], rows[second:]]
    for number, share in ((1, validation), (2, test)):
        before = np.concatenate(stretches[:number])
        stretches[number] = stretches[number][stretches[number] > before.max(initial=-gap - 1) + gap]
        if share and not len(stretches[number]):
            raise DataError(
                f"{len(rows)} overlapping samples are too few for validation {validation:g} and test {test:g}, with "
                f"{gap} left out between them; say a larger stride:"
            )
    train, watched, tested = (some(stretch, unit) for stretch in stretches)
    return train, watched, tested


def _shares(count: int, validation: float, test: float, random: np.random.Generator, stretch: int) -> Rows:
    """For each of `count` things 0, 1 or 2: to learn from, to watch, to test on."""
    order = np.argsort(np.arange(count) // max(stretch, 1) + random.random(count), kind="stable")
    share = np.zeros(count, np.int64)
    for kind, part in ((1, validation), (2, test / (1 - validation))):
        free = order[share[order] == 0]
        taken = np.floor(np.arange(len(free) + 1) * part + 0.5)
        taken[-1] = max(taken[-1], 1 if part else 0)
        taken = np.minimum(taken, len(free) - 1)  # one at least is left to learn from
        if part and taken[-1] < 1:
            raise DataError(f"{count} samples are too few for validation {validation:g} and test {test:g}; bring more")
        share[free[np.diff(taken) > 0]] = kind
    return share


def _blocks(part: Part, chosen: npt.NDArray[np.bool_]) -> Part:
    """Some of its blocks."""
    runs = chosen[np.searchsorted(part.bounds, part.places[:-1], side="right") - 1]
    return Part(
        part.starts[runs],
        np.append(0, np.cumsum(np.diff(part.places)[runs])),
        np.append(0, np.cumsum(np.diff(part.bounds)[chosen])),
    )
