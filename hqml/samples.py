"""From the states a backend found to a `dimod.SampleSet`, back to the states an estimator uses, and in short."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import dimod
import numpy as np

from hqml.qubo import Floats, Qubo, States
from hqml.sample_summary import Summary, summary

__all__ = ["Summary", "lowest_distinct", "states_of", "summary", "to_sampleset", "version"]


def to_sampleset(
    qubo: Qubo,
    states: States,
    *,
    backend: str,
    seed: int | None,
    timing: Mapping[str, float],
    **info: Any,
) -> dimod.SampleSet:
    """Pack states as every backend must: lowest energy first, energies recomputed from the model in float64.

    Args:
        qubo: the model, of n variables.
        states: (reads, n), zeros and ones.
        backend: name of the backend that found them.
        seed: what makes the run repeatable, None where nothing does.
        timing: seconds by stage.
        info: whatever else a reader should know.
    """
    states = np.ascontiguousarray(states, dtype=np.int8)
    energies = qubo.energies(states)
    order = np.argsort(energies, kind="stable")
    labels = list(qubo.labels)
    packed: dimod.SampleSet = dimod.SampleSet.from_samples(
        (states[order], labels),
        "BINARY",
        energy=energies[order],
        info={"backend": backend, "timing": dict(timing), "seed": seed, "version": version(), **info},
        sort_labels=False,
    )
    return packed


def states_of(sampleset: dimod.SampleSet, qubo: Qubo) -> States:
    """The states (reads, n), zeros and ones, with columns in the order of the model's variables."""
    record = np.asarray(sampleset.record.sample)
    if sampleset.vartype is dimod.SPIN:
        record = (record + 1) // 2
    if list(sampleset.variables) != list(qubo.labels):
        record = record[:, [sampleset.variables.index(label) for label in qubo.labels]]
    return np.asarray(record, dtype=np.int8)


def lowest_distinct(sampleset: dimod.SampleSet, count: int) -> tuple[States, Floats]:
    """The `count` lowest distinct states: (k, n) and their energies (k,), k <= count, lowest first."""
    order = np.argsort(sampleset.record.energy, kind="stable")
    states, energies = np.asarray(sampleset.record.sample)[order], np.asarray(sampleset.record.energy)[order]
    packed = np.packbits(states.astype(bool), axis=1)
    _, first = np.unique(packed, axis=0, return_index=True)
    keep = np.sort(first)[:count]
    return states[keep].astype(np.int8), energies[keep].astype(np.float64)


@cache
def version() -> str:
    """Version of the installed hqml."""
    from importlib.metadata import version as installed

    return installed("hqml")
