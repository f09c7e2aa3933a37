"""What an outcome keeps of samples: energies, chains, and what else a backend says of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hqml.compare.accounting import Call, qpu_of
from hqml.compare.plain import as_plain
from hqml.secrets import without_secrets

MOST_ENERGIES = 10_000
"""Energies of a cell that are kept: the lowest half as they are, above it neighbours put together."""

MOST_TEXT = 500
"""Characters, as JSON, of an entry of `info` that is kept: what is longer is data, not a setting."""

_ELSEWHERE = {
    *("backend", "seed", "version", "timing", "interrupted", "bound", "gap", "complete", "stand_in"),
    *("chain_breaks", "chain_length", "embedding", "positions", "submissions"),
}
"""Entries of `info` that are not part of the schedule, or have a place of their own."""

_OF_SUBMISSION = ("qubits", "anneal", "readout", "delay")
"""Of the first submission to a chip: how many qubits, and microseconds of each read."""


def facts(calls: Sequence[Call], *, embedding: bool) -> dict[str, Any]:
    """Fields of an outcome.

    Args:
        calls: that were made for the cell.
        embedding: keep it; it is large.
    """
    infos = [info for call in calls for info in call.infos]
    energies = [one for call in calls for one in call.energies]
    if not infos:
        return {}
    alone = infos[0] if len(infos) == 1 else {}
    chains = [info for info in infos if "chain_length" in info]
    return {
        "variables": max(size for call in calls for size in call.sizes),
        "qubos": len(infos),
        "energies": distribution(energies[0]) if alone else [[float(sum(one.min() for one in energies)), 1]],
        "bound": alone.get("bound"),
        "complete": bool(alone.get("complete", False)),
        "qpu": qpu_of(calls),
        "stand_in": next((call.stand_in for call in calls if call.stand_in), ""),
        "chain_length": max((float(info["chain_length"]) for info in chains), default=None),
        "chain_breaks": float(np.mean([info["chain_breaks"] for info in chains])) if chains else None,
        "embedding": _embedding(chains[0]) if chains and embedding else None,
        "schedule": schedule(infos[0]),
    }


def distribution(energies: npt.NDArray[np.float64]) -> list[list[float]]:
    """[energy, reads], each energy once, lowest first. Above MOST_ENERGIES the higher ones are put together,
    neighbours at their mean, so that the number of reads and the mean stay as they are, and the success at a target
    among them and the histogram nearly so."""
    values, counts = np.unique(energies, return_counts=True)
    if len(values) > MOST_ENERGIES:
        exact = MOST_ENERGIES // 2
        groups = exact + np.linspace(0, len(values) - exact, MOST_ENERGIES - exact + 1)[:-1].astype(int)
        starts = np.concatenate([np.arange(exact), groups])
        sums = np.add.reduceat(values * counts, starts)
        counts = np.add.reduceat(counts, starts)
        values = np.append(values[:exact], sums[exact:] / counts[exact:])
    return [[float(value), int(count)] for value, count in zip(values, counts, strict=True)]


def schedule(info: Mapping[str, Any]) -> dict[str, Any]:
    """How a backend says that it sampled: what is short and plain of its `info`."""
    told = {name: value for name, value in without_secrets(info).items() if name not in _ELSEWHERE}
    if submissions := info.get("submissions"):
        told["submissions"] = len(submissions)
        told |= {name: submissions[0][name] for name in _OF_SUBMISSION if name in submissions[0]}
    plain = {name: as_plain(value) for name, value in told.items()}
    return {name: value for name, value in plain.items() if value is not None and len(json.dumps(value)) <= MOST_TEXT}


def _embedding(info: Mapping[str, Any]) -> dict[str, Any]:
    chains = {str(variable): [int(qubit) for qubit in chain] for variable, chain in enumerate(info["embedding"])}
    told: dict[str, Any] = {"chip": info.get("chip", ""), "graph_id": info.get("graph_id", ""), "chains": chains}
    if "positions" in info:
        told["positions"] = {str(qubit): [float(x), float(y)] for qubit, (x, y) in info["positions"].items()}
    return told
