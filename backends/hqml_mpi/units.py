"""What is handed out: a slice of the work, which is some reads of one model, and what was found in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dimod
import numpy as np
import numpy.typing as npt

from hqml.qubo import Qubo, States
from hqml.samples import states_of


@dataclass(frozen=True)
class Unit:
    """Some reads of one model of the batch, with a seed of their own.

    Attributes:
        model: place of the model in the batch.
        first: every model runs at least its first unit, however late it is.
    """

    model: int
    reads: int
    seed: int
    first: bool


@dataclass(frozen=True)
class Found:
    """States as they travel: packed (rows, ceil(variables / 8)), eight variables a byte, and what the backend says."""

    packed: npt.NDArray[np.uint8]
    variables: int
    info: Mapping[str, Any]

    @classmethod
    def of(cls, qubo: Qubo, samples: dimod.SampleSet) -> Found:
        states = states_of(samples, qubo)
        info = {name: _plain(value) for name, value in samples.info.items() if _plain(value) is not None}
        return cls(np.packbits(states.astype(bool), axis=1), states.shape[1], info)

    @property
    def states(self) -> States:
        return np.unpackbits(self.packed, axis=1, count=self.variables).astype(np.int8)

    @property
    def whole(self) -> bool:
        """Neither Ctrl-C nor a time limit cut it short."""
        return not (self.info.get("interrupted") or self.info.get("cut_short"))


def units_of(models: int, reads: int, seed: int, reads_at_once: int) -> list[Unit]:
    """Cut a batch into units, the first ones of all models in front, the same for any number of ranks.

    Args:
        models: of the batch.
        reads: wanted of each.
        seed: that of the call.
        reads_at_once: most reads of a unit.
    """
    parts = -(-reads // reads_at_once)
    return [
        Unit(model, min(reads_at_once, reads - part * reads_at_once), _unit_seed(seed, model, part), first=part == 0)
        for part in range(parts)
        for model in range(models)
    ]


def joined(units: Sequence[Unit], found: Mapping[int, Found], models: int) -> list[list[Found]]:
    """For each model of the batch what was found in its units, in their order."""
    by_model: list[list[Found]] = [[] for _ in range(models)]
    for place in sorted(found):
        by_model[units[place].model].append(found[place])
    return by_model


def _unit_seed(seed: int, model: int, part: int) -> int:
    return int(np.random.SeedSequence([seed, model, part]).generate_state(1, np.uint64)[0] >> 1)


def _plain(value: Any) -> Any:
    """A value that JSON can hold, None where there is none."""
    if isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, list | tuple) and all(isinstance(one, str | bool | int | float) for one in value):
        return list(value)
    return None
