"""Targets: requests to the quantum node, in this process by starlette's TestClient, and bytes over a real socket.

An input of `node` is a JSON list of requests {method, path, headers, body}; a body is text, JSON, or {"base64": ...},
with {"packed": true} compressed; "$ID" in a path or body is the last identity that the node gave.
"""

from __future__ import annotations

import atexit
import base64
import hashlib
import json
import socket
import zlib
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from fuzzing.mutators import as_json, trees
from fuzzing.target import Run
from hqml.errors import HqmlError

TOKEN = "alice"

MOST_REQUESTS = 8


def node(work: Path) -> Run:
    from starlette.testclient import TestClient

    from hqml_ocean.node.app import made_app
    from hqml_ocean.node.serving import solving_node
    from hqml_ocean.node.settings import Settings

    tokens = work / "tokens"
    tokens.write_text(f"{TOKEN}\nbob 0.5\n")
    tokens.chmod(0o600)
    found = solving_node(
        Settings(tokens=str(tokens), topology="chimera", shape=(1, 1, 4), qubit_yield=1.0, journal=":memory:")
    )
    client = TestClient(made_app(found.service, found.tokens), raise_server_exceptions=False, follow_redirects=False)
    client.__enter__()  # for the life of this process
    journal = found.journal
    seen = [0]

    def run(data: bytes) -> None:
        try:
            requests = json.loads(data)
        except (ValueError, RecursionError):
            return
        identity = "none"
        for request in (requests if isinstance(requests, list) else [])[:MOST_REQUESTS]:
            if isinstance(request, dict):
                identity = _asked(client, request, identity)
        _settled(journal, seen)

    return run


def _asked(client: Any, request: Mapping[str, Any], identity: str) -> str:
    """Ask once; the last identity in the answer."""
    method, path = str(request.get("method", "GET")), str(request.get("path", "/")).replace("$ID", identity)
    headers = request.get("headers")
    named = {str(k): str(v) for k, v in headers.items()} if isinstance(headers, dict) else {"X-Auth-Token": TOKEN}
    try:
        url = "/sapi/v2/" + path.lstrip("/")
        asking = client.build_request(method, url, content=_body(request, identity), headers=named)
    except (ValueError, TypeError, UnicodeError) as error:  # what no client could send
        return f"unsendable {type(error).__name__}"
    except Exception as error:
        if type(error).__module__.startswith("httpx"):
            return "unsendable"
        raise
    reply = client.send(asking)
    if reply.status_code >= 500:
        raise AssertionError(f"status {reply.status_code} to {method} {path[:60]!r}: {reply.text[:200]}")
    if reply.status_code >= 400 and not reply.json().get("error_msg"):
        raise AssertionError(f"status {reply.status_code} without a message to {method} {path[:60]!r}")
    return _identity_in(reply, identity)


def _body(request: Mapping[str, Any], identity: str) -> bytes:
    body = request.get("body", "")
    if isinstance(body, dict) and isinstance(body.get("base64"), str):
        content = base64.b64decode(body["base64"] + "===")
    elif isinstance(body, str):
        content = body.encode("utf-8", "surrogateescape")
    else:
        content = as_json(body)
    content = content.replace(b"$ID", identity.encode("utf-8", "surrogateescape"))
    return zlib.compress(content) if request.get("packed") else content


def _identity_in(reply: Any, before: str) -> str:
    try:
        found = reply.json()
    except ValueError:
        return before
    found = found[0] if isinstance(found, list) and found else found
    return str(found.get("id", before)) if isinstance(found, dict) else before


def _settled(journal: Any, seen: list[int]) -> None:
    """What the queues made of accepted jobs: they may fail, with a reason that names no exception of Python."""
    failed = journal.jobs("number > ? AND status = 'FAILED'", (seen[0],))
    if failed:
        seen[0] = failed[-1].number
        for job in failed:
            if "could not solve it" in str(job.error):
                raise AssertionError(f"an accepted job failed: {job.error}")


def of_node(work: Path) -> Mapping[str, bytes]:
    """What Ocean's client asks."""
    lin, quad = _numbers([1.0, -1.0] + [0.0] * 6), _numbers([0.5] * 16)
    job = {
        "solver": {"name": "hqml_chimera_1_1_4"},
        "type": "ising",
        "data": {"format": "qp", "lin": lin, "quad": quad},
    }
    job |= {"params": {"num_reads": 2, "answer_mode": "raw", "annealing_time": 20, "auto_scale": True}, "label": "a"}
    submit = {"method": "POST", "path": "problems/", "body": [job]}
    poll = {"method": "GET", "path": "problems/?id=$ID&timeout=0.1"}
    looks = [{"method": "GET", "path": path} for path in (
        "solvers/remote/?filter=none,%2Bidentity", "solvers/remote/hqml_hybrid_bqm", "node/status",
        "problems/?label=a&max_results=3&status=COMPLETED", "problems/$ID/", "problems/$ID/answer", "problems/$ID/info",
        "problems/$ID/messages",
    )]  # fmt: skip
    cancel = [
        {"method": "DELETE", "path": "problems/$ID"},
        {"method": "DELETE", "path": "problems/", "body": ["$ID", "x"]},
    ]
    qubo = {
        **submit,
        "packed": True,
        "body": {**job, "type": "qubo"},
        "headers": {"X-Auth-Token": "bob", "Content-Encoding": "deflate"},
    }
    return {
        "jobs": as_json([submit, poll, *looks[4:]]),
        "looks": as_json(looks),
        "cancel": as_json([submit, *cancel]),
        "qubo": as_json([qubo]),
        "upload": as_json(_upload()),
        "nobody": as_json([{"method": "GET", "path": "node/status", "headers": {}}]),
    }


def _upload() -> list[dict[str, Any]]:
    import dimod

    with dimod.BinaryQuadraticModel({"a": 1.0, "b": -1.0}, {"ab": 2.0}, 0.0, "BINARY").to_file() as file:
        content = file.read()
    checksum = hashlib.md5(hashlib.md5(content).digest()).hexdigest()
    hybrid = {"solver": "hqml_hybrid_bqm", "type": "bqm", "data": {"format": "ref", "data": "$ID"}}
    part = {"base64": base64.b64encode(content).decode()}
    return [
        {"method": "POST", "path": "bqm/multipart", "body": {"size": len(content)}},
        {"method": "PUT", "path": "bqm/multipart/$ID/part/1", "body": part},
        {"method": "GET", "path": "bqm/multipart/$ID/status"},
        {"method": "POST", "path": "bqm/multipart/$ID/combine", "body": {"checksum": checksum}},
        {"method": "POST", "path": "problems/", "body": [{**hybrid, "params": {"time_limit": 1e9}}]},
    ]


def _numbers(values: list[float]) -> str:
    return base64.b64encode(np.asarray(values, dtype="<f8").tobytes()).decode()


def uploads(work: Path) -> Run:
    """Bytes of uploaded models, whose checksums the node has accepted."""
    from hqml_ocean.node.hybrid_solver import HybridSolver
    from hqml_ocean.node.journal import Journal
    from hqml_ocean.node.refusals import Refusal
    from hqml_ocean.node.uploads import Uploads

    kept = Uploads(Journal(":memory:"))
    solver = HybridSolver(kept, 0)

    def run(data: bytes) -> None:
        if not data:
            return
        identity = kept.begin("a", len(data))
        kept.put(identity, "a", 1, data, None)
        kept.combine(identity, "a", hashlib.md5(hashlib.md5(data).digest()).hexdigest())
        try:
            solver.check("bqm", {"data": {"format": "ref", "data": identity}}, "a")
        except Refusal as refusal:
            raise HqmlError(refusal.message) from refusal

    return run


def of_uploads(work: Path) -> Mapping[str, bytes]:
    import dimod

    found = {}
    for name, model in {
        "spins": dimod.BinaryQuadraticModel({"a": 1.0, "b": -1.0}, {"ab": 2.0}, 0.0, "SPIN"),
        "bits": dimod.BinaryQuadraticModel({0: 1.0}, {(0, 1): 2.0, (1, 2): 1.0}, 0.5, "BINARY"),
        "floats": dimod.BinaryQuadraticModel({0: 1.0}, {(0, 1): 2.0}, 0.5, "BINARY", dtype=np.float32),
    }.items():
        for version in (1, 2):
            with model.to_file(version=version) as file:
                found[f"{name}{version}"] = file.read()
    return found


def wire(work: Path) -> Run:
    """Bytes to a node that listens; afterwards it still answers."""
    import httpx

    from hqml_ocean.node.testing import running_node

    stack = ExitStack()
    served = stack.enter_context(running_node("chimera", (1, 1, 4), tokens=[TOKEN]))
    atexit.register(stack.close)  # for the life of this process
    port = int(served.endpoint.split(":")[2].split("/")[0])
    web = stack.enter_context(httpx.Client(base_url=served.endpoint, trust_env=False, timeout=20))
    count = [0]

    def run(data: bytes) -> None:
        reply = _sent(port, data)
        if reply.startswith(b"HTTP/1.1 5"):
            raise AssertionError(f"answered {reply[:200]!r}")
        count[0] += 1
        if count[0] % 50 == 0:
            assert web.get("solvers/remote/", headers={"X-Auth-Token": TOKEN}).status_code == 200

    return run


def _sent(port: int, data: bytes) -> bytes:
    with socket.socket() as wire:
        wire.settimeout(20)
        wire.connect(("127.0.0.1", port))
        reply = b""
        try:
            wire.sendall(data)
            wire.shutdown(socket.SHUT_WR)
            while part := wire.recv(1 << 16):
                reply += part
        except ConnectionError:
            pass
        return reply


def of_wire(work: Path) -> Mapping[str, bytes]:
    token, post = f"X-Auth-Token: {TOKEN}", "POST /sapi/v2/problems/ HTTP/1.1"
    return {
        "get": _request("GET /sapi/v2/solvers/remote/ HTTP/1.1", token),
        "post": _request(post, token, "Content-Length: 2", body="[]"),
        "chunks": _request(post, token, "Transfer-Encoding: chunked", body="2\r\n[]\r\n0\r\n\r\n"),
        "packed": _request(post, token, "Content-Encoding: gzip", "Content-Length: 3", body="abc"),
        "poll": _request("GET /sapi/v2/problems/?id=a,b&timeout=0.1 HTTP/1.1", token, "Connection: close"),
        "two": _request("GET /sapi/v2/node/status HTTP/1.1", token)
        + _request("DELETE /sapi/v2/problems/x HTTP/1.0", token),
    }


def _request(line: str, *headers: str, body: str = "") -> bytes:
    return "\r\n".join([line, "Host: a", *headers, "", body]).encode()


node_mutate = trees(json.loads, as_json, raw=0.1)
