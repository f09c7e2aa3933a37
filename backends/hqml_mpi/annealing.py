"""Annealing of one distributed Gram model, by the heat bath over its multipliers."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import numpy as np

from hqml.annealing import HEAT_BATH_SWEEPS, MAX_DIGITS, MULTIPLIERS, QUENCH
from hqml.errors import UnsupportedModel
from hqml.options import inverse_temperatures, whole_number
from hqml.qubo import Floats, GramQubo, Qubo, States
from hqml_mpi.clock import Clock
from hqml_mpi.counters import Keys, keys
from hqml_mpi.distributed import DistributedGram
from hqml_mpi.heat_bath import HeatBath
from hqml_mpi.ranks import Ranks

REPLICAS = 16
"""Replicas swept together: a row of the share is read once for all."""


def distributed_heat_bath(
    qubo: Qubo,
    ranks: Ranks,
    *,
    reads: int,
    seed: tuple[int, ...],
    clock: Clock,
    num_sweeps: int | None = None,
    beta_range: tuple[float, float] | None = None,
) -> tuple[States, dict[str, Any]]:
    """Anneal one Gram model on all ranks.

    Args:
        qubo: a DistributedGram; of a GramQubo, which every rank has whole, each reads its own rows.
        ranks: all call this alike.
        reads: replicas, swept 16 at a time.
        seed: of this model.
        clock: near its end sweeps take longer strides to the cold end; replicas that have not begun are left out.
        num_sweeps: of each replica; none is 200.
        beta_range: inverse temperatures (hot, cold), 1 / energy; none quenches two replicas and reads them off.

    Returns:
        States (reads, n). Info: num_sweeps, beta_range, product_drift (how far kept products were off, relative),
        bytes_held (of the matrix, on the rank that holds most), interrupted, cut_short.

    Raises:
        UnsupportedModel: multipliers have more digits than can be tried one by one.
    """
    sweeps = whole_number("num_sweeps", HEAT_BATH_SWEEPS if num_sweeps is None else num_sweeps)
    model = qubo if isinstance(qubo, DistributedGram) else _shared_out(qubo)
    if model.num_digits > MAX_DIGITS:
        raise UnsupportedModel(f"the heat bath takes at most {MAX_DIGITS} digits a point, found {model.num_digits}")
    every = keys(reads + 2, *seed)
    hot, cold = inverse_temperatures(beta_range) if beta_range is not None else _sampled_range(model, ranks, every[:2])
    plan = np.geomspace(1 / hot, 1 / cold, sweeps)
    found: list[States] = []
    drift = 0.0
    for begin in range(0, reads, REPLICAS):
        if ranks.from_first(bool(found) and clock.late):
            break
        bath = HeatBath.start(model, ranks, every[2:][begin : begin + REPLICAS])
        _anneal(bath, plan, clock)
        bath.refresh()
        drift = max(drift, bath.drift)
        found.append(bath.states())
    states = np.concatenate(found)
    states[model.energies(states) > model.offset] = 0  # annealing over coarse digits may end above its start
    interrupted = ranks.from_first(clock.interrupted)
    return states, {
        "num_sweeps": sweeps,
        "beta_range": (hot, cold),
        "product_drift": drift,
        "bytes_held": max(ranks.everyone(model.share(ranks).columns.nbytes)),
        "interrupted": interrupted,
        "cut_short": len(states) < reads and not interrupted,
    }


def _anneal(bath: HeatBath, plan: Floats, clock: Clock) -> None:
    """Sweep along the plan, in longer strides where rank 0 sees time run out, and descend."""
    position = 0.0
    while position < len(plan):
        started = perf_counter()
        bath.sweep(float(plan[int(position)]))
        stride = 1.0
        if clock.limited:
            stride = max(1.0, (len(plan) - position) / max(clock.left / (perf_counter() - started), 1.0))
        position += bath.ranks.from_first(stride)
    bath.descend()


def _sampled_range(model: DistributedGram, ranks: Ranks, two_keys: Keys) -> tuple[float, float]:
    """Quench two replicas and read the inverse temperatures, (hot, cold), off what moves cost where they end."""
    bath = HeatBath.start(model, ranks, two_keys)
    highest = bath.largest_change()
    if highest == 0:
        return 1.0, 1.0
    for share in QUENCH:
        bath.sweep(highest * float(share))
    bath.descend()
    hot, cold = MULTIPLIERS.span(bath.barriers(), highest)
    return 1 / hot, 1 / cold


def _shared_out(qubo: Any) -> DistributedGram:
    model: GramQubo = qubo
    return DistributedGram(
        model.gram,
        model.num_points,
        model.weights,
        linear=model.linear,
        scale=model.scale,
        shift=model.shift,
        offset=model.offset,
        labels=model.labels,
    )
