"""A batch spread over ranks: rank 0 hands the next unit to whoever has nothing to do.

Rank 0 works as well: a thread of it answers the others. Where MPI lets one thread alone call it, rank 0 only hands out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Protocol

from hqml_mpi.clock import LEAST
from hqml_mpi.desk import LOOK_UP, Desk, Local, Message, Remote, Report
from hqml_mpi.ledger import Ledger
from hqml_mpi.ranks import Ranks, sendable
from hqml_mpi.units import Found, Unit


class Solve(Protocol):
    """Runs one unit; asks `interrupted` whether to break off where it does not notice Ctrl-C by itself."""

    def __call__(self, unit: Unit, seconds: float | None, interrupted: Callable[[], bool]) -> Found: ...


@dataclass(frozen=True)
class Work:
    """What a rank does.

    Attributes:
        units: the same on every rank.
        solve: runs one of them.
        slots: for each rank, how many it runs at a time.
        mine: what this rank finds is added, so that it is not lost if the attempt is.
    """

    units: Sequence[Unit]
    solve: Solve
    slots: Sequence[int]
    mine: dict[int, Found]


def run_units(
    ranks: Ranks, ledger: Ledger | None, work: Work, report: Report | None
) -> tuple[Mapping[int, Found], bool]:
    """Run all units on all ranks, which all call this.

    Args:
        ranks: who takes part.
        ledger: on rank 0.
        work: what to do.
        report: told of the share done, on rank 0.

    Returns:
        What was found by the place of its unit, the same on every rank, and whether Ctrl-C came; units are missing
        where it did, or where time ran out.

    Raises:
        HqmlError: as a rank's `solve` raised it.
        BackendError: a rank's `solve` raised something else.
    """
    if ledger is None:
        _work(Remote(ranks), work, work.slots[ranks.rank])
    else:
        _serve(ranks, ledger, work, report)
    nothing: tuple[Mapping[int, Found], bool, Exception | None] = {}, False, None
    own = (ledger.done, ledger.clock.interrupted, ledger.failure) if ledger else nothing
    done, interrupted, failure = ranks.from_first(own)
    if failure is not None:
        raise failure
    return done, interrupted


def _serve(ranks: Ranks, ledger: Ledger, work: Work, report: Report | None) -> None:
    """What rank 0 does until every unit is done and every rank knows."""
    with Desk(ranks, ledger, sum(work.slots[1:])) as desk:
        try:
            if not desk.needs_main_thread:
                _work(Local(ledger, report), work, work.slots[0])
        except Exception as error:  # of `report`
            if ranks.size == 1:
                raise
            # The others wait to be told.
            ledger.fail(sendable(error, "rank 0 failed"))
        desk.close(report)


def _work(desk: Local | Remote, work: Work, slots: int) -> None:
    """Run what the desk hands out until it has no more, `slots` units at a time."""
    if slots == 1:  # in the main thread, where a backend notices Ctrl-C by itself
        return _work_in_turn(desk, work, desk.look)
    pool = ThreadPoolExecutor(slots, thread_name_prefix="hqml_mpi")
    running = [pool.submit(_work_in_turn, desk, work, lambda: None) for _ in range(slots)]
    try:
        _watch(desk, running)
    except BaseException:  # a second Ctrl-C, SIGTERM: the threads may wait for an answer that never comes
        desk.interrupt()
        pool.shutdown(wait=False)
        raise
    for thread in running:
        thread.result()


def _watch(desk: Local | Remote, running: Sequence[Future[None]]) -> None:
    """Look at Ctrl-C and progress until the threads have ended."""
    waiting = set(running)
    while waiting:
        try:
            waiting = wait(waiting, timeout=LOOK_UP).not_done
        except KeyboardInterrupt:
            if desk.interrupted:
                raise
            desk.interrupt()
        desk.look()


def _work_in_turn(desk: Local | Remote, work: Work, look: Callable[[], None]) -> None:
    message = Message()
    while (job := desk.swap(message)) is not None:
        look()
        message = _run(desk, work, *job)


def _run(desk: Local | Remote, work: Work, place: int, seconds: float | None) -> Message:
    """Run a unit and say what became of it.

    Ctrl-C comes here where the backend is between its steps, or never gives the best so far. Then the unit is left out;
    but the first of a model runs once more, for a moment, since every model is to have a result.
    """
    unit = work.units[place]
    try:
        found = work.mine[place] = work.solve(unit, seconds, lambda: desk.interrupted)
        return Message(place, found)
    except KeyboardInterrupt as error:
        again = desk.interrupted
        desk.interrupt()
        if not unit.first:
            return Message()
        return Message(failure=sendable(error, "a slice failed")) if again else _run(desk, work, place, LEAST)
    except Exception as error:
        return Message(failure=sendable(error, "a slice failed"))
