"""The gpu backend against its device, and against a peer.

The first table counts what a step of each method must compute and move, and compares what it reaches with the same
device's large GEMM and large copy, timed in the same run. Where there is no accelerator it is torch on one thread of
the processor, and says so. The second compares simulated bifurcation on K2000 with the package simulated-bifurcation,
on one thread of the processor: CPU seconds a success, where a success is an agent within 1 % of the best known cut.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter, process_time
from typing import Any

import numpy as np
import scipy.sparse
import torch
from time_to_target import bifurcation as peer
from time_to_target import instances

from common import Table
from hqml import DenseQubo, GramQubo, Qubo, SparseQubo
from hqml.errors import BackendUnavailable
from hqml_torch import TorchBackend, devices
from hqml_torch.course import generator_for
from hqml_torch.groups import grouped
from hqml_torch.plans import StackPlan, planned
from hqml_torch.walks import BLOCK

BEST_CUT = 33337
SECONDS = 0.5
"""Each step is repeated for so long."""


@dataclass(frozen=True)
class Count:
    """What one step of a method must compute and move, once for all models and replicas of a stack."""

    flops: float
    bytes: float


def count(plan: StackPlan) -> Count:
    if plan.ranges is None:
        return _of_bifurcation(plan)
    return {"dense": _of_dense, "sparse": _of_sparse, "gram": _of_gram}[plan.group.form](plan)


def _of_bifurcation(plan: StackPlan) -> Count:
    """One product a step; around it, for each spin: position to the product's dtype, force added, pull, heating,
    movement and the two passes of the walls."""
    models, n = plan.stack.shape
    spins, entry = models * n * plan.replicas, plan.dtype.itemsize
    if plan.group.form == "sparse":
        terms = _couplings(plan) * plan.replicas
        moved = entry * terms + (8 + entry) * _couplings(plan)
    else:
        terms, moved = n * spins, entry * models * n**2
    passes = (4 + entry) + 2 * entry + (8 + entry) + 12 + 8 + 12 + 12 + 8
    return Count(2 * terms + 10 * spins, moved + passes * spins)


def _couplings(plan: StackPlan) -> int:
    return sum(int(qubo.couplings.nnz) for qubo in plan.group.qubos)  # type: ignore[attr-defined]


def _of_dense(plan: StackPlan) -> Count:
    """A product of each block's rows with all bits, a triangle inside the block; noise (5 passes), comparison (3)."""
    models, n = plan.stack.shape
    bits = models * n * plan.replicas
    return Count(
        2 * n * bits + 3 * BLOCK * bits, 4 * models * n**2 + 4 * n / BLOCK * bits + 4 * BLOCK * bits + 32 * bits
    )


def _of_sparse(plan: StackPlan) -> Count:
    """A row of the bits for each coupling; noise (5 passes), field (3), comparison (3)."""
    bits = plan.stack.shape[1] * plan.replicas
    couplings = _couplings(plan)
    return Count(2 * couplings * plan.replicas, 4 * couplings * plan.replicas + 12 * couplings + 44 * bits)


def _of_gram(plan: StackPlan) -> Count:
    """As for dense models, with points for bits; noise (12 passes), energies (3) of each value of a multiplier."""
    models, points = plan.stack.gram.shape[:2]  # type: ignore[union-attr]
    multipliers, levels = models * points * plan.replicas, len(plan.stack.values)  # type: ignore[union-attr]
    return Count(
        2 * points * multipliers + 3 * BLOCK * multipliers + 3 * levels * multipliers,
        4 * models * points**2 + 8 * points / BLOCK * multipliers + (4 * BLOCK + 60 * levels) * multipliers,
    )


# --- the device's own peaks ---------------------------------------------------------------------------------------


def timed(work: Callable[[], object], device: torch.device) -> float:
    """Seconds a call, of many in a row."""
    work()
    devices.wait_for(device)
    calls, started = 0, perf_counter()
    while perf_counter() - started < SECONDS:
        work()
        devices.wait_for(device)
        calls += 1
    return (perf_counter() - started) / calls


def peak_flops(device: torch.device, dtype: torch.dtype) -> float:
    n = 2048 if device.type == "cpu" else 8192
    left, right = (torch.randn(n, n, device=device).to(dtype) for _ in range(2))
    out = torch.empty_like(left)
    return 2 * n**3 / timed(lambda: torch.mm(left, right, out=out), device)


def peak_bytes(device: torch.device) -> float:
    source = torch.zeros(2**26, device=device)  # 256 MiB: no cache holds it
    target = torch.empty_like(source)
    return 2 * 4 * source.numel() / timed(lambda: target.copy_(source), device)


# --- methods on stacks --------------------------------------------------------------------------------------------


def _dense(n: int, seed: int = 0) -> DenseQubo:
    return DenseQubo(np.random.default_rng(seed).normal(size=(n, n)))


def _sparse(n: int, degree: int) -> SparseQubo:
    rng = np.random.default_rng(0)
    return SparseQubo(scipy.sparse.random_array((n, n), density=degree / n, rng=rng))


def _gram(points: int) -> GramQubo:
    x = np.random.default_rng(0).normal(size=(points, 8)).astype(np.float32)
    return GramQubo(np.exp(-((x[:, None] - x) ** 2).sum(axis=2) / 8), [1.0, 2.0, 4.0], linear=-np.ones((points, 3)))


def _cases() -> Iterator[tuple[str, list[Qubo], str]]:
    yield "dense, n = 2000", [_dense(2000)], "ballistic"
    yield "dense, n = 2000", [_dense(2000)], "discrete"
    yield "32 dense, n = 200", [_dense(200, seed) for seed in range(32)], "ballistic"
    yield "dense, n = 2000", [_dense(2000)], "annealing"
    yield "sparse, n = 20000, degree 10", [_sparse(20_000, 10)], "ballistic"
    yield "sparse, n = 20000, degree 10", [_sparse(20_000, 10)], "annealing"
    yield "Gram, 2000 points x 3 digits", [_gram(2000)], "annealing"


def measure() -> Table:
    device = _device()
    if device.type == "cpu":
        torch.set_num_threads(1)
    speed = peak_bytes(device)
    peaks = {dtype: peak_flops(device, dtype) for dtype in {torch.float32, devices.product_dtype(device, None)}}
    rows = [_row(name, qubos, method, device, peaks, speed) for name, qubos, method in _cases()]
    measured = ", ".join(
        f"{str(dtype).removeprefix('torch.')} {peak / 1e12:.3g} Tflop/s" for dtype, peak in peaks.items()
    )
    columns = ["models", "method", "dtype", "replicas", "ms a step", "Gflop", "MB", "Tflop/s", "% of GEMM"]
    notes = f"Large GEMM here: {measured}; large copy: {speed / 1e9:.3g} GB/s (read and written). {_about(device)}"
    columns += ["GB/s", "% of copy", "least ms", "M updates/s"]
    return Table("gpu", f"A step of each method on {device} against the device's own peaks", columns, rows, notes)


def _device() -> torch.device:
    try:
        return devices.find_device(None)
    except BackendUnavailable:
        return torch.device("cpu")


def _about(device: torch.device) -> str:
    if device.type != "cpu":
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
        return f"Device: {name}, torch {torch.__version__}."
    return (
        f"No accelerator was found: this is torch {torch.__version__} on one thread of the processor, whose caches "
        "serve some of the bytes (more than 100 % of the copy is no error). It says nothing of a GPU."
    )


def _row(
    name: str,
    qubos: list[Qubo],
    method: str,
    device: torch.device,
    peaks: dict[torch.dtype, float],
    speed: float,
) -> list[Any]:
    [group] = grouped(qubos, method)
    elements = devices.ELEMENTS_AT_ONCE[device.type]
    plan = planned(
        group,
        reads=max(1, elements // group.variables),
        seed=0,
        num_sweeps=None,
        beta_range=(0.1, 1.0),
        device=device,
        dtype=None,
    )
    job = plan.job(generator_for(device, 0))
    seconds = timed(lambda: job.advance([0.0] * 8), device) / 8
    needed = count(plan)
    flops, moved = needed.flops / seconds, needed.bytes / seconds
    least = max(needed.flops / peaks[plan.dtype], needed.bytes / speed)
    updates = plan.replicas * group.variables / seconds / 1e6
    shown = [name, method if plan.ranges is None else group.method, str(plan.dtype).removeprefix("torch.")]
    numbers = [plan.replicas, 1e3 * seconds, needed.flops / 1e9, needed.bytes / 1e6, flops / 1e12]
    return [*shown, *numbers, 100 * flops / peaks[plan.dtype], moved / 1e9, 100 * moved / speed, 1e3 * least, updates]


# --- against a peer -----------------------------------------------------------------------------------------------


def quality() -> Table:
    """K2000 on one thread: everything between the model and its samples counts, on both sides."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    [k2000] = instances(["K2000"])
    rows = []
    for steps in (100, 200, 500, 1000):
        rows.append(_tried(f"hqml gpu on cpu, ballistic, {steps} steps", _ours("ballistic", steps), k2000.qubo, 128))
    rows.append(_tried("hqml gpu on cpu, discrete, 1000 steps", _ours("discrete", 1000), k2000.qubo, 128))
    rows.append(_tried("hqml gpu on cpu, auto, 1000 steps", _ours("auto", 1000), k2000.qubo, 128))
    for mode, steps in (("ballistic", 200), ("ballistic", 1000), ("ballistic", 3000), ("discrete", 1000)):
        rows.append(_tried(f"simulated-bifurcation, {mode}, {steps} steps", _theirs(mode, steps), k2000.qubo, 128))
    best = min(float(row[4]) for row in rows if row[0].startswith("hqml"))
    columns = ["solver", "agents", "CPU seconds", "share at 99 %", "CPU seconds a success", "times ours", "mean cut"]
    columns += ["best cut", "distinct"]
    within = min(float(row[2]) for row in rows if row[0].startswith("simulated-bifurcation") and float(row[3]) > 0)
    notes = (
        f"A success is a cut of at least 99 % of {BEST_CUT}. In the CPU time of the peer's shortest run that had any "
        f"({within:.1f} s), hqml expects {within / best:.0f} successes."
    )
    return Table(
        "gpu_quality",
        "Simulated bifurcation on K2000, one CPU thread",
        columns,
        [[*r[:5], r[4] / best, *r[5:]] for r in rows],
        notes,
    )


def _ours(method: str, steps: int) -> Callable[[Qubo, int], np.ndarray]:
    backend = TorchBackend(device="cpu")

    def run(qubo: Qubo, agents: int) -> np.ndarray:
        [samples] = backend.sample([qubo], reads=agents, seed=1, method=method, num_sweeps=steps)
        return np.asarray(samples.record.energy)

    return run


def _theirs(mode: str, steps: int) -> Callable[[Qubo, int], np.ndarray]:
    return lambda qubo, agents: peer(mode)(qubo, steps, agents, 1)


def _tried(name: str, run: Callable[[Qubo, int], np.ndarray], qubo: Qubo, agents: int) -> list[Any]:
    started = process_time()
    cuts = -run(qubo, agents)
    seconds = process_time() - started
    share = float(np.mean(cuts >= 0.99 * BEST_CUT))
    row = [name, len(cuts), seconds, share, seconds / len(cuts) / share if share else np.inf]
    print(row, file=sys.stderr, flush=True)
    return [*row, float(cuts.mean()), float(cuts.max()), len(np.unique(cuts))]


if __name__ == "__main__":
    for table in (measure(), quality()):
        print(table.markdown(), flush=True)
