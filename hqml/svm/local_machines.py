"""What a classifier of local machines is, whoever trains them: where they are trained, and which of them decide."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse

from hqml.errors import ParameterError
from hqml.estimators.validation import seed_of
from hqml.options import finite_number, whole_number
from hqml.qubo import Floats
from hqml.svm._classifier import KernelClassifier
from hqml.svm._kernels import Ints, Kernel, blocks, resolved
from hqml.svm._machines import Machine, Task
from hqml.svm._neighbours import Cover, covered, distances, smallest

Bools: TypeAlias = npt.NDArray[np.bool_]

AUTO_NEIGHBORS = 80
"""Samples a neighbourhood where the backend sets no limit: those of Zardini et al., arXiv:2403.08584 (2024)."""


@dataclass(frozen=True)
class Roles:
    """What each machine is: trained, the mirror image of a trained one, or constant.

    Attributes:
        source: (centres, machines), number of the task it is made of; -1 where it is constant.
        sign: (centres, machines), 1 where it is trained, -1 where mirrored, 0 where constant.
        value: (centres, machines), what a constant machine decides: 1 in a neighbourhood of its class only, else -1.
    """

    source: Ints
    sign: Ints
    value: Floats

    @classmethod
    def of(cls, present: Bools) -> Roles:
        """The roles where (centres, classes) says which classes a neighbourhood holds; one machine for two classes.

        One class alone needs no training. Of two, the machine of the second is trained, and that of the first is its
        mirror image: both have the same QUBO.
        """
        every, count, first = np.arange(len(present)), present.sum(axis=1), present.argmax(axis=1)
        sign = present.astype(np.intp)
        sign[every[count == 1], first[count == 1]] = 0
        sign[every[count == 2], first[count == 2]] = -1
        source = np.full(present.shape, -1, dtype=np.intp)
        source[sign > 0] = np.arange((sign > 0).sum())
        source[sign < 0] = source[count == 2].max(axis=1)
        value = np.where(present, 1.0, -1.0)
        columns = slice(1, None) if present.shape[1] == 2 else slice(None)
        return cls(source[:, columns], sign[:, columns], value[:, columns])

    def spread(self, values: Floats) -> Floats:
        """The value of each machine's task, (centres, machines); nan where it has none."""
        return np.append(values, np.nan)[self.source]  # the last one, of place -1, is for those without


class LocalMachines(KernelClassifier):
    """Abstract: one SVM around each of some training samples, and the nearest ones decide.

    A subclass says which estimator a neighbourhood is trained like and trains the binary machines of all of them.
    """

    n_neighbors: int | str
    assigned: float
    n_deciding: int
    random_state: Any

    @abstractmethod
    def _model(self) -> Any:
        """The estimator that describes a neighbourhood's SVM.

        Raises:
            ParameterError: it is of another kind, or one of its parameters is out of range.
        """

    @abstractmethod
    def _limit(self) -> float:
        """C, before class weights."""

    @abstractmethod
    def _most_neighbors(self) -> int:
        """Samples of a neighbourhood for n_neighbors="auto"."""

    @abstractmethod
    def _train(self, tasks: Sequence[Task], roles: Roles, seed: int) -> list[Machine]:
        """A machine for each task."""

    def fit(self, X: Any, y: Any) -> LocalMachines:
        """Train on X (samples, features), or (samples, samples) for kernel="precomputed", and y (samples,)."""
        started = perf_counter()
        model, limit, self.seed_ = self._model(), self._limit(), seed_of(self.random_state)
        size, assigned = self._sizes()
        X, labels = self._training_data(X, y)
        self._kernel: Kernel = resolved(model.kernel, model.gamma, model.degree, model.coef0, X)
        self.gamma_ = self._kernel.gamma
        before = perf_counter()
        cover = self._cover(X, size, assigned)
        found = perf_counter()
        rows = np.sort(cover.neighbourhoods)
        present = np.zeros((len(rows), len(self.classes_)), dtype=bool)
        present[np.arange(len(rows))[:, None], labels.codes[rows]] = True
        roles = Roles.of(present)
        tasks: list[Task] = []
        for own, sign in zip(rows, roles.sign, strict=True):
            if (sign > 0).any():
                gram = self._kernel.gram(X, own)
                tasks += labels.tasks(own, gram, limit, model.class_weight, np.flatnonzero(sign > 0))
        self.timing_ = {"neighbours": found - before, "kernel": perf_counter() - found}
        machines = self._train(tasks, roles, self.seed_)
        self._keep(X, cover, present, roles, machines)
        self.timing_["total"] = perf_counter() - started
        return self

    def decision_function(self, X: Any) -> Floats:
        """Decision values: (samples,) for two classes, positive for `classes_[1]`; else (samples, classes).

        They are the mean of what the `n_deciding` nearest centres' machines decide. A class that a neighbourhood does
        not hold gets one less there than the lowest of the others, and -1 at most.

        Args:
            X: (samples, features); (samples, training samples) for kernel="precomputed".
        """
        X = self._new_data(X)
        nearest = self._nearest_centres(X)
        decisions = np.zeros((len(X), self.intercept_.shape[1]))
        for centre, samples in _by_centre(nearest):
            decisions[samples] += self._decided(centre, X, samples)
        decisions /= nearest.shape[1]
        return decisions[:, 0] if len(self.classes_) == 2 else decisions

    def _sizes(self) -> tuple[int, float]:
        """Check n_neighbors, assigned and n_deciding: samples a neighbourhood, and the share that a centre covers."""
        automatic = isinstance(self.n_neighbors, str) and self.n_neighbors == "auto"
        if isinstance(self.n_neighbors, str) and not automatic:
            raise ParameterError(f"n_neighbors must be 'auto' or a whole number, found {self.n_neighbors!r}")
        size = self._most_neighbors() if automatic else whole_number("n_neighbors", self.n_neighbors, least=2)
        if size < 2:
            raise ParameterError("the backend's largest model has no room for two neighbours; lower n_bits")
        assigned = finite_number("assigned", self.assigned, above=0)
        if assigned > 1:
            raise ParameterError(f"assigned is a share of n_neighbors, above 0 and at most 1, found {assigned!r}")
        whole_number("n_deciding", self.n_deciding)
        return size, assigned

    def _cover(self, X: Floats, size: int, assigned: float) -> Cover:
        """Where the machines are trained; one centre where its neighbourhood is everything."""
        self.n_neighbors_ = min(size, len(X))
        reach = len(X) if size >= len(X) else math.ceil(assigned * size)
        rng = np.random.default_rng([self.seed_, 4])
        if self._kernel.precomputed:
            squares = X.diagonal()
            return covered(lambda rows: X[rows].astype(np.float64), squares, self.n_neighbors_, reach, rng)
        points = X.astype(np.float64, copy=False)
        return covered(lambda rows: points[rows] @ points.T, _squares(points), self.n_neighbors_, reach, rng)

    def _keep(self, X: Floats, cover: Cover, present: Bools, roles: Roles, machines: Sequence[Machine]) -> None:
        """Keep all machines over the union of their support vectors."""
        dual = _duals(roles, machines, len(X))
        self.neighbourhoods_, self.centre_rows_, self.present_ = cover.neighbourhoods, cover.centres, present
        self.centres_ = np.empty((0, 0)) if self._kernel.precomputed else X[cover.centres]
        self._squares = X.diagonal()[cover.centres] if self._kernel.precomputed else _squares(self.centres_)
        self.support_: Ints = np.unique(dual.indices).astype(np.intp)
        self.support_vectors_ = np.empty((0, 0)) if self._kernel.precomputed else X[self.support_]
        self.dual_coef_ = scipy.sparse.csr_array(dual[:, self.support_])
        bias = np.array([machine.bias for machine in machines])
        self.intercept_ = np.where(roles.sign == 0, roles.value, roles.sign * roles.spread(bias))

    def _nearest_centres(self, X: Floats) -> Ints:
        """The centres that decide on each sample, the nearest first: (samples, n_deciding) or as many as there are."""
        count = min(self.n_deciding, len(self.centre_rows_))
        nearest = np.empty((len(X), count), dtype=np.intp)
        for block in blocks(len(X), len(self.centre_rows_)):
            part = X[block].astype(np.float64, copy=False)
            products = part[:, self.centre_rows_] if self._kernel.precomputed else part @ self.centres_.T
            nearest[block] = smallest(distances(products, self._squares), count)
        return nearest

    def _decided(self, centre: int, X: Floats, samples: Ints) -> Floats:
        """What one centre's machines decide on some of the samples: (samples, machines)."""
        machines = self.intercept_.shape[1]
        dual = self.dual_coef_[centre * machines : (centre + 1) * machines]
        own = np.unique(dual.indices)
        weights, support = dual[:, own].toarray().T, self.support_[own]
        vectors = self.support_vectors_ if self._kernel.precomputed else self.support_vectors_[own]
        decisions = np.empty((len(samples), machines))
        for block in blocks(len(samples), len(own)):
            kernel = self._kernel.to_support(X[samples[block]], support, vectors)
            decisions[block] = kernel @ weights + self.intercept_[centre]
        if machines > 1 and not (present := self.present_[centre]).all():
            decisions[:, ~present] = np.minimum(decisions[:, present].min(axis=1, keepdims=True), 0) - 1
        return decisions


def _squares(points: Floats) -> Floats:
    """(points,), each point's inner product with itself, in float64."""
    return np.asarray(np.einsum("ij,ij->i", points, points, dtype=np.float64))


def _by_centre(nearest: Ints) -> Iterator[tuple[int, Ints]]:
    """Each centre in (samples, n) that decides on any sample, and the samples it decides on."""
    # Stable: the last bits of a decision do not hang on how a processor sorts equal numbers.
    order = np.argsort(nearest, axis=None, kind="stable")
    centres = nearest.ravel()[order]
    starts = np.flatnonzero(np.diff(centres, prepend=-1))
    for centre, places in zip(centres[starts], np.split(order, starts[1:]), strict=True):
        yield int(centre), places // nearest.shape[1]


def _duals(roles: Roles, machines: Sequence[Machine], samples: int) -> scipy.sparse.csr_array:
    """(centres * machines, samples), alpha_n t_n."""
    sign, source = roles.sign.ravel(), roles.source.ravel()
    trained = np.flatnonzero(sign)
    of = [machines[task] for task in source[trained]]
    values = [role * machine.dual for role, machine in zip(sign[trained], of, strict=True)]
    if not of:
        return scipy.sparse.csr_array((len(sign), samples))
    places = np.repeat(trained, [len(one) for one in values]), np.concatenate([machine.rows for machine in of])
    dual = scipy.sparse.csr_array((np.concatenate(values), places), shape=(len(sign), samples))
    dual.eliminate_zeros()
    return dual
