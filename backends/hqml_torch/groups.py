"""Which models of a batch go together in one stack, and by which method."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from hqml.annealing import MAX_DIGITS
from hqml.qubo import SPARSE_BELOW, DenseQubo, Form, GramQubo, Qubo, SparseQubo

BIFURCATIONS = ("bifurcation", "ballistic", "discrete")
METHODS = ("auto", "annealing", *BIFURCATIONS)

_PADDED_ABOVE = 0.8
"""Dense and Gram models down to this share of the largest are padded to its size: at worst 1.6 times its work."""

_SMALL = 64
"""Models up to this size are padded whatever their sizes: launches cost more than zeros."""

_STACK_ENTRIES = 2**28
"""Entries of the matrices of one stack: 1 GiB in float32. A larger batch makes several stacks."""


@dataclass(frozen=True)
class Group:
    """Models of a batch that are sampled as one stack, and how.

    Attributes:
        places: of the models in the batch.
        method: annealing, heat bath, bifurcation, ballistic or discrete.
        why: a sentence, for the reader of the samples.
    """

    places: tuple[int, ...]
    qubos: tuple[Qubo, ...]
    method: str
    why: str

    @property
    def form(self) -> Form:
        return self.qubos[0].form

    @property
    def variables(self) -> int:
        """Of the whole stack, with padding."""
        sizes = [qubo.num_variables for qubo in self.qubos]
        return sum(sizes) if self.form == "sparse" else len(sizes) * max(sizes)

    def replicas(self, reads: int, elements: int) -> int:
        """Of each model at once, so that the stack has about so many elements and no chunk of reads is nearly empty."""
        most = max(1, elements // self.variables)
        return -(-reads // -(-reads // most))

    def work(self, reads: int, elements: int) -> int:
        """Multiply-adds that update every variable once."""
        replicas = self.replicas(reads, elements)
        if self.form == "sparse":
            return sum(replicas * int(qubo.couplings.nnz) for qubo in cast("Sequence[SparseQubo]", self.qubos))
        return sum(replicas * side(qubo) ** 2 for qubo in self.qubos)


def grouped(qubos: Sequence[Qubo], method: str, *, annealed: bool = False) -> list[Group]:
    """Split a batch; each model is in one group, which is of one form.

    Where it is to be `annealed`, as a temperature range was given, "auto" takes a method that has temperatures.
    """
    kinds: dict[tuple[Form, str, str, tuple[float, ...]], list[tuple[int, Qubo]]] = {}
    for place, qubo in enumerate(qubos):
        taken = _taken(qubo)
        weights = tuple(taken.weights.tolist()) if isinstance(taken, GramQubo) else ()
        kinds.setdefault((taken.form, *_chosen(taken, method, annealed), weights), []).append((place, taken))
    groups = []
    for (form, name, why, _), members in kinds.items():
        for together in [members] if form == "sparse" else _of_like_size(members):
            places, taken_as = zip(*together, strict=True)
            groups.append(Group(places, taken_as, name, why))
    return groups


def side(qubo: Qubo) -> int:
    """Rows of the matrix that is kept of a model."""
    return qubo.num_points if isinstance(qubo, GramQubo) else qubo.num_variables


def _taken(qubo: Qubo) -> Qubo:
    """The form in which a model is sampled."""
    if isinstance(qubo, GramQubo) and qubo.num_digits > MAX_DIGITS:
        qubo = qubo.to_dense()
    if isinstance(qubo, DenseQubo) and np.count_nonzero(qubo.couplings) < SPARSE_BELOW * qubo.couplings.size:
        return qubo.to_sparse()
    return qubo


def _chosen(qubo: Qubo, method: str, annealed: bool) -> tuple[str, str]:
    """The method for a model, and why."""
    if method in BIFURCATIONS:
        return method, "as asked for"
    if isinstance(qubo, GramQubo):
        return "heat bath over multipliers", "the Gram form lets whole multipliers be drawn, and is never written out"
    if method == "annealing" or annealed:
        why = "as asked for" if method == "annealing" else "beta_range was given"
        return f"annealing of single flips, {qubo.form}", why
    if isinstance(qubo, DenseQubo):
        return "bifurcation", "dense couplings are multiplied fastest, all spins at once"
    return "annealing of single flips, sparse", "few couplings leave many spins of one colour to be drawn at once"


def _of_like_size(members: Sequence[tuple[int, Qubo]]) -> Iterator[list[tuple[int, Qubo]]]:
    """Models whose padding to the size of the largest of them is worth it, largest first."""
    group: list[tuple[int, Qubo]] = []
    for member in sorted(members, key=lambda one: -side(one[1])):
        if group:
            largest, n = side(group[0][1]), side(member[1])
            if (n < _PADDED_ABOVE * largest and largest > _SMALL) or (len(group) + 1) * largest**2 > _STACK_ENTRIES:
                yield group
                group = []
        group.append(member)
    yield group
