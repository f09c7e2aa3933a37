"""Run the blocks of a batch on threads: schedules, deadlines, Ctrl-C, progress.

What a block computes depends on its own seed alone, so the samples are the same for any number of threads. With a
checkpoint they are the same as well however often the run was interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from threading import Event, Lock
from time import perf_counter

import numpy as np

from hqml.qubo import Floats, States
from hqml_cpu.checkpoint import Checkpoint
from hqml_cpu.schedule import Block, Model, descend

_SECONDS_A_CALL = 0.02
"""Kernel calls are sized to about this long: the pace at which Ctrl-C, deadlines and progress are noticed."""


@dataclass(frozen=True)
class Task:
    """One block of replicas of one model of the batch.

    Attributes:
        index: of its model in the batch.
        plan: (sweeps,), temperatures.
        first: of its model's blocks.
    """

    index: int
    model: Model
    replicas: int
    seeds: np.random.SeedSequence
    plan: Floats
    first: bool


@dataclass
class Control:
    """What the threads of one call share."""

    deadline: float | None
    total: int
    report: Callable[[float], None] | None
    checkpoint: Checkpoint | None = None
    stop: Event = field(default_factory=Event)
    halted: bool = False
    done: float = 0.0
    lock: Lock = field(default_factory=Lock)

    def add(self, share: float) -> None:
        with self.lock:
            self.done += share

    def show(self) -> None:
        if self.report is not None:
            self.report(min(1.0, self.done / self.total))

    def late(self) -> bool:
        return self.stop.is_set() or (self.deadline is not None and perf_counter() >= self.deadline)


@dataclass(frozen=True)
class Outcome:
    """What became of a batch.

    Attributes:
        states: for each model (reads, n); fewer reads than asked for where time ran out.
        interrupted: Ctrl-C ended it early.
        cut_short: the time limit ended it early.
    """

    states: list[States]
    interrupted: bool
    cut_short: bool


def run(
    tasks: Sequence[Task],
    *,
    threads: int,
    time_limit: float | None,
    report: Callable[[float], None] | None,
    checkpoint: Checkpoint | None = None,
) -> Outcome:
    """Anneal all tasks; the first block of every model always runs, however late it is."""
    deadline = None if time_limit is None else perf_counter() + time_limit
    control = Control(deadline, len(tasks), report, checkpoint)
    found: dict[int, States] = {}
    ordered = sorted(range(len(tasks)), key=lambda position: not tasks[position].first)
    # A run that can be taken up again stops at its deadline; only one that cannot has to reach the cold end by then.
    slots = None if checkpoint else _time_slots(tasks, threads, time_limit)
    interrupted = False
    futures: dict[Future[States], int] = {}
    with ThreadPoolExecutor(threads, thread_name_prefix="hqml_cpu") as pool:
        try:
            for position in ordered:
                futures[pool.submit(_anneal, position, tasks[position], control, slots)] = position
            for finished in _as_they_end(futures, control):
                found[futures[finished]] = finished.result()
        except KeyboardInterrupt:
            control.stop.set()
            if len(futures) < len(tasks):  # so soon that some models have nothing to hand back
                pool.shutdown(wait=False, cancel_futures=True)
                raise
            interrupted = True
        except BaseException:
            control.stop.set()
            raise
    if interrupted:
        found = {position: future.result() for future, position in futures.items()}
    control.show()
    states = _by_model(tasks, found)
    short = control.halted or sum(map(len, states)) < sum(task.replicas for task in tasks)
    if checkpoint is not None:
        checkpoint.write(now=True) if short or interrupted else checkpoint.remove()
    return Outcome(states, interrupted, cut_short=short and not interrupted)


def _time_slots(tasks: Sequence[Task], threads: int, time_limit: float | None) -> float | None:
    """Seconds for the first block of each model, so that the last model is not left without."""
    if time_limit is None:
        return None
    rounds = -(-sum(task.first for task in tasks) // threads)
    return time_limit / rounds


def _as_they_end(futures: dict[Future[States], int], control: Control) -> Iterator[Future[States]]:
    waiting = set(futures)
    while waiting:
        ended, waiting = wait(waiting, timeout=0.1, return_when=FIRST_COMPLETED)
        control.show()
        if control.checkpoint is not None:
            control.checkpoint.write()
        yield from ended


def _anneal(place: int, task: Task, control: Control, slot: float | None) -> States:
    """Anneal one block along its plan."""
    if control.checkpoint is not None:
        return _anneal_kept(place, task, control, control.checkpoint)
    if control.late() and not task.first:
        return np.empty((0, 0), np.int8)
    block = task.model.start(task.replicas, task.seeds)
    _sweep_in_time(block, task.plan, control, slot if task.first else None)
    return _final_states(block)


def _sweep_in_time(block: Block, plan: Floats, control: Control, slot: float | None) -> None:
    """Sweep along the plan; where time is short, in longer strides down to the same cold end."""
    deadline = control.deadline
    if deadline is not None and slot is not None:
        deadline = min(perf_counter() + slot, deadline)
    position, calls, pace = 0.0, 1, 0.0
    last = len(plan)
    while position < last and not control.stop.is_set():
        stride = 1.0
        if deadline is not None and pace > 0:
            fits = (deadline - perf_counter()) / pace
            stride = max(1.0, (last - position) / max(fits, 1.0))
        places = (position + stride * np.arange(calls)).astype(int)
        before = perf_counter()
        block.sweep(plan[places[places < last]])
        pace = (perf_counter() - before) / calls
        control.add(min(calls * stride, last - position) / last)
        position += calls * stride
        calls = _next_calls(calls, pace)


def _anneal_kept(place: int, task: Task, control: Control, checkpoint: Checkpoint) -> States:
    """Anneal one block from where its checkpoint left it, and leave it there again when the run is to end."""
    if (states := checkpoint.states_of(place)) is not None:
        control.add(1.0)
        return states
    if control.late() and not task.first:
        control.halted = True
        return np.empty((0, 0), np.int8)
    block = task.model.start(task.replicas, task.seeds)
    position, calls, last = checkpoint.restore(place, block), 1, len(task.plan)
    control.add(position / last)
    while position < last:  # however late it is, one call is made: repeated often enough, a run comes to its end
        before = perf_counter()
        block.sweep(task.plan[position : position + calls])
        done = min(calls, last - position)
        control.add(done / last)
        position += done
        calls = _next_calls(calls, (perf_counter() - before) / done)
        if control.late():
            break
        if checkpoint.due(place):
            checkpoint.keep(place, block, position)
    if position < last:
        control.halted = True
        checkpoint.keep(place, block, position)
        return _final_states(block)
    states = _final_states(block)
    checkpoint.finish(place, states)
    return states


def _next_calls(calls: int, pace: float) -> int:
    """Sweeps of the next kernel call, at `pace` seconds each."""
    return int(np.clip(_SECONDS_A_CALL / max(pace, 1e-9), 1, 2 * calls))


def _final_states(block: Block) -> States:
    descend(block)
    block.settle()
    return block.states()


def _by_model(tasks: Sequence[Task], found: dict[int, States]) -> list[States]:
    parts: dict[int, list[States]] = {}
    for position, task in enumerate(tasks):
        if len(found[position]):
            parts.setdefault(task.index, []).append(found[position])
    return [np.concatenate(parts[index]) for index in sorted(parts)]
