"""scikit-learn's search over a parameter grid, its configurations proposed by QUBOs."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np
from joblib import effective_n_jobs  # type: ignore[import-untyped]
from sklearn.model_selection import ParameterGrid
from sklearn.model_selection._search import BaseSearchCV

from hqml.dispatch import AnyBackend
from hqml.errors import BudgetExceeded, ParameterError
from hqml.estimators.annealed import AnnealedEstimator
from hqml.estimators.backends import capabilities_of
from hqml.estimators.validation import seed_of
from hqml.options import finite_number, one_of, whole_number
from hqml.tuning.collected import Collected, Folds
from hqml.tuning.encoding import ENCODINGS, encoding_of
from hqml.tuning.fingerprint import digest, hashed, told
from hqml.tuning.journal import Journal
from hqml.tuning.records import Memory, Record
from hqml.tuning.rounds import Plan, Rounds
from hqml.tuning.shared import SharedTrials
from hqml.tuning.space import ABSENT, Configuration, Space, space_of

MOST_VARIABLES = 256
"""Of a machine. Drawing one costs the cube of them: with 200 a round takes seconds, with 600 minutes."""


class QuboSearchCV(AnnealedEstimator, BaseSearchCV):  # type: ignore[misc]
    """Search a parameter grid with cross-validation; what is tried next is the minimum of a QUBO.

    A drop-in for scikit-learn's GridSearchCV and RandomizedSearchCV. After a first random design each round fits
    factorisation machines to the scores so far (draws from their posterior), samples their QUBOs in one batch with any
    backend, and evaluates the lowest configuration of each that is new. No configuration is evaluated twice; with
    n_iter of at least the size of the grid the search is the exhaustive one.

    Args:
        estimator: whose parameters are searched.
        param_grid: {name: values}, or a list of such grids. Numbers are taken to be ordered: neighbours are alike.
        n_iter: configurations evaluated in all, of which `n_initial` first ones are by chance.
        n_initial: size of the first design.
        batch_size: proposals a round, each from a machine of its own.
        encoding: "one-hot", a variable a level; or "binary", a variable a digit of the level's number: fewer variables
            and no invalid states, but a coarser model.
        rank: length of the machines' vectors.
        scoring: as in GridSearchCV. With several scores and `refit` naming none of them, the first is maximised.
        n_jobs: as in GridSearchCV; so many configurations are evaluated at once.
        refit: as in GridSearchCV.
        cv: as in GridSearchCV. Folds are drawn once, so that all configurations meet the same.
        verbose: as in GridSearchCV.
        pre_dispatch: as in GridSearchCV.
        error_score: as in GridSearchCV. A configuration that fails counts as the worst.
        return_train_score: as in GridSearchCV.
        backend: a registered name, a Backend, or a dimod.Sampler.
        backend_options: the backend's own options, e.g. {"num_sweeps": 200}.
        reads: samples drawn of each machine's QUBO.
        time_limit: seconds for each round's annealing.
        max_qpu_seconds: metered time granted to the whole search, with what it used before (`journal`) and in other
            processes (`storage`); where it ends, the rest is chosen by chance, with a BudgetWarning.
        random_state: int, RandomState or None. An int makes a search repeatable on a seedable backend.
        journal: file in which each evaluated configuration is noted at once. A search that was interrupted goes on from
            it, to the same end, and one with a larger `n_iter` goes on where the smaller ended.
        storage: Optuna storage that several processes share: path of a file, or URL of a database. Each runs the same
            search; together they evaluate n_iter configurations, and all of them return all results.
        study_name: of the study in `storage`; none is one made of the search's fingerprint.

    Attributes:
        best_params_, best_score_, best_index_, best_estimator_, cv_results_, scorer_, n_splits_, refit_time_,
            multimetric_, classes_, n_features_in_, feature_names_in_: as in GridSearchCV.
        n_restored_: how many configurations came from the journal or other processes.
        energies_: lowest energy of each machine sampled in this fit.
        seed_: what `random_state` came to; given as random_state it repeats the search.
        timing_: seconds by stage: build, solve, decode, evaluate, total; of a QPU also its access time, qpu.

    Raises (by `fit`):
        ParameterError: a parameter is out of its range, or the journal or study is of another search.
        FormatError: the journal or storage cannot be used.
        BackendError: the backend is unknown, unavailable, or cannot take the model.

    Source: Kitai et al., Phys. Rev. Research 2 (2020) 013319, doi:10.1103/PhysRevResearch.2.013319 (factorisation
        machine and annealer); Baptista and Poloczek, Proc. ICML (2018), arXiv:1806.08838 (posterior draws).
    """

    def __init__(
        self,
        estimator: Any,
        param_grid: Any,
        *,
        n_iter: int = 40,
        n_initial: int = 10,
        batch_size: int = 4,
        encoding: str = "one-hot",
        rank: int = 4,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: int | str = "2*n_jobs",
        error_score: Any = np.nan,
        return_train_score: bool = False,
        backend: AnyBackend = "cpu",
        backend_options: dict[str, Any] | None = None,
        reads: int = 50,
        time_limit: float | None = None,
        max_qpu_seconds: float | None = None,
        random_state: Any = None,
        journal: Any = None,
        storage: Any = None,
        study_name: str | None = None,
    ) -> None:
        super().__init__(
            estimator=estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.param_grid = param_grid
        self.n_iter = n_iter
        self.n_initial = n_initial
        self.batch_size = batch_size
        self.encoding = encoding
        self.rank = rank
        self.backend = backend
        self.backend_options = backend_options
        self.reads = reads
        self.time_limit = time_limit
        self.max_qpu_seconds = max_qpu_seconds
        self.random_state = random_state
        self.journal = journal
        self.storage = storage
        self.study_name = study_name

    def fit(self, X: Any, y: Any = None, **params: Any) -> QuboSearchCV:
        """Search with X (samples, features) and y, and refit the best; `params` as in GridSearchCV."""
        started = perf_counter()
        self._running = _Running(self._plan(), params)
        try:
            super().fit(X, y, **params)
        finally:
            if self._running.splitter is not None:
                self._checked_cv_orig = self._running.splitter
            del self._running
        self.timing_["total"] = perf_counter() - started
        return self

    def _plan(self) -> Plan:
        """Check every parameter that is not scikit-learn's."""
        space = space_of(self.param_grid)
        if self.journal is not None and self.storage is not None:
            raise ParameterError("journal and storage both keep results; give one of them")
        annealer = self._annealer()
        if self.max_qpu_seconds is not None:
            finite_number("max_qpu_seconds", self.max_qpu_seconds, above=0, unit="seconds")
        elif capabilities_of(self.backend, self.backend_options).metered:
            raise BudgetExceeded("the backend is metered; grant the search time: max_qpu_seconds=...")
        encoding = encoding_of(one_of("encoding", self.encoding, ENCODINGS), space)
        if (levels := sum(encoding.sizes)) > MOST_VARIABLES:
            raise ParameterError(
                f"param_grid has {levels} levels in all, a search takes {MOST_VARIABLES}; "
                "give fewer values of a parameter, or encoding='binary'"
            )
        return Plan(
            space=space,
            encoding=encoding,
            n_iter=whole_number("n_iter", self.n_iter),
            n_initial=whole_number("n_initial", self.n_initial, least=2),
            batch_size=whole_number("batch_size", self.batch_size),
            rank=whole_number("rank", self.rank),
            annealer=annealer,
        )

    def _check_input_parameters(self, X: Any, y: Any, split_params: Mapping[str, Any]) -> None:
        # scikit-learn calls this after it has read cv and before it counts the folds.
        splitter = self._running.splitter = self._checked_cv_orig
        folds = Folds(list(splitter.split(X, y, **split_params)))
        self._checked_cv_orig = folds
        if self.journal is not None or self.storage is not None:
            self._running.identity = {
                "estimator": digest(told(self.estimator)),
                "grid": digest(told(self.param_grid)),
                "scoring": digest(told((self.scoring, self.return_train_score))),
                "cv": hashed(folds.pairs),
                "data": hashed((X, y)),
                "fit parameters": hashed(self._running.fit_params),
            }

    def _run_search(self, evaluate_candidates: Any) -> None:
        plan = self._running.plan
        record = self._record()
        door = Collected(evaluate_candidates, self._format_results, self.n_splits_, self.error_score)
        rounds = Rounds(plan, record, door.evaluate, self._metric(), effective_n_jobs(self.n_jobs))
        try:
            rounds.run()
        finally:
            record.close()
        outcomes = record.outcomes
        if len(outcomes) == plan.space.size:  # of equal scores the first counts: that of GridSearchCV then
            outcomes = {
                configuration: outcomes[configuration] for configuration in _listed(plan.space, self.param_grid)
            }
        door.conclude([plan.space.params(configuration) for configuration in outcomes], list(outcomes.values()))
        self.seed_, self.n_restored_ = record.seed, record.restored
        self.energies_ = np.array(rounds.energies)
        stages = ("build", "solve", "decode", "evaluate")
        self.timing_ = {**dict.fromkeys(stages, 0.0), **rounds.seconds}

    def _record(self) -> Record:
        seed, plan = seed_of(self.random_state), self._running.plan
        identity = self._running.identity
        if self.journal is not None:
            own_seed = isinstance(self.random_state, numbers.Integral)
            return Journal(self.journal, plan.space, identity, seed, own_seed=own_seed)
        if self.storage is not None:
            name = self.study_name or f"hqml-{digest(told(identity))}"
            return SharedTrials(
                self.storage, name, plan.space, identity, metric=self._metric(), budget=plan.budget, seed=seed
            )
        return Memory(seed)

    def _metric(self) -> str | None:
        return self.refit if isinstance(self.refit, str) else None


@dataclass
class _Running:
    """What one `fit` knows while it runs."""

    plan: Plan
    fit_params: Mapping[str, Any]
    identity: Mapping[str, str] = field(default_factory=dict)
    splitter: Any = None


def _listed(space: Space, param_grid: Any) -> list[Configuration]:
    """All configurations, in the order of scikit-learn's ParameterGrid."""
    levels = [{told(value): level for level, value in enumerate(axis.values)} for axis in space.axes]
    found = (
        tuple(
            of_value[told(params[axis.name])] if axis.name in params else ABSENT
            for axis, of_value in zip(space.axes, levels, strict=True)
        )
        for params in ParameterGrid(param_grid)
    )
    return list(dict.fromkeys(found))
