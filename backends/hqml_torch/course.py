"""The course of a batch: chunks of reads one after the other, deadlines, Ctrl-C, progress."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Protocol

import numpy as np
import torch

from hqml.qubo import States
from hqml_torch.devices import wait_for

_SECONDS_A_BURST = 0.02
"""Steps are launched in bursts of about this long: the pace at which deadlines and progress are noticed."""

_DESCENT_SHARE = 0.1
"""Of the time of a chunk, where that is limited: the final descent takes a dozen sweeps, each of 2 to 3 steps' time,
beside some hundred steps."""


class Job(Protocol):
    """A chunk of reads of one stack, on its way."""

    def advance(self, positions: Sequence[float]) -> None:
        """A step at each of these positions on the way from 0, the first step, to 1, the last."""
        ...

    def finish(self, late: Callable[[], bool]) -> list[States]:
        """Descend to states that no single flip improves, unless it gets late: (replicas, n) of each model."""
        ...


class Plan(Protocol):
    """How one stack of models is sampled.

    Attributes:
        places: of its models in the batch.
        steps: from hot to cold, or from no pump to the full one.
        replicas: of each model that are sampled at once.
        packing: seconds that the samples of one chunk take after the run.
    """

    @property
    def places(self) -> Sequence[int]: ...
    @property
    def steps(self) -> int: ...
    @property
    def replicas(self) -> int: ...
    @property
    def packing(self) -> float: ...
    def job(self, generator: torch.Generator) -> Job: ...


@dataclass(frozen=True)
class Outcome:
    """What became of a batch.

    Attributes:
        states: for each model (reads, n); fewer reads than asked for where time ran out.
        steps: for each model, what its reads made of the plan's steps, at least.
        interrupted: Ctrl-C ended it early.
        cut_short: the time limit ended it early.
    """

    states: list[States]
    steps: list[int]
    interrupted: bool
    cut_short: bool


def run(
    plans: Sequence[Plan],
    *,
    reads: int,
    seed: int,
    device: torch.device,
    time_limit: float | None,
    report: Callable[[float], None] | None,
) -> Outcome:
    """Run all chunks of all plans; the first of each always runs, however late it is."""
    deadline = None if time_limit is None else perf_counter() + time_limit - sum(plan.packing for plan in plans)
    course = _Course(device, deadline, report)
    chunks = sorted((part, place) for place, plan in enumerate(plans) for part in range(-(-reads // plan.replicas)))
    found: dict[int, list[States]] = {}
    steps: dict[int, int] = {}
    for done, (part, place) in enumerate(chunks):
        plan = plans[place]
        if part and course.late(plan.packing):
            break
        course.span(done / len(chunks), (done + 1) / len(chunks), firsts=len(plans) - place if part == 0 else 0)
        states = course.sampled(plan, generator_for(device, seed, plan.places[0], part))
        for index, one in zip(plan.places, states, strict=True):
            found.setdefault(index, []).append(one)
            steps[index] = min(steps.get(index, plan.steps), course.steps)
    if report is not None:
        report(1.0)
    joined = [np.concatenate(found[index])[:reads] for index in sorted(found)]
    short = course.hurried or any(len(states) < reads for states in joined)
    made = [steps[index] for index in sorted(found)]
    return Outcome(joined, made, course.interrupted, cut_short=short and not course.interrupted)


def generator_for(device: torch.device, *key: int) -> torch.Generator:
    """The random numbers of a chunk, on its device; they depend on the key alone."""
    state = np.random.SeedSequence(key).generate_state(1, np.uint64)
    return torch.Generator(device).manual_seed(int(state[0] >> np.uint64(1)))


class _Course:
    """What the chunks of one call share.

    Attributes:
        interrupted: by Ctrl-C.
        hurried: time was short, so that strides were longer than planned or a descent was not led to its end.
        steps: that the last chunk has made.
    """

    def __init__(self, device: torch.device, deadline: float | None, report: Callable[[float], None] | None) -> None:
        self.interrupted = self.hurried = False
        self.steps = 0
        self._device, self._deadline, self._report = device, deadline, report
        self._from = self._to = 0.0
        self._slot_end = self._drive_end = deadline

    def span(self, begin: float, end: float, *, firsts: int) -> None:
        """The next chunk is this share of all; `firsts` chunks, this one included, must share what time is left."""
        self._from, self._to, self.steps = begin, end, 0
        if self._deadline is not None:
            now = perf_counter()
            self._slot_end = now + (self._deadline - now) / max(firsts, 1)
            self._drive_end = self._slot_end - _DESCENT_SHARE * (self._slot_end - now)

    def late(self, packing: float) -> bool:
        """Whether another chunk is not to begin; if it is, the time to pack its samples is set aside."""
        if self._deadline is None:
            return self.interrupted
        self._deadline -= packing
        return self.interrupted or perf_counter() >= self._deadline

    def sampled(self, plan: Plan, generator: torch.Generator) -> list[States]:
        """Run one chunk to its end. Ctrl-C leaves out what is left of the way, a second one ends the call."""
        job: Job | None = None
        while True:
            try:
                job = job or plan.job(generator)
                if not self.interrupted:
                    self._drive(job, plan.steps)
                return job.finish(self._slot_over)
            except KeyboardInterrupt:
                if self.interrupted:
                    raise
                self.interrupted = True

    def _drive(self, job: Job, total: int) -> None:
        """All steps of a chunk; where time is short, in longer strides to the same end."""
        position, steps, pace = 0.0, 1, 0.0
        while position < total:
            stride = 1.0
            if self._drive_end is not None and pace > 0:
                fits = (self._drive_end - perf_counter()) / pace
                stride = max(1.0, (total - position) / max(fits, 1.0))
                self.hurried |= stride > 1
            steps = min(steps, max(1, round((total - position) / stride)))
            before, last = perf_counter(), max(1.0, total - stride)
            # A position depends on the number of the step alone, not on where the bursts begin: these follow the clock.
            job.advance([min(1.0, (position + step * stride) / last) for step in range(steps)])
            wait_for(self._device)
            pace = (perf_counter() - before) / steps
            position += steps * stride
            self.steps += steps
            if self._report is not None:
                self._report(self._from + (self._to - self._from) * min(1.0, position / total))
            steps = int(np.clip(_SECONDS_A_BURST / max(pace, 1e-9), 1, 2 * steps))

    def _slot_over(self) -> bool:
        """Whether the time of this chunk is up. Asked by a descent that is not at its end."""
        over = self._slot_end is not None and perf_counter() >= self._slot_end
        self.hurried |= over
        return over
