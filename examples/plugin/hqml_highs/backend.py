"""The backend `highs`: branch and bound on a linearised QUBO, with the bound that it proves."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

import dimod
from hqml.backend import Capabilities, Usage, drawn_seed
from hqml.errors import ParameterError, UnsupportedModel
from hqml.interruption import until_interrupted
from hqml.options import finite_number, whole_number
from hqml.qubo import Qubo

from hqml_highs.process import Highs
from hqml_highs.search import Search

MAX_COUPLINGS = 500_000
"""Couplings of the largest model taken."""


class HighsBackend:
    """Solve each model to a proven optimum, or as near as time allows.

    One sample of each model comes back, whatever `reads`. Its `info` says `bound` (no state has a lower energy), `gap`
    ((energy - bound) / max(1, |bound|)), `complete` (True: this energy is proven to be the lowest), `nodes` of the
    search, and `message` of HiGHS. Bounds are computed in floating point, within HiGHS's tolerances.

    A batch shares its time equally between the models that are left. Of a model whose search was ended by Ctrl-C, or
    which got no turn, the best of a few descents comes back: scipy does not tell what HiGHS has found so far.
    """

    capabilities = Capabilities(kind="cpu", forms=frozenset({"dense", "sparse"}), seedable=True)

    def __init__(self) -> None:
        self._idle: list[Highs] = []

    def __reduce__(self) -> tuple[type[HighsBackend], tuple[()]]:
        return HighsBackend, ()  # a process cannot be pickled; the copy starts its own

    def sample(
        self,
        qubos: Sequence[Qubo],
        *,
        reads: int = 100,
        seed: int | None = None,
        time_limit: float | None = None,
        mip_rel_gap: float = 0.0,
        node_limit: int | None = None,
        presolve: bool = True,
        progress: Callable[[float], None] | None = None,
    ) -> list[dimod.SampleSet]:
        """Solve each model.

        Args:
            qubos: dense or sparse models; hqml writes out those in Gram form.
            reads: has no effect: one sample of each model comes back.
            seed: of the descents; HiGHS itself has none, and repeats itself unless time ends it.
            time_limit: seconds for the batch.
            mip_rel_gap: end a search where bound and energy, but for the offset, are so near relative to the energy.
            node_limit: end a search after so many nodes.
            presolve: let HiGHS simplify the linear program first.
            progress: called with the share done, after each model.

        Raises:
            ParameterError: an option is out of its range.
            UnsupportedModel: a model has more than 500,000 couplings, or energies that may overflow.
            BackendError: HiGHS has failed, or its process was killed.
        """
        options = _options(mip_rel_gap, node_limit, presolve)
        for qubo in qubos:
            _refuse_large(qubo)
        seed = drawn_seed(seed)
        end = math.inf if time_limit is None else perf_counter() + time_limit
        highs = self._taken()
        search = Search(highs, options, seed, end)
        try:
            return until_interrupted(lambda: search.run(qubos, progress), highs.stop)
        finally:
            if not highs.stopped.is_set():
                self._idle.append(highs)

    def estimate(self, qubos: Sequence[Qubo], *, reads: int = 100, **options: Any) -> Usage:
        """Not known: of two models of one size one may take a second and the other a year."""
        return Usage(seconds=math.nan)

    def _taken(self) -> Highs:
        """A process that no other call uses."""
        try:
            return self._idle.pop()
        except IndexError:  # asking first whether there is one would tell two threads of the same one
            return Highs()

    def close(self) -> None:
        """End the processes that wait for more models."""
        while self._idle:
            self._idle.pop().close()


def _options(mip_rel_gap: Any, node_limit: Any, presolve: Any) -> dict[str, Any]:
    """The options of scipy's `milp`.

    Raises:
        ParameterError: one is out of its range.
    """
    if not isinstance(presolve, bool):
        raise ParameterError(f"presolve must be true or false, found {presolve!r}")
    options = {"mip_rel_gap": finite_number("mip_rel_gap", mip_rel_gap, least=0), "presolve": presolve}
    if node_limit is not None:
        options["node_limit"] = whole_number("node_limit", node_limit)
    return options


def _refuse_large(qubo: Qubo) -> None:
    couplings = qubo.to_sparse().couplings.nnz // 2
    if couplings > MAX_COUPLINGS:
        raise UnsupportedModel(
            f"linearised, each coupling is a variable: at most {MAX_COUPLINGS} are taken, the model has {couplings}; "
            "use a heuristic backend such as `cpu`"
        )
