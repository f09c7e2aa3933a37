"""A vote of weak learners that are selected by any backend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import dimod
import numpy as np
from sklearn.utils.validation import check_is_fitted

from hqml.boosting._classifier import AUTO_POOL, BoostClassifier
from hqml.boosting._training import Settings
from hqml.boosting.twin import RelaxedBoostClassifier
from hqml.dispatch import AnyBackend
from hqml.errors import BudgetExceeded
from hqml.estimators.annealed import AnnealedEstimator, Annealer
from hqml.estimators.backends import capabilities_of
from hqml.options import finite_number, whole_number
from hqml.qubo import Floats, GramQubo
from hqml.samples import states_of


class QBoostClassifier(AnnealedEstimator, BoostClassifier):
    """QBoost: of a pool of weak learners select, by a QUBO, the few whose vote fits the labels best.

    The pool are copies of `estimators`, each trained on a bootstrap sample. A QUBO of n_estimators * n_bits variables
    selects among them; then those not selected are replaced by learners of samples on which the vote does badly, and it
    is selected again. More than two classes are one such QUBO a class, against the rest; a round is one batch.

    Args:
        estimators: what weak learners are copies of: a scikit-learn classifier, or a list of several that take turns.
            None is a tree of depth 3 that looks at sqrt(features) a split.
        n_estimators: learners in the pool. None is 100, or as many as the backend can take.
        votes: so many selected learners that agree make the decision +-1; some more than these are selected. None is a
            fifth of the pool, at least 1; n_estimators is the formula of 2008, which takes most of the pool.
        lam: price of a learner: lam * sum of weights / votes joins the mean squared error. From 2 on none is selected.
            "auto" holds out a share of every class, tries 0, .05, .1, .2 and .4 in one batch, and keeps the one that is
            right most often there, the largest of equal ones; held-out samples are not trained on.
        n_rounds: how often is selected; 1 is one QUBO a class.
        n_bits: binary digits of a weight between 0 and 1; one selects or does not.
        bias: threshold of the vote: "zero"; the "mean" vote of the training samples; or "post-selection", where most of
            them are right.
        validation_fraction: share held out for lam="auto".
        backend: a registered name, a Backend, or a dimod.Sampler.
        backend_options: the backend's own options, e.g. {"num_sweeps": 200}.
        reads: samples drawn of each QUBO.
        time_limit: seconds for the annealing of all rounds, in equal parts.
        max_qpu_seconds: metered time granted to all rounds together; metered hardware does not run without it. The
            rounds end where the next would take more than is left.
        random_state: int, RandomState or None. An int makes a fit repeatable on a seedable backend.

    Attributes:
        estimators_: the selected learners of all classes; each knows 0, the rest, and 1, its class.
        estimator_weights_: (machines, selected), 0 for the learners of other classes; one machine for two classes.
        intercept_: (machines,), bias.
        selected_: (machines, n_estimators_), whether a learner of the last pool is selected.
        classes_: (classes,).
        lam_, votes_, n_estimators_: the values used.
        n_rounds_: rounds made.
        energies_: (machines,), of the selection: squared error summed over samples, and the price of the learners.
        sampleset_: dimod.SampleSet the selection is from, as the backend gave it; a list of them, one a class, for more
            than two classes.
        feature_importances_: (features,), where the learners have them, as trees do.
        timing_: seconds by stage: pool, build, solve, decode, total; of a QPU also its access time, qpu.
        seed_: what `random_state` came to; given as random_state it repeats the fit.

    Raises (by `fit`):
        ParameterError: a parameter is out of its range.
        DataError: X or y cannot be trained on.
        BackendError: the backend is unknown, unavailable, or cannot take the model.

    Source: Neven et al., arXiv:0811.0416 (2008), and QBoost, PMLR 25:333-348 (2012), which has the rounds.
    """

    def __init__(
        self,
        estimators: Any = None,
        n_estimators: int | None = None,
        votes: float | None = None,
        lam: float | str = 0.0,
        n_rounds: int = 3,
        n_bits: int = 1,
        bias: str = "zero",
        validation_fraction: float = 0.2,
        backend: AnyBackend = "cpu",
        backend_options: dict[str, Any] | None = None,
        reads: int = 100,
        time_limit: float | None = None,
        max_qpu_seconds: float | None = None,
        random_state: Any = None,
    ) -> None:
        self.estimators = estimators
        self.n_estimators = n_estimators
        self.votes = votes
        self.lam = lam
        self.n_rounds = n_rounds
        self.n_bits = n_bits
        self.bias = bias
        self.validation_fraction = validation_fraction
        self.backend = backend
        self.backend_options = backend_options
        self.reads = reads
        self.time_limit = time_limit
        self.max_qpu_seconds = max_qpu_seconds
        self.random_state = random_state

    def classical_twin(self) -> RelaxedBoostClassifier:
        """The same with weights of any value between 0 and 1, found by convex optimisation, not fitted.

        The first pool is the same; later ones follow from what was selected.

        Raises:
            NotFittedError: the size of the pool and its seed are known only after `fit`.
        """
        check_is_fitted(self)
        return RelaxedBoostClassifier(
            self.estimators,
            n_estimators=self.n_estimators_,
            votes=self.votes,
            lam=self.lam,
            n_rounds=self.n_rounds,
            bias=self.bias,
            validation_fraction=self.validation_fraction,
            random_state=self.seed_,
        )

    def _annealer(self) -> Annealer:
        """How a round is sampled."""
        annealer = super()._annealer()
        if annealer.time_limit is None:
            return annealer
        whole = finite_number("time_limit", annealer.time_limit, above=0, unit="seconds")
        return replace(annealer, time_limit=whole / whole_number("n_rounds", self.n_rounds))

    def _digits(self) -> int:
        return whole_number("n_bits", self.n_bits)

    def _largest_pool(self) -> int:
        most = capabilities_of(self.backend, self.backend_options).max_variables
        return AUTO_POOL if most is None else min(AUTO_POOL, max(most // self._digits(), 1))

    def _settings(self) -> Settings:
        self._annealer()  # its parameters are checked before any learner is trained
        return super()._settings()

    def _solved(self, models: Sequence[GramQubo], seed: int) -> list[tuple[Floats, dimod.SampleSet | None]]:
        annealer = self._annealer()
        spent = self.timing_.get("qpu", 0.0)
        if spent and annealer.max_qpu_seconds is not None:
            if spent >= annealer.max_qpu_seconds:
                raise BudgetExceeded(f"the {annealer.max_qpu_seconds:g} s granted are used up")
            annealer = replace(annealer, max_qpu_seconds=annealer.max_qpu_seconds - spent)
        sampled = annealer.sample(models, seed)
        for stage, seconds in sampled.seconds.items():
            self.timing_[stage] = self.timing_.get(stage, 0.0) + seconds
        return [(_lowest(model, samples), samples) for model, samples in zip(models, sampled.samplesets, strict=True)]


def _lowest(model: GramQubo, samples: dimod.SampleSet) -> Floats:
    """The weights (learners,) of the lowest sample."""
    lowest = int(np.argmin(samples.record.energy))
    return np.asarray(model.multipliers(states_of(samples, model)[lowest])[0])
