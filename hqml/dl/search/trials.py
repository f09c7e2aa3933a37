"""The trials of a study that several processes share: who may try next, and what became of it.

A process claims a trial by asking for it; of those over the budget the last ones are withdrawn, which all processes see
alike. A trial whose process has died on this machine is withdrawn by whoever sees it first.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from hqml.dl.search.found import Trial
from hqml.processes import is_alive, is_seen, this_process
from hqml.secrets import scrubbed

_WITHDRAWN, _CLAIM, _ERROR = "hqml withdrawn", "hqml claim", "hqml error"

_LOST = 24 * 3600.0
"""Seconds after which a trial of another machine, which cannot be seen from here, is taken for lost."""


class Trials:
    """The trials of one study.

    Args:
        study: of Optuna.
        optuna: the library.
        budget: trials of all processes together.
    """

    def __init__(self, study: Any, optuna: Any, budget: int) -> None:
        self.study, self.budget = study, budget
        self._states = optuna.trial.TrialState

    def claim(self, distributions: Mapping[str, Any]) -> Any:
        """The next trial of Optuna, None where all of the budget are done or under way."""
        self.release()
        if len(self._counting()) >= self.budget:
            return None
        trial = self.study.ask(dict(distributions))
        trial.set_user_attr(_CLAIM, {**this_process(), "since": time.time()})
        if trial.number in [one.number for one in self._counting()[: self.budget]]:
            return trial
        self.withdraw(trial)
        return None

    def tell(self, trial: Any, figure: float) -> None:
        """A trial has come to its end."""
        self.study.tell(trial, figure)

    def prune(self, trial: Any) -> None:
        """A trial was ended early."""
        self.study.tell(trial, state=self._states.PRUNED)

    def fail(self, trial: Any, reason: str) -> None:
        """A trial cannot be trained; it counts as one of the budget."""
        trial.set_user_attr(_ERROR, scrubbed(reason))
        self.study.tell(trial, state=self._states.FAIL)

    def withdraw(self, trial: Any) -> None:
        """A trial was not brought to its end; another takes its place."""
        trial.set_user_attr(_WITHDRAWN, True)
        self.study.tell(trial, state=self._states.FAIL, skip_if_finished=True)

    def release(self) -> None:
        """Withdraw the trials of processes that have died."""
        for one in self._all():
            if one.state == self._states.RUNNING and self._is_lost(one):
                self.study._storage.set_trial_user_attr(one._trial_id, _WITHDRAWN, True)
                self.study.tell(one.number, state=self._states.FAIL, skip_if_finished=True)

    def running(self) -> int:
        """How many are under way."""
        self.release()
        return sum(one.state == self._states.RUNNING for one in self._counting())

    def listed(self) -> list[Trial]:
        """All that count, by number."""
        return [_listed(one, self._states) for one in self._counting()]

    def _counting(self) -> list[Any]:
        return [one for one in self._all() if not one.user_attrs.get(_WITHDRAWN)]

    def _all(self) -> list[Any]:
        found: list[Any] = self.study.get_trials(deepcopy=False)
        return found

    def _is_lost(self, trial: Any) -> bool:
        claim = trial.user_attrs.get(_CLAIM)
        if claim is None:  # asked for a moment ago
            return False
        return not is_alive(claim) if is_seen(claim) else time.time() - claim["since"] > _LOST


def _listed(trial: Any, states: Any) -> Trial:
    words = {states.COMPLETE: "complete", states.PRUNED: "pruned", states.FAIL: "failed", states.RUNNING: "running"}
    done = trial.state == states.COMPLETE
    seconds = None if trial.duration is None else trial.duration.total_seconds()
    return Trial(
        trial.number,
        dict(trial.params),
        trial.value if done else None,
        words.get(trial.state, "running"),
        seconds,
        trial.user_attrs.get(_ERROR),
    )
