"""From a batch of models to submissions: as many side by side as the chip has room for, as many runs as reads need."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from hqml.errors import UnsupportedModel
from hqml.qubo import Floats, Qubo, SparseQubo, States
from hqml_ocean.embedded import Annealing, Embedded, embedded, repaired
from hqml_ocean.local import model_seed

if TYPE_CHECKING:
    from hqml_ocean.chip.chip import Chip
    from hqml_ocean.chip.embedding import Embedding
    from hqml_ocean.chip.program import Program

LIKE_SIZE = 0.75
"""Models of at least this share of the largest one's variables are embedded like it: the slices of an ensemble differ
by a sample or two, and one size of clique tiles the chip best."""

SPARSE_FROM = 24
"""Variables from which a sparse model is embedded as what it is. Below, a clique embedding takes milliseconds and its
chains are short (`reference`: 1.6 s for K20 by minorminer)."""

SPARSE_BELOW = 0.25
"""Share of couplings below which that is worth it: K24 on Pegasus has chains of 3, and so has a random graph of 24
variables with a quarter of the couplings."""

EMBEDDING_SECONDS = 120.0
"""How long minorminer may look for a sparse embedding."""


@dataclass(frozen=True)
class Placed:
    """A model of the batch and the chains of its variables."""

    model: int
    embedding: Embedding

    @property
    def qubits(self) -> int:
        return sum(map(len, self.embedding))


@dataclass(frozen=True)
class Submission:
    """What a chip is programmed with at a time.

    Attributes:
        placed: models side by side.
        reads: of this run.
        run: which run of these models it is; each has a gauge of its own.
        number: in the plan.
    """

    placed: tuple[Placed, ...]
    reads: int
    run: int
    number: int

    @property
    def qubits(self) -> int:
        return sum(one.qubits for one in self.placed)


@dataclass(frozen=True)
class Plan:
    """A batch on a chip.

    Attributes:
        submissions: in the order in which they are made.
        seconds: what finding the embeddings took.
    """

    chip: Chip
    annealing: Annealing
    submissions: tuple[Submission, ...]
    seconds: float

    def qpu_seconds(self, submission: Submission) -> float:
        """Access time expected of one submission."""
        return self.chip.access_seconds(submission.qubits, submission.reads, self.annealing.annealing_time)


@dataclass(frozen=True)
class Programmed:
    """A submission in numbers, and the way back.

    Attributes:
        program: the Ising model on the chip's qubits, in the gauge of the run.
        models: side by side, as they were before the gauge.
        places: of each model's qubits, (k,), where they are in `program.qubits`.
        gauges: of each model's qubits, (k,), -1 or +1.
    """

    program: Program
    models: tuple[Embedded, ...]
    places: tuple[np.ndarray, ...]
    gauges: tuple[np.ndarray, ...]

    def decoded(self, spins: States, annealing: Annealing) -> Iterator[tuple[States, Floats]]:
        """For each model its states (reads, n), zeros and ones, and the share of broken chains of each read.

        Args:
            spins: (reads, qubits), -1 and +1, in the order of `program.qubits`.
            annealing: says how chains are repaired.
        """
        for model, places, gauge in zip(self.models, self.places, self.gauges, strict=True):
            yield repaired(spins[:, places] * gauge, model, annealing.chain_break_method)


def planned(
    qubos: Sequence[Qubo], chip: Chip, reads: int, annealing: Annealing, time_limit: float | None = None
) -> Plan:
    """Place every model of a batch, and divide the reads into runs that the chip allows.

    Args:
        qubos: the batch.
        chip: on which.
        reads: of each model.
        annealing: how.
        time_limit: seconds that a search for an embedding may take; None is EMBEDDING_SECONDS.

    Raises:
        UnsupportedModel: a model does not fit on the chip.
        ParameterError: not even one read fits into a run.
    """
    started = perf_counter()
    patience = EMBEDDING_SECONDS if time_limit is None else min(time_limit, EMBEDDING_SECONDS)
    together = list(_placed(qubos, chip, annealing.side_by_side, patience))
    seconds = perf_counter() - started
    submissions: list[Submission] = []
    for placed in together:
        qubits = sum(one.qubits for one in placed)
        most = min(chip.reads_per_run(qubits, annealing.annealing_time), reads)
        runs = min(max(math.ceil(reads / most), annealing.spin_reversal_transforms), reads)
        for run in range(runs):
            share = reads // runs + (run < reads % runs)
            submissions.append(Submission(placed, share, run, len(submissions)))
    return Plan(chip, annealing, tuple(submissions), seconds)


def programmed(plan: Plan, submission: Submission, qubos: Sequence[Qubo], seed: int) -> Programmed:
    """Write a submission in numbers.

    Args:
        plan: the one it is of.
        submission: models side by side.
        qubos: the batch.
        seed: of the gauges.
    """
    from hqml_ocean.chip.program import Program

    models = [embedded(qubos[one.model], one.embedding, plan.chip, plan.annealing) for one in submission.placed]
    gauges = [
        _gauge(model, plan.annealing, model_seed(seed, one.model, submission.run))
        for model, one in zip(models, submission.placed, strict=True)
    ]
    qubits = np.concatenate([model.qubits for model in models])
    order = np.argsort(qubits)
    where = np.argsort(order)
    starts = np.cumsum([0, *(len(model.qubits) for model in models)])
    places = [where[start:end] for start, end in pairwise(starts)]
    h = np.concatenate([model.h * gauge for model, gauge in zip(models, gauges, strict=True)])
    J = np.concatenate([model.J * gauge[model.pairs].prod(axis=1) for model, gauge in zip(models, gauges, strict=True)])
    pairs = np.concatenate([model.qubits[model.pairs] for model in models])
    program = Program(qubits=qubits[order].astype(np.int32), h=h[order], pairs=pairs.astype(np.int32), J=J)
    return Programmed(program, tuple(models), tuple(places), tuple(gauges))


def _gauge(model: Embedded, annealing: Annealing, seed: int) -> np.ndarray:
    """A sign for each variable, on all qubits of its chain: (k,)."""
    if not annealing.spin_reversal_transforms:
        return np.ones(len(model.qubits), dtype=np.int8)
    signs = np.random.default_rng(seed).choice(np.array([-1, 1], dtype=np.int8), size=len(model.embedding))
    return signs[model.owner]


def _placed(qubos: Sequence[Qubo], chip: Chip, together: bool, patience: float) -> Iterator[tuple[Placed, ...]]:
    """Groups of models that are side by side; of one each where they are not wanted together."""
    from hqml_ocean.chip.packing import side_by_side

    cliques = []
    for index, qubo in enumerate(qubos):
        if _is_sparse(qubo):
            yield (Placed(index, _sparse(qubo, chip, patience)),)
        else:
            cliques.append(index)
    for like in _of_like_size(cliques, qubos):
        size = max(qubos[index].num_variables for index in like)
        found = side_by_side(chip, size, len(like) if together else 1)
        if not found:
            yield from ((Placed(index, _sparse(qubos[index], chip, patience)),) for index in like)
            continue
        for start in range(0, len(like), len(found)):
            group = like[start : start + len(found)]
            yield tuple(
                Placed(index, chains[: qubos[index].num_variables]) for index, chains in zip(group, found, strict=False)
            )


def _of_like_size(indices: Sequence[int], qubos: Sequence[Qubo]) -> Iterator[list[int]]:
    left = sorted(indices, key=lambda index: (-qubos[index].num_variables, index))
    while left:
        least = LIKE_SIZE * qubos[left[0]].num_variables
        like = [index for index in left if qubos[index].num_variables >= least]
        yield sorted(like)
        left = left[len(like) :]


def _is_sparse(qubo: Qubo) -> bool:
    if not isinstance(qubo, SparseQubo) or qubo.num_variables < SPARSE_FROM:
        return False
    return bool(qubo.couplings.nnz < SPARSE_BELOW * qubo.num_variables * (qubo.num_variables - 1))


def _sparse(qubo: Qubo, chip: Chip, patience: float) -> Embedding:
    """An embedding of a model's own graph.

    Raises:
        UnsupportedModel: none was found.
    """
    import scipy.sparse

    from hqml_ocean.chip.embedding import sparse_embedding

    upper = scipy.sparse.triu(qubo.to_sparse().couplings, 1).tocoo()
    pairs = tuple(zip(upper.row.tolist(), upper.col.tolist(), strict=True))
    found = sparse_embedding(chip, pairs, qubo.num_variables, patience)
    if found is None:
        raise UnsupportedModel(
            f"no embedding of the model ({qubo.num_variables} variables, {len(pairs)} couplings) on the chip "
            f"{chip.name!r} was found within {patience:g} s; use smaller slices or another backend "
            "(`hqml backends` lists them)"
        )
    return found
