"""Run the blocks of a batch on threads: schedules, deadlines, Ctrl-C, progress.

What a block computes depends on its own seed alone, so the samples are the same for any number of threads.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from threading import Event, Lock
from time import perf_counter

import numpy as np

from hqml.qubo import Floats, States
from hqml_cpu.schedule import Model, descend

_SECONDS_A_CALL = 0.02
"""Kernel calls are sized to about this long: the pace at which Ctrl-C, deadlines and progress are noticed."""


@dataclass(frozen=True)
class Task:
    """One block of replicas of one model of the batch."""

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
    stop: Event = field(default_factory=Event)
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
) -> Outcome:
    """Anneal all tasks; the first block of every model always runs, however late it is."""
    deadline = None if time_limit is None else perf_counter() + time_limit
    control = Control(deadline, len(tasks), report)
    found: dict[int, States] = {}
    ordered = sorted(range(len(tasks)), key=lambda position: not tasks[position].first)
    slots = _time_slots(tasks, threads, time_limit)
    interrupted = False
    with ThreadPoolExecutor(threads, thread_name_prefix="hqml_cpu") as pool:
        futures = {pool.submit(_anneal, tasks[position], control, slots): position for position in ordered}
        try:
            for finished in _as_they_end(futures, control):
                found[futures[finished]] = finished.result()
        except KeyboardInterrupt:
            interrupted = True
            control.stop.set()
        except BaseException:
            control.stop.set()
            raise
    if interrupted:
        found = {position: future.result() for future, position in futures.items()}
    control.show()
    states = _by_model(tasks, found)
    short = sum(map(len, states)) < sum(task.replicas for task in tasks)
    return Outcome(states, interrupted, cut_short=short and not interrupted)


def available_threads() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
        yield from ended


def _anneal(task: Task, control: Control, slot: float | None) -> States:
    """Anneal one block along its plan; where time is short, in longer strides down to the same cold end."""
    if control.late() and not task.first:
        return np.empty((0, 0), np.int8)
    started = perf_counter()
    deadline = control.deadline
    if task.first and slot is not None:
        deadline = min(started + slot, deadline) if deadline is not None else started + slot
    block = task.model.start(task.replicas, task.seeds)
    position, calls, pace = 0.0, 1, 0.0
    last = len(task.plan)
    while position < last and not control.stop.is_set():
        stride = 1.0
        if deadline is not None and pace > 0:
            fits = (deadline - perf_counter()) / pace
            stride = max(1.0, (last - position) / max(fits, 1.0))
        places = (position + stride * np.arange(calls)).astype(int)
        before = perf_counter()
        block.sweep(task.plan[places[places < last]])
        pace = (perf_counter() - before) / calls
        control.add(min(calls * stride, last - position) / last)
        position += calls * stride
        calls = int(np.clip(_SECONDS_A_CALL / max(pace, 1e-9), 1, 2 * calls))
    descend(block)
    block.settle()
    return block.states()


def _by_model(tasks: Sequence[Task], found: dict[int, States]) -> list[States]:
    parts: dict[int, list[States]] = {}
    for position, task in enumerate(tasks):
        if len(found[position]):
            parts.setdefault(task.index, []).append(found[position])
    return [np.concatenate(parts[index]) for index in sorted(parts)]
