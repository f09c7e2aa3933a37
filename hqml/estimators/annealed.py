"""An estimator whose `fit` samples QUBOs: its parameters of the annealing, and how it is cloned and pickled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import dimod
import numpy as np
from sklearn.base import BaseEstimator, clone

from hqml.dispatch import AnyBackend, sample
from hqml.errors import ParameterError
from hqml.estimators.backends import seedable
from hqml.estimators.shown import Accounted
from hqml.options import whole_number
from hqml.secrets import discreet

_OWN_PARAMETERS = {"qubos", "model", "backend", "reads", "seed", "time_limit", "max_qpu_seconds"}


@dataclass(frozen=True)
class Sampled:
    """What one batch gave.

    Attributes:
        samplesets: one for each model, lowest energy first.
        seconds: solve; of metered hardware also its access time, qpu.
    """

    samplesets: list[dimod.SampleSet]
    seconds: dict[str, float]


@dataclass(frozen=True)
class Annealer:
    """The checked parameters that say how an estimator's QUBOs are sampled; see `hqml.sample`."""

    backend: AnyBackend
    options: Mapping[str, Any] = field(repr=False)
    reads: int
    time_limit: float | None
    max_qpu_seconds: float | None

    def sample(self, models: Sequence[Any], seed: int) -> Sampled:
        """Sample all models in one call."""
        started = perf_counter()
        samplesets: list[dimod.SampleSet] = sample(
            list(models),
            self.backend,
            reads=self.reads,
            seed=seed,
            time_limit=self.time_limit,
            max_qpu_seconds=self.max_qpu_seconds,
            **{"bound": None if len(models) == 1 else False, **self.options},  # of many models nobody reads the gaps
        )
        seconds = {"solve": perf_counter() - started}
        if metered := [samples.info["timing"]["qpu"] for samples in samplesets if "qpu" in samples.info["timing"]]:
            seconds["qpu"] = sum(metered)
        return Sampled(samplesets, seconds)


class AnnealedEstimator(Accounted, BaseEstimator):  # type: ignore[misc]
    """Abstract: an estimator with the parameters backend, backend_options, reads, time_limit, max_qpu_seconds and
    random_state, whose `sampleset_`, if it keeps one, is a dimod.SampleSet or a list of them."""

    backend: AnyBackend
    backend_options: dict[str, Any] | None
    reads: int
    time_limit: float | None
    max_qpu_seconds: float | None
    random_state: Any

    def _annealer(self) -> Annealer:
        """Check how the QUBOs are to be sampled.

        Raises:
            ParameterError: a parameter is out of its range.
        """
        options = {} if self.backend_options is None else self.backend_options
        if not isinstance(options, dict) or not all(isinstance(name, str) for name in options):
            raise ParameterError(f"backend_options must be None or a dict {{name: value}}, found {options!r}")
        if clash := sorted(set(options) & _OWN_PARAMETERS):
            raise ParameterError(
                f"backend_options must not hold {', '.join(clash)}: {type(self).__name__} has parameters for it"
            )
        reads = whole_number("reads", self.reads)
        return Annealer(self.backend, options, reads, self.time_limit, self.max_qpu_seconds)

    def __getstate__(self) -> dict[str, Any]:
        # A SampleSet pickles, but no format without code in it (skops) can hold one; plain data fit into all.
        state = dict(super().__getstate__())
        if "sampleset_" in state:
            found = state["sampleset_"] if isinstance(state["sampleset_"], list) else [state["sampleset_"]]
            state["sampleset_"] = [samples.to_serializable(use_bytes=True) for samples in found]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "sampleset_" in state:
            found = [dimod.SampleSet.from_serializable(samples) for samples in state["sampleset_"]]
            self.sampleset_ = found[0] if len(found) == 1 else found

    def __sklearn_clone__(self) -> AnnealedEstimator:
        # A backend may hold a device or a connection: clones share it, where scikit-learn would copy it deeply.
        own = {name: getattr(self, name) for name in self._get_param_names()}
        return type(self)(**{name: own[name] if name == "backend" else clone(own[name], safe=False) for name in own})

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        # Whoever prints an estimator asks here, pipelines and scikit-learn's diagrams too: a token is seen nowhere.
        found: dict[str, Any] = super().get_params(deep)
        return {**found, "backend_options": discreet(found["backend_options"])}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = not self._repeatable(self.random_state)
        return tags

    def _repeatable(self, random_state: Any) -> bool:
        """Whether two fits give the same: fixed seed, a backend that honours it, no clock that ends the search."""
        fixed = isinstance(random_state, int | np.integer) and self.time_limit is None
        return fixed and seedable(self.backend, self.backend_options)
