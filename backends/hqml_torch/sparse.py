"""Sparse models of any sizes as one disjoint union; spins of one colour do not meet and are drawn at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import scipy.sparse
import torch
from torch.nn.functional import embedding_bag

from hqml.annealing import unit_of
from hqml.qubo import SparseQubo, States
from hqml_torch.devices import tensor
from hqml_torch.scales import strength
from hqml_torch.walks import BitWalk

DENSE_ABOVE = {"cpu": 0.2, "cuda": 0.02, "mps": 0.02}
"""Share of couplings present above which a product with zeros written out is faster than one that gathers rows.

On a Xeon core with AVX-512 75 G multiply-adds a second against 15 (G22, 256 columns); on accelerators the ratio of
arithmetic to memory is larger: an estimate from data sheets, not measured.
"""

_DENSE_BYTES = 2**31


@dataclass(frozen=True)
class SparseStack:
    """Sparse models beside each other, as one model whose couplings never cross; variables are sorted by colour.

    Attributes:
        starts, columns, values: rows of the couplings (CSR), in each model's own unit.
        linear: (1, n, 1).
        classes: slices of variables of one colour.
        members: for each model, where its variables are among the n.
        units: of energy, of each model; powers of two.
    """

    starts: torch.Tensor
    columns: torch.Tensor
    values: torch.Tensor
    linear: torch.Tensor
    classes: tuple[slice, ...]
    members: tuple[torch.Tensor, ...]
    units: tuple[float, ...]

    @classmethod
    def of(cls, qubos: Sequence[SparseQubo], device: torch.device) -> SparseStack:
        units = tuple(unit_of(qubo.couplings.data, qubo.linear) for qubo in qubos)
        together = scipy.sparse.block_diag(
            [qubo.couplings / unit for qubo, unit in zip(qubos, units, strict=True)], format="csr"
        )
        linear = np.concatenate([qubo.linear / unit for qubo, unit in zip(qubos, units, strict=True)])
        colours = np.concatenate([colouring(qubo.couplings) for qubo in qubos])
        order = np.argsort(colours, kind="stable")
        rows = scipy.sparse.csr_array(together[order][:, order])
        place = np.argsort(order)
        ends = np.cumsum([qubo.num_variables for qubo in qubos])
        edges = np.concatenate([[0], np.cumsum(np.bincount(colours))]).tolist()
        return cls(
            starts=torch.tensor(rows.indptr, dtype=torch.int64, device=device),
            columns=torch.tensor(rows.indices, dtype=torch.int64, device=device),
            values=tensor(rows.data, device),
            linear=tensor(linear[order], device)[None, :, None],
            classes=tuple(slice(first, last) for first, last in pairwise(edges)),
            members=tuple(torch.tensor(part, device=device) for part in np.split(place, ends[:-1])),
            units=units,
        )

    @property
    def shape(self) -> tuple[int, int]:
        return 1, self.linear.shape[1]

    def spread(self, values: Sequence[float]) -> torch.Tensor:
        """One value a model, to be multiplied with (1, n, replicas)."""
        spread = torch.empty_like(self.linear)
        for members, value in zip(self.members, values, strict=True):
            spread[:, members] = value
        return spread

    def parts(self, x: torch.Tensor) -> list[torch.Tensor]:
        """What is each model's of (1, n, replicas): (its n, replicas) each."""
        return [x[0, members] for members in self.members]

    def states(self, x: torch.Tensor) -> list[States]:
        """(replicas, n) of each model."""
        return [part.T.to("cpu", torch.int8).numpy() for part in self.parts(x)]

    def field(self, x: torch.Tensor) -> torch.Tensor:
        """dE/dx, in units: (1, n, replicas)."""
        return _weighted_sums(self.columns, x[0], self.starts, self.values)[None] + self.linear

    def largest_changes(self) -> list[float]:
        """A bound on what one flip can change, in units, of each model."""
        return [float(part.max()) for part in self.parts(self._row_sums(self.values.abs()) + self.linear.abs())]

    def strengths(self) -> list[float]:
        """`scales.strength` of each model, in units."""
        return [strength(part) for part in self.parts(self._row_sums(self.values.square()).sqrt())]

    def spin_field(self) -> torch.Tensor:
        """h of E = 1/4 (1/2 s' J s + h' s) + constant, s = 2 x - 1: (1, n, 1)."""
        return 2 * self.linear + self._row_sums(self.values)

    def multiplier(self, dtype: torch.dtype) -> Callable[[torch.Tensor, torch.Tensor], None]:
        """What writes J @ positions to its second argument, both (1, n, agents) of `dtype`."""
        n = self.shape[1]
        if len(self.values) > DENSE_ABOVE[self.values.device.type] * n**2 and 4 * n**2 <= _DENSE_BYTES:
            rows = torch.repeat_interleave(torch.arange(n, device=self.starts.device), self.starts.diff())
            written_out = torch.zeros(n, n, dtype=dtype, device=self.values.device)
            written_out[rows, self.columns] = self.values.to(dtype)

            def multiply(positions: torch.Tensor, out: torch.Tensor) -> None:
                torch.mm(written_out, positions[0], out=out[0])

            return multiply
        values = self.values.to(dtype)

        def gather(positions: torch.Tensor, out: torch.Tensor) -> None:
            out[0] = _weighted_sums(self.columns, positions[0], self.starts, values)

        return gather

    def walk(self, replicas: int, generator: torch.Generator) -> SparseWalk:
        return SparseWalk(self, replicas, generator)

    def _row_sums(self, values: torch.Tensor) -> torch.Tensor:
        """Of values in place of the couplings: (1, n, 1)."""
        return _weighted_sums(self.columns, torch.ones_like(self.linear[0]), self.starts, values)[None]

    def rows(self, x: torch.Tensor, rows: slice) -> Callable[[], torch.Tensor]:
        """What computes some rows of the couplings times x (n, replicas)."""
        first, last = int(self.starts[rows.start]), int(self.starts[rows.stop])
        starts = self.starts[rows.start : rows.stop + 1] - first
        columns, values = self.columns[first:last], self.values[first:last]
        return lambda: _weighted_sums(columns, x, starts, values)


class SparseWalk(BitWalk):
    """Bits of a sparse stack in heat bath, a colour at a time."""

    def __init__(self, stack: SparseStack, replicas: int, generator: torch.Generator) -> None:
        super().__init__(stack, stack.classes, replicas, generator)
        self._stack = stack

    def visit(self, rows: slice, noise: torch.Tensor) -> Callable[[], None]:
        product = self._stack.rows(self.x[0], rows)
        linear, own, thresholds = self._stack.linear[0, rows], self.x[0, rows], noise[0]

        def update() -> None:
            torch.lt(product().add_(linear), thresholds, out=own)

        return update


def _weighted_sums(columns: torch.Tensor, x: torch.Tensor, starts: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """CSR times (n, replicas). As a bag of embeddings: on every device, in every dtype, and 1 to 2 times as fast on
    the processor as torch's sparse matrices, which are in beta and warn."""
    return embedding_bag(columns, x, starts, mode="sum", per_sample_weights=values, include_last_offset=True)


def colouring(couplings: scipy.sparse.csr_array) -> npt.NDArray[np.int64]:
    """A colour for each variable, so that no two that are coupled share one: greedy, those of most neighbours first.

    Source: Welsh & Powell, Comput. J. 10 (1967) 85, doi:10.1093/comjnl/10.1.85.
    """
    degrees = np.diff(couplings.indptr)
    colours = np.full(len(degrees), -1, dtype=np.int64)
    for one in np.argsort(-degrees, kind="stable"):
        taken = np.zeros(degrees[one] + 1, dtype=bool)
        near = colours[couplings.indices[couplings.indptr[one] : couplings.indptr[one + 1]]]
        taken[near[(near >= 0) & (near < len(taken))]] = True
        colours[one] = np.argmin(taken)  # of d neighbours at most d colours are taken: one of d + 1 is free
    return colours
