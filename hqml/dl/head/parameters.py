"""What can be said of a head in a specification. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hqml.catalogue import CLASSIFIERS, parameters_of
from hqml.dl.parameters import filled
from hqml.dl.spec import OptimizerSpec
from hqml.errors import ParameterError
from hqml.options import one_of, unlike, whole_number
from hqml.secrets import is_secret_name


@dataclass(frozen=True)
class HeadParameters:
    """
    Attributes:
        estimator: svc, svc-ensemble, multiclass-svc, multiclass-svc-ensemble or local-svc, as of `hqml fit`.
        svm: parameters of it, e.g. {gamma: 0.1, slice_size: 40}.
        backend: that minimises its QUBOs, by its registered name.
        options: of the backend, e.g. {num_sweeps: 200}; an annealer's token comes from DWAVE_API_TOKEN alone.
        reads: samples drawn of each QUBO.
        samples: most training samples that the head sees, drawn evenly of all classes; None: all.
        time_limit: seconds for the head's annealing.
        max_qpu_seconds: QPU access time granted to a metered backend.
        body: how the network before the head is trained, unless `model: {file: ...}` gives a trained one: the optimiser
            of a task.
    """

    estimator: str = "svc-ensemble"
    svm: dict[str, Any] = field(default_factory=dict)
    backend: str = "cpu"
    options: dict[str, Any] = field(default_factory=dict)
    reads: int = 100
    samples: int | None = None
    time_limit: float | None = None
    max_qpu_seconds: float | None = None
    body: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        one_of("estimator", self.estimator, CLASSIFIERS)
        known = parameters_of(self.estimator)
        for name in self.svm:
            if name not in known:
                raise ParameterError(f"svm: {self.estimator} has no parameter {name!r}{unlike(name, known)}")
        whole_number("reads", self.reads)
        if self.samples is not None:
            whole_number("samples", self.samples, least=2)
        for name in _names(self.options):
            if is_secret_name(name):
                raise ParameterError(
                    f"options: {name} must not stand in a file; the annealer's token is read from DWAVE_API_TOKEN"
                )


def parameters_of_head(spec: OptimizerSpec) -> HeadParameters:
    """The checked parameters of a head.

    Raises:
        ParameterError: it takes no such parameter, or a value is out of its range.
    """
    found: HeadParameters = filled(HeadParameters, spec.parameters, f"optimizer {spec.name}")
    return found


def body_optimizer(spec: OptimizerSpec) -> OptimizerSpec:
    """How the network before the head is trained."""
    body = parameters_of_head(spec).body
    return OptimizerSpec.model_validate(body) if body else OptimizerSpec()


def _names(options: Mapping[str, Any]) -> Iterator[str]:
    for name, value in options.items():
        yield str(name)
        if isinstance(value, Mapping):
            yield from _names(value)
