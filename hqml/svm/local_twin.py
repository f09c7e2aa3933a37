"""The classical twin of annealed local machines: the same centres and neighbourhoods, each trained by libsvm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.svm import SVC

from hqml.options import finite_number, one_of
from hqml.svm._bias import RULES, chosen_bias
from hqml.svm._kernels import times
from hqml.svm._machines import Machine, Task
from hqml.svm.local_machines import AUTO_NEIGHBORS, LocalMachines, Roles
from hqml.svm.twin import given_svc, libsvm_machines


class LocalSVC(LocalMachines):
    """One scikit-learn SVC around each of some training samples: what a LocalQuboSVC has to be compared with.

    Centres, neighbourhoods, class weights and one-vs-rest are those of LocalQuboSVC, by the same code: equal parameters
    and random_state give equal centres.

    Args:
        estimator: an SVC with the parameters of the local machines; None is SVC().
        n_neighbors: samples a neighbourhood; "auto" is 80.
        assigned: as for LocalQuboSVC.
        n_deciding: as for LocalQuboSVC.
        bias: "libsvm" keeps the one that libsvm finds; the rules of LocalQuboSVC find another to libsvm's multipliers.
        random_state: int, RandomState or None: of the order in which centres are chosen.

    Attributes:
        centres_, centre_rows_, neighbourhoods_, n_neighbors_, present_, support_, support_vectors_, dual_coef_,
        intercept_, classes_, gamma_, timing_, seed_: as for LocalQuboSVC.

    Raises (by `fit`):
        ParameterError: a parameter is out of its range.
        DataError: X or y cannot be trained on.

    Source: Segata & Blanzieri, J. Mach. Learn. Res. 11 (2010) 1883.
    """

    def __init__(
        self,
        estimator: Any = None,
        n_neighbors: int | str = 80,
        assigned: float = 0.5,
        n_deciding: int = 1,
        bias: str = "libsvm",
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.n_neighbors = n_neighbors
        self.assigned = assigned
        self.n_deciding = n_deciding
        self.bias = bias
        self.random_state = random_state

    @property
    def _precomputed(self) -> bool:
        kernel = getattr(self.estimator, "kernel", None)
        return isinstance(kernel, str) and kernel == "precomputed"

    def _model(self) -> SVC:
        return given_svc(self.estimator)

    def _limit(self) -> float:
        return finite_number("C", self._model().C, above=0)

    def _most_neighbors(self) -> int:
        return AUTO_NEIGHBORS

    def _train(self, tasks: Sequence[Task], roles: Roles, seed: int) -> list[Machine]:
        rule = one_of("bias", self.bias, ("libsvm", *RULES))
        machines = libsvm_machines(self._model(), tasks)
        if rule == "libsvm":
            return machines
        return [_with_bias(machine, task, rule) for machine, task in zip(machines, tasks, strict=True)]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = not isinstance(self.random_state, int | np.integer)
        return tags


def _with_bias(machine: Machine, task: Task, rule: str) -> Machine:
    scores = times(task.kernel, machine.dual)
    bias, used = chosen_bias(rule, scores, task.signs, np.abs(machine.dual), task.limits)
    return replace(machine, bias=bias, bias_rule=used)
