"""Learning rates over time, by the names of specifications. Needs no torch.

A schedule says by what the rate is multiplied at a time, measured in epochs from the begin of training. "plateau"
alone looks at what training does, and therefore has a state.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

from hqml.dl.parameters import filled
from hqml.dl.spec import ScheduleSpec
from hqml.errors import ParameterError
from hqml.options import unlike


class Schedule(Protocol):
    """The parameters of a schedule."""

    def factor(self, time: float, epochs: float) -> float:
        """At `time` of `epochs`, both without the warm-up."""
        ...


def _share(name: str, value: float) -> None:
    if not 0 < value <= 1:
        raise ParameterError(f"{name} must be above 0 and at most 1, found {value}")


@dataclass(frozen=True)
class Constant:
    """The rate stays as it is."""

    def factor(self, time: float, epochs: float) -> float:
        return 1.0


@dataclass(frozen=True)
class Cosine:
    """Half a wave from 1 down: Loshchilov, Hutter, arXiv:1608.03983, without restarts.

    Attributes:
        minimum: share of the rate that is left at the end.
    """

    minimum: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.minimum <= 1:
            raise ParameterError(f"minimum must be from 0 to 1, found {self.minimum}")

    def factor(self, time: float, epochs: float) -> float:
        return self.minimum + (1 - self.minimum) * (1 + math.cos(math.pi * min(1.0, time / epochs))) / 2


@dataclass(frozen=True)
class Step:
    """The rate falls at once, again and again.

    Attributes:
        every: epochs between two falls.
        gamma: what it is multiplied by.
    """

    every: int = 30
    gamma: float = 0.1

    def __post_init__(self) -> None:
        if self.every < 1:
            raise ParameterError(f"every must be at least 1, found {self.every}")
        _share("gamma", self.gamma)

    def factor(self, time: float, epochs: float) -> float:
        return float(self.gamma ** math.floor(time / self.every))


@dataclass(frozen=True)
class Exponential:
    """The rate falls all the time.

    Attributes:
        gamma: what it is multiplied by in an epoch.
    """

    gamma: float = 0.95

    def __post_init__(self) -> None:
        _share("gamma", self.gamma)

    def factor(self, time: float, epochs: float) -> float:
        return float(self.gamma**time)


@dataclass(frozen=True)
class OneCycle:
    """Up from a small rate, then down to nearly none, both by half a wave: Smith, Topin, arXiv:1708.07120, with the
    shape and the numbers of torch's OneCycleLR.

    Attributes:
        rise: share of the time in which the rate rises.
        first: what the rate is divided by at the begin.
        last: what the first rate is divided by at the end.
    """

    rise: float = 0.3
    first: float = 25.0
    last: float = 1e4

    def __post_init__(self) -> None:
        if not 0 < self.rise < 1:
            raise ParameterError(f"rise must be above 0 and below 1, found {self.rise}")
        if self.first < 1 or self.last < 1:
            raise ParameterError(f"first and last must be at least 1, found {self.first} and {self.last}")

    def factor(self, time: float, epochs: float) -> float:
        share = min(1.0, time / epochs)
        if share < self.rise:
            return _wave(1 / self.first, 1.0, share / self.rise)
        return _wave(1.0, 1 / (self.first * self.last), (share - self.rise) / (1 - self.rise))


@dataclass(frozen=True)
class Plateau:
    """The rate falls when the validation loss no longer does.

    Attributes:
        patience: epochs without a gain before it falls.
        gamma: what it is multiplied by.
        minimum: share of the rate below which it does not fall.
    """

    patience: int = 5
    gamma: float = 0.1
    minimum: float = 1e-4

    def __post_init__(self) -> None:
        if self.patience < 0:
            raise ParameterError(f"patience must be at least 0, found {self.patience}")
        _share("gamma", self.gamma)
        _share("minimum", self.minimum)

    def factor(self, time: float, epochs: float) -> float:
        return 1.0


SCHEDULES: dict[str, type[Any]] = {
    "constant": Constant,
    "cosine": Cosine,
    "step": Step,
    "exponential": Exponential,
    "plateau": Plateau,
    "one-cycle": OneCycle,
}
"""By the name that specifications use."""


class Rates:
    """What the rate is multiplied by, as training goes on.

    Args:
        spec: of a task.
        epochs: of training.
        steps: of an epoch.

    Raises:
        ParameterError: there is no such schedule, it takes no such parameter, or warm-up leaves no epoch.
    """

    def __init__(self, spec: ScheduleSpec, epochs: int, steps: int) -> None:
        self.schedule = schedule_of(spec)
        self.warmup, self.epochs, self.steps = spec.warmup, epochs, steps
        if spec.warmup >= epochs:
            raise ParameterError(f"schedule: warmup must be below the {epochs} epochs of training, found {spec.warmup}")
        self._fallen, self._least, self._waited = 1.0, math.inf, 0

    def at(self, step: int) -> float:
        """For a step, counted from 0. The first of the warm-up is not 0, which would be a step in vain."""
        time = step / self.steps
        if time < self.warmup:
            return min(1.0, (step + 1) / (self.warmup * self.steps))
        return self._fallen * self.schedule.factor(time - self.warmup, self.epochs - self.warmup)

    def observe(self, loss: float) -> None:
        """After an epoch: what its validation loss was."""
        if not isinstance(self.schedule, Plateau):
            return
        if loss < self._least:
            self._least, self._waited = loss, 0
            return
        self._waited += 1
        if self._waited > self.schedule.patience:
            self._fallen = max(self._fallen * self.schedule.gamma, self.schedule.minimum)
            self._waited = 0

    def state(self) -> dict[str, float]:
        """What a checkpoint keeps."""
        return {"fallen": self._fallen, "least": self._least, "waited": self._waited}

    def restore(self, state: dict[str, float]) -> None:
        """Go on from the state of a checkpoint."""
        self._fallen, self._least, self._waited = state["fallen"], state["least"], int(state["waited"])


def schedule_of(spec: ScheduleSpec) -> Schedule:
    """The checked parameters of a schedule.

    Raises:
        ParameterError: there is no such schedule, or it takes no such parameter.
    """
    if spec.name not in SCHEDULES:
        raise ParameterError(f"there is no schedule {spec.name!r}{unlike(spec.name, SCHEDULES)}")
    schedule: Schedule = filled(SCHEDULES[spec.name], spec.parameters, f"schedule {spec.name!r}")
    return schedule


def _wave(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
