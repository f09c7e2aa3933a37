"""What can be made to go wrong at a node, for tests of clients: by route, so many times.

    node.faults.inject("submit", status=500)                       # one submission is answered 500
    node.faults.inject("poll", body="[]", times=None)              # every poll finds nothing, for ever
    node.faults.inject("submit", drop="after")                     # accepted, but the connection breaks
    node.faults.inject("answer", answer="base64")                  # an answer that cannot be decoded
    node.faults.inject("job", outcome="FAILED", message="solver is offline")
    node.faults.inject("*", delay=0.2, times=None)                 # a slow network

Routes: solvers, submit, poll (`problems/?id=`), list, answer, info, cancel, upload, status, "*" (all of them), and
"job", which is no request: what happens when a job's turn has come. The first fault that was injected for a route goes
first; while one is used, those after it wait.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, Literal
from urllib.parse import parse_qs

import numpy as np

from hqml.errors import ParameterError
from hqml.untrusted import read_json

ENVIRONMENT = "HQML_NODE_FAULTS"
"""JSON: a list of objects, the arguments of `Faults.inject` by name. Read with `serve --inject-faults` alone."""

ROUTES = ("solvers", "submit", "poll", "list", "answer", "info", "cancel", "upload", "status", "job", "*")


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        route: where.
        times: how often; None is always.
        after: so many times it goes well first.
        delay: seconds before anything else.
        status: HTTP's, answered without doing what was asked.
        message: of the error, for `status` and `outcome`.
        headers: of the answer, e.g. {"Retry-After": "1"}.
        drop: break the connection, "before" or "after" doing what was asked.
        body: text to answer instead of what should be.
        content_type: to answer instead of the right one.
        offline: solvers say that they are.
        item_error: message that each job of a submission is answered with; none is accepted.
        answer: how the samples of an answer are spoiled: "base64" cannot be decoded, "length" has an energy too few,
            "bits" has states that differ from their energies, "samples" has half of the samples.
        outcome: of a job whose turn has come, "FAILED" or "CANCELLED"; None lets it run, after the delay.
    """

    route: str
    times: int | None = 1
    after: int = 0
    delay: float = 0.0
    status: int | None = None
    message: str = "injected fault"
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    drop: Literal["before", "after"] | None = None
    body: str | None = None
    content_type: str | None = None
    offline: bool = False
    item_error: str | None = None
    answer: Literal["base64", "length", "bits", "samples"] | None = None
    outcome: Literal["FAILED", "CANCELLED"] | None = None

    def __post_init__(self) -> None:
        if self.route not in ROUTES:
            raise ParameterError(f"route must be one of {', '.join(ROUTES)}, found {self.route!r}")

    def sleep(self) -> None:
        time.sleep(self.delay)

    def changed(self, content: bytes) -> bytes:
        """What is answered instead of the right content."""
        if self.body is not None:
            return self.body.encode()
        if self.item_error is not None:
            jobs = json.loads(content)
            return json.dumps([{"error_code": 400, "error_msg": self.item_error} for _ in jobs]).encode()
        if self.offline:
            found = json.loads(content)
            listed = found if isinstance(found, list) else [found]
            listed = [{**one, "status": "OFFLINE"} for one in listed]
            return json.dumps(listed if isinstance(found, list) else listed[0]).encode()
        if self.answer is not None:
            problem = json.loads(content)
            if "answer" in problem:
                problem["answer"] = _spoiled(problem["answer"], self.answer)
            return json.dumps(problem).encode()
        return content


class Faults:
    """The faults that are to come. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._coming: list[_Coming] = []
        self.taken: list[Fault] = []
        """Those that have happened, in their order."""

    def inject(self, route: str, **what: Any) -> Fault:
        """Let something go wrong. For the arguments see `Fault`.

        Raises:
            ParameterError: there is no such route or argument.
        """
        unknown = set(what) - {one.name for one in fields(Fault)}
        if unknown:
            raise ParameterError(f"a fault has no {', '.join(sorted(unknown))}")
        fault = Fault(route, **what)
        with self._lock:
            self._coming.append(_Coming(fault, fault.after, fault.times))
        return fault

    def clear(self) -> None:
        """Let all go well from now on."""
        with self._lock:
            self._coming.clear()

    def take(self, route: str) -> Fault | None:
        """What goes wrong now."""
        with self._lock:
            for coming in self._coming:
                if coming.fault.route == route or (coming.fault.route == "*" and route != "job"):
                    return self._taken(coming)
        return None

    def _taken(self, coming: _Coming) -> Fault | None:
        if coming.passing > 0:
            coming.passing -= 1
            return None
        if coming.left is not None:
            coming.left -= 1
            if coming.left <= 0:
                self._coming.remove(coming)
        self.taken.append(coming.fault)
        return coming.fault


@dataclass
class _Coming:
    fault: Fault
    passing: int
    left: int | None


def faults_from(text: str) -> Faults:
    """The faults of the environment variable.

    Raises:
        ParameterError: it is no JSON list of faults.
    """
    try:
        listed = read_json(text)
        faults = Faults()
        for one in listed:
            faults.inject(**one)
    except (ValueError, TypeError) as error:
        raise ParameterError(f"{ENVIRONMENT} must be a JSON list of faults, e.g. "
                             f'[{{"route": "submit", "status": 500}}]: {error}') from error  # fmt: skip
    return faults


def route_of(method: str, path: str, query: str) -> str:
    """Which route a request takes."""
    if "/node/" in path:
        return "status"
    if "/bqm/" in path:
        return "upload"
    if "/solvers/" in path:
        return "solvers"
    if method == "POST":
        return "submit"
    if method == "DELETE":
        return "cancel"
    if path.rstrip("/").endswith("/problems"):
        return "poll" if "id" in parse_qs(query) else "list"
    return "info" if path.endswith(("/info", "/messages")) else "answer"


def _spoiled(answer: dict[str, Any], how: str) -> dict[str, Any]:
    if "solutions" not in answer:
        return {**answer, "data": {"spoiled": how}}
    if how == "base64":
        return {**answer, "solutions": "!" + answer["solutions"][:-1]}
    energies = np.frombuffer(base64.b64decode(answer["energies"]), "<f8")
    bits = np.frombuffer(base64.b64decode(answer["solutions"]), np.uint8).reshape(len(energies), -1)
    if how == "length":
        return {**answer, "energies": _text(energies[:-1])}
    if how == "bits":
        return {**answer, "solutions": _text(bits ^ 0x80)}
    kept = max(1, len(energies) // 2)
    occurrences = np.frombuffer(base64.b64decode(answer["num_occurrences"]), "<i4")
    return {
        **answer,
        "energies": _text(energies[:kept]),
        "solutions": _text(bits[:kept]),
        "num_occurrences": _text(occurrences[:kept]),
    }


def _text(array: Any) -> str:
    return base64.b64encode(array.tobytes()).decode("ascii")
