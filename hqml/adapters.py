"""Any dimod.Sampler as a Backend, any Backend as a dimod.Sampler."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any

import dimod
import numpy as np
from dimod.core.sampler import Sampler

from hqml.backend import Backend, Capabilities, Kind, Usage, drawn_seed
from hqml.errors import OptionError, UnsupportedModel
from hqml.qubo import GramQubo, Qubo, as_qubo
from hqml.samples import states_of, to_sampleset


class SamplerBackend:
    """Run models on a dimod.Sampler.

    `reads` and `seed` become the sampler's `num_reads` and `seed` where it knows them. A time limit reaches samplers
    that have a `time_limit` parameter; of others the whole call is one step that cannot be cut short.

    A sampler of D-Wave's service, or a composite around one, is metered: it runs only within `max_qpu_seconds`. What it
    will use of the chip is not known here, so the estimate is that of all its qubits; the backends "qpu" and "hybrid"
    estimate closer.

    Args:
        sampler: any dimod.Sampler.
        kind: what it runs on; of D-Wave's it is found out.
    """

    def __init__(self, sampler: Sampler, *, kind: Kind = "cpu") -> None:
        self.sampler = sampler
        takes = _keywords(sampler)
        self._takes = takes
        self._solver = _remote_solver(sampler)
        if self._solver is not None:
            kind = "qpu" if hasattr(self._solver, "estimate_qpu_access_time") else "hybrid"
        self.capabilities = Capabilities(kind=kind, seedable="seed" in takes, metered=self._solver is not None)

    def sample(
        self,
        qubos: Sequence[Qubo],
        *,
        reads: int = 100,
        seed: int | None = None,
        time_limit: float | None = None,
        **options: Any,
    ) -> list[dimod.SampleSet]:
        if unknown := sorted(set(options) - self._takes):
            known = ", ".join(sorted(self._takes - {"bqm", "num_reads", "seed", "time_limit", "kwargs"})) or "none"
            raise OptionError(f"{type(self.sampler).__name__} takes no option {', '.join(unknown)}; it takes: {known}")
        seed = drawn_seed(seed) if "seed" in self._takes else None
        wanted = {"num_reads": reads, "time_limit": time_limit}
        common = {name: value for name, value in wanted.items() if name in self._takes and value is not None}
        results = []
        for index, qubo in enumerate(qubos):
            started = perf_counter()
            # Samplers take 31 or 32 bits of seed; each model gets its own.
            own = {} if seed is None else {"seed": int(np.random.SeedSequence([seed, index]).generate_state(1)[0] >> 1)}
            found = self.sampler.sample(qubo.to_bqm(), **common, **own, **options)
            states = states_of(found, qubo)
            occurrences = np.asarray(found.record.num_occurrences)
            if occurrences.max(initial=1) > 1:
                states = np.repeat(states, occurrences, axis=0)
            timing = {"solve": perf_counter() - started}
            name = type(self.sampler).__name__
            results.append(to_sampleset(qubo, states, backend=name, seed=seed, timing=timing, sampler=dict(found.info)))
        return results

    def estimate(self, qubos: Sequence[Qubo], *, reads: int = 100, **options: Any) -> Usage:
        """Not known: a dimod.Sampler says nothing beforehand, and a trial might spend what is metered.

        Of a QPU the metered seconds are known at most: those of a run on all its qubits. Of others, and of composites
        that may make more than one run, they are NaN, which no grant allows.
        """
        if self._solver is None:
            return Usage(seconds=math.nan)
        if self.capabilities.kind != "qpu" or not _is_one_run(self.sampler):
            return Usage(seconds=math.nan, qpu_seconds=math.nan)
        known = inspect.signature(self._solver.estimate_qpu_access_time).parameters
        wanted = {name: value for name, value in options.items() if name in known and value is not None}
        qubits = self._solver.num_active_qubits
        micro = self._solver.estimate_qpu_access_time(num_qubits=qubits, num_reads=reads, **wanted)
        return Usage(seconds=math.nan, qpu_seconds=len(qubos) * float(micro) / 1e6)

    def close(self) -> None:
        close = getattr(self.sampler, "close", None)
        if callable(close):
            close()


class BackendSampler(Sampler):
    """Use a Backend wherever Ocean expects a dimod.Sampler, e.g. under a composite.

    Args:
        backend: the backend to run on.
    """

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    @property
    def parameters(self) -> dict[str, list[str]]:
        own = inspect.signature(self.backend.sample).parameters
        names = ["num_reads", "seed", "time_limit", *own]
        return {name: [] for name in names if name not in ("qubos", "reads", "options")}

    @property
    def properties(self) -> dict[str, Any]:
        return {"capabilities": self.backend.capabilities}

    def sample(self, bqm: dimod.BinaryQuadraticModel, *, num_reads: int = 100, **arguments: Any) -> dimod.SampleSet:
        """Sample a BQM of either vartype; the SampleSet has the vartype of the BQM.

        Raises:
            UnsupportedModel: it has more variables than the backend can take.
        """
        if not bqm.num_variables:  # composites may fix every variable before they come here
            empty: dimod.SampleSet = dimod.SampleSet.from_samples_bqm([], bqm)
            return empty
        [qubo] = fitted(self.backend, type(self.backend).__name__, [as_qubo(bqm)])
        [samples] = self.backend.sample([qubo], reads=num_reads, **arguments)
        samples.change_vartype(bqm.vartype, inplace=True)
        return samples


def fitted(backend: Backend, name: str, qubos: Sequence[Qubo]) -> list[Qubo]:
    """Each model in a form the backend takes.

    Raises:
        UnsupportedModel: a model has more variables than the backend can take, or is spread over ranks and the backend
            is not.
    """
    able = backend.capabilities
    for qubo in qubos:
        most = able.max_variables
        if most is not None and qubo.form == "sparse" and able.max_sparse_variables is not None:
            most = max(most, able.max_sparse_variables)
        if most is not None and qubo.num_variables > most:
            raise UnsupportedModel(
                f"backend {name!r} takes at most {most} variables, the model has {qubo.num_variables}; "
                "make it smaller (slices, pool, features, levels) or use another backend (`hqml backends` lists them)"
            )
    return [_in_a_form_of(able, qubo) for qubo in qubos]


def _in_a_form_of(able: Capabilities, qubo: Qubo) -> Qubo:
    # A Gram model that is no GramQubo has its matrix on many ranks. It says itself why it cannot be converted.
    readable = qubo.form != "gram" or isinstance(qubo, GramQubo) or able.kind == "mpi"
    if readable and qubo.form in able.forms:
        return qubo
    return qubo.to_dense() if "dense" in able.forms else qubo.to_sparse()


def _remote_solver(sampler: Any) -> Any:
    """The solver of D-Wave's service that a sampler, or the innermost of a composite, sends its models to."""
    while sampler is not None:
        solver = getattr(sampler, "solver", None)
        if solver is not None and getattr(solver, "client", None) is not None:
            return solver
        sampler = _inside(sampler)
    return None


def _inside(composite: Any) -> Any:
    """The sampler that a composite asks, None where there is none."""
    return (getattr(composite, "children", None) or [getattr(composite, "child", None)])[0]


_ONE_RUN = frozenset(
    {
        *("DWaveSampler", "DWaveCliqueSampler", "EmbeddingComposite", "FixedEmbeddingComposite"),
        *("LazyFixedEmbeddingComposite", "AutoEmbeddingComposite", "ScaleComposite"),
    }
)
"""Samplers of Ocean that make one run of a model."""


def _is_one_run(sampler: Any) -> bool:
    while sampler is not None:
        if type(sampler).__name__ not in _ONE_RUN:
            return False
        sampler = _inside(sampler)
    return True


def _keywords(sampler: Sampler) -> frozenset[str]:
    named: Mapping[str, Any] = getattr(sampler, "parameters", None) or {}
    return frozenset(named) | frozenset(inspect.signature(sampler.sample).parameters)
