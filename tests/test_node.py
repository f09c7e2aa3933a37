"""The quantum node, met by D-Wave's own client over a real socket."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import os
import sqlite3
import stat
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dimod
import httpx
import numpy as np
import pytest

pytest.importorskip("dwave.system", reason="dwave-system is missing: pip install 'hqml[node]'")
pytest.importorskip("uvicorn", reason="uvicorn is missing: pip install 'hqml[node]'")

from hqml.errors import AccessDenied, FormatError, ParameterError, ServiceError
from hqml_ocean.chip.topologies import made_chip
from hqml_ocean.cloud.access import Access
from hqml_ocean.node.asking import ask_status
from hqml_ocean.node.formats import Layout
from hqml_ocean.node.journal import CANCELLED, COMPLETED, IN_PROGRESS, PENDING, Job, Journal, now
from hqml_ocean.node.testing import RunningNode, node_process, running_node
from hqml_ocean.node.tokens import Tokens

pytestmark = pytest.mark.usefixtures("no_other_service")

HQML = [sys.executable, "-m", "hqml.cli"]
DWAVE = [str(Path(sys.executable).with_name("dwave"))]


@pytest.fixture(scope="module")
def node() -> Iterator[RunningNode]:
    with running_node("pegasus", (3,), tokens=["alice", "bob"]) as node:
        yield node


@pytest.fixture
def sampler(node: RunningNode) -> Iterator[Any]:
    from dwave.system import DWaveSampler

    with DWaveSampler(endpoint=node.endpoint, token=node.token, cache_enabled=False) as sampler:
        yield sampler


@pytest.fixture
def web(node: RunningNode) -> Iterator[httpx.Client]:
    with web_of(node) as client:
        yield client


@pytest.fixture
def paused(node: RunningNode) -> Iterator[RunningNode]:
    """The node, which begins no job."""
    node.pause()
    yield node
    node.resume()


def web_of(node: RunningNode, token: str | None = None) -> httpx.Client:
    headers = {"X-Auth-Token": token or node.token}
    return httpx.Client(base_url=node.endpoint, headers=headers, trust_env=False, timeout=30)


def random_ising(chip: Any, seed: int = 0) -> dimod.BinaryQuadraticModel:
    """Couplings and biases on all of a chip, within its ranges."""
    rng = np.random.default_rng(seed)
    qubits, couplers = chip.properties["qubits"], chip.properties["couplers"]
    h = dict(zip(qubits, rng.uniform(-1, 1, len(qubits)), strict=True))
    J = {tuple(pair): value for pair, value in zip(couplers, rng.choice([-1.0, 1.0], len(couplers)), strict=True)}
    return dimod.BinaryQuadraticModel.from_ising(h, J)


def job(node: RunningNode, h: Mapping[int, float] | None = None, J: Any = None, **changes: Any) -> dict[str, Any]:
    """A job as the client writes it; by default of one qubit."""
    layout = Layout.of(node.chip.properties)
    first = int(layout.qubits[0])
    h, J = (h if h is not None else {first: 1.0}), J or {}
    active = {*h, *itertools.chain(*J)}
    lin = [h.get(int(q), 0.0) if int(q) in active else np.nan for q in layout.qubits]
    quad = [J.get((u, v), 0.0) for u, v in layout.couplers.tolist() if u in active and v in active]
    data = {"format": "qp", "lin": numbers(lin), "quad": numbers(quad), "offset": 0.0}
    identity = {"name": node.chip.name, "version": {"graph_id": node.chip.graph_id}}
    return {"solver": identity, "data": data, "type": "ising", "params": {}, **changes}


def hybrid_job(web: httpx.Client, content: bytes) -> dict[str, Any]:
    """A job on a model that is uploaded in one part."""
    identity = web.post("bqm/multipart", json={"size": len(content)}).json()["id"]
    web.put(f"bqm/multipart/{identity}/part/1", content=content)
    md5 = hashlib.md5
    web.post(f"bqm/multipart/{identity}/combine", json={"checksum": md5(md5(content).digest()).hexdigest()})
    return {"solver": "hqml_hybrid_bqm", "type": "bqm", "data": {"format": "ref", "data": identity}}


def numbers(values: Any) -> str:
    return base64.b64encode(np.asarray(values, dtype="<f8").tobytes()).decode()


def submitted(web: httpx.Client, *jobs: Any) -> list[dict[str, Any]]:
    reply = web.post("problems/", json=list(jobs))
    assert reply.status_code == 200, reply.text
    states: list[dict[str, Any]] = reply.json()
    return states


def ended(web: httpx.Client, identity: str) -> dict[str, Any]:
    """The state of a job once it has ended, with its answer."""
    while True:
        state: dict[str, Any] = web.get(f"problems/{identity}/", params={"timeout": 20}).json()
        if state["status"] not in ("PENDING", "IN_PROGRESS"):
            return state


class TestSamplers:
    """Ocean's samplers, unmodified."""

    def test_energies_are_those_of_the_problem(self, sampler: Any, node: RunningNode) -> None:
        bqm = random_ising(node.chip)
        samples = sampler.sample(bqm, num_reads=20, answer_mode="raw")
        assert len(samples) == 20
        assert np.allclose(samples.record.energy, bqm.energies(samples))

    def test_a_qubo_has_its_own_energies_and_values(self, sampler: Any, node: RunningNode) -> None:
        bqm = random_ising(node.chip, seed=1).change_vartype("BINARY", inplace=False)
        samples = sampler.sample_qubo(bqm.to_qubo()[0], num_reads=5)
        assert samples.vartype is dimod.BINARY
        assert np.allclose(samples.record.energy, bqm.energies(samples) - bqm.offset)

    def test_time_is_that_of_the_chip(self, sampler: Any, node: RunningNode) -> None:
        bqm = random_ising(node.chip)
        samples = sampler.sample(bqm, num_reads=7, annealing_time=5, label="a name")
        assert samples.info["timing"] == node.chip.timing(len(bqm), 7, 5)
        assert samples.info["problem_label"] == "a name"
        assert node.jobs[-1].used == pytest.approx(node.chip.access_seconds(len(bqm), 7, 5))
        expected = sampler.solver.estimate_qpu_access_time(len(bqm), 7, 5)
        assert samples.info["timing"]["qpu_access_time"] == pytest.approx(expected)

    def test_a_histogram_counts_equal_reads_lowest_first(self, sampler: Any, node: RunningNode) -> None:
        u, v = node.chip.properties["couplers"][0]
        samples = sampler.sample_ising({u: 0.01}, {(u, v): -1}, num_reads=50)
        assert samples.record.num_occurrences.sum() == 50
        assert {tuple(row) for row in samples.record.sample.tolist()} <= {(1, 1), (-1, -1)}
        assert len(samples) == 2
        assert list(samples.record.energy) == sorted(samples.record.energy)
        [lowest] = sampler.sample_ising({u: 0.01}, {(u, v): -1}, num_reads=50, max_answers=1)
        assert lowest == {u: -1, v: -1}

    def test_a_clique_comes_to_its_ground_state(self, node: RunningNode) -> None:
        from dwave.system import DWaveCliqueSampler

        bqm = dimod.generators.ran_r(3, 12, seed=2)
        lowest = dimod.ExactSolver().sample(bqm).first.energy
        with DWaveCliqueSampler(endpoint=node.endpoint, token=node.token, cache_enabled=False) as sampler:
            samples = sampler.sample(bqm, num_reads=100)
        assert samples.first.energy == pytest.approx(lowest)
        assert np.allclose(samples.record.energy, bqm.energies(samples))

    def test_the_hybrid_solver_comes_to_the_ground_state(self, node: RunningNode) -> None:
        from dwave.system import LeapHybridSampler

        bqm = dimod.generators.ran_r(3, 14, seed=3)
        bqm = bqm.relabel_variables({v: f"v{v}" for v in bqm.variables}, inplace=False)
        with LeapHybridSampler(endpoint=node.endpoint, token=node.token, cache_enabled=False) as sampler:
            samples = sampler.sample(bqm, label="h")
        assert samples.first.energy == pytest.approx(dimod.ExactSolver().sample(bqm).first.energy)
        assert set(samples.variables) == set(bqm.variables)
        assert samples.info["qpu_access_time"] == 0
        assert samples.info["run_time"] > 0

    def test_a_large_model_is_uploaded_in_parts(self, node: RunningNode) -> None:
        from dwave.system import LeapHybridSampler

        with dimod.generators.ran_r(5, 900, seed=0).to_file() as file:
            content = file.read()
        assert len(content) > 5 << 20  # Ocean's size of a part
        with LeapHybridSampler(endpoint=node.endpoint, token=node.token, cache_enabled=False) as sampler:
            identity = sampler.solver.upload_bqm(content).result()
        parts = node.journal.rows("SELECT data FROM parts WHERE upload = ? ORDER BY number", (identity,))
        assert len(parts) >= 2
        assert b"".join(data for (data,) in parts) == content

    @pytest.mark.parametrize(("topology", "shape"), [("chimera", (3,)), ("zephyr", (2,))])
    def test_other_topologies(self, topology: str, shape: tuple[int, ...]) -> None:
        from dwave.system import DWaveSampler

        with (
            running_node(topology, shape, qubit_yield=0.9, seed=5) as other,
            DWaveSampler(endpoint=other.endpoint, token=other.token, cache_enabled=False) as sampler,
        ):
            assert sampler.properties["topology"]["type"] == topology
            bqm = random_ising(other.chip)
            samples = sampler.sample(bqm, num_reads=3)
            assert np.allclose(samples.record.energy, bqm.energies(samples))


class TestCommands:
    """The commands `dwave` and `hqml node`, each in a process of its own."""

    def run(self, node: RunningNode, tmp_path: Path, *command: str) -> subprocess.CompletedProcess[str]:
        own = {"XDG_CACHE_HOME": str(tmp_path), "DWAVE_CONFIG_FILE": os.devnull}
        environment = {**os.environ, **own, **node.environment}
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)

    def test_dwave_ping(self, node: RunningNode, tmp_path: Path) -> None:
        for _ in range(2):  # the second time by its cache and our ETags
            done = self.run(node, tmp_path, *DWAVE, "ping", "--json")
            assert done.returncode == 0, done.stdout + done.stderr
        assert f"Using solver: {node.chip.name}" in self.run(node, tmp_path, *DWAVE, "ping").stdout

    def test_dwave_ping_of_the_hybrid_solver(self, node: RunningNode, tmp_path: Path) -> None:
        done = self.run(node, tmp_path, *DWAVE, "ping", "--client", "hybrid")
        assert done.returncode == 0, done.stdout + done.stderr

    def test_dwave_solvers(self, node: RunningNode, tmp_path: Path) -> None:
        done = self.run(node, tmp_path, *DWAVE, "solvers", "--list", "--all")
        assert done.stdout.split() == [node.chip.name, "hqml_hybrid_bqm"]

    def test_dwave_sample(self, node: RunningNode, tmp_path: Path) -> None:
        done = self.run(node, tmp_path, *DWAVE, "sample", "--random-problem", "-n", "10")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Energies: [" in done.stdout

    def test_dwave_ping_with_a_wrong_token(self, node: RunningNode, tmp_path: Path) -> None:
        environment = {**os.environ, **node.environment, "DWAVE_API_TOKEN": "wrong", "XDG_CACHE_HOME": str(tmp_path)}
        done = subprocess.run([*DWAVE, "ping"], env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 2
        assert "Authentication error" in done.stdout

    def test_hqml_node_status(self, node: RunningNode, tmp_path: Path) -> None:
        done = self.run(node, tmp_path, *HQML, "node", "status", "--json")
        found = json.loads(done.stdout)
        assert [one["name"] for one in found["solvers"]] == [node.chip.name, "hqml_hybrid_bqm"]
        assert node.token not in done.stdout
        assert "Solvers" in self.run(node, tmp_path, *HQML, "node", "status").stdout


class TestSolvers:
    def test_only_the_wanted_fields_come(self, web: httpx.Client) -> None:
        [qpu, _] = web.get("solvers/remote/", params={"filter": "none,+identity,+status,+avg_load"}).json()
        assert set(qpu) == {"identity", "status", "avg_load"}
        [qpu, _] = web.get("solvers/remote/", params={"filter": "all,-status,-avg_load"}).json()
        assert set(qpu) == {"identity", "description", "properties"}

    def test_what_has_not_changed_is_not_sent_again(self, web: httpx.Client, node: RunningNode) -> None:
        path = f"solvers/remote/{node.chip.name}"
        first = web.get(path, params={"filter": "all,-avg_load"})
        assert first.headers["Content-Type"] == "application/vnd.dwave.sapi.solver-definition+json; version=3.0.0"
        again = web.get(path, params={"filter": "all,-avg_load"}, headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["Cache-Control"] == first.headers["Cache-Control"] == "private, no-cache"
        other = web.get(path, params={"filter": "none,+status"}, headers={"If-None-Match": first.headers["ETag"]})
        assert other.json() == {"status": "ONLINE"}

    def test_the_clients_own_cache_notices_another_chip_at_the_same_address(self, tmp_path: Path) -> None:
        from dwave.cloud import Client

        sizes = []
        for shape in ((2,), (3,)):
            with running_node("pegasus", shape, tokens=["t"], port=sizes[0][1] if sizes else 0) as node:
                port = int(node.endpoint.split(":")[2].split("/")[0])
                with Client(endpoint=node.endpoint, token="t", cache_home=str(tmp_path)) as client:
                    sizes.append((len(client.get_solver(qpu=True).nodes), port))
        assert sizes[0][0] < sizes[1][0]


class TestProblems:
    def test_a_poll_is_held_until_a_job_ends(self, paused: RunningNode) -> None:
        with web_of(paused) as web:
            states = submitted(web, job(paused), job(paused))
            ids = ",".join(one["id"] for one in states)
            assert [one["status"] for one in web.get("problems/", params={"id": ids}).json()] == [PENDING] * 2
            threading.Timer(0.3, paused.resume).start()
            polled = web.get("problems/", params={"id": ids, "timeout": 25}).json()
            # Answered at once, none could have ended.
            assert COMPLETED in [one["status"] for one in polled]

    def test_jobs_are_solved_one_at_a_time_in_order(self, node: RunningNode, web: httpx.Client) -> None:
        states = submitted(web, *[job(node) for _ in range(20)])
        for one in states:
            ended(web, one["id"])
        ids = [one["id"] for one in states]
        solved = {one.id: one.solved_on or "" for one in node.jobs if one.id in ids}
        assert [solved[one] for one in ids] == sorted(solved.values())

    def test_jobs_are_found_by_label_status_and_solver(self, paused: RunningNode) -> None:
        from dwave.cloud.api import Problems

        with web_of(paused) as web, Problems(endpoint=paused.endpoint, token=paused.token) as problems:
            [first, second] = submitted(web, job(paused, label="to find"), job(paused, label="to find"))
            assert [one.id for one in problems.list_problems(label="to find")] == [second["id"], first["id"]]
            assert [one.id for one in problems.list_problems(label="to find", max_results=1)] == [second["id"]]
            assert problems.list_problems(label="to find", status="COMPLETED") == []
            assert problems.list_problems(label="never") == []
            assert problems.list_problems(label="to find", solver="other") == []
            assert len(problems.list_problems(status=PENDING, solver=paused.chip.name)) == 2

    def test_the_clients_low_level_calls(self, node: RunningNode, web: httpx.Client) -> None:
        from dwave.cloud.api import Problems
        from dwave.cloud.api.exceptions import ResourceConflictError, ResourceNotFoundError

        [state] = submitted(web, job(node, label="low"))
        ended(web, state["id"])
        with Problems(endpoint=node.endpoint, token=node.token) as problems:
            assert problems.get_problem(state["id"]).answer.timing["qpu_access_time"] > 0
            assert problems.get_problem_status(state["id"]).status == COMPLETED
            assert problems.get_problem_statuses([state["id"]])[0].label == "low"
            info = problems.get_problem_info(state["id"])
            assert info.metadata.submitted_by == node.jobs[-1].account
            assert info.data.lin == job(node)["data"]["lin"]
            assert problems.get_problem_answer(state["id"]).num_variables == node.chip.properties["num_qubits"]
            assert problems.get_problem_messages(state["id"]) == []
            with pytest.raises(ResourceConflictError, match="COMPLETED; only one that is PENDING"):
                problems.cancel_problem(state["id"])
            with pytest.raises(ResourceNotFoundError, match="no problem of this id"):
                problems.get_problem("nonsense")

    def test_a_waiting_job_can_be_cancelled(self, paused: RunningNode) -> None:
        from dwave.cloud.exceptions import CanceledFutureError
        from dwave.system import DWaveSampler

        u = paused.chip.properties["qubits"][0]
        with DWaveSampler(endpoint=paused.endpoint, token=paused.token, cache_enabled=False) as sampler:
            future = sampler.solver.sample_ising({u: 1.0}, {})
            future.wait_id()
            future.cancel()
            with pytest.raises(CanceledFutureError):
                future.result()
        assert (paused.jobs[-1].status, paused.jobs[-1].used) == (CANCELLED, 0.0)

    def test_cancelling_many_tells_of_each(self, paused: RunningNode) -> None:
        with web_of(paused) as web:
            [state] = submitted(web, job(paused))
            reply = web.request("DELETE", "problems/", json=[state["id"], "nonsense"]).json()
            assert [one.get("status") for one in reply] == [CANCELLED, None]
            assert reply[1]["error_code"] == 404

    def test_an_unknown_problem_among_known_ones(self, node: RunningNode, web: httpx.Client) -> None:
        [state] = submitted(web, job(node))
        ended(web, state["id"])
        found = web.get("problems/", params={"id": f"{state['id']},nonsense"}).json()
        assert [one.get("status") for one in found] == [COMPLETED, None]
        assert web.get("problems/", params={"id": "nonsense"}).status_code == 404

    def test_a_single_job_may_come_by_itself(self, node: RunningNode, web: httpx.Client) -> None:
        assert web.post("problems/", json=job(node)).json()["status"] == PENDING

    def test_compressed_and_plain_bodies_are_the_same(self, node: RunningNode, web: httpx.Client) -> None:
        content = json.dumps([job(node)]).encode()
        packed = web.post("problems/", content=zlib.compress(content), headers={"Content-Encoding": "deflate"})
        assert packed.json()[0]["status"] == PENDING


class TestRefusals:
    """What a real QPU would refuse, in SAPI's form: each job by itself, the others of a submission are accepted."""

    def cases(self, node: RunningNode) -> Iterator[tuple[dict[str, Any], str]]:
        first = int(node.chip.properties["qubits"][0])
        u, v = node.chip.properties["couplers"][0]
        crowded = max(node.chip.graph, key=node.chip.graph.degree)
        strong = {tuple(pair): -2.0 for pair in node.chip.properties["couplers"] if crowded in pair}
        good = job(node)["data"]
        fixed = {"auto_scale": False}
        yield job(node, solver={"name": "Advantage"}), "there is no solver of this name"
        yield job(node, solver={"name": node.chip.name, "version": {"graph_id": "old"}}), "working graph .* changed"
        yield job(node, solver=None), "there is no solver of this name"
        yield job(node, type="bqm"), "takes problems of type ising or qubo, found 'bqm'"
        yield job(node, params={"flux": 1}), "unknown parameter 'flux'; solver hqml_pegasus_3 takes annealing_time"
        yield job(node, params={"num_reads": 0}), "num_reads must be a whole number of at least 1, found 0"
        yield job(node, params={"num_reads": 10001}), "num_reads must be 1 to 10000, found 10001"
        yield job(node, params={"num_reads": "many"}), "num_reads must be a whole number"
        yield job(node, params={"num_reads": 1000, "annealing_time": 2000}), "allows 1 s; ask for fewer reads"
        yield job(node, params={"annealing_time": 0.1}), "annealing_time must be 0.5 to 2000"
        yield job(node, params={"answer_mode": "best"}), "answer_mode must be one of 'raw', 'histogram'"
        yield job(node, params={"max_answers": 0}), "max_answers must be a whole number of at least 1"
        yield job(node, params={"auto_scale": "yes"}), "auto_scale must be true or false"
        yield job(node, params=[1]), "params must be an object"
        yield job(node, {first: 4.5}, params=fixed), f"h of qubit {first} is 4.5, out of"
        yield job(node, {}, {(u, v): 1.5}, params=fixed), f"J of qubits {u} and {v} is 1.5, out of"
        yield job(node, {}, strong, params=fixed), f"the J of qubit {crowded} add up to -{2 * len(strong)}, out of"
        yield job(node, data={**good, "format": "bq"}), "must be in format 'qp'"
        yield job(node, data=None), "must be in format 'qp'"
        yield job(node, data={**good, "lin": numbers([1.0])}), "lin must hold 128 numbers"
        yield job(node, data={**good, "quad": numbers([1.0])}), "quad must hold 0 numbers"
        yield job(node, data={**good, "lin": "!"}), "lin cannot be read as numbers"
        yield job(node, data={**good, "lin": 5}), "lin must be text"
        yield job(node, {first: np.inf}), "must be finite"
        yield job(node, {}), "uses no qubit"
        yield job(node, label="x" * 2000), "label must be text of at most 1024 characters"
        yield job(node, label=5), "label must be text"
        hybrid = {"solver": {"name": "hqml_hybrid_bqm"}, "type": "bqm"}
        yield {**hybrid, "data": good}, "must be in format 'ref'"
        yield {**hybrid, "data": {"format": "ref", "data": "nonsense"}}, "no uploaded model of this id"

    def test_each_is_refused_with_its_reason(self, node: RunningNode, web: httpx.Client) -> None:
        cases = list(self.cases(node))
        assert len(cases) == 29
        for wrong, reason in cases:
            [state, other] = submitted(web, wrong, job(node))
            assert set(state) == {"error_code", "error_msg"}
            assert 400 <= state["error_code"] < 500
            with pytest.raises(ValueError, match=reason):
                raise ValueError(state["error_msg"])
            assert other["status"] == PENDING

    def test_a_scaled_problem_may_leave_the_ranges(self, node: RunningNode, web: httpx.Client) -> None:
        u, v = node.chip.properties["couplers"][0]
        [state] = submitted(web, job(node, {u: 100.0}, {(u, v): 50.0}))
        assert ended(web, state["id"])["status"] == COMPLETED

    @pytest.mark.parametrize(
        ("body", "headers", "status", "reason"),
        [
            (b"nonsense", {}, 400, "must be JSON"),
            (b"[]", {}, 400, "list of 1 to 20 jobs"),
            (b"[1]", {}, 200, "a job must be an object"),
            (json.dumps([1] * 21).encode(), {}, 400, "list of 1 to 20 jobs"),
            (b"nonsense", {"Content-Encoding": "deflate"}, 400, "not compressed by deflate"),
            (b"[" * 100_000, {}, 400, "nested too deeply"),
            (rb'[{"label": "\ud800"}]', {}, 400, "surrogates not allowed"),
            (zlib.compress(b"[1, 2, 3]")[:-6], {"Content-Encoding": "deflate"}, 400, "ends too early"),
            (zlib.compress(bytes(70 << 20)), {"Content-Encoding": "deflate"}, 413, "at most 64 MiB"),
            (b"[]", {"Content-Encoding": "br"}, 415, "Content-Encoding must be"),
            (bytes(65 << 20), {}, 413, "at most 64 MiB"),
        ],
    )
    def test_a_malformed_submission_is_refused_and_the_connection_lives_on(
        self, node: RunningNode, web: httpx.Client, body: bytes, headers: dict[str, str], status: int, reason: str
    ) -> None:
        reply = web.post("problems/", content=body, headers=headers)
        assert reply.status_code == status
        assert reason in reply.text
        assert web.get("solvers/remote/").status_code == 200

    def test_what_is_not_there_is_said_to_be_not_there(self, web: httpx.Client) -> None:
        for path in ("nothing", "problems/1/2/3", "solvers/remote/none", "bqm/multipart/none/status"):
            reply = web.get(path)
            assert reply.status_code == 404
            assert reply.json()["error_code"] == 404
        assert web.put("problems/", content=b"x").status_code == 405

    @pytest.mark.parametrize(
        ("method", "path", "body", "reason"),
        [
            ("GET", "problems/?id=a&timeout=nan", b"", "timeout must be a number"),
            ("GET", f"problems/?max_results={'0' * 5000}", b"", "max_results must be"),
            ("DELETE", "problems/", rb'["\ud800"]', "surrogates not allowed"),
            ("PUT", f"bqm/multipart/a/part/{'9' * 5000}", b"abcd", "number of a part must be"),
            ("PUT", "bqm/multipart/a/part/x", b"abcd", "number of a part must be"),
        ],
    )
    def test_what_a_query_names_is_checked(
        self, web: httpx.Client, method: str, path: str, body: bytes, reason: str
    ) -> None:
        reply = web.request(method, path, content=body)
        assert reply.status_code == 400
        assert reason in reply.json()["error_msg"]

    def test_numbers_of_thousands_of_digits_are_numbers(self, node: RunningNode, web: httpx.Client) -> None:
        assert web.get(f"problems/?max_results={'9' * 5000}").status_code == 200
        [state] = submitted(web, job(node, params={"annealing_time": 10**400}))
        assert "annealing_time must be a finite number" in state["error_msg"]

    def test_an_uploaded_model_whose_indices_point_anywhere_is_refused(self, web: httpx.Client) -> None:
        with dimod.BinaryQuadraticModel({}, {(0, 1): 1.0, (1, 2): 1.0}, 0.0, "BINARY").to_file() as file:
            content = bytearray(file.read())
        content[-12:-8] = (10**6).to_bytes(4, "little")  # dimod itself would end the node
        [state] = submitted(web, hybrid_job(web, bytes(content)))
        assert "its indices point outside of the model" in state["error_msg"]
        assert web.get("solvers/remote/").status_code == 200

    def test_uploads_are_checked(self, web: httpx.Client) -> None:
        def refused(reply: httpx.Response, status: int, reason: str) -> None:
            assert reply.status_code == status
            assert reason in reply.json()["error_msg"]

        refused(web.post("bqm/multipart", json={"size": 0}), 400, "whole number of bytes")
        refused(web.post("bqm/multipart", json=[1]), 400, "must be a JSON object")
        identity = web.post("bqm/multipart", json={"size": 4}).json()["id"]
        path = f"bqm/multipart/{identity}"
        refused(web.put(f"{path}/part/1", content=b"abcd", headers={"Content-MD5": "AAAA"}), 400, "Content-MD5")
        refused(web.put(f"{path}/part/0", content=b"abcd"), 400, "numbered from 1")
        refused(web.put(f"{path}/part/1", content=b"abcde"), 413, "more than the 4 bytes")
        refused(web.post(f"{path}/combine", json={"checksum": "x"}), 400, "0 of 4 bytes")
        assert web.put(f"{path}/part/1", content=b"abcd").status_code == 200
        refused(web.post(f"{path}/combine", json={"checksum": "x"}), 400, "checksum differs")
        [part] = web.get(f"{path}/status").json()["parts"]
        digest = hashlib.md5(bytes.fromhex(part["checksum"])).hexdigest()
        for _ in range(2):  # a repeated request does no harm
            assert web.post(f"{path}/combine", json={"checksum": digest}).status_code == 200
        assert web.get(f"{path}/status").json()["status"] == "UPLOAD_COMPLETED"
        refused(web.put(f"{path}/part/1", content=b"abcd"), 409, "complete")
        data = {"format": "ref", "data": identity}
        [state] = submitted(web, {"solver": {"name": "hqml_hybrid_bqm"}, "type": "bqm", "data": data, "params": {}})
        assert "cannot be read as a dimod BQM file" in state["error_msg"]

    def test_a_hybrid_job_keeps_to_the_time_limits(self, node: RunningNode, web: httpx.Client) -> None:
        with dimod.BinaryQuadraticModel({"a": 1.0}, {}, "BINARY").to_file() as file:
            hybrid = hybrid_job(web, file.read())
        for params, reason in [
            ({"time_limit": 0.5}, "time_limit must be 1 to 86400 s for 1 variables, found 0.5"),
            ({"time_limit": 1e6}, "time_limit must be 1 to 86400 s"),
            ({"time_limit": "long"}, "time_limit must be a finite number"),
            ({"num_reads": 5}, "unknown parameter 'num_reads'"),
        ]:
            [state] = submitted(web, {**hybrid, "params": params})
            assert reason in state["error_msg"]


class TestAccounts:
    def test_nobody_gets_in_without_a_token(self, node: RunningNode) -> None:
        from dwave.cloud.exceptions import SolverAuthenticationError
        from dwave.system import DWaveSampler

        with pytest.raises(SolverAuthenticationError):
            DWaveSampler(endpoint=node.endpoint, token="mallory", cache_enabled=False)
        for headers in ({}, {"X-Auth-Token": ""}, {"X-Auth-Token": "Alice"}):
            for method, path in (("GET", "solvers/remote/"), ("POST", "problems/"), ("GET", "node/status")):
                reply = httpx.request(method, node.endpoint + path, headers=headers, trust_env=False)
                assert reply.status_code == 401

    def test_accounts_see_their_own_jobs_alone(self, node: RunningNode, web: httpx.Client) -> None:
        [state] = submitted(web, job(node, label="mine"))
        ended(web, state["id"])
        identity = state["id"]
        with web_of(node, "bob") as other:
            assert other.get("problems/", params={"label": "mine"}).json() == []
            for path in (f"problems/{identity}", f"problems/{identity}/answer", f"problems/?id={identity}"):
                assert other.get(path).status_code == 404
            assert other.delete(f"problems/{identity}").status_code == 404
            upload = web.post("bqm/multipart", json={"size": 4}).json()["id"]
            assert other.get(f"bqm/multipart/{upload}/status").status_code == 404
            assert other.put(f"bqm/multipart/{upload}/part/1", content=b"abcd").status_code == 404

    def test_a_revoked_token_is_refused_at_once(self) -> None:
        with running_node(tokens=["alice", "bob"]) as node, web_of(node, "bob") as web:
            assert web.get("solvers/remote/").status_code == 200
            node.revoke("bob")
            assert web.get("solvers/remote/").status_code == 401
            node.tokens_file.write_text("two words more\n")  # broken: what was known stays known
            with web_of(node, "alice") as alice:
                assert alice.get("solvers/remote/").status_code == 200

    def test_a_budget_is_reserved_spent_and_kept_over_a_restart(self, tmp_path: Path) -> None:
        journal = tmp_path / "journal.sqlite"
        chip = made_chip("pegasus", shape=(3,), qubit_yield=1.0)
        cost = chip.access_seconds(1, 1)
        with running_node(chip=chip, tokens=["t"], budget=2.5 * cost, journal=journal) as node, web_of(node) as web:
            node.pause()
            first, second, third = submitted(web, job(node), job(node), job(node))
            assert (first["status"], second["status"], third["error_code"]) == (PENDING, PENDING, 402)
            assert "insufficient remaining solver access time" in third["error_msg"]
            assert web.delete(f"problems/{second['id']}").json()["status"] == CANCELLED
            [again] = submitted(web, job(node))  # what was reserved is free again
            node.resume()
            for one in (first, again):
                ended(web, one["id"])
            budget = web.get("node/status").json()["budget"]
            assert budget["used"] == pytest.approx(2 * cost)
            assert budget["left"] == pytest.approx(0.5 * cost)
        with running_node(chip=chip, tokens=["t"], budget=2.5 * cost, journal=journal) as node, web_of(node) as web:
            assert submitted(web, job(node))[0]["error_code"] == 402

    def test_the_status_shows_own_jobs_and_the_number_of_others(
        self, paused: RunningNode, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with web_of(paused, "alice") as alice, web_of(paused, "bob") as bob:
            submitted(alice, job(paused, label="one"))
            submitted(bob, job(paused, label="two"), job(paused))
            monkeypatch.setenv("DWAVE_API_TOKEN", "bob")
            found = ask_status(Access(endpoint=paused.endpoint))
            assert [(one["label"], one["position"]) for one in found["queue"]] == [("two", 2), (None, 3)]
            assert found["others"] == 1
            assert found["budget"]["left"] is None
            assert found["solvers"][0]["waiting"] == 3
            assert alice.get("node/status").json()["account"] != found["account"]

    def test_status_errors_say_what_to_do(self, node: RunningNode, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DWAVE_API_TOKEN", "wrong")
        with pytest.raises(AccessDenied, match="does not accept the token; check DWAVE_API_TOKEN"):
            ask_status(Access(endpoint=node.endpoint))
        with pytest.raises(ParameterError, match="set DWAVE_API_ENDPOINT"):
            ask_status(Access())
        with pytest.raises(ServiceError, match="no quantum node"):
            ask_status(Access(endpoint=node.endpoint + "nothing"))
        with pytest.raises(ServiceError, match="cannot be reached") as caught:
            ask_status(Access(endpoint="http://127.0.0.1:9/sapi/v2/"))
        assert caught.value.__cause__ is caught.value.__context__ is None


class TestTokens:
    def written(self, tmp_path: Path, text: str, mode: int = 0o600) -> str:
        file = tmp_path / "tokens"
        file.touch(mode=mode)
        file.write_text(text)
        file.chmod(mode)
        return str(file)

    def test_a_line_is_a_token_and_perhaps_its_budget(self, tmp_path: Path) -> None:
        tokens = Tokens(self.written(tmp_path, "# who\n\nfirst 2.5  # a comment\nsecond\n"))
        first, second = tokens.account("first"), tokens.account("second")
        assert first is not None
        assert second is not None
        assert (first.budget, second.budget) == (2.5, np.inf)
        assert tokens.account("third") is None
        assert first.name == hashlib.sha256(b"first").hexdigest()[:12]

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("good\nsecret-one secret-two\n", "line 2: after the token comes nothing, or its budget"),
            ("good\nsecret-one 1 2\n", "line 2: after the token"),
            ("secret-one -1\n", "line 1: after the token"),
            ("secret-one nan\n", "line 1: after the token"),
            ("secret-one\nsecret-one\n", "line 2: the token is on an earlier line too"),
            ("# nothing\n", "holds no token"),
        ],
    )
    def test_an_error_names_the_line_and_not_the_token(self, tmp_path: Path, text: str, reason: str) -> None:
        with pytest.raises(FormatError, match=reason) as caught:
            Tokens(self.written(tmp_path, text))
        assert "secret" not in str(caught.value)

    def test_a_missing_file_is_one_line(self, tmp_path: Path) -> None:
        with pytest.raises(
            FormatError, match=r"cannot read the tokens in .*: No such file or directory; write a token a line"
        ):
            Tokens(tmp_path / "none")

    def test_a_file_that_others_may_read_is_told_of(self, tmp_path: Path) -> None:
        with pytest.warns(UserWarning, match="others may read the tokens .* chmod 600"):
            Tokens(self.written(tmp_path, "secret\n", mode=0o644))


class TestJournal:
    def test_what_was_accepted_is_answered_after_a_kill(self, tmp_path: Path) -> None:
        slow = [{"route": "job", "delay": 60, "after": 1, "times": None}]
        one_qubit = made_chip("pegasus", shape=(3,))
        with node_process("--shape", "3", "--port", "0", token="t", folder=tmp_path, faults=slow) as first:
            with httpx.Client(base_url=first.endpoint, headers={"X-Auth-Token": "t"}, trust_env=False) as web:
                known = RunningNodeLike(one_qubit)
                [done] = submitted(web, job(known, label="done"))
                before = ended(web, done["id"])
                states = submitted(web, job(known, label="running"), job(known, label="waiting"))
                while web.get("problems/", params={"label": "running"}).json()[0]["status"] != IN_PROGRESS:
                    time.sleep(0.01)
            first.kill()
        with node_process("--shape", "3", token="t", folder=tmp_path) as again:
            with httpx.Client(base_url=again.endpoint, headers={"X-Auth-Token": "t"}, trust_env=False) as web:
                assert ended(web, done["id"]) == before
                for state in states:
                    assert ended(web, state["id"])["status"] == COMPLETED
                    assert ended(web, state["id"])["label"] == state["label"]
            assert again.stop() == 0

    def test_only_its_owner_may_read_it(self, tmp_path: Path) -> None:
        path = tmp_path / "journal.sqlite"
        path.touch(mode=0o644)
        journal = Journal(path)
        journal.add([(a_job(), {})])
        assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}
        journal.close()

    def test_one_node_at_a_time_holds_it(self, tmp_path: Path) -> None:
        journal = Journal(tmp_path / "journal.sqlite")
        with pytest.raises(FormatError, match="database is locked; does another node hold it"):
            Journal(tmp_path / "journal.sqlite")
        journal.close()

    def test_another_file_is_no_journal(self, tmp_path: Path) -> None:
        (tmp_path / "text").write_text("nothing of the kind, but long enough to be told apart" * 50)
        with pytest.raises(FormatError, match="is no journal of a node"):
            Journal(tmp_path / "text")
        other = sqlite3.connect(tmp_path / "other")
        other.execute("CREATE TABLE jobs (other)")
        other.close()
        before = (tmp_path / "other").read_bytes()
        with pytest.raises(FormatError, match="was written by another version of hqml, or something else"):
            Journal(tmp_path / "other")
        assert (tmp_path / "other").read_bytes() == before
        with pytest.raises(FormatError, match="cannot keep the journal in"):
            Journal(tmp_path / "none" / "journal")

    def test_old_jobs_go_and_what_they_used_stays(self) -> None:
        journal = Journal()
        old, new = "2020-01-01T00:00:00+00:00", now()
        for solved in (old, old, new):
            journal.add([(a_job(status=COMPLETED, solved_on=solved, used=0.25), {})])
        [waiting] = journal.add([(a_job(submitted_on=old, estimate=0.5), {"data": 1, "params": {}})])
        assert journal.purge(days=30) == 2
        assert [one.number for one in journal.jobs()] == [3, waiting.number]
        assert journal.spent("a") == pytest.approx(0.75)
        assert journal.reserved("a") == pytest.approx(0.5)
        assert journal.purge(days=30) == 0
        assert journal.spent("a") == pytest.approx(0.75)
        journal.close()

    def test_a_job_that_waits_for_a_chip_that_has_changed_fails_and_says_so(self, tmp_path: Path) -> None:
        journal = tmp_path / "journal.sqlite"
        with running_node("pegasus", (3,), tokens=["t"], journal=journal) as node, web_of(node) as web:
            node.pause()
            [state] = submitted(web, job(node))
        with running_node("pegasus", (3,), qubit_yield=0.8, tokens=["t"], journal=journal) as node, web_of(node) as web:
            found = ended(web, state["id"])
            assert found["status"] == "FAILED"
            assert "working graph" in found["error_message"]


class RunningNodeLike:
    """Of a node in another process: the chip, for `job`."""

    def __init__(self, chip: Any) -> None:
        self.chip = chip


def a_job(**changes: Any) -> Job:
    described: dict[str, Any] = {
        **{"number": 0, "id": None, "account": "a", "solver": "s", "identity": {"name": "s"}},
        **{"type": "ising", "label": None, "status": PENDING, "submitted_on": now()},
    }
    return Job(**{**described, **changes})
