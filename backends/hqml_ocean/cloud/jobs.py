"""Send the submissions of a call, a few at a time, and bring home their answers: within a grant, within a deadline,
through failures, and none twice.

What the service has accepted is asked for until it answers or patience ends. A submission is sent again by itself only
where the service said that it has not taken it. Where nobody knows, the service is asked for a job of that label; if it
has none the call fails, and the same call made again asks once more before it sends.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from time import monotonic, sleep
from typing import Any, Literal, TypeAlias

from hqml.errors import BudgetExceeded, HqmlError, ServiceTimeout
from hqml.qubo import States
from hqml_ocean.cloud import faults
from hqml_ocean.cloud.client import Connection, drop, in_use
from hqml_ocean.cloud.kept import Answer, Kept, Sent

IN_FLIGHT = 4
"""Submissions on their way at a time: the next ones wait in the queue of the service while one runs, and what a few
cost more than estimated is known before the grant is spent on others."""

LOOK_SECONDS = 0.2
"""Between two looks at the clock while nothing arrives."""

AGAIN_SECONDS = 1.0
"""Before the service is asked again after a failure; twice as long after each, up to the next constant."""

AGAIN_AT_MOST = 15.0

DOUBTS = 3
"""Times that a job is asked for whose answer cannot be read, or that the service says it does not know: it answers so
about all jobs of one question if it does not know one of them."""

LOST_AFTER = 45.0
"""Seconds without news of a job after which it is asked for anew: the client forgets one that an answer leaves out."""

LOOKS = 2
"""Times that the service is asked for the label of a submission whose reply was lost, before nobody knows."""

NOBODY_KNOWS = (
    "Nobody knows whether it accepted the submission, so it was not sent again; make the same call once more, which "
    "asks the service for it first"
)

ROUNDING = 1e-9
"""Relative, of sums of estimates."""

GRACE_SECONDS = 10.0
"""How long the others are waited for once one has failed."""

CHARGED = "charged"
"""Entry of a job's timing: the metered microseconds that it took."""

Ending: TypeAlias = Literal["all", "interrupted", "time"]


@dataclass(frozen=True)
class Job:
    """A submission to be made.

    Attributes:
        qpu_seconds: metered time it is expected to take.
        solver: of the client, that it is for.
        send: submits it under a label, and gives the client's future.
        read: the states and the timing (microseconds, CHARGED among them where it is told) of the client's future.
    """

    qpu_seconds: float
    solver: Any
    send: Callable[[str], Any]
    read: Callable[[Any], tuple[States, dict[str, float]]]


@dataclass(frozen=True)
class Terms:
    """What holds for a whole call.

    Attributes:
        granted: metered seconds that may be spent.
        deadline: on the monotonic clock; math.inf where there is none.
        patience: seconds without any news after which a service is given up.
    """

    granted: float
    deadline: float
    patience: float


@dataclass(frozen=True)
class Outcome:
    """What came home: an answer each submission, None where there is none, and why it ended."""

    answers: list[Answer | None]
    ending: Ending


@dataclass
class _Flight:
    """A submission on its way.

    Attributes:
        futures: of the client; the first that is done counts.
        asked: when the service was last asked for it.
        again, then: when something is to be tried again, and what.
    """

    number: int
    sent: Sent
    taken_up: bool = False
    futures: list[Any] = field(default_factory=list)
    since: float = field(default_factory=monotonic)
    asked: float = field(default_factory=monotonic)
    again: float = math.inf
    then: Callable[[], None] | None = None
    failures: int = 0
    doubts: int = 0
    looks: int = 0

    def postpone(self, then: Callable[[], None]) -> None:
        """Do something later: the later the more has failed."""
        self.futures = []
        self.then, self.again = then, monotonic() + min(AGAIN_SECONDS * 2**self.failures, AGAIN_AT_MOST)
        self.failures += 1

    def due(self) -> Callable[[], None] | None:
        """What has been put off until now."""
        if monotonic() < self.again:
            return None
        then, self.then, self.again = self.then, None, math.inf
        return then


def kept_note(answers: Sequence[Answer | None], kept: Kept) -> str:
    """What a user can count on after a call that did not end well."""
    done = sum(answer is not None for answer in answers)
    if kept.temporary:
        return (
            f"{done} of {len(answers)} submissions are answered, and lost: the user's caches cannot be written, or "
            "another process makes the same call"
        )
    return (
        f"{done} of {len(answers)} submissions are answered and kept: the same call (same data and options, "
        f"seed={kept.seed}) goes on from there"
    )


class Run:
    """One call's submissions. `bring_home` does it all.

    Args:
        jobs: in order.
        connection: to the service.
        kept: what an earlier call has left, and where this one leaves what it has.
        terms: of the call.
        progress: called with the share done; None where nobody asked.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        connection: Connection,
        kept: Kept,
        terms: Terms,
        progress: Callable[[float], None] | None = None,
    ) -> None:
        self._jobs, self._connection, self._kept, self._terms = jobs, connection, kept, terms
        self._progress = progress
        self._answers: list[Answer | None] = [kept.answer(number) for number in range(len(jobs))]
        self._waiting: deque[int] = deque()
        self._flights: list[_Flight] = []
        self._spent = 0.0
        self._measured = False
        self._excess = 1.0  # by how much submissions have been seen to take more than estimated
        self._news = monotonic()
        self._failure: HqmlError | None = None

    def bring_home(self) -> Outcome:
        """Send what is missing and wait for it.

        Raises:
            AccessDenied, ServiceError: the service failed; what has been answered is kept.
            BudgetExceeded: the next submission might exceed what was granted; what has been answered is kept.
        """
        with in_use(self._connection):
            try:
                return self._brought_home()
            finally:
                self._cancel()

    def _brought_home(self) -> Outcome:
        ending: Ending = "all"
        try:
            self._take_up()
            while self._flights or (self._waiting and self._failure is None):
                if monotonic() >= self._terms.deadline:
                    ending = "time"
                    break
                if self._is_over():
                    break
                self._send_more()
                self._look()
        except KeyboardInterrupt:
            ending = "interrupted"
        if self._failure is not None and ending != "interrupted":
            raise self._told(self._failure)
        return Outcome(self._answers, ending)

    # What an earlier call has left.

    def _take_up(self) -> None:
        for number, answer in enumerate(self._answers):
            if answer is None:
                self._take_up_one(number)
        self._report()

    def _take_up_one(self, number: int) -> None:
        sent = self._kept.sent(number)
        if sent is not None and sent.job is None:
            job = self._connection.job_with_label(sent.label)
            sent = self._kept.accepted(number, sent, job) if job else None
        if sent is None:
            self._kept.forget(number)
            self._waiting.append(number)
            return
        flight = _Flight(number, sent, taken_up=True)
        self._flights.append(flight)
        self._ask_for(flight)

    # Sending.

    def _send_more(self) -> None:
        most = IN_FLIGHT if self._measured else 1  # what one really takes is known before others are sent
        while self._waiting and len(self._flights) < most and self._failure is None:
            if not self._can_afford(self._waiting[0]):
                return
            number = self._waiting.popleft()
            flight = _Flight(number, self._kept.begin(number))
            self._flights.append(flight)
            self._send(flight)

    def _can_afford(self, number: int) -> bool:
        needed = self._jobs[number].qpu_seconds * self._excess
        on_their_way = [one.number for one in self._flights if not one.taken_up]
        committed = sum(self._jobs[one].qpu_seconds for one in on_their_way) * self._excess
        if self._spent + committed + needed <= self._terms.granted * (1 + ROUNDING):
            return True
        if not self._flights:  # else what those on their way really take will tell
            self._failure = BudgetExceeded(
                f"the next submission takes about {needed:.3g} s of metered time, and {self._spent:.3g} s of "
                f"max_qpu_seconds={self._terms.granted:.3g} are spent; it was not sent. Grant more"
            )
        return False

    def _send(self, flight: _Flight) -> None:
        try:
            flight.futures = [self._jobs[flight.number].send(flight.sent.label)]
        except Exception as error:
            self._not_sent(flight, error)

    def _not_sent(self, flight: _Flight, error: Exception) -> None:
        """A submission failed before its job had an identity."""
        if faults.was_refused(error):
            flight.postpone(lambda: self._send(flight))
        elif faults.may_have_been_accepted(error):
            flight.postpone(lambda: self._look_up(flight, error))
        else:
            self._kept.forget(flight.number)
            self._give_up(flight, faults.what_went_wrong(error, self._connection.endpoint))

    def _look_up(self, flight: _Flight, error: Exception) -> None:
        """Ask the service whether it has accepted a submission whose reply was lost."""
        try:
            job = self._connection.job_with_label(flight.sent.label)
        except HqmlError:  # it cannot be asked now
            flight.postpone(lambda: self._look_up(flight, error))
            return
        flight.looks += 1
        if job is not None:
            self._accepted(flight, job)
            self._ask_for(flight)
        elif flight.looks < LOOKS:
            flight.postpone(lambda: self._look_up(flight, error))
        else:
            told = faults.what_went_wrong(error, self._connection.endpoint)
            self._give_up(flight, type(told)(f"{told}. {NOBODY_KNOWS}"))

    # Bringing home.

    def _look(self) -> None:
        """Wait a little, and see to what has arrived."""
        from dwave.cloud.computation import Future

        futures = [future for flight in self._flights for future in flight.futures]
        pause = max(min(LOOK_SECONDS, self._terms.deadline - monotonic()), 0.0)
        if futures:
            Future.wait_multiple(futures, min_done=1, timeout=pause)
        else:
            sleep(pause)
        for flight in list(self._flights):
            self._see_to(flight)

    def _see_to(self, flight: _Flight) -> None:
        done = next((future for future in flight.futures if future.done()), None)
        job = next((future.id for future in flight.futures if future.id), None)
        if job and flight.sent.job is None:
            self._accepted(flight, str(job))
        if done is not None:
            self._landed(flight, done)
        elif then := flight.due():
            then()
        elif flight.sent.job and monotonic() - flight.asked > min(LOST_AFTER, self._terms.patience / 4):
            self._ask_for(flight)

    def _accepted(self, flight: _Flight, job: str) -> None:
        flight.sent = self._kept.accepted(flight.number, flight.sent, job)
        self._news = monotonic()

    def _ask_for(self, flight: _Flight) -> None:
        """Ask for the answer to a job that the service has accepted."""
        flight.asked = monotonic()
        try:
            future = self._connection.client.retrieve_answer(flight.sent.job)
            future.solver = self._jobs[flight.number].solver  # else the client asks for it, which must be online then
            flight.futures.append(future)
        except Exception as error:  # the client was closed meanwhile
            self._not_answered(flight, error)

    def _landed(self, flight: _Flight, future: Any) -> None:
        try:
            states, timing = self._jobs[flight.number].read(future)
        except Exception as error:
            if flight.sent.job is None:
                self._not_sent(flight, error)
            else:
                self._not_answered(flight, error)
            return
        answer = Answer(states, timing, flight.sent.job or "", monotonic() - flight.since)
        self._answers[flight.number] = answer
        self._flights.remove(flight)
        self._news = monotonic()
        if not flight.taken_up:  # what an earlier call has sent was granted there
            self._charge(self._jobs[flight.number].qpu_seconds, timing)
        with suppress(OSError, HqmlError):  # a full disk loses the next call something, not this one
            self._kept.keep(flight.number, answer)
        self._report()

    def _charge(self, expected: float, timing: Mapping[str, float]) -> None:
        """Note what a submission has taken; where it is not told, what was expected."""
        charged = timing[CHARGED] / 1e6 if CHARGED in timing else expected
        self._spent += charged
        self._measured = True
        if expected > 0:
            self._excess = max(self._excess, charged / expected)

    def _not_answered(self, flight: _Flight, error: Exception) -> None:
        """Asking for a job that was accepted has failed."""
        unreadable = faults.is_unreadable(error)
        doubtful = unreadable or faults.is_unknown(error)
        flight.doubts += doubtful
        if faults.may_pass(error) or (doubtful and flight.doubts < DOUBTS):
            flight.postpone(lambda: self._ask_for(flight))
            return
        if faults.is_final(error):
            self._kept.forget(flight.number)
        if flight.taken_up and faults.was_cancelled(error):  # by the earlier call, when it gave up
            self._flights.remove(flight)
            self._waiting.appendleft(flight.number)
            return
        self._give_up(flight, faults.what_went_wrong(error, self._connection.endpoint))

    # Giving up.

    def _give_up(self, flight: _Flight, failure: HqmlError) -> None:
        """One has failed for good: no more are sent, and those on their way have a little time left."""
        self._flights.remove(flight)
        self._connection.forget_solvers()
        if self._failure is None:
            self._failure = failure
            self._terms = replace(self._terms, patience=min(self._terms.patience, GRACE_SECONDS))
            self._news = monotonic()

    def _is_over(self) -> bool:
        """Whether patience has come to its end."""
        silence = monotonic() - self._news
        if silence <= self._terms.patience:
            return False
        if self._failure is None:
            self._failure = ServiceTimeout(
                f"no news from the D-Wave service at {self._connection.endpoint} for {silence:.0f} s "
                f"({self._states()}); see `dwave ping`, or wait longer with patience="
            )
            drop(self._connection)  # its client may be asking in vain for ever
        return True

    def _states(self) -> str:
        accepted = sum(flight.sent.job is not None for flight in self._flights)
        return f"{accepted} submissions accepted and not answered, {len(self._flights) - accepted} not accepted"

    def _cancel(self) -> None:
        """Those that still wait in the service's queue need not run. Their identities are kept, in case they did."""
        for flight in self._flights:
            if flight.sent.job is None:
                for future in flight.futures:  # cancelled by the client when it is accepted
                    future.cancel()
        if jobs := [flight.sent.job for flight in self._flights if flight.sent.job]:
            self._connection.cancel(jobs)

    def _told(self, failure: HqmlError) -> HqmlError:
        """The failure, and what is left."""
        done = sum(answer is not None for answer in self._answers)
        if not done and not self._flights:
            return failure
        return type(failure)(f"{failure}. {kept_note(self._answers, self._kept)}")

    def _report(self) -> None:
        if self._progress is not None:
            self._progress(sum(answer is not None for answer in self._answers) / max(len(self._answers), 1))
