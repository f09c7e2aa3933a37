"""What was evaluated: kept in memory, or as well where a later or another process finds it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np

from hqml.tuning.space import Configuration

Scores: TypeAlias = "float | dict[str, float]"


@dataclass(frozen=True)
class Fold:
    """One fit of one configuration, as scikit-learn tells it. Scores are None where every fit of a call failed.

    `error` is the end of what a failed fit said, None of one that did not fail.
    """

    test: Scores | None
    train: Scores | None
    fit_seconds: float
    score_seconds: float
    error: str | None = None

    def as_json(self) -> dict[str, Any]:
        return dict(vars(self))


Outcome: TypeAlias = list[Fold]


class Record(Protocol):
    """Evaluated configurations, in the order in which they were begun."""

    outcomes: dict[Configuration, Outcome]
    seed: int
    qpu: float
    """Seconds of metered time that the search has used, with what it used before and in other processes."""

    @property
    def restored(self) -> int:
        """How many of them this process did not evaluate."""
        ...

    @property
    def shared(self) -> bool:
        """Whether other processes add to it now."""
        ...

    def refresh(self) -> None:
        """Learn what others have done."""
        ...

    def running(self) -> set[Configuration]:
        """What others evaluate now."""
        ...

    def claim(self, configurations: Sequence[Configuration]) -> list[Configuration]:
        """Those that nobody else evaluates, now or before, and that the budget allows; the caller must."""
        ...

    def keep(self, configuration: Configuration, outcome: Outcome) -> None: ...

    def spend(self, seconds: float) -> None:
        """Note metered time that this process has used."""
        ...

    def close(self) -> None: ...


class Memory:
    """Nothing outlives the search."""

    shared = False

    def __init__(self, seed: int) -> None:
        self.outcomes: dict[Configuration, Outcome] = {}
        self.seed = seed
        self.qpu = 0.0
        self._own = 0

    @property
    def restored(self) -> int:
        return len(self.outcomes) - self._own

    def refresh(self) -> None:
        pass

    def running(self) -> set[Configuration]:
        return set()

    def claim(self, configurations: Sequence[Configuration]) -> list[Configuration]:
        return list(configurations)

    def keep(self, configuration: Configuration, outcome: Outcome) -> None:
        self.outcomes[configuration] = outcome
        self._own += 1

    def spend(self, seconds: float) -> None:
        self.qpu += seconds

    def close(self) -> None:
        pass


def mean_score(outcome: Outcome, metric: str | None) -> float:
    """Mean over the folds of what is maximised; NaN where a fit failed.

    Args:
        outcome: of one configuration.
        metric: which of several; None is the first.
    """
    if any(fold.error is not None for fold in outcome):
        return float("nan")
    return float(np.mean([_of(fold.test, metric) for fold in outcome]))


def _of(scores: Scores | None, metric: str | None) -> float:
    if isinstance(scores, dict):
        return scores[metric] if metric in scores else next(iter(scores.values()))
    return float("nan") if scores is None else scores
