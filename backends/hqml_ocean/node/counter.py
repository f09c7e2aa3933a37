"""The node's own service: SAPI's calls, answered from the desk of this machine."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from time import monotonic
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from hqml_ocean.node.calls import Call, media_type, plain, sapi
from hqml_ocean.node.desk import Desk, state_of
from hqml_ocean.node.journal import Job
from hqml_ocean.node.listing import matching
from hqml_ocean.node.refusals import Refusal, missing
from hqml_ocean.node.solvers import as_json, definition, etag
from hqml_ocean.node.status import status_of
from hqml_ocean.node.uploads import Uploads

_CACHING = "private, no-cache"
"""A definition may be kept, and is asked after each time: it changes when a node starts again with another chip, and
nobody whose token was revoked sees it."""


class Counter:
    """Answers SAPI's calls.

    Args:
        desk: which knows the jobs.
        uploads: of models.
        patience: seconds to wait at the end for jobs under way; None is as long as they take.
    """

    def __init__(self, desk: Desk, uploads: Uploads, *, patience: float | None) -> None:
        self._desk, self._uploads, self._patience = desk, uploads, patience

    def stop(self) -> None:
        self._desk.changes.close()

    async def close(self) -> None:
        await run_in_threadpool(self._desk.close, self._patience)

    # Solvers

    async def solvers(self, call: Call) -> Response:
        wanted = call.query.get("filter")
        found = await run_in_threadpool(self._definitions, wanted)
        return _cached(found, "solver-definition-list", call.headers)

    async def solver(self, call: Call) -> Response:
        queue = self._desk.queues.get(call.path["name"])
        if queue is None:
            raise missing("solver of this name")
        load = await run_in_threadpool(self._desk.load, queue)
        found = definition(queue.solver, load, call.query.get("filter"))
        return _cached(found, "solver-definition", call.headers)

    def _definitions(self, wanted: str | None) -> list[dict[str, Any]]:
        queues = self._desk.queues.values()
        return [definition(queue.solver, self._desk.load(queue), wanted) for queue in queues]

    # Problems

    async def submit(self, call: Call) -> Response:
        jobs = call.json()
        if isinstance(jobs, dict):  # a single one may come by itself
            [state] = await run_in_threadpool(self._desk.submit, call.account, [jobs])
            return sapi("problems", state)
        return sapi("problems", await run_in_threadpool(self._desk.submit, call.account, jobs))

    async def problems(self, call: Call) -> Response:
        if "id" in call.query:
            return sapi("problems", await self._polled(call))
        found = await run_in_threadpool(matching, self._desk.journal, call.account.name, call.query)
        return sapi("problems", [state_of(job) for job in found])

    async def problem(self, call: Call) -> Response:
        job = await self._ended(call)
        return sapi("problem", await run_in_threadpool(self._with_answer, job))

    async def detail(self, call: Call) -> Response:
        job = await run_in_threadpool(self._desk.own, call.account, call.path["id"])
        match call.path["detail"]:
            case "info":
                return sapi("problem-data", await run_in_threadpool(self._info, job))
            case "answer":
                state = await run_in_threadpool(self._with_answer, job)
                if "answer" not in state:
                    raise missing(f"answer of a problem that is {job.status}")
                return sapi("problem-answer", {"answer": state["answer"]})
            case "messages":
                return sapi("problem-message", [] if job.error is None else [{"message": job.error}])
        raise missing(f"{call.path['detail']} of a problem")

    async def cancel(self, call: Call) -> Response:
        return sapi("problems", await run_in_threadpool(self._cancelled, call, call.listed_identities()))

    async def cancel_one(self, call: Call) -> Response:
        job = await run_in_threadpool(self._desk.cancel, call.account, call.path["id"])
        return sapi("problem", state_of(job))

    async def _polled(self, call: Call) -> list[dict[str, Any]]:
        """States of the named jobs, held until one of them has ended or the time is over."""
        identities = call.identities()
        found = await self._held(call, identities)
        if not found:
            raise missing("problem of these ids")
        gone = missing("problem of this id").as_json()
        return [state_of(found[one]) if one in found else {"id": one, **gone} for one in identities]

    async def _ended(self, call: Call) -> Job:
        identity = call.path["id"]
        found = await self._held(call, [identity])
        if identity not in found:
            raise missing("problem of this id")
        return found[identity]

    async def _held(self, call: Call, identities: list[str]) -> dict[str, Job]:
        deadline = monotonic() + call.patience()
        while True:
            waiter = self._desk.changes.waiter()
            try:
                found = await run_in_threadpool(self._desk.journal.own, call.account.name, identities)
                left = deadline - monotonic()
                if left <= 0 or self._desk.changes.closed or not found or any(job.final for job in found.values()):
                    return found
                await waiter.wait(left)
            finally:
                self._desk.changes.drop(waiter)

    def _with_answer(self, job: Job) -> dict[str, Any]:
        return state_of(job, self._desk.journal.answer(job))

    def _info(self, job: Job) -> dict[str, Any]:
        state = self._with_answer(job)
        names = ("solver", "type", "label", "status", "submitted_on", "solved_on")
        metadata = {name: state[name] for name in names} | {"submitted_by": job.account}
        answer = {"answer": state["answer"]} if "answer" in state else {}
        return {"id": job.id, **self._desk.journal.body(job), "metadata": metadata, **answer}

    def _cancelled(self, call: Call, identities: list[str]) -> list[dict[str, Any]]:
        answers = []
        for identity in identities:
            try:
                answers.append(state_of(self._desk.cancel(call.account, identity)))
            except Refusal as refusal:
                answers.append({"id": identity, **refusal.as_json()})
        return answers

    # Uploads

    async def begin_upload(self, call: Call) -> Response:
        size = call.object().get("size")
        return plain({"id": await run_in_threadpool(self._uploads.begin, call.account.name, size)})

    async def upload_status(self, call: Call) -> Response:
        return plain(await run_in_threadpool(self._uploads.status, call.path["id"], call.account.name))

    async def upload_part(self, call: Call) -> Response:
        checksum = call.headers.get("content-md5")
        number = call.part()
        await run_in_threadpool(self._uploads.put, call.path["id"], call.account.name, number, call.body, checksum)
        return plain({})

    async def combine_upload(self, call: Call) -> Response:
        checksum = call.object().get("checksum")
        await run_in_threadpool(self._uploads.combine, call.path["id"], call.account.name, checksum)
        return plain({})

    # The node's own

    async def status(self, call: Call) -> Response:
        return plain(await run_in_threadpool(partial(status_of, self._desk, call.account)))


def _cached(value: Any, kind: str, headers: Mapping[str, str]) -> Response:
    """A definition, or word that the one the client has is still right."""
    content = as_json(value)
    tag = etag(content)
    caching = {"ETag": tag, "Cache-Control": _CACHING}
    known = [one.strip() for one in headers.get("if-none-match", "").split(",")]
    if tag in known or tag.removeprefix("W/") in known or "*" in known:
        return Response(status_code=304, headers=caching)
    return Response(content, media_type=media_type(kind), headers=caching)
