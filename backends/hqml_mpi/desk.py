"""Where ranks ask for work: at rank 0.

Waiting is polling with naps, so that Ctrl-C is noticed and that ranks which share a processor leave it to each other.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from time import sleep
from typing import Any

from hqml_mpi.ledger import Job, Ledger
from hqml_mpi.ranks import Ranks, means_loss, sendable
from hqml_mpi.units import Found

REQUEST, REPLY = 1, 2
NAP = 1e-4
LONGEST_NAP = 1e-3
"""Seconds. A thousand looks a second cost a processor about one per cent, and a slice may last a few milliseconds."""
LOOK_UP = 0.05
"""Seconds between two looks of the main thread at Ctrl-C and progress while threads work."""

Report = Callable[[float], None]


@dataclass(frozen=True)
class Message:
    """What a rank says when it asks for the next unit."""

    place: int = -1
    found: Found | None = None
    failure: Exception | None = None
    interrupted: bool = False


class Local:
    """How rank 0 asks itself."""

    def __init__(self, ledger: Ledger, report: Report | None) -> None:
        self.ledger, self.report = ledger, report

    @property
    def interrupted(self) -> bool:
        return self.ledger.clock.interrupted

    def interrupt(self) -> None:
        self.ledger.clock.interrupted = True

    def look(self) -> None:
        if self.report is not None:
            with self.ledger.clock.noticing_ctrl_c():
                self.report(self.ledger.share)

    def swap(self, message: Message) -> Job | None:
        with self.ledger.clock.noticing_ctrl_c():  # a finished slice is being written
            return _entered(self.ledger, message)


class Remote:
    """How another rank asks rank 0; its threads one after the other."""

    def __init__(self, ranks: Ranks) -> None:
        self.comm, self.interrupted, self.lock = ranks.comm, False, threading.Lock()

    def interrupt(self) -> None:
        self.interrupted = True  # told with the next request

    def look(self) -> None:
        """Progress is rank 0's to tell."""

    def swap(self, message: Message) -> Job | None:
        with self.lock:
            self.comm.send(replace(message, interrupted=self.interrupted), dest=0, tag=REQUEST)
            nap = NAP
            while not self.comm.iprobe(source=0, tag=REPLY):
                try:
                    sleep(nap)
                except KeyboardInterrupt:
                    if self.interrupted:
                        raise
                    self.interrupt()
                nap = min(2 * nap, LONGEST_NAP)
            answer: Job | None = self.comm.recv(source=0, tag=REPLY)
            return answer


def _entered(ledger: Ledger, message: Message) -> Job | None:
    """Enter what a rank says, and give it the next unit."""
    if message.interrupted:
        ledger.clock.interrupted = True
    if message.found is not None:
        ledger.add(message.place, message.found)
    if message.failure is not None:
        ledger.fail(message.failure)
    return ledger.next()


class Desk:
    """Rank 0's service for the others: a thread that answers each with a unit, or with the end."""

    def __init__(self, ranks: Ranks, ledger: Ledger, slots: int) -> None:
        self.ranks, self.ledger = ranks, ledger
        self.open = slots  # how many of the others have not been told the end
        self.problem: BaseException | None = None
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._serve, name="hqml_mpi", daemon=True)

    @property
    def needs_main_thread(self) -> bool:
        """Whether MPI may be called by one thread alone."""
        return self.ranks.size > 1 and not self.ranks.threads_may_call

    def __enter__(self) -> Desk:
        if self.ranks.size > 1 and not self.needs_main_thread:
            self.thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.stop.set()
        if self.thread.is_alive():
            self.thread.join(1)  # longer only where it waits for a message whose sender is gone

    def close(self, report: Report | None) -> None:
        """Wait until every rank has been told that there is no more."""
        if self.needs_main_thread:
            with self.ledger.clock.noticing_ctrl_c():
                self._serve()
        while self.thread.is_alive():
            try:
                self.thread.join(LOOK_UP)
            except KeyboardInterrupt:
                if self.ledger.clock.interrupted:
                    raise
                self.ledger.clock.interrupted = True
            self._tell(report, self.ledger.share)
        if self.problem is not None:
            raise self.problem
        self._tell(report, self.ledger.share if self.ledger.failure else 1.0)

    def _tell(self, report: Report | None, share: float) -> None:
        try:
            if report is not None:
                report(share)
        except Exception as error:
            self.ledger.fail(sendable(error, "rank 0 failed"))

    def _serve(self) -> None:
        try:
            nap = NAP
            while self.open and not self.stop.is_set():
                nap = NAP if self._answer_one() else min(2 * nap, LONGEST_NAP)
                sleep(nap)
        except BaseException as error:
            self.problem = error
            self.ledger.fail(sendable(error, "rank 0 cannot answer the others"))
            if means_loss(error):
                self.ranks.call_off()  # at once: the others wait for an answer

    def _answer_one(self) -> bool:
        from mpi4py import MPI

        comm, status = self.ranks.comm, MPI.Status()
        if not comm.iprobe(source=MPI.ANY_SOURCE, tag=REQUEST, status=status):
            return False
        message: Message = comm.recv(source=status.Get_source(), tag=REQUEST)
        job = _entered(self.ledger, message)
        self.open -= job is None
        comm.send(job, dest=status.Get_source(), tag=REPLY)
        return True
