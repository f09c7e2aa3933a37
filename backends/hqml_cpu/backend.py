"""The `cpu` backend: annealing in numba, on threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

import dimod
import numpy as np

from hqml.backend import Capabilities, Usage, drawn_seed
from hqml.errors import ParameterError
from hqml.options import whole_number
from hqml.processes import processors
from hqml.qubo import Qubo
from hqml.samples import to_sampleset
from hqml_cpu.flips import flip_model
from hqml_cpu.methods import Run, Wanted, written_out
from hqml_cpu.replicas import BlockReplicas
from hqml_cpu.search import sample_once, search


class CpuBackend:
    """Anneal on the processor.

    Dense and sparse models by single flips, Gram models by a heat bath over whole multipliers, never written out.
    Every read is one replica, annealed from hot to cold and then descended to a state that no single move improves.
    The same seed and reads give the same samples on any number of threads, as long as no time limit cuts in.

    Args:
        threads: processors to use; none is all that this process may use.

    Raises:
        ParameterError: threads is not a whole number above zero.
    """

    capabilities = Capabilities(kind="cpu", forms=frozenset({"dense", "sparse", "gram"}), seedable=True)

    def __init__(self, threads: int | None = None) -> None:
        if threads is not None:
            whole_number("threads", threads)
        self.threads = threads

    def sample(
        self,
        qubos: Sequence[Qubo],
        *,
        reads: int = 100,
        seed: int | None = None,
        time_limit: float | None = None,
        num_sweeps: int | None = None,
        beta_range: tuple[float, float] | None = None,
        method: str = "auto",
        rank: int | None = None,
        threads: int | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> list[dimod.SampleSet]:
        """Anneal each model of a batch; blocks of all models share the threads.

        Args:
            qubos: models in any form.
            reads: replicas of each model.
            seed: makes the run repeatable; none draws one, which `info["seed"]` tells.
            time_limit: seconds for the batch. Near its end blocks take longer strides to the cold end, and blocks that
                have not begun are left out, but for the first of each model. Without num_sweeps, dense and sparse
                models use the time: rounds of ever more sweeps, until two agree on the lowest energy (with a checkpoint
                there is one round).
            num_sweeps: moves tried per variable and read; none is 1000 flips, or 200 for the heat bath.
            beta_range: inverse temperatures (hot, cold), 1 / energy; none samples the model for them.
            method: "annealing", "tempering" (of which a Gram model is written out), or "auto" for what suits the model.
            rank: let a factor of so many columns stand for the matrix of a Gram model: faster where the kernel has that
                rank, coarse where it has not (`info["kernel_error"]`, the share of the trace that is left out). The
                states are descended under the true kernel at the end, and energies are those of the true kernel.
            threads: overrides that of the constructor.
            checkpoint: a file that keeps the state of the run (every 10 s, at Ctrl-C and at the time limit, which then
                stops the run instead of hastening it). The same call with the same file goes on from there and gives
                the samples of a run that was never interrupted. The file is removed when the run is complete.
            progress: called with the share done.

        Returns:
            One SampleSet a model. `info` adds: method and why, num_sweeps and beta_range (of the last round), rounds,
            threads, interrupted (by Ctrl-C, which gives the best so far), cut_short (by the time limit).

        Raises:
            ParameterError: an option is out of its range, or the checkpoint belongs to another run.
            FormatError: the checkpoint cannot be read or written.
        """
        if checkpoint is not None and seed is None:
            raise ParameterError("a checkpoint needs a seed, to find the same run again; give seed=")
        if threads is not None:
            whole_number("threads", threads)
        threads, seed = threads or self.threads or len(processors()), drawn_seed(seed)
        wanted = Wanted(method, reads, seed, num_sweeps, beta_range, rank)
        if not qubos:
            return []
        started = perf_counter()
        if time_limit is not None and num_sweeps is None and checkpoint is None:
            found = search(qubos, wanted, threads=threads, time_limit=time_limit, report=progress)
        else:
            found = sample_once(
                qubos, wanted, threads=threads, time_limit=time_limit, report=progress, checkpoint=checkpoint
            )
        timing = {"prepare": found.prepared, "solve": perf_counter() - started - found.prepared}
        return [
            to_sampleset(
                qubo,
                states,
                backend="cpu",
                seed=seed,
                timing=timing,
                **one.method.about,
                beta_range=one.beta_range,
                threads=threads,
                rounds=rounds,
                interrupted=found.interrupted,
                cut_short=found.cut_short,
            )
            for qubo, one, states, rounds in zip(qubos, found.runs, found.states, found.rounds, strict=True)
        ]

    def estimate(self, qubos: Sequence[Qubo], *, reads: int = 100, **options: Any) -> Usage:
        """Time a few sweeps of one block of each model and scale up."""
        method, rank = options.get("method", "auto"), options.get("rank")
        wanted = Wanted(method, reads, 0, options.get("num_sweeps"), (1.0, 1.0), rank)
        seconds = 0.0
        for index, qubo in enumerate(qubos):
            one = Run.of(qubo, index, wanted)
            block = one.tasks[0].model.start(one.tasks[0].replicas, one.tasks[0].seeds)
            block.sweep(np.ones(1))
            started = perf_counter()
            block.sweep(np.ones(2))
            seconds += (perf_counter() - started) / 2 * one.method.sweeps * len(one.tasks)
        return Usage(seconds=seconds / (options.get("threads") or self.threads or len(processors())))

    def replicas(self, qubo: Qubo, count: int, *, seed: int) -> BlockReplicas:
        """Replicas to be swept by the caller, see `hqml.backend.ReplicaBackend`: whole vectors of a sparse model."""
        return BlockReplicas.start(flip_model(written_out(qubo), least=count), count, seed)

    def close(self) -> None:
        """Nothing is held between calls."""
