"""A search's memory in an Optuna storage, so that several processes or nodes share one search.

Each configuration is a trial. A process claims one by adding a running trial; of several for one configuration the
lowest number counts, which all processes see alike, and the others are withdrawn (state FAIL). Results are in the
trial's user attributes, the mean score is its value. The metered time that each process used is an attribute of the
study.
"""

from __future__ import annotations

import json
import math
import os
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hqml.errors import ParameterError
from hqml.libraries import library
from hqml.processes import is_alive, is_seen, this_process
from hqml.tuning.journal import other_search
from hqml.tuning.records import Fold, Memory, Outcome, mean_score
from hqml.tuning.space import ABSENT, Configuration, Space
from hqml.tuning.storage import opened

_QPU = "hqml qpu "
"""Start of the study's attributes with the metered seconds of each process."""

_PATIENCE = 10
"""A claim from another machine is lost when it is older than so many times the longest evaluation ..."""

_LEAST_PATIENCE = 600.0
"""... and than so many seconds; one from this machine when its process is gone."""


class SharedTrials(Memory):
    """A study of an Optuna storage.

    Args:
        storage: URL of a database, e.g. "sqlite:///search.db", or path of a file that Optuna's JournalStorage keeps.
        study_name: of the study; it is made if it is not there.
        space: of the configurations.
        identity: what results depend on, in words: {part: digest}.
        metric: which of several scores is the trial's value; None is the first.
        budget: configurations that all processes evaluate together.
        seed: of the search.

    Raises:
        LibraryMissing: optuna is not installed.
        FormatError: the storage cannot be opened.
        ParameterError: the study belongs to another search.
    """

    shared = True

    def __init__(
        self,
        storage: str | os.PathLike[str],
        study_name: str,
        space: Space,
        identity: Mapping[str, str],
        *,
        metric: str | None,
        budget: int,
        seed: int,
    ) -> None:
        super().__init__(seed)
        self._optuna = library("optuna", "storage=", "tuning")
        self._space, self._metric, self._budget = space, metric, budget
        self._words = [tuple(_words(space, place)) for place in range(len(space.axes))]
        self._mark = secrets.token_hex(8)
        self._study = opened(self._optuna, storage, study_name)
        self._check_identity(study_name, identity)
        self._claims: dict[Configuration, int] = {}
        self._spent = 0.0
        self._running: set[Configuration] = set()
        self.refresh()

    def refresh(self) -> None:
        self._running = set()
        known: dict[Configuration, Outcome] = {}
        for configuration, trial in self._counting():
            if configuration in known:
                continue
            if configuration in self.outcomes:
                known[configuration] = self.outcomes[configuration]
            elif "folds" in trial.user_attrs and trial.state.is_finished():
                known[configuration] = [Fold(**fold) for fold in json.loads(trial.user_attrs["folds"])]
            else:
                self._running.add(configuration)
        self.outcomes = known  # by number, so that of equal scores all processes find the same first
        self.qpu = sum(spent for name, spent in self._study.user_attrs.items() if name.startswith(_QPU))

    def running(self) -> set[Configuration]:
        return self._running

    def claim(self, configurations: Sequence[Configuration]) -> list[Configuration]:
        for configuration in configurations:
            self._study.add_trial(self._claim_of(configuration))
        counting = self._counting()
        first = dict(reversed(counting))  # the lowest number of each configuration
        allowed = set(sorted(trial.number for trial in first.values())[: self._budget])
        won = []
        for configuration, trial in counting:
            if not self._is_mine(trial):
                continue
            if first[configuration].number == trial.number and trial.number in allowed:
                self._claims[configuration] = trial.number
                won.append(configuration)
            else:
                self._withdraw(trial.number)
        return won

    def _counting(self) -> list[tuple[Configuration, Any]]:
        """The trials, by number, that are finished with a result or are being evaluated."""
        failed = self._optuna.trial.TrialState.FAIL
        found = [
            trial
            for trial in self._trials()
            if "levels" in trial.user_attrs
            and (trial.state != failed or "folds" in trial.user_attrs)
            and (trial.state.is_finished() or not self._is_lost(trial))
        ]
        return [(tuple(trial.user_attrs["levels"]), trial) for trial in found]

    def _withdraw(self, number: int) -> None:
        self._study.tell(number, state=self._optuna.trial.TrialState.FAIL, skip_if_finished=True)

    def keep(self, configuration: Configuration, outcome: Outcome) -> None:
        super().keep(configuration, outcome)
        number = self._claims.pop(configuration)
        trial = self._optuna.trial.Trial(self._study, self._trials()[number]._trial_id)
        trial.set_user_attr("folds", json.dumps([fold.as_json() for fold in outcome]))
        score = mean_score(outcome, self._metric)
        if math.isfinite(score):
            self._study.tell(number, score, skip_if_finished=True)
        else:
            self._withdraw(number)

    def spend(self, seconds: float) -> None:
        super().spend(seconds)
        self._spent += seconds
        self._study.set_user_attr(_QPU + self._mark, self._spent)

    def close(self) -> None:
        """Withdraw what was claimed and not finished, as after Ctrl-C, so that others can take it.

        The trials are asked, as an interrupt may come before a claim is noted here.
        """
        for trial in self._trials():
            if self._is_mine(trial):
                self._withdraw(trial.number)
        self._claims.clear()

    def _is_mine(self, trial: Any) -> bool:
        """Whether this process has claimed it, and not finished it."""
        return trial.user_attrs.get("mark") == self._mark and not trial.state.is_finished()

    def _trials(self) -> list[Any]:
        found: list[Any] = self._study.get_trials(deepcopy=False)
        return found

    def _check_identity(self, study_name: str, identity: Mapping[str, str]) -> None:
        trials = self._trials()  # first: another process notes the identity before it adds trials
        found = self._study.user_attrs.get("hqml identity")
        if found is None and not trials:
            self._study.set_user_attr("hqml identity", dict(identity))
        elif found is None:
            raise ParameterError(f"study {study_name!r} was not made by QuboSearchCV; give another study_name")
        elif found != dict(identity):
            raise ParameterError(other_search(f"study {study_name!r}", found, identity))

    def _claim_of(self, configuration: Configuration) -> Any:
        distributions, params = {}, {}
        for place, level in enumerate(configuration):
            if level != ABSENT:
                name = self._space.axes[place].name
                distributions[name] = self._optuna.distributions.CategoricalDistribution(self._words[place])
                params[name] = self._words[place][level]
        claimant = {"mark": self._mark, **this_process(), "since": time.time()}
        return self._optuna.trial.create_trial(
            state=self._optuna.trial.TrialState.RUNNING,
            params=params,
            distributions=distributions,
            user_attrs={"levels": list(configuration), **claimant},
        )

    def _is_lost(self, trial: Any) -> bool:
        """Whether the process that evaluates a trial has died."""
        if is_seen(trial.user_attrs):
            return not is_alive(trial.user_attrs)
        longest = max((_seconds(outcome) for outcome in self.outcomes.values()), default=0.0)
        age = time.time() - trial.user_attrs["since"]  # Optuna's own is local time, which is another on each machine
        return bool(age > max(_LEAST_PATIENCE, _PATIENCE * longest))


def _words(space: Space, place: int) -> Iterable[str]:
    axis = space.axes[place]
    for level in range(len(axis.values)):
        chosen = tuple(level if other == place else ABSENT for other in range(len(space.axes)))
        yield space.key(chosen)[axis.name]


def _seconds(outcome: Outcome) -> float:
    return sum(fold.fit_seconds + fold.score_seconds for fold in outcome)
