"""The search itself: a first design, then rounds of proposals, until enough was evaluated or nothing is left."""

from __future__ import annotations

import dataclasses
import os
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hqml.errors import BudgetExceeded
from hqml.estimators.annealed import Annealer
from hqml.tuning.encoding import Encoding
from hqml.tuning.proposals import propose
from hqml.tuning.records import Outcome, Record, mean_score
from hqml.tuning.space import Configuration, Space

_POLL = 0.2
"""Seconds between looks at what other processes have finished."""


class BudgetWarning(UserWarning):
    """The metered time granted ran out before the search was done."""


@dataclass(frozen=True)
class Plan:
    """What to search, and how; see QuboSearchCV."""

    space: Space
    encoding: Encoding
    n_iter: int
    n_initial: int
    batch_size: int
    rank: int
    annealer: Annealer

    @property
    def budget(self) -> int:
        return min(self.n_iter, self.space.size)


@dataclass
class Rounds:
    """A search under way.

    Attributes:
        plan: what to search.
        record: what was evaluated so far.
        evaluate: fits and scores configurations {name: value}: one outcome each.
        metric: which of several scores is maximised; None is the first.
        at_once: configurations evaluated in one call, after which they are recorded.
        energies: lowest energy of each machine sampled.
        seconds: by stage.
        spent: whether the metered time granted has run out.
    """

    plan: Plan
    record: Record
    evaluate: Callable[[Sequence[dict[str, Any]]], list[Outcome]]
    metric: str | None
    at_once: int
    energies: list[float] = field(default_factory=list)
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    spent: bool = False

    def run(self) -> None:
        record = self.record
        while True:
            record.refresh()
            running = record.running()
            missing = self.plan.budget - len(record.outcomes) - len(running)
            if missing > 0:
                for start in range(0, len(chosen := self._next(running)[:missing]), self.at_once):
                    self._evaluate(chosen[start : start + self.at_once])
            elif running:
                time.sleep(_POLL)
            else:
                break
        self._stop_if_all_failed()

    def _next(self, running: set[Configuration]) -> list[Configuration]:
        """The configurations of this round that nobody has evaluated or evaluates, at least one."""
        known = set(self.record.outcomes) | running
        start = self._start_of_round()
        rng = np.random.default_rng(self._entropy(start))
        if start == 0:
            chosen = self.plan.space.spread(self.plan.n_initial, set(), rng)
        elif self.spent:
            chosen = self.plan.space.unseen(self.plan.batch_size, known, rng)
        else:
            chosen = self._proposals(start, running, rng)
        new = [configuration for configuration in chosen if configuration not in known]
        if start == 0:
            new = new[: max(1, self.plan.n_initial - len(known))]
        return new or self.plan.space.unseen(self.plan.batch_size, known, rng)

    def _start_of_round(self) -> int:
        """How many results this round builds on.

        A search that was killed within a round makes the same proposals again, of which some are evaluated by then; so
        it goes on as if it had never stopped. With other processes there are no rounds: all that is known is used.
        """
        done, initial, batch = len(self.record.outcomes), self.plan.n_initial, self.plan.batch_size
        if done < initial:
            return 0
        return done if self.record.shared else initial + (done - initial) // batch * batch

    def _entropy(self, start: int) -> list[int]:
        own = [os.getpid(), time.time_ns()] if self.record.shared else []  # processes of one seed must differ
        return [self.record.seed, start, *own]

    def _proposals(self, start: int, running: set[Configuration], rng: np.random.Generator) -> list[Configuration]:
        plan = self.plan
        measured = dict(list(self.record.outcomes.items())[:start])
        annealer = plan.annealer
        if annealer.max_qpu_seconds is not None:
            annealer = dataclasses.replace(
                annealer, max_qpu_seconds=max(annealer.max_qpu_seconds - self.record.qpu, 1e-9)
            )
        try:
            found = propose(
                plan.space,
                plan.encoding,
                list(measured),
                [mean_score(outcome, self.metric) for outcome in measured.values()],
                seen=set(measured) | running,
                rank=plan.rank,
                count=plan.batch_size,
                annealer=annealer,
                rng=rng,
            )
        except BudgetExceeded as error:
            if not self.energies and not self.record.qpu:
                raise
            warnings.warn(f"{error}; the rest is chosen by chance", BudgetWarning, stacklevel=2)
            self.spent = True
            return []
        if "qpu" in found.seconds:
            self.record.spend(found.seconds["qpu"])
        self.energies += found.energies
        for stage, seconds in found.seconds.items():
            self.seconds[stage] += seconds
        return found.configurations

    def _evaluate(self, configurations: Sequence[Configuration]) -> None:
        claimed = self.record.claim(configurations)
        if not claimed:
            return
        started = time.perf_counter()
        outcomes = self.evaluate([self.plan.space.params(configuration) for configuration in claimed])
        self.seconds["evaluate"] += time.perf_counter() - started
        for configuration, outcome in zip(claimed, outcomes, strict=True):
            self.record.keep(configuration, outcome)
        if len(self.record.outcomes) >= self.plan.n_initial:
            self._stop_if_all_failed()

    def _stop_if_all_failed(self) -> None:
        errors = [fold.error for outcome in self.record.outcomes.values() for fold in outcome]
        if None not in errors:
            tried = len(self.record.outcomes)
            raise ValueError(f"all {tried} configurations tried so far failed to fit; the last said: ...{errors[-1]}")
