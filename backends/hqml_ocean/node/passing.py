"""How a gateway passes jobs on: once each, written down before, and found again where the answer was lost."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from starlette.concurrency import run_in_threadpool

from hqml_ocean.node.estimates import Estimates
from hqml_ocean.node.journal import COMPLETED, SENT, Job
from hqml_ocean.node.ledger import Ledger, Order
from hqml_ocean.node.refusals import Refusal, bad
from hqml_ocean.node.tokens import Account
from hqml_ocean.node.upstream import Reply, Unsure, Upstream

_log = logging.getLogger("hqml_ocean.node")

JSON = {"Content-Type": "application/json"}

TYPES = ("ising", "qubo", "bqm", "cqm", "dqm")
"""Problems whose answers come with the state. Those of others are fetched by reference, past the gateway."""

AT_ONCE = 100
"""Jobs that the service is asked after in one question."""

UNKNOWN_AFTER = 60.0
"""Seconds after which a job that the service does not know by its label was never accepted."""


class Passing:
    """Jobs on their way to the service and back.

    Args:
        upstream: the service.
        ledger: where they are written down.
    """

    def __init__(self, upstream: Upstream, ledger: Ledger) -> None:
        self._upstream, self._ledger = upstream, ledger
        self._estimates = Estimates(upstream)
        self._adopting = asyncio.Lock()

    async def submit(self, account: Account, jobs: Sequence[Any]) -> list[dict[str, Any]]:
        """Pass jobs on; of each its state, or why it was not accepted.

        Raises:
            Refusal: the service has taken none of them, or (502) has not said whether it has.
        """
        orders = [await self._order(account, job) for job in jobs]
        booked = await run_in_threadpool(self._ledger.book, account, orders)
        over = [place for place, one in enumerate(booked) if isinstance(one, Refusal) and one is not orders[place]]
        if over:  # what was reserved may be free by now
            await self.settle(account)
            anew = await run_in_threadpool(self._ledger.book, account, [orders[place] for place in over])
            for place, one in zip(over, anew, strict=True):
                booked[place] = one
        sent = [(order.job, job) for order, job in zip(orders, booked, strict=True)
                if isinstance(order, Order) and isinstance(job, Job)]  # fmt: skip
        states = iter(await self._sent(sent) if sent else [])
        return [one.as_json() if isinstance(one, Refusal) else next(states) for one in booked]

    async def settle(self, account: Account) -> None:
        """Find out what an account's jobs have used, as far as the service tells."""
        unsettled = await run_in_threadpool(self._ledger.unsettled, account)
        await self.refresh([job for job in unsettled if job.id is not None])
        for job in await run_in_threadpool(self._ledger.unsettled, account):
            if job.status == COMPLETED:
                reply = await self._upstream.ask("GET", f"problems/{job.id}/", "problem")
                state = reply.json()
                if reply.good and isinstance(state, dict):
                    await run_in_threadpool(self._ledger.seen, job, state)
            elif job.status == SENT and job.label is not None:
                await self.adopt(account, job.label)

    async def refresh(self, jobs: Sequence[Job]) -> None:
        """Ask the service how jobs stand."""
        for start in range(0, len(jobs), AT_ONCE):
            some = {str(job.id): job for job in jobs[start : start + AT_ONCE]}
            reply = await self._upstream.ask("GET", "problems/", "problems", query={"id": ",".join(some)})
            if reply.good:
                await self.note(some, reply.json())

    async def note(self, own: dict[str, Job], states: Any) -> None:
        """Write down what the service says of jobs."""

        def noted() -> None:
            for state in states if isinstance(states, list) else ():
                job = own.get(str(state.get("id"))) if isinstance(state, dict) else None
                if job is not None and "status" in state:
                    self._ledger.seen(job, state)

        await run_in_threadpool(noted)

    async def adopt(self, account: Account, label: str) -> None:
        """Find out by its label what became of a job whose answer was lost."""
        async with self._adopting:
            lost = await run_in_threadpool(self._ledger.lost, account, label)
            if not lost:
                return
            reply = await self._upstream.ask(
                "GET", "problems/", "problems", query={"label": label, "max_results": "100"}
            )
            states = reply.json()
            if reply.good and isinstance(states, list):
                await run_in_threadpool(self._adopted, lost, states, label)

    def _adopted(self, lost: list[Job], states: list[Any], label: str) -> None:
        for state in states:
            mine = isinstance(state, dict) and state.get("label") == label and "id" in state
            if lost and mine and not self._ledger.known(str(state["id"])):
                self._ledger.accepted(lost.pop(0), state)
        self._ledger.refused([job for job in lost if _age(job) > UNKNOWN_AFTER])

    async def _order(self, account: Account, job: Any) -> Order | Refusal:
        try:
            if not isinstance(job, dict):
                raise bad("a job must be an object with solver, data, type and params")
            if job.get("type") not in TYPES:
                raise bad(f"this gateway passes on problems of type {', '.join(TYPES)}, found {job.get('type')!r}")
            if job.get("label") is not None and not isinstance(job["label"], str):
                raise bad("label must be text")
            identity = job.get("solver")
            solver = identity.get("name") if isinstance(identity, dict) else identity
            if not isinstance(solver, str):
                raise bad("solver must be an object with a name")
            data = job.get("data")
            if isinstance(data, dict) and data.get("format") == "ref":
                await run_in_threadpool(self._ledger.check_upload, account, str(data.get("data")))
            seconds = await self._estimates.seconds(solver, job)
        except Unsure:
            raise
        except Refusal as refusal:
            if refusal.code == 503:
                raise
            return refusal
        return Order(job, solver, identity if isinstance(identity, dict) else {"name": solver}, seconds)

    async def _sent(self, jobs: list[tuple[dict[str, Any], Job]]) -> list[dict[str, Any]]:
        content = json.dumps([order for order, _ in jobs]).encode()
        booked = [job for _, job in jobs]
        try:
            reply = await self._upstream.ask("POST", "problems/", "problems", content=content, headers=JSON, once=True)
        except Unsure:
            _log.warning("%d jobs of %s were passed on, and not answered", len(jobs), booked[0].account)
            raise  # they stay reserved until their labels are asked for
        except Refusal:
            await run_in_threadpool(self._ledger.refused, booked)
            raise
        if not reply.good:
            if reply.status < 500 or reply.status == 503:  # else they may have been accepted all the same
                await run_in_threadpool(self._ledger.refused, booked)
            raise Refusal(reply.status, _said(reply))
        states = reply.json()
        if not isinstance(states, list) or len(states) != len(jobs):
            raise Unsure(502, "the service behind this gateway answered a submission with what cannot be read")
        await run_in_threadpool(self._accepted, booked, states)
        return states

    def _accepted(self, booked: list[Job], states: list[Any]) -> None:
        for job, state in zip(booked, states, strict=True):
            if isinstance(state, dict) and "id" in state and "status" in state:
                accepted = self._ledger.accepted(job, state)
                _log.info("job %s of %s was passed on", accepted.id, accepted.account)
            else:
                self._ledger.refused([job])


def _said(reply: Reply) -> str:
    """What the service said, on one line."""
    found = reply.json()
    said = found.get("error_msg") if isinstance(found, dict) else reply.content.decode("utf-8", "replace")
    return " ".join(str(said or f"status {reply.status}").split())[:500]


def _age(job: Job) -> float:
    """Seconds since a job was handed in."""
    return (datetime.now(UTC) - datetime.fromisoformat(job.submitted_on)).total_seconds()
