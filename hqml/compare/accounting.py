"""From the timing that a backend reports to the entries of an outcome, which mean the same for every backend."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

ENTRIES = ("build", "embedding", "programming", "sampling", "network", "queue", "other")
"""They sum to "total"."""

COSTS = {"access": "qpu", "programming": "programming", "sampling": "sampling", "overhead": "overhead"}
"""Entries of `Outcome.qpu`, by the names that a backend's timing has for them."""


@dataclass(frozen=True)
class Call:
    """What one call of a backend's `sample` gave and took.

    Attributes:
        infos: `info` of each model's samples.
        energies: of each model, (reads,).
        sizes: variables of each model.
        seconds: on our clock, in the backend alone.
    """

    infos: Sequence[Mapping[str, Any]]
    energies: Sequence[npt.NDArray[np.float64]]
    sizes: Sequence[int]
    seconds: float

    def timing(self, name: str) -> float:
        """Sum over the models of an entry that the backend divides among them."""
        return float(sum(info["timing"].get(name, 0.0) for info in self.infos))

    def tells(self, name: str) -> bool:
        return any(name in info["timing"] for info in self.infos)

    @property
    def stand_in(self) -> str:
        """What the backend stands in for, "" where it does not."""
        return next((str(info["stand_in"]) for info in self.infos if info.get("stand_in")), "")


def timing_of(calls: Sequence[Call], *, build: float, total: float) -> dict[str, float]:
    """The entries of a cell, and "total", their sum.

    Of a stand-in for a chip the modelled time of the chip takes the place of the simulation's. Of a service whose
    answers were kept from an earlier call, what they took then counts.

    Args:
        calls: of the backend.
        build: seconds spent on writing the models.
        total: seconds of everything on our clock, build and calls among them.
    """
    timing = dict.fromkeys(ENTRIES, 0.0) | {"build": build}
    timing["other"] = max(total - build - sum(call.seconds for call in calls), 0.0)
    for call in calls:
        for name, seconds in _entries(call).items():
            timing[name] += seconds
    return {**timing, "total": sum(timing.values())}


def qpu_of(calls: Iterable[Call]) -> dict[str, float]:
    """Seconds of metered access, or of what a chip would have taken: "access" and, where told, of it "programming"
    and "sampling"; "overhead" comes on top. Empty where there is no such thing."""
    calls = [call for call in calls if call.tells("qpu")]
    return {
        name: sum(call.timing(theirs) for call in calls)
        for name, theirs in COSTS.items()
        if any(call.tells(theirs) for call in calls)
    }


def _entries(call: Call) -> dict[str, float]:
    """What the seconds of a call were spent on."""
    if call.tells("programming"):
        return _of_stand_in(call) if call.stand_in else _of_service(call, ("embedding", "programming", "sampling"))
    if call.tells("run"):  # a hybrid solver
        return _of_service(call, ("run",))
    # Backends that work on a whole batch at once report "prepare" of it with every model, the others "model" of each.
    prepare = max((info["timing"].get("prepare", 0.0) for info in call.infos), default=0.0)
    build = min(prepare + call.timing("model"), call.seconds)
    return {"build": build, "sampling": call.seconds - build}


def _of_stand_in(call: Call) -> dict[str, float]:
    """Its waiting time is that of the simulation, so it is left out; a chip's overhead is not."""
    told = {name: call.timing(name) for name in ("embedding", "programming", "sampling", "network")}
    return {**told, "other": call.timing("overhead")}


def _of_service(call: Call, worked: Sequence[str]) -> dict[str, float]:
    """Submissions wait side by side: their waiting times are scaled to what is left of the call."""
    work = {"sampling" if name == "run" else name: call.timing(name) for name in worked}
    waits = {name: call.timing(name) for name in ("queue", "network")}
    left, waited = max(call.seconds - sum(work.values()), 0.0), sum(waits.values())
    if waited > left:
        waits = {name: seconds * left / waited for name, seconds in waits.items()}
    return {**work, **waits, "other": left - sum(waits.values())}
