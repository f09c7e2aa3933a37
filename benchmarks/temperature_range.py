"""How the factors of the sampled temperature range were chosen: mean energy of 32 replicas over a grid of both."""

from __future__ import annotations

from itertools import product

import numpy as np

from common import SHARED, Table, landsat_kernel
from hqml.annealing import FLIPS, MULTIPLIERS, Rule
from hqml.io import read
from hqml.problems.svm_dual import svm_dual
from hqml.qubo import Qubo
from hqml_cpu import schedule
from hqml_cpu.flips import flip_model
from hqml_cpu.multipliers import GramModel

HOT, COLD = (0.1, 0.25, 0.5, 1, 3), (0.05, 0.1, 0.15, 0.3, 1)
FILES = ("G1.mc.gz", "G14.mc.gz", "G22.mc.gz", "G32.mc.gz", "G43.mc.gz", "bqp500-1.qubo.gz", "gka1f.qubo.gz")
SWEEPS = 300


def measure() -> Table:
    cases = []
    for name in FILES:
        qubo = read(SHARED / "qubo" / name).qubo
        cases.append((name, qubo, flip_model(qubo), FLIPS))
    for n_bits, C in ((2, None), (3, None), (6, 10.0)):
        kernel, labels, source = landsat_kernel(600)
        gram = svm_dual(kernel, labels, n_bits=n_bits, C=C)
        name = f"{source}, {n_bits} digits, C {C or 'as published'}"
        cases.append((name, gram, GramModel.of(gram), MULTIPLIERS))
    rows = []
    for name, qubo, model, rule in cases:
        energies = {factors: _mean_energy(qubo, model, Rule(*factors)) for factors in product(HOT, COLD)}
        best = min(energies, key=energies.__getitem__)
        taken = _mean_energy(qubo, model, rule)
        rows.append([name, f"{best[0]} / {best[1]}", energies[best], f"{rule.hot} / {rule.cold}", taken])
    columns = ["model", "best of the grid, hot / cold", "mean energy", "as built in", "mean energy, built in"]
    return Table(
        "temperature_range", "Sampled temperature range", columns, rows, f"{SWEEPS} sweeps, 32 replicas or more."
    )


def _mean_energy(qubo: Qubo, model: schedule.Model, rule: Rule) -> float:
    seeds = np.random.SeedSequence(1)
    hot, cold = schedule.sampled_range(model, rule, seeds)
    totals = []
    for block_seeds in seeds.spawn(max(1, 32 // model.replicas_at_once)):
        block = model.start(model.replicas_at_once, block_seeds)
        block.sweep(schedule.temperatures(hot, cold, SWEEPS))
        schedule.descend(block)
        totals.append(qubo.energies(block.states()))
    return float(np.concatenate(totals).mean())


if __name__ == "__main__":
    print(measure().markdown())
