"""A sampler for Optuna studies whose proposals are minima of QUBOs."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hqml.dispatch import AnyBackend
from hqml.errors import ParameterError
from hqml.estimators.annealed import AnnealedEstimator
from hqml.libraries import library
from hqml.options import one_of, whole_number
from hqml.tuning.encoding import ENCODINGS, encoding_of
from hqml.tuning.levels import Levels, levels_of
from hqml.tuning.proposals import propose
from hqml.tuning.space import Configuration, Space

_optuna: Any = library("optuna", "hqml.tuning.QuboSampler", "tuning")
_BaseSampler: Any = _optuna.samplers.BaseSampler
_State: Any = _optuna.trial.TrialState


class QuboSampler(_BaseSampler):  # type: ignore[misc]
    """Optuna sampler: each trial is the lowest new configuration of a factorisation machine drawn from its posterior.

    Categories are levels as they are, numbers are cut into levels (evenly, or by their logarithm); within the level a
    number is chosen by chance. Parameters that not all trials have, as in define-by-run spaces, are sampled
    independently. Pruned trials count as the worst; failed ones teach nothing and are not proposed again.

    Args:
        n_startup_trials: first trials, which are by chance; no level combination twice.
        n_levels: into how many levels a number is cut at most.
        rank: length of the machine's vectors.
        encoding: "one-hot" or "binary", see QuboSearchCV.
        constant_liar: count running trials as the worst, so that workers at the same time spread.
        backend: a registered name, a Backend, or a dimod.Sampler.
        backend_options: the backend's own options.
        reads: samples drawn of each QUBO.
        time_limit: seconds for a trial's annealing.
        max_qpu_seconds: metered time granted to each trial.
        seed: whole number that makes a study repeatable on a seedable backend, None for chance.
        independent_sampler: for parameters outside of the space that all trials have in common, of the first trial
            for all; none is Optuna's RandomSampler.

    Raises:
        ParameterError: a parameter is out of its range; also on first use for a study of several objectives.

    Source: as QuboSearchCV.
    """

    def __init__(
        self,
        *,
        n_startup_trials: int = 10,
        n_levels: int = 12,
        rank: int = 4,
        encoding: str = "one-hot",
        constant_liar: bool = False,
        backend: AnyBackend = "cpu",
        backend_options: dict[str, Any] | None = None,
        reads: int = 50,
        time_limit: float | None = None,
        max_qpu_seconds: float | None = None,
        seed: int | None = None,
        independent_sampler: Any = None,
    ) -> None:
        self._n_startup = whole_number("n_startup_trials", n_startup_trials, least=2)
        self._n_levels = whole_number("n_levels", n_levels, least=2)
        self._rank = whole_number("rank", rank)
        self._encoding = one_of("encoding", encoding, ENCODINGS)
        self._constant_liar = bool(constant_liar)
        self._annealer = _Annealing(backend, backend_options, reads, time_limit, max_qpu_seconds).annealer()
        self._rng = np.random.default_rng(None if seed is None else whole_number("seed", seed, least=0))
        self._independent = independent_sampler or _optuna.samplers.RandomSampler(seed=self._drawn())
        self._common = _optuna.search_space.IntersectionSearchSpace()
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()

    def reseed_rng(self) -> None:
        """Take random numbers of chance from here on: Optuna asks for it in each of several workers."""
        self._rng = np.random.default_rng()
        self._independent.reseed_rng()

    def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, Any]:
        _check_one_objective(study)
        common = self._common.calculate(study)
        return {name: distribution for name, distribution in common.items() if not distribution.single()}

    def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: Any) -> Any:
        _check_one_objective(study)
        return self._independent.sample_independent(study, trial, param_name, param_distribution)

    def sample_relative(self, study: Any, trial: Any, search_space: dict[str, Any]) -> dict[str, Any]:
        _check_one_objective(study)
        if not search_space:
            return {}
        trials = [other for other in study.get_trials(deepcopy=False) if set(search_space) <= set(other.params)]
        trials = [other for other in trials if other.number != trial.number]
        levels = {name: levels_of(distribution, self._n_levels) for name, distribution in search_space.items()}
        with self._lock:
            rng = np.random.default_rng(self._drawn())
        chosen = self._chosen(self._measured(study, trials, levels), self._seen(trials, levels), levels, rng)
        return {name: own.value(level, rng) for (name, own), level in zip(levels.items(), chosen, strict=True)}

    def _measured(
        self, study: Any, trials: Sequence[Any], levels: Mapping[str, Levels]
    ) -> list[tuple[Configuration, float]]:
        """Each trial's configuration and score, higher is better."""
        sign = 1.0 if study.direction == _optuna.study.StudyDirection.MAXIMIZE else -1.0
        worst = {_State.PRUNED, _State.RUNNING} if self._constant_liar else {_State.PRUNED}
        return [
            (_configuration(trial, levels), sign * trial.value if trial.state == _State.COMPLETE else -np.inf)
            for trial in trials
            if trial.state == _State.COMPLETE or trial.state in worst
        ]

    def _seen(self, trials: Sequence[Any], levels: Mapping[str, Levels]) -> set[Configuration]:
        """What is not proposed: all that was tried if a level is one value, else only what runs or has failed."""
        exact = all(own.exact for own in levels.values())
        unwanted = {_State.RUNNING, _State.FAIL, _State.PRUNED}
        return {_configuration(trial, levels) for trial in trials if exact or trial.state in unwanted}

    def _chosen(
        self,
        measured: Sequence[tuple[Configuration, float]],
        seen: set[Configuration],
        levels: Mapping[str, Levels],
        rng: np.random.Generator,
    ) -> Configuration:
        grid = tuple(tuple(range(own.axis.size)) for own in levels.values())
        space = Space(tuple(own.axis for own in levels.values()), (grid,))
        if space.size <= len(seen):  # a study may go on when all was tried
            seen = set()
        if len(measured) < self._n_startup:
            return space.unseen(1, seen, rng)[0]
        found = propose(
            space,
            encoding_of(self._encoding, space),
            [configuration for configuration, _ in measured],
            [score for _, score in measured],
            seen=seen,
            rank=self._rank,
            count=1,
            annealer=self._annealer,
            rng=rng,
        )
        return found.configurations[0]

    def _drawn(self) -> int:
        return int(self._rng.integers(2**31))


class _Annealing(AnnealedEstimator):
    """Checks the parameters of the annealing as every estimator does."""

    def __init__(self, backend: Any, backend_options: Any, reads: Any, time_limit: Any, max_qpu_seconds: Any) -> None:
        self.backend, self.backend_options, self.reads = backend, backend_options, reads
        self.time_limit, self.max_qpu_seconds = time_limit, max_qpu_seconds

    def annealer(self) -> Any:
        return self._annealer()


def _configuration(trial: Any, levels: Mapping[str, Levels]) -> Configuration:
    return tuple(own.level(trial.params[name]) for name, own in levels.items())


def _check_one_objective(study: Any) -> None:
    if len(study.directions) > 1:
        raise ParameterError(
            f"QuboSampler searches for one objective, the study has {len(study.directions)}; "
            "use e.g. optuna.samplers.NSGAIISampler"
        )
