"""The `cpu` backend: annealing in numba, on threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

import dimod
import numpy as np

from hqml.backend import Capabilities, Usage, drawn_seed
from hqml.options import inverse_temperatures, whole_number
from hqml.qubo import SPARSE_BELOW, DenseQubo, GramQubo, Qubo
from hqml.samples import to_sampleset
from hqml_cpu import schedule
from hqml_cpu.flips import flip_model
from hqml_cpu.multipliers import MAX_DIGITS, GramModel
from hqml_cpu.runner import Task, available_threads, run
from hqml_cpu.schedule import Model, Rule

FLIP_SWEEPS = 1000
HEAT_BATH_SWEEPS = 200


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
        threads: int | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> list[dimod.SampleSet]:
        """Anneal each model of a batch; blocks of all models share the threads.

        Args:
            qubos: models in any form.
            reads: replicas of each model.
            seed: makes the run repeatable; none draws one, which `info["seed"]` tells.
            time_limit: seconds for the batch. Near its end blocks take longer strides to the cold end, and blocks that
                have not begun are left out, but for the first of each model.
            num_sweeps: moves tried per variable and read; none is 1000 flips, or 200 for the heat bath.
            beta_range: inverse temperatures (hot, cold), 1 / energy; none samples the model for them.
            threads: overrides that of the constructor.
            progress: called with the share done.

        Returns:
            One SampleSet a model. `info` adds: method, num_sweeps, beta_range, threads, interrupted (by Ctrl-C, which
            gives the best so far), cut_short (by the time limit).
        """
        if num_sweeps is not None:
            whole_number("num_sweeps", num_sweeps)
        if threads is not None:
            whole_number("threads", threads)
        if not qubos:
            return []
        threads, seed = threads or self.threads or available_threads(), drawn_seed(seed)
        started = perf_counter()
        runs = [_Run.of(qubo, reads, seed, index, num_sweeps, beta_range) for index, qubo in enumerate(qubos)]
        prepared = perf_counter() - started
        tasks = [task for one in runs for task in one.tasks]
        left = None if time_limit is None else max(0.0, time_limit - prepared)
        outcome = run(tasks, threads=threads, time_limit=left, report=progress)
        timing = {"prepare": prepared, "solve": perf_counter() - started - prepared}
        return [
            to_sampleset(
                qubo,
                states,
                backend="cpu",
                seed=seed,
                timing=timing,
                method=one.method,
                num_sweeps=one.sweeps,
                beta_range=one.beta_range,
                threads=threads,
                interrupted=outcome.interrupted,
                cut_short=outcome.cut_short,
            )
            for qubo, one, states in zip(qubos, runs, outcome.states, strict=True)
        ]

    def estimate(self, qubos: Sequence[Qubo], *, reads: int = 100, **options: Any) -> Usage:
        """Time a few sweeps of one block of each model and scale up."""
        seconds = 0.0
        for index, qubo in enumerate(qubos):
            one = _Run.of(qubo, reads, 0, index, options.get("num_sweeps"), (1.0, 1.0))
            block = one.tasks[0].model.start(one.tasks[0].replicas, one.tasks[0].seeds)
            block.sweep(np.ones(1))
            started = perf_counter()
            block.sweep(np.ones(2))
            seconds += (perf_counter() - started) / 2 * one.sweeps * len(one.tasks)
        return Usage(seconds=seconds / (options.get("threads") or self.threads or available_threads()))

    def close(self) -> None:
        """Nothing is held between calls."""


class _Run:
    """How one model of a batch is annealed."""

    def __init__(self, method: str, model: Model, sweeps: int, hot: float, cold: float) -> None:
        self.method, self.model, self.sweeps = method, model, sweeps
        self.beta_range = (1 / hot, 1 / cold)
        self.tasks: list[Task] = []

    @classmethod
    def of(
        cls,
        qubo: Qubo,
        reads: int,
        seed: int,
        index: int,
        num_sweeps: int | None,
        beta_range: tuple[float, float] | None,
    ) -> _Run:
        method, model, rule, default = _kernel_for(qubo)
        # The seed of a model depends on its place in the batch, that of a block on its place among the reads.
        sampling, *blocks = np.random.SeedSequence([seed, index]).spawn(1 + -(-reads // model.replicas_at_once))
        if beta_range is None:
            hot, cold = schedule.sampled_range(model, rule, sampling)
        else:
            hot, cold = (1 / beta for beta in inverse_temperatures(beta_range))
        run = cls(method, model, num_sweeps or default, hot, cold)
        plan = schedule.temperatures(hot, cold, run.sweeps)
        for place, seeds in enumerate(blocks):
            replicas = min(model.replicas_at_once, reads - place * model.replicas_at_once)
            run.tasks.append(Task(index, model, replicas, seeds, plan, first=place == 0))
        return run


def _kernel_for(qubo: Qubo) -> tuple[str, Model, Rule, int]:
    """Method, model in the kernel's form, rule of its temperatures, default number of sweeps."""
    if isinstance(qubo, GramQubo) and qubo.num_digits <= MAX_DIGITS:
        return "heat bath over multipliers", GramModel.of(qubo), schedule.MULTIPLIERS, HEAT_BATH_SWEEPS
    flat = qubo.to_dense() if isinstance(qubo, GramQubo) else qubo
    if isinstance(flat, DenseQubo) and np.count_nonzero(flat.couplings) < SPARSE_BELOW * flat.couplings.size:
        flat = flat.to_sparse()
    return f"annealing of single flips, {flat.form}", flip_model(flat), schedule.FLIPS, FLIP_SWEEPS
