"""How steps stand: of each task of each step of a run a state, in the words that people see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

State: TypeAlias = Literal[
    "not submitted",
    "waiting",
    "held back",
    "queued",
    "running",
    "done",
    "failed",
    "timed out",
    "cancelled",
    "unknown",
]
"""Waiting for steps that it comes after; held back since one of them did not end well; unknown: it has left the queue,
and nothing tells how it ended."""

ACTIVE: tuple[State, ...] = ("waiting", "queued", "running")
"""The scheduler has it, and has not ended it."""

UNFINISHED_STATES: tuple[State, ...] = ("failed", "timed out", "cancelled", "unknown", "held back", "not submitted")
"""Nothing will happen before somebody does something."""

_TELLING: tuple[State, ...] = ("running", "queued", "waiting", *UNFINISHED_STATES, "done")
"""An array is what the first of these is that one of its tasks is."""

TERMINATED = 128 + 15
"""Exit status of a script that SIGTERM ended: Slurm sends it when a job is cancelled, or over its time."""


@dataclass(frozen=True)
class TaskStatus:
    """How a step stands, or a task of its array.

    Attributes:
        state: in one word or two.
        task: of the array; None: the step is none.
        job: the scheduler's number, e.g. "12" or "12_3"; "" before it has one.
        reason: why it is in this state, where somebody says.
        start: second (since 1970) of the start; of what is queued the expected one.
        seconds: that it has run.
        nodes: as the scheduler writes them, e.g. "jb[01-02]".
        status: exit status.
        requeues: how often it was queued again.
    """

    state: State
    task: int | None = None
    job: str = ""
    reason: str = ""
    start: float | None = None
    seconds: float | None = None
    nodes: str = ""
    status: int | None = None
    requeues: int = 0


@dataclass(frozen=True)
class StepStatus:
    """How a step stands: all its tasks, of which there is one unless it is an array."""

    step: str
    tasks: tuple[TaskStatus, ...]
    after: tuple[str, ...] = ()

    @property
    def telling(self) -> TaskStatus:
        """The task that says how the whole step stands."""
        return min(self.tasks, key=lambda one: _TELLING.index(one.state))

    @property
    def state(self) -> State:
        """Of the whole step: done when all of its tasks are."""
        return self.telling.state

    @property
    def counts(self) -> dict[State, int]:
        """How many tasks are in which state, for the states that there are."""
        found = [one.state for one in self.tasks]
        return {state: found.count(state) for state in _TELLING if state in found}

    @property
    def never_submitted(self) -> bool:
        """Whether the scheduler has not got it, nor anybody else has run it."""
        return all(one.state in ("not submitted", "held back") and not one.job for one in self.tasks)

    @property
    def requeues(self) -> int:
        """How often its tasks were queued again."""
        return sum(one.requeues for one in self.tasks)

    @property
    def unfinished(self) -> tuple[TaskStatus, ...]:
        """Tasks that somebody has to do something about."""
        return tuple(one for one in self.tasks if one.state in UNFINISHED_STATES)


def from_file(line: str, limit: float) -> TaskStatus | None:
    """What a script has written at its end, "STATUS START END"; None where it is something else.

    Args:
        line: content of a file of the folder `state` of a run.
        limit: wall time in seconds.
    """
    try:
        status, start, end = line.split()
        code, begun, seconds = int(status), float(start), float(end) - float(start)
    except ValueError:
        return None
    return TaskStatus(_ended(code, seconds, limit), start=begun, seconds=seconds, status=code)


def _ended(code: int, seconds: float, limit: float) -> State:
    if code == TERMINATED:  # a few seconds pass between the start that Slurm counts and the script's
        return "timed out" if seconds > limit - 30 and limit > 30 else "cancelled"
    return "failed" if code else "done"


def hindering(after: Iterable[str], found: Mapping[str, StepStatus]) -> str:
    """The first of these steps that has not ended well, and will not by itself; "" where there is none."""
    bad = [state for state in UNFINISHED_STATES if state != "not submitted"]
    return next((step for step in after if any(task.state in bad for task in found[step].tasks)), "")
