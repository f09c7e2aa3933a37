"""What goes wrong at the node on purpose, and what D-Wave's own client makes of it; and how the node is served."""

from __future__ import annotations

import binascii
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

pytest.importorskip("dwave.system", reason="dwave-system is missing: pip install 'hqml[node]'")
pytest.importorskip("uvicorn", reason="uvicorn is missing: pip install 'hqml[node]'")

import requests
from dwave.cloud import Client
from dwave.cloud import exceptions as cloud
from dwave.cloud.api import exceptions as api

from hqml.errors import BackendUnavailable, ParameterError
from hqml.registry import load_service
from hqml_ocean.node.faults import Faults, faults_from
from hqml_ocean.node.journal import PENDING, Journal
from hqml_ocean.node.testing import RunningNode, node_process, running_node, tokens_file

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_other_service")]

HQML = [sys.executable, "-m", "hqml.cli"]


@pytest.fixture(scope="module")
def served() -> Iterator[RunningNode]:
    with running_node("pegasus", (2,), tokens=["t"]) as node:
        yield node


@pytest.fixture
def node(served: RunningNode) -> Iterator[RunningNode]:
    served.faults.clear()
    served.faults.taken.clear()
    yield served
    served.faults.clear()


@pytest.fixture
def connect(node: RunningNode) -> Iterator[Callable[..., Client]]:
    """Makes a client; it is closed without waiting for jobs that never end."""
    clients = []

    def connect(**settings: Any) -> Client:
        clients.append(Client(endpoint=node.endpoint, token=node.token, cache_enabled=False, **settings))
        return clients[-1]

    yield connect
    node.faults.clear()
    for client in clients:
        client.close(wait=False)


def sampled(client: Client, **parameters: Any) -> Any:
    """The future of a small job."""
    solver = client.get_solver(qpu=True)
    qubit = min(solver.nodes)
    return solver.sample_ising({qubit: 1.0}, {}, **parameters)


PROBLEMS = "application/vnd.dwave.sapi.problems+json"

RAISED: list[tuple[str, str, dict[str, Any], type[BaseException], str]] = [
    ("401 on solvers", "solvers", {"status": 401}, cloud.SolverAuthenticationError, ""),
    ("403 on solvers", "solvers", {"status": 403}, api.ResourceAccessForbiddenError, "injected"),
    ("no solver", "solvers", {"body": "[]", "times": 2}, cloud.SolverNotFoundError, ""),
    ("offline solver", "solvers", {"offline": True, "times": 2}, cloud.SolverNotFoundError, ""),
    ("500 on solvers", "solvers", {"status": 500}, api.InternalServerError, "injected"),
    ("429 on solvers", "solvers", {"status": 429}, api.ResourceLimitsExceededError, "injected"),
    ("bad JSON of solvers", "solvers", {"body": "{"}, cloud.InvalidAPIResponseError, "JSON"),
    ("500 on submit", "submit", {"status": 500}, cloud.SolverError, "injected"),
    ("429 on submit", "submit", {"status": 429}, cloud.SolverError, "injected"),
    ("item error", "submit", {"item_error": "no such luck"}, cloud.SolverFailureError, "no such luck"),
    ("job fails", "job", {"outcome": "FAILED", "message": "too warm"}, cloud.SolverFailureError, "too warm"),
    ("solver goes off", "job", {"outcome": "FAILED", "message": "solver is offline"}, cloud.SolverOfflineError, ""),
    ("job cancelled", "job", {"outcome": "CANCELLED"}, cloud.CanceledFutureError, ""),
    ("404 on poll", "poll", {"status": 404}, cloud.SolverError, "injected"),
    ("429 on poll", "poll", {"status": 429}, cloud.SolverError, "injected"),
    ("bad JSON of submit", "submit", {"body": "{"}, cloud.InvalidAPIResponseError, "JSON"),
    ("bad JSON of poll", "poll", {"body": "{"}, cloud.InvalidAPIResponseError, "JSON"),
    ("media type", "poll", {"content_type": "application/json"}, cloud.InvalidAPIResponseError, "media type"),
    ("no version", "poll", {"content_type": PROBLEMS}, cloud.InvalidAPIResponseError, "version undefined"),
    ("version", "poll", {"content_type": f"{PROBLEMS}; version=9.0.0"}, cloud.InvalidAPIResponseError, "'9.0.0'"),
    ("drop before submit", "submit", {"drop": "before"}, requests.ConnectionError, ""),
    ("drop after submit", "submit", {"drop": "after"}, requests.ConnectionError, ""),
    ("answer no base64", "answer", {"answer": "base64"}, binascii.Error, ""),
    ("answer too short", "answer", {"answer": "length"}, ValueError, ""),
    ("500 on answer", "answer", {"status": 500}, cloud.SolverError, "injected"),
]


class TestFaults:
    @pytest.mark.parametrize(
        ("route", "what", "error", "reason"), [row[1:] for row in RAISED], ids=[row[0] for row in RAISED]
    )
    def test_the_client_raises_what_it_is_known_to_raise(
        self,
        node: RunningNode,
        connect: Callable[..., Client],
        route: str,
        what: dict[str, Any],
        error: type[BaseException],
        reason: str,
    ) -> None:
        node.faults.inject(route, **what)
        with pytest.raises(error, match=reason or None):
            sampled(connect(), num_reads=4).result()
        assert len(node.faults.taken) == what.get("times", 1)

    def test_a_submission_that_was_refused_is_not_in_the_journal(
        self, node: RunningNode, connect: Callable[..., Client]
    ) -> None:
        before = len(node.jobs)
        for what in ({"status": 500}, {"status": 429}, {"drop": "before"}, {"item_error": "no"}):
            node.faults.inject("submit", **what)
            with pytest.raises(Exception, match=r".*"):
                sampled(connect()).result()
        assert len(node.jobs) == before

    def test_a_submission_whose_answer_was_lost_is_found_by_its_label(
        self, node: RunningNode, connect: Callable[..., Client]
    ) -> None:
        from dwave.cloud.api import Problems

        node.faults.inject("submit", drop="after")
        with pytest.raises(requests.ConnectionError):
            sampled(connect(), label="lost").result()
        with Problems(endpoint=node.endpoint, token=node.token) as problems:
            [found] = problems.list_problems(label="lost")
        assert connect().retrieve_answer(found.id).result()["energies"] == [-1.0]

    def test_what_the_client_survives(self, node: RunningNode, connect: Callable[..., Client]) -> None:
        node.faults.inject("solvers", status=503, headers={"Retry-After": "0"})
        node.faults.inject("poll", status=503, headers={"Retry-After": "0"})
        node.faults.inject("poll", status=500)
        node.faults.inject("poll", drop="before")
        node.faults.inject("poll", drop="after")
        node.faults.inject("answer", drop="after")
        node.faults.inject("*", delay=0.02, times=None)
        assert list(sampled(connect()).result()["energies"]) == [-1.0]
        assert {fault.drop for fault in node.faults.taken} == {None, "before", "after"}
        assert len([fault for fault in node.faults.taken if not fault.delay]) == 6

    def test_500_for_ever_ends_by_the_clients_own_deadline(
        self, node: RunningNode, connect: Callable[..., Client]
    ) -> None:
        node.faults.inject("poll", status=500, times=None)
        with pytest.raises(cloud.PollingTimeout):
            sampled(connect(polling_timeout=1, poll_wait_time=1, poll_pause=0.05)).result()

    def test_an_empty_poll_is_waited_for_for_ever(self, node: RunningNode, connect: Callable[..., Client]) -> None:
        node.faults.inject("poll", body="[]")
        future = sampled(connect())
        future.wait(0.5)
        assert not future.done()
        assert [fault.body for fault in node.faults.taken] == ["[]"]

    def test_samples_that_were_spoiled_can_be_told(self, node: RunningNode, connect: Callable[..., Client]) -> None:
        node.faults.inject("answer", answer="bits")
        spoiled = sampled(connect(), num_reads=4, answer_mode="raw").result()
        assert list(spoiled["energies"]) == [-1.0] * 4
        assert {max(row) for row in spoiled["solutions"]} == {1}  # of h = +1, the energy would be +1
        node.faults.inject("answer", answer="samples")
        assert len(sampled(connect(), num_reads=4, answer_mode="raw").result()["energies"]) == 2

    def test_faults_are_described_in_json(self) -> None:
        faults = faults_from('[{"route": "submit", "status": 500, "after": 1, "times": 2}]')
        assert [faults.take("poll"), faults.take("submit")] == [None, None]
        assert [(fault and fault.status) for fault in (faults.take("submit") for _ in range(3))] == [500, 500, None]
        for wrong in ("{", "[1]", '[{"status": 500}]'):
            with pytest.raises(ParameterError, match="HQML_NODE_FAULTS must be a JSON list"):
                faults_from(wrong)
        for wrong in ({"route": "nowhere"}, {"route": "poll", "colour": "red"}):
            with pytest.raises(ParameterError, match=r"route must be one of|a fault has no colour"):
                Faults().inject(**wrong)


class TestServing:
    """`hqml node serve` in a process of its own."""

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [*HQML, "node", "serve", *arguments]
        return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=60)

    @pytest.fixture
    def tokens(self, tmp_path: Path) -> str:
        return str(tokens_file(tmp_path, ["marked-secret-token"], None))

    def test_what_is_wrong_is_one_line_and_status_2(self, tokens: str, tmp_path: Path, served: RunningNode) -> None:
        port = served.endpoint.split(":")[2].split("/")[0]
        common = ("--tokens", tokens, "--journal", ":memory:", "--shape", "2")
        cases = [
            (("--tokens", str(tmp_path / "none")), "cannot read the tokens"),
            ((*common, "--port", port), f"cannot listen at 127.0.0.1, port {port}: Address already in use"),
            ((*common, "--topology", "torus"), "topology must be one of 'chimera', 'pegasus', 'zephyr', 'zephyr15'"),
            ((*common, "--shape", "two"), "write whole numbers with commas"),
            ((*common, "--port", "0", "--keyfile", "k"), "keyfile is of no use without certfile"),
            ((*common, "--port", "0", "--certfile", tokens), "cannot use the certificate"),
            ((*common, "--port", "0", "--inject-faults"), "needs the variable HQML_NODE_FAULTS"),
            ((*common, "--port", "0", "--forward"), "no token for the D-Wave service"),
            ((*common, "--port", "0", "--profile", "p"), "give it with forward"),
        ]
        for arguments, reason in cases:
            done = self.run(*arguments)
            assert (done.returncode, done.stdout) == (2, ""), done.stderr
            [line] = done.stderr.splitlines()
            assert line.startswith("hqml: ")
            assert reason in line
            assert "marked-secret" not in line
        done = self.run(*common, "--port", "0", HQML_NODE_FAULTS="[]")
        assert done.returncode == 2
        assert "HQML_NODE_FAULTS is set; unset it, or give --inject-faults" in done.stderr

    def test_it_tells_the_endpoint_serves_and_ends_cleanly(self, tokens: str, tmp_path: Path) -> None:
        command = [*HQML, "node", "serve", "--port", "0", "--shape", "2", "--tokens", tokens, "--host", "0.0.0.0"]
        command += ["--journal", str(tmp_path / "j.sqlite")]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("export DWAVE_API_ENDPOINT=http://127.0.0.1:")
        endpoint = line.strip().partition("=")[2]
        for token, status in (("marked-secret-token", 200), ("marked-wrong-token", 401)):
            reply = httpx.get(f"{endpoint}node/status", headers={"X-Auth-Token": token}, trust_env=False)
            assert reply.status_code == status
        process.terminate()
        _, errors = process.communicate(timeout=30)
        assert process.returncode == 0
        assert "tokens travel unencrypted to 0.0.0.0" in errors
        kept = [file.read_bytes() for file in tmp_path.iterdir() if file.name != "tokens"]
        assert not any(b"marked" in text for text in [errors.encode(), reply.content, *kept])

    def test_it_ends_though_a_job_is_under_way(self, tmp_path: Path) -> None:
        slow = [{"route": "job", "delay": 600}]
        with node_process("--port", "0", "--shape", "2", token="t", folder=tmp_path, faults=slow) as node:
            client = Client(endpoint=node.endpoint, token="t", cache_enabled=False, http_retry_total=0)
            identity = sampled(client).wait_id()
            node.process.send_signal(signal.SIGINT)
            assert node.process.wait(timeout=30) == 0
            client.close(wait=False)
        journal = Journal(tmp_path / "journal.sqlite")
        assert [(job.id, job.status) for job in journal.jobs()] == [(identity, PENDING)]
        journal.close()

    def test_it_serves_by_tls(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        if shutil.which("openssl") is None:
            pytest.skip("openssl, which makes the certificate, is missing")
        make = "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -keyout key.pem -out cert.pem"
        make += " -addext subjectAltName=IP:127.0.0.1"
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "cert.pem"))
        subprocess.run(make.split(), cwd=tmp_path, check=True, capture_output=True)
        own = ("--certfile", str(tmp_path / "cert.pem"), "--keyfile", str(tmp_path / "key.pem"))
        with node_process("--port", "0", "--shape", "2", *own, token="t", folder=tmp_path) as node:
            assert node.endpoint.startswith("https://127.0.0.1:")
            with Client(endpoint=node.endpoint, token="t", cache_enabled=False) as client:
                assert client.get_solver(qpu=True).online
            assert node.stop() == 0

    def test_a_missing_library_is_told_of_with_what_mends_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "starlette", None)
        with pytest.raises(BackendUnavailable, match=r"service 'node' needs 'starlette'.*pip install 'hqml\[node\]'"):
            load_service("node")
        with pytest.raises(BackendUnavailable, match="no service is called 'nodes'"):
            load_service("nodes")

    def test_injected_faults_reach_a_process(self, tmp_path: Path) -> None:
        faults = [{"route": "solvers", "status": 418, "message": "a teapot", "times": 1}]
        with node_process("--port", "0", "--shape", "2", token="t", folder=tmp_path, faults=faults) as node:
            asked = [
                httpx.get(f"{node.endpoint}solvers/remote/", headers={"X-Auth-Token": "t"}, trust_env=False)
                for _ in range(2)
            ]
        assert [one.status_code for one in asked] == [418, 200]
        assert json.loads(asked[0].content) == {"error_code": 418, "error_msg": "a teapot"}


def test_the_seed_and_the_number_of_a_job_make_its_samples_repeatable() -> None:
    from dwave.system import DWaveSampler

    found = []
    for seed in (1, 1, 2):
        with (
            running_node("pegasus", (2,), seed=seed) as node,
            DWaveSampler(endpoint=node.endpoint, token=node.token, cache_enabled=False) as sampler,
        ):
            J = dict.fromkeys(sampler.edgelist, 1.0)
            found.append(sampler.sample_ising({}, J, num_reads=20, answer_mode="raw").record.sample)
    assert np.array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])
