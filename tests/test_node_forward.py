"""The gateway: a node that passes jobs on, in front of a second node that stands for the real service."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import dimod
import httpx
import numpy as np
import pytest

pytest.importorskip("dwave.system", reason="dwave-system is missing: pip install 'hqml[node]'")
pytest.importorskip("uvicorn", reason="uvicorn is missing: pip install 'hqml[node]'")

from dwave.system import DWaveSampler, LeapHybridSampler

from hqml_ocean.node import passing
from hqml_ocean.node.database import MEMORY
from hqml_ocean.node.forward import forwarding_node
from hqml_ocean.node.journal import Journal
from hqml_ocean.node.ledger import seconds_of
from hqml_ocean.node.settings import Settings
from hqml_ocean.node.testing import RunningNode, environment_of, node_process, running_node, served, tokens_file
from hqml_ocean.node.upstream import Reply, Upstream

pytestmark = pytest.mark.usefixtures("no_other_service")

REAL = "marked-real-token"

Web = Callable[..., httpx.Client]


@pytest.fixture(scope="module")
def service() -> Iterator[RunningNode]:
    """What stands for the real service."""
    with running_node("pegasus", (2,), tokens=[REAL]) as node:
        yield node


@pytest.fixture
def upstream(service: RunningNode) -> Iterator[RunningNode]:
    service.faults.clear()
    yield service
    service.faults.clear()
    service.resume()


@contextmanager
def gateway(
    upstream: RunningNode, folder: Path, *, budget: float | None = None, journal: str = MEMORY, token: str = REAL
) -> Iterator[str]:
    """The endpoint of a gateway for alice and bob."""
    file = tokens_file(folder, ["alice", "bob"], budget)
    settings = Settings(tokens=str(file), forward=True, journal=journal)
    with served(forwarding_node(settings, upstream=Upstream(upstream.endpoint, token)), settings) as endpoint:
        yield endpoint


def web(endpoint: str, token: str = "alice") -> httpx.Client:
    return httpx.Client(base_url=endpoint, headers={"X-Auth-Token": token}, trust_env=False, timeout=40)


def sampler(endpoint: str, token: str = "alice") -> AbstractContextManager[Any]:
    made: AbstractContextManager[Any] = DWaveSampler(endpoint=endpoint, token=token, cache_enabled=False)
    return made


def a_job(upstream: RunningNode, **changes: Any) -> dict[str, Any]:
    """One qubit, h = 1."""
    import base64

    lin = np.full(len(upstream.chip.properties["qubits"]), np.nan)
    lin[0] = 1.0
    data = {"format": "qp", "lin": base64.b64encode(lin.astype("<f8").tobytes()).decode(), "quad": ""}
    return {"solver": {"name": upstream.chip.name}, "data": data, "type": "ising", "params": {}, **changes}


def cost(upstream: RunningNode) -> float:
    """QPU seconds of such a job."""
    return upstream.chip.access_seconds(1, 1)


def budget_of(client: httpx.Client) -> dict[str, float]:
    found: dict[str, float] = client.get("node/status").json()["budget"]
    return found


def ended(client: httpx.Client, identity: str) -> dict[str, Any]:
    while True:
        state: dict[str, Any] = client.get(f"problems/{identity}/", params={"timeout": 20}).json()
        if state["status"] not in ("PENDING", "IN_PROGRESS"):
            return state


@pytest.mark.parametrize("content", [b"nonsense", b"[" * 100_000, rb'["\ud800"]'])
def test_an_answer_that_cannot_be_used_says_nothing(content: bytes) -> None:
    assert Reply(200, {}, content).json() is None


class TestPassing:
    def test_a_qpu_is_sampled_through_the_gateway(self, upstream: RunningNode, tmp_path: Path) -> None:
        with gateway(upstream, tmp_path) as endpoint, sampler(endpoint) as qpu:
            J = dict.fromkeys(qpu.edgelist, -1.0)
            samples = qpu.sample_ising({}, J, num_reads=5, label="through")
            bqm = dimod.BinaryQuadraticModel.from_ising({}, J)
            assert np.allclose(samples.record.energy, bqm.energies(samples))
            assert samples.info["problem_label"] == "through"
            with web(endpoint) as client:
                used = budget_of(client)["used"]
            assert used == pytest.approx(samples.info["timing"]["qpu_access_time"] / 1e6)

    def test_a_hybrid_solver_is_sampled_through_the_gateway(self, upstream: RunningNode, tmp_path: Path) -> None:
        bqm = dimod.generators.ran_r(3, 12, seed=2)
        with (
            gateway(upstream, tmp_path) as endpoint,
            LeapHybridSampler(endpoint=endpoint, token="alice", cache_enabled=False) as hybrid,
        ):
            lowest = hybrid.sample(bqm).first.energy
        assert lowest == pytest.approx(dimod.ExactSolver().sample(bqm).first.energy)

    def test_the_clients_low_level_calls(self, upstream: RunningNode, tmp_path: Path) -> None:
        from dwave.cloud.api import Problems

        with gateway(upstream, tmp_path) as endpoint, web(endpoint) as client:
            [state] = client.post("problems/", json=[a_job(upstream, label="low")]).json()
            ended(client, state["id"])
            with Problems(endpoint=endpoint, token="alice") as problems:
                assert problems.get_problem_status(state["id"]).label == "low"
                info = problems.get_problem_info(state["id"])
                assert info.metadata.submitted_by == client.get("node/status").json()["account"]
                assert problems.get_problem_answer(state["id"]).timing["qpu_access_time"] > 0
                assert problems.get_problem_messages(state["id"]) == []
                assert [one.id for one in problems.list_problems(label="low", status="COMPLETED")] == [state["id"]]
            assert client.get(f"problems/{state['id']}/nonsense").status_code == 404

    def test_definitions_keep_their_etags(self, upstream: RunningNode, tmp_path: Path) -> None:
        with gateway(upstream, tmp_path) as endpoint, web(endpoint) as client:
            path = f"solvers/remote/{upstream.chip.name}?filter=all,-avg_load"
            first = client.get(path)
            again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
            assert (again.status_code, again.content) == (304, b"")
            assert client.get("solvers/remote/none").status_code == 404
            assert client.get("solvers/remote/..%2F..%2Fnode").status_code == 404

    def test_a_poll_is_held_and_a_waiting_job_cancelled(self, upstream: RunningNode, tmp_path: Path) -> None:
        upstream.pause()
        with gateway(upstream, tmp_path) as endpoint, web(endpoint) as client:
            states = client.post("problems/", json=[a_job(upstream), a_job(upstream), a_job(upstream)]).json()
            first, second, third = (one["id"] for one in states)
            assert client.request("DELETE", "problems/", json=[first, "none"]).json()[0]["status"] == "CANCELLED"
            assert client.delete(f"problems/{second}").json()["status"] == "CANCELLED"
            assert client.delete("problems/none").status_code == 404
            threading.Timer(0.3, upstream.resume).start()
            [polled] = client.get("problems/", params={"id": third, "timeout": 25}).json()
            assert polled["status"] == "COMPLETED"
            assert budget_of(client)["reserved"] == 0

    def test_the_end_of_the_gateway_lets_polls_go(self, upstream: RunningNode, tmp_path: Path) -> None:
        upstream.pause()
        upstream.faults.taken.clear()
        upstream.faults.inject("poll")  # nothing goes wrong, it is but noticed
        answers: list[httpx.Response] = []
        with gateway(upstream, tmp_path) as endpoint, web(endpoint) as client:
            [state] = client.post("problems/", json=[a_job(upstream)]).json()

            def poll() -> None:
                with web(endpoint) as other:
                    answers.append(other.get("problems/", params={"id": state["id"], "timeout": 30}))

            thread = threading.Thread(target=poll)
            thread.start()
            while not upstream.faults.taken:  # until the question has come to the service
                time.sleep(0.01)
        thread.join()
        assert answers[0].status_code == 503
        assert "gateway ends" in answers[0].text

    def test_what_cannot_be_passed_on_is_refused_here(self, upstream: RunningNode, tmp_path: Path) -> None:
        before = len(upstream.jobs)
        with gateway(upstream, tmp_path) as endpoint, web(endpoint) as client:
            wrong = [1, a_job(upstream, type="nl"), a_job(upstream, label=5), a_job(upstream, solver=None)]
            reasons = ("must be an object", "passes on problems of type", "label must be text", "solver must be")
            for state, reason in zip(client.post("problems/", json=wrong).json(), reasons, strict=True):
                assert reason in state["error_msg"]
            assert client.post("problems/", json=[]).status_code == 400
        assert len(upstream.jobs) == before


class TestAccounts:
    def test_accounts_see_their_own_alone(self, upstream: RunningNode, tmp_path: Path) -> None:
        with gateway(upstream, tmp_path) as endpoint, web(endpoint) as alice, web(endpoint, "bob") as bob:
            [state] = alice.post("problems/", json=[a_job(upstream, label="mine")]).json()
            ended(alice, state["id"])
            assert [one["id"] for one in alice.get("problems/", params={"label": "mine"}).json()] == [state["id"]]
            assert bob.get("problems/", params={"label": "mine"}).json() == []
            assert bob.get("problems/").json() == []
            for path in (f"problems/{state['id']}/", f"problems/?id={state['id']}", f"problems/{state['id']}/info"):
                assert bob.get(path).status_code == 404
            assert bob.request("DELETE", "problems/", json=[state["id"]]).json()[0]["error_code"] == 404
            with web(endpoint, REAL) as real:
                assert real.get("problems/").status_code == 401

    def test_uploads_belong_to_who_began_them(self, upstream: RunningNode, tmp_path: Path) -> None:
        with gateway(upstream, tmp_path) as endpoint, web(endpoint) as alice, web(endpoint, "bob") as bob:
            upload = alice.post("bqm/multipart", json={"size": 4}).json()["id"]
            assert alice.get(f"bqm/multipart/{upload}/status").json()["status"] == "UPLOAD_IN_PROGRESS"
            assert bob.get(f"bqm/multipart/{upload}/status").status_code == 404
            job = {"solver": {"name": "hqml_hybrid_bqm"}, "type": "bqm", "data": {"format": "ref", "data": upload}}
            assert bob.post("problems/", json=[job]).json()[0]["error_code"] == 404

    def test_a_budget_is_reserved_and_charged_by_the_answers(self, upstream: RunningNode, tmp_path: Path) -> None:
        journal, granted = str(tmp_path / "journal.sqlite"), 2.5 * cost(upstream)
        upstream.pause()
        with gateway(upstream, tmp_path, budget=granted, journal=journal) as endpoint, web(endpoint) as client:
            states = client.post("problems/", json=[a_job(upstream)] * 3).json()
            assert [one.get("status", one.get("error_code")) for one in states] == ["PENDING", "PENDING", 402]
            assert "insufficient remaining solver access time" in states[2]["error_msg"]
            upstream.resume()
            first = ended(client, states[0]["id"])
            assert seconds_of(first["answer"], 0.0) == pytest.approx(cost(upstream))
            ended(client, states[1]["id"])
        with gateway(upstream, tmp_path, budget=granted, journal=journal) as endpoint, web(endpoint) as client:
            assert budget_of(client)["used"] == pytest.approx(2 * cost(upstream))
            assert client.post("problems/", json=[a_job(upstream)]).json()[0]["error_code"] == 402

    def test_jobs_whose_answers_nobody_fetched_are_charged_all_the_same(
        self, upstream: RunningNode, tmp_path: Path
    ) -> None:
        with gateway(upstream, tmp_path) as endpoint, web(endpoint) as client, web(upstream.endpoint, REAL) as real:
            [state] = client.post("problems/", json=[a_job(upstream)]).json()
            ended(real, state["id"])
            budget = budget_of(client)
            assert (budget["used"], budget["reserved"]) == (pytest.approx(cost(upstream)), 0.0)

    def test_a_job_that_was_cancelled_makes_room(self, upstream: RunningNode, tmp_path: Path) -> None:
        upstream.pause()
        granted = 1.5 * cost(upstream)
        with (
            gateway(upstream, tmp_path, budget=granted) as endpoint,
            web(endpoint) as client,
            web(upstream.endpoint, REAL) as real,
        ):
            [state] = client.post("problems/", json=[a_job(upstream)]).json()
            assert client.post("problems/", json=[a_job(upstream)]).json()[0]["error_code"] == 402
            real.delete(f"problems/{state['id']}")  # the gateway learns of it when it needs the room
            assert client.post("problems/", json=[a_job(upstream)]).json()[0]["status"] == "PENDING"


class TestFailures:
    def test_a_submission_is_never_repeated_and_found_again_by_its_label(
        self, upstream: RunningNode, tmp_path: Path
    ) -> None:
        before = len(upstream.jobs)
        upstream.faults.inject("submit", drop="after")
        with gateway(upstream, tmp_path) as endpoint, web(endpoint) as alice, web(endpoint, "bob") as bob:
            reply = alice.post("problems/", json=[a_job(upstream, label="lost")])
            assert (reply.status_code, reply.json()["error_code"]) == (502, 502)
            assert len(upstream.jobs) == before + 1
            assert bob.get("problems/", params={"label": "lost"}).json() == []
            [found] = alice.get("problems/", params={"label": "lost"}).json()
            assert found["id"] == upstream.jobs[-1].id
            assert ended(alice, found["id"])["status"] == "COMPLETED"
            assert budget_of(alice)["used"] == pytest.approx(cost(upstream))
        assert len(upstream.jobs) == before + 1

    def test_what_the_service_never_saw_is_reserved_until_that_is_known(
        self, upstream: RunningNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = len(upstream.jobs)
        upstream.faults.inject("submit", drop="before")
        with gateway(upstream, tmp_path) as endpoint, web(endpoint) as client:
            assert client.post("problems/", json=[a_job(upstream, label="gone")]).status_code == 502
            assert budget_of(client)["reserved"] == pytest.approx(cost(upstream))
            monkeypatch.setattr(passing, "UNKNOWN_AFTER", 0.0)
            assert client.get("problems/", params={"label": "gone"}).json() == []
            assert budget_of(client)["reserved"] == 0
        assert len(upstream.jobs) == before

    @pytest.mark.parametrize(("status", "reserved"), [(429, False), (400, False), (503, False), (500, True)])
    def test_refusals_of_the_service_are_passed_back(
        self, upstream: RunningNode, tmp_path: Path, status: int, reserved: bool
    ) -> None:
        with gateway(upstream, tmp_path) as endpoint, web(endpoint) as client:
            client.post("problems/", json=[1])
            upstream.faults.inject("submit", status=status, message="too much")
            reply = client.post("problems/", json=[a_job(upstream)])
            assert (reply.status_code, reply.json()) == (status, {"error_code": status, "error_msg": "too much"})
            assert (budget_of(client)["reserved"] > 0) is reserved

    def test_one_refused_job_does_not_hold_up_the_others(self, upstream: RunningNode, tmp_path: Path) -> None:
        with gateway(upstream, tmp_path) as endpoint, web(endpoint) as client:
            jobs = [1, a_job(upstream), a_job(upstream, params={"num_reads": -1}), a_job(upstream)]
            states = client.post("problems/", json=jobs).json()
            assert [one.get("status", one.get("error_code")) for one in states] == [400, "PENDING", 400, "PENDING"]
            assert "num_reads must be" in states[2]["error_msg"]

    def test_a_service_that_is_away_is_told_of(self, tmp_path: Path) -> None:
        with running_node("pegasus", (2,), tokens=[REAL]) as away:
            job = a_job(away)
        with gateway(away, tmp_path) as endpoint, web(endpoint) as client:
            for reply in (client.get("solvers/remote/"), client.post("problems/", json=[job])):
                assert reply.status_code == 503
                assert "cannot be reached (ConnectError)" in reply.text

    def test_a_wrong_real_token_is_the_operators_business(self, upstream: RunningNode, tmp_path: Path) -> None:
        with gateway(upstream, tmp_path, token="marked-wrong") as endpoint, web(endpoint) as client:
            reply = client.get("solvers/remote/")
            assert reply.status_code == 503
            assert "does not accept the gateway's token; tell its operator" in reply.text

    def test_an_answer_that_cannot_be_read_is_passed_back(self, upstream: RunningNode, tmp_path: Path) -> None:
        with gateway(upstream, tmp_path) as endpoint, web(endpoint) as client:
            [state] = client.post("problems/", json=[a_job(upstream)]).json()
            upstream.faults.inject("poll", body="{", times=1)
            assert client.get("problems/", params={"id": state["id"]}).text == "{"
            upstream.faults.inject("submit", body="[]")
            assert client.post("problems/", json=[a_job(upstream)]).status_code == 502


class TestSecrets:
    def test_the_real_token_stays_on_the_gateway(
        self, upstream: RunningNode, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        journal, seen = tmp_path / "journal.sqlite", []
        with gateway(upstream, tmp_path, journal=str(journal)) as endpoint, web(endpoint) as client:
            # A service that repeats the token in what it answers.
            upstream.faults.inject("solvers", status=403, message=f"{REAL} may not", headers={"Retry-After": REAL})
            upstream.faults.inject("submit", status=400, message=f"{REAL} is wrong")
            upstream.faults.inject("submit", drop="after")
            seen += [client.get("solvers/remote/"), client.get("solvers/remote/"), client.get("node/status")]
            seen += [client.post("problems/", json=[a_job(upstream, label=str(n))]) for n in range(3)]
            seen += [client.get("problems/"), client.get("problems/?label=1")]
        with gateway(upstream, tmp_path, journal=str(tmp_path / "other"), token="marked-wrong") as endpoint:
            seen.append(httpx.get(endpoint + "solvers/remote/", headers={"X-Auth-Token": "bob"}, trust_env=False))
        told = [repr(dict(one.headers)) + one.text for one in seen]
        told += [record.getMessage() + str(record.exc_text) for record in caplog.records]
        kept = [file.read_bytes() for file in tmp_path.iterdir() if file.name != "tokens"]
        assert len(kept) >= 2
        assert not [text for text in told if "marked" in text]
        assert not [content for content in kept if b"marked" in content]
        assert "(hidden) may not" in seen[0].text

    def test_the_command_takes_the_real_token_from_the_environment(
        self, upstream: RunningNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in upstream.environment.items():
            monkeypatch.setenv(name, value)
        with node_process("--port", "0", "--forward", token="local", folder=tmp_path) as node:
            arguments = Path(f"/proc/{node.process.pid}/cmdline")
            assert not arguments.exists() or b"marked" not in arguments.read_bytes()
            environment = {**os.environ, **environment_of(node.endpoint, "local"), "XDG_CACHE_HOME": str(tmp_path)}
            ping = [str(Path(sys.executable).with_name("dwave")), "ping", "--json"]
            done = subprocess.run(ping, env=environment, capture_output=True, text=True, timeout=60)
            assert done.returncode == 0, done.stdout + done.stderr
            status = [sys.executable, "-m", "hqml.cli", "node", "status", "--json"]
            found = json.loads(subprocess.run(status, env=environment, capture_output=True, timeout=60).stdout)
            assert found["node"]["forwards"] is True
            assert found["budget"]["used"] == pytest.approx(cost(upstream), rel=0.1)
            assert node.stop() == 0
        journal = Journal(tmp_path / "journal.sqlite")
        assert [job.label for job in journal.jobs()] == ["dwave ping"]
        journal.close()
