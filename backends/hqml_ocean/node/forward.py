"""The gateway: SAPI's calls of local accounts, passed on to a real service in the gateway's name.

Nothing is asked twice that must not be: a submission goes out once, and what became of one whose answer was lost is
found out by its label. Accounts see their own jobs, and are held to their budgets by what the answers say was used.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Coroutine
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from hqml.samples import version
from hqml_ocean.node.calls import Call, plain, sapi
from hqml_ocean.node.desk import MOST_JOBS, state_of
from hqml_ocean.node.faults import Faults
from hqml_ocean.node.journal import Journal
from hqml_ocean.node.ledger import Ledger
from hqml_ocean.node.listing import matching
from hqml_ocean.node.passing import JSON, Passing
from hqml_ocean.node.refusals import Refusal, bad, missing
from hqml_ocean.node.serving import Node
from hqml_ocean.node.settings import Settings
from hqml_ocean.node.status import budget_of, line_of
from hqml_ocean.node.tokens import Tokens
from hqml_ocean.node.upstream import Reply, Upstream, configured

DETAILS = {"info": "problem-data", "answer": "problem-answer", "messages": "problem-message"}


def forwarding_node(settings: Settings, faults: Faults | None = None, upstream: Upstream | None = None) -> Node:
    """A gateway.

    Args:
        settings: how it serves.
        faults: what is to go wrong.
        upstream: the service; none is the one that Ocean's configuration names.
    """
    tokens = Tokens(settings.tokens)
    upstream = upstream or configured(settings.profile)
    journal = Journal(settings.journal_path())
    journal.purge(settings.keep_days)
    return Node(Gateway(upstream, Ledger(journal)), tokens, faults, journal)


class Gateway:
    """Passes calls on.

    Args:
        upstream: the service.
        ledger: whose job is whose.
    """

    def __init__(self, upstream: Upstream, ledger: Ledger) -> None:
        self._upstream, self._ledger = upstream, ledger
        self._passing = Passing(upstream, ledger)
        self._held: set[asyncio.Task[Reply]] = set()

    def stop(self) -> None:
        for task in self._held:
            task.cancel()

    async def close(self) -> None:
        await self._upstream.close()
        await run_in_threadpool(self._ledger.journal.close)

    # Solvers

    async def solvers(self, call: Call) -> Response:
        return await self._definitions(call, "solvers/remote/", "solver-definition-list")

    async def solver(self, call: Call) -> Response:
        return await self._definitions(call, f"solvers/remote/{_part(call, 'name')}", "solver-definition")

    async def _definitions(self, call: Call, path: str, kind: str) -> Response:
        known = {"If-None-Match": call.headers["if-none-match"]} if "if-none-match" in call.headers else None
        query = {"filter": call.query["filter"]} if "filter" in call.query else None
        return _passed(await self._upstream.ask("GET", path, kind, query=query, headers=known))

    # Problems

    async def submit(self, call: Call) -> Response:
        given = call.json()
        if isinstance(given, dict):
            [state] = await self._passing.submit(call.account, [given])
            return sapi("problems", state)
        if not isinstance(given, list) or not 0 < len(given) <= MOST_JOBS:
            raise bad(f"a submission is a list of 1 to {MOST_JOBS} jobs")
        return sapi("problems", await self._passing.submit(call.account, given))

    async def problems(self, call: Call) -> Response:
        if "id" not in call.query:
            return await self._listed(call)
        identities = call.identities()
        own = await run_in_threadpool(self._ledger.journal.own, call.account.name, identities)
        if not own:
            raise missing("problem of these ids")
        asked = ",".join(one for one in identities if one in own)
        reply = await self._waited("problems/", "problems", {"id": asked, "timeout": f"{call.patience():g}"})
        states = reply.json()
        if not reply.good or not isinstance(states, list):
            return _passed(reply)
        await self._passing.note(own, states)
        gone = missing("problem of this id").as_json()
        unknown = [{"id": one, **gone} for one in identities if one not in own]
        return Response(json.dumps(states + unknown), reply.status, reply.headers)

    async def problem(self, call: Call) -> Response:
        job = await run_in_threadpool(self._ledger.own, call.account, call.path["id"])
        reply = await self._waited(f"problems/{job.id}/", "problem", {"timeout": f"{call.patience():g}"})
        state = reply.json()
        if reply.good and isinstance(state, dict):
            await run_in_threadpool(self._ledger.seen, job, state)
        return _passed(reply)

    async def detail(self, call: Call) -> Response:
        job = await run_in_threadpool(self._ledger.own, call.account, call.path["id"])
        if call.path["detail"] not in DETAILS:
            raise missing(f"{call.path['detail']} of a problem")
        kind = DETAILS[call.path["detail"]]
        reply = await self._upstream.ask("GET", f"problems/{job.id}/{call.path['detail']}", kind)
        found = reply.json()
        if reply.good and isinstance(found, dict) and isinstance(found.get("metadata"), dict):
            found["metadata"]["submitted_by"] = job.account  # the service knows the gateway's user alone
            return Response(json.dumps(found), reply.status, reply.headers)
        return _passed(reply)

    async def cancel(self, call: Call) -> Response:
        identities = call.listed_identities()
        own = await run_in_threadpool(self._ledger.journal.own, call.account.name, identities)
        gone = missing("problem of this id").as_json()
        answers: dict[str, Any] = {one: {"id": one, **gone} for one in identities}
        asked = [one for one in identities if one in own]
        if asked:
            reply = await self._upstream.ask(
                "DELETE", "problems/", "problems", content=json.dumps(asked).encode(), headers=JSON
            )
            states = reply.json()
            if not reply.good or not isinstance(states, list) or len(states) != len(asked):
                return _passed(reply)
            await self._passing.note(own, states)
            answers.update(zip(asked, states, strict=True))
        return sapi("problems", [answers[one] for one in identities])

    async def cancel_one(self, call: Call) -> Response:
        job = await run_in_threadpool(self._ledger.own, call.account, call.path["id"])
        reply = await self._upstream.ask("DELETE", f"problems/{job.id}", "problem")
        state = reply.json()
        if reply.good and isinstance(state, dict):
            await run_in_threadpool(self._ledger.seen, job, state)
        return _passed(reply)

    async def _listed(self, call: Call) -> Response:
        """Own jobs, as the service now says they stand. It would list those of all accounts."""
        if "label" in call.query:
            await self._passing.adopt(call.account, call.query["label"])
        wider = {name: value for name, value in call.query.items() if name in ("label", "solver")}
        journal = self._ledger.journal
        found = await run_in_threadpool(matching, journal, call.account.name, wider)
        await self._passing.refresh([job for job in found if not job.final])
        found = await run_in_threadpool(matching, journal, call.account.name, call.query)
        return sapi("problems", [state_of(job) for job in found])

    async def _waited(self, path: str, kind: str, query: dict[str, str]) -> Reply:
        """An answer that the service may hold; let go when the gateway ends."""
        asking: Coroutine[Any, Any, Reply] = self._upstream.ask("GET", path, kind, query=query)
        task = asyncio.create_task(asking)
        self._held.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            if not task.cancelled() or asyncio.current_task().cancelling():  # type: ignore[union-attr]
                raise
            raise Refusal(503, "the gateway ends") from None
        finally:
            self._held.discard(task)

    # Uploads

    async def begin_upload(self, call: Call) -> Response:
        size = call.object().get("size")
        reply = await self._upstream.ask("POST", "bqm/multipart", content=call.body, headers=JSON)
        found = reply.json()
        if reply.good and isinstance(found, dict) and isinstance(found.get("id"), str):
            await run_in_threadpool(self._ledger.began, call.account, found["id"], size if isinstance(size, int) else 0)
        return _passed(reply)

    async def upload_status(self, call: Call) -> Response:
        return await self._of_upload(call, "GET", "status")

    async def upload_part(self, call: Call) -> Response:
        return await self._of_upload(call, "PUT", f"part/{call.part()}")

    async def combine_upload(self, call: Call) -> Response:
        return await self._of_upload(call, "POST", "combine")

    async def _of_upload(self, call: Call, method: str, what: str) -> Response:
        await run_in_threadpool(self._ledger.check_upload, call.account, call.path["id"])
        sent = {name: call.headers[name] for name in ("content-type", "content-md5") if name in call.headers}
        path = f"bqm/multipart/{_part(call, 'id')}/{what}"
        content = None if method == "GET" else call.body
        return _passed(await self._upstream.ask(method, path, content=content, headers=sent))

    # The gateway's own

    async def status(self, call: Call) -> Response:
        await self._passing.settle(call.account)
        reply = await self._upstream.ask("GET", "solvers/remote/", "solver-definition-list")
        found = reply.json()
        waiting = await run_in_threadpool(self._ledger.journal.jobs, "used IS NULL")
        own = [job for job in waiting if job.account == call.account.name]
        return plain(
            {
                "node": {"version": version(), "forwards": True},
                "account": call.account.name,
                "budget": await run_in_threadpool(budget_of, self._ledger.journal, call.account),
                "solvers": [_solver(one) for one in found if isinstance(one, dict)] if isinstance(found, list) else [],
                "queue": [line_of(job, None) for job in own],
                "others": len(waiting) - len(own),
            }
        )


def _passed(reply: Reply) -> Response:
    """The service's answer as it came."""
    return Response(reply.content if reply.status != 304 else None, reply.status, reply.headers)


def _part(call: Call, name: str) -> str:
    """A value of the path that can stand in the service's path."""
    value = str(call.path[name])
    if not re.fullmatch(r"[\w=;:-][\w.=;:-]*", value):
        raise missing("such thing")
    return value


def _solver(definition: dict[str, Any]) -> dict[str, Any]:
    """A line of the status. How many jobs wait at the service nobody tells."""
    properties = definition.get("properties") or {}
    return {
        "name": (definition.get("identity") or {}).get("name"),
        "category": properties.get("category"),
        "status": definition.get("status"),
        "waiting": None,
    }
