"""From what the submissions of a plan gave to one SampleSet a model, with what it cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dimod
import numpy as np

from hqml.qubo import Floats, Qubo, States
from hqml.samples import to_sampleset
from hqml_ocean.chip.chip import MICROSECONDS
from hqml_ocean.plan import Plan, Programmed, Submission

PER_READ = {
    "anneal": "qpu_anneal_time_per_sample",
    "readout": "qpu_readout_time_per_sample",
    "delay": "qpu_delay_time_per_sample",
}
"""Microseconds of each read, by SAPI's names."""

STAND_IN = "classical stand-in: the chip's graph, ranges, control errors and published timing; no quantum physics"
"""Of samples whose chip is none, in `info["stand_in"]`."""

COSTS = {
    "qpu": "qpu_access_time",
    "programming": "qpu_programming_time",
    "sampling": "qpu_sampling_time",
    "overhead": "qpu_access_overhead_time",
}
"""What a submission costs, by SAPI's names; the models in it share it equally."""


@dataclass(frozen=True)
class Done:
    """A submission that has been answered.

    Attributes:
        submission: which one.
        programmed: what the chip was programmed with.
        spins: (reads, qubits), in the order of the program.
        timing: microseconds, by SAPI's names; "at_service" is from acceptance to completion.
        seconds: from sending to answer, on our clock.
        job: the identity that the service gave, "" where there is none.
    """

    submission: Submission
    programmed: Programmed
    spins: States
    timing: Mapping[str, float]
    seconds: float
    job: str = ""


@dataclass
class _Gathered:
    """What is known of one model so far."""

    states: list[States]
    broken: list[Floats]
    timing: dict[str, float]
    submissions: list[dict[str, Any]]
    embedded: Any = None


def samplesets(
    qubos: Sequence[Qubo], plan: Plan, done: Sequence[Done], *, backend: str, seed: int, seconds: float, **info: Any
) -> list[dimod.SampleSet | None]:
    """One SampleSet a model; None for one whose submissions are all missing.

    `info["timing"]` has seconds that add up over the models of a call: "qpu" (access time), of it "programming" and
    "sampling"; "overhead", "embedding", "queue" (at the service, before and after the access), "network", "solve".
    `info["positions"]` says where the qubits of `info["embedding"]` are drawn: {"qubit": [x, y]}, as JSON has it.

    Args:
        qubos: the batch.
        plan: of the batch.
        done: submissions, in any order.
        backend: its name.
        seed: of the gauges.
        seconds: of the whole call.
        info: what else a reader should know.
    """
    gathered = [_Gathered([], [], dict.fromkeys((*COSTS, "queue", "network"), 0.0), []) for _ in qubos]
    for one in done:
        _gather(gathered, plan, one)
    results: list[dimod.SampleSet | None] = []
    for qubo, found in zip(qubos, gathered, strict=True):
        if not found.states:
            results.append(None)
            continue
        shared = {"embedding": plan.seconds / len(qubos), "solve": seconds / len(qubos)}
        results.append(
            to_sampleset(
                qubo,
                np.concatenate(found.states),
                backend=backend,
                seed=seed,
                timing={**found.timing, **shared},
                chip=plan.chip.name,
                graph_id=plan.chip.graph_id,
                chain_breaks=float(np.concatenate(found.broken).mean()),
                chain_length=max(map(len, found.embedded.embedding)),
                chain_strength=found.embedded.chain_strength,
                scale=found.embedded.scale,
                embedding=[list(chain) for chain in found.embedded.embedding],
                positions=_positions(plan, found.embedded.embedding),
                submissions=found.submissions,
                **info,
            )
        )
    return results


def _positions(plan: Plan, embedding: Sequence[Sequence[int]]) -> dict[str, list[float]]:
    return {str(qubit): list(plan.chip.layout[qubit]) for chain in embedding for qubit in chain}


def _gather(gathered: Sequence[_Gathered], plan: Plan, done: Done) -> None:
    placed, timing = done.submission.placed, done.timing
    share = 1 / (MICROSECONDS * len(placed))
    took = done.seconds * MICROSECONDS
    waited = max(timing.get("at_service", 0.0) - timing.get("qpu_access_time", 0.0), 0.0)
    network = max(took - timing.get("at_service", took), 0.0)
    about = {
        "job": done.job,
        "models": [one.model for one in placed],
        "qubits": done.submission.qubits,
        "reads": done.submission.reads,
        **{name: timing[sapi] for name, sapi in PER_READ.items() if sapi in timing},
        **{name: timing[sapi] / MICROSECONDS for name, sapi in COSTS.items() if sapi in timing},
    }
    decoded = done.programmed.decoded(done.spins, plan.annealing)
    for one, model, (states, broken) in zip(placed, done.programmed.models, decoded, strict=True):
        found = gathered[one.model]
        found.states.append(states)
        found.broken.append(broken)
        found.submissions.append(dict(about))
        found.embedded = model
        for name, sapi in COSTS.items():
            found.timing[name] += timing.get(sapi, 0.0) * share
        found.timing["queue"] += waited * share
        found.timing["network"] += network * share
