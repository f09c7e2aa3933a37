"""Tracking with MLflow, against its real server on loopback and a store in a file; registered models in and out."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hqml.cli import main
from hqml.dl.signature import Signature
from hqml.dl.tracker import NoTracker, Tracker
from hqml.errors import DataError, FormatError, ParameterError, ServiceError

pytest.importorskip("pydantic", reason="specifications need pydantic: pip install 'hqml[specs]'")
onnx = pytest.importorskip("onnx", reason="models need onnx: pip install 'hqml[onnx]'")
ort = pytest.importorskip("onnxruntime", reason="models need onnxruntime: pip install 'hqml[onnx]'")
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the libraries that MLflow imports
    mlflow = pytest.importorskip("mlflow", reason="tracking needs MLflow: pip install 'hqml[mlflow]'")
    for module in ("pyfunc", "onnx", "store.tracking.sqlalchemy_store", "store.model_registry.sqlalchemy_store"):
        pytest.importorskip(f"mlflow.{module}", reason="a server needs all of MLflow, not mlflow-skinny")

from hqml.dl.spec import Task  # noqa: E402 - needs pydantic
from hqml.dl.tracking import kept, open_tracker  # noqa: E402
from hqml.dl.tracking.registry import Registry, send_waiting  # noqa: E402

SIGNATURE = Signature((4,), (3,))
SECRET = "planted-a7f3c9e1"


class Server:
    """A real MLflow server, with its database and files in one folder."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        self.uri = f"http://127.0.0.1:{self.port}"
        arguments = ["server", "--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"]
        arguments += ["--backend-store-uri", f"sqlite:///{folder}/server.db"]
        arguments += ["--artifacts-destination", str(folder / "artifacts")]
        with open(folder / "log", "w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mlflow", *arguments],
                cwd=folder,
                stdout=log,
                stderr=log,
                env={
                    **os.environ,
                    "MLFLOW_DISABLE_TELEMETRY": "true",
                    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # three processes more
                },
                start_new_session=True,
            )

    def wait(self) -> None:
        for _ in range(1800):
            with suppress(OSError), urllib.request.urlopen(f"{self.uri}/health", timeout=1):
                return
            assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
            time.sleep(0.1)
        raise AssertionError("MLflow's server has not started within three minutes")

    def stop(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)  # politely it takes 10 s, and nothing of it is kept
        self.process.wait()


class Road:
    """A port that leads to a server, and can be closed and opened again."""

    def __init__(self, target: int) -> None:
        self.target, self.port = target, 0
        self._open: list[socket.socket] = []
        self.open()
        self.port = self._listener.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"

    def open(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._open.clear()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                here, _ = listener.accept()
                there = socket.create_connection(("127.0.0.1", self.target))
                self._open += [here, there]
                for pair in ((here, there), (there, here)):
                    threading.Thread(target=self._pass, args=pair, daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while some := source.recv(1 << 16):
                target.sendall(some)
            target.shutdown(socket.SHUT_WR)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]) -> Iterator[Server]:
    found = Server(tmp_path_factory.mktemp("mlflow"), free_port())
    try:
        found.wait()
        shutil.copy(found.folder / "server.db", found.folder / "empty.db")
        yield found
    finally:
        found.stop()


@pytest.fixture
def store(server: Server, tmp_path: Path) -> str:
    """A store in a file, which takes MLflow seconds to make: a copy of the server's when it was new."""
    shutil.copy(server.folder / "empty.db", tmp_path / "runs.db")
    return f"sqlite:///{tmp_path}/runs.db"


@pytest.fixture
def road(server: Server) -> Iterator[Road]:
    found = Road(server.port)
    yield found
    found.close()


@pytest.fixture(autouse=True)
def _site(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYSTEMNAME", "juwels")
    monkeypatch.setenv("LOADEDMODULES", "Stages/2024:GCC/12.3.0:PyTorch/2.1.2")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tool that failed is tried again at once, and MLflow itself does not try twice."""
    monkeypatch.setattr(kept, "_PAUSE", 0.0)
    monkeypatch.setattr(kept, "_SHARE", 0.0)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


def task(name: str, uri: str | None, **more: Any) -> Task:
    tracking = {"tool": "mlflow", **({"uri": uri} if uri else {}), **more.pop("tracking", {})}
    content = {"name": name, "model": {"family": "mlp", "hidden": [8]}, "data": "digits", "tracking": tracking}
    return Task.model_validate({**content, **more})


def written(path: Path, scale: float = 1.0, **metadata: str) -> Path:
    """An ONNX file of y = scale * x W, with the metadata of `hqml train`."""
    weights = scale * np.arange(12, dtype=np.float32).reshape(4, 3)
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMul", ["x", "w"], ["y"])],
        "linear",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["samples", 4])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["samples", 3])],
        [onnx.numpy_helper.from_array(weights, "w")],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=9)
    own = {
        "task": json.dumps({"name": "linear", "framework": "torch", "model": {"family": "mlp"}, "data": {"file": "a"}}),
        "metrics": json.dumps({"loss": 0.25, "accuracy": 0.875}),
        "versions": json.dumps({"torch": "2.13.0"}),
    }
    onnx.helper.set_model_props(model, {**own, **metadata})
    onnx.save(model, path)
    return path


def trained(tracker: Tracker, path: Path, name: str, epochs: int = 3) -> str:
    for epoch in range(1, epochs + 1):
        tracker.metrics({"loss": 1 / epoch, "validation_accuracy": 1 - 1 / epoch}, epoch)
    where = tracker.model(path, SIGNATURE, name)
    tracker.close("finished")
    return where


def run_of(uri: str, experiment: str) -> Any:
    client = mlflow.MlflowClient(tracking_uri=uri)
    [run] = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    return run


def history(uri: str, run: Any, metric: str) -> list[tuple[int, float]]:
    client = mlflow.MlflowClient(tracking_uri=uri)
    return sorted((one.step, one.value) for one in client.get_metric_history(run.info.run_id, metric))


# --- Runs


def test_without_tracking_nobody_is_told() -> None:
    plain = Task.model_validate({"name": "a", "model": "mlp", "data": "digits"})
    assert isinstance(open_tracker(plain), NoTracker)


@pytest.mark.parametrize("where", ["server", "store"])
def test_a_run_holds_parameters_site_modules_versions_and_figures(
    where: str, server: Server, store: str, tmp_path: Path
) -> None:
    uri, name = {"server": server.uri, "store": store}[where], f"whole-{where}"
    tracker = open_tracker(task(name, uri, optimizer={"name": "adam", "rate": 0.01}), tmp_path)
    assert trained(tracker, written(tmp_path / "model.onnx"), name) == f"models:/{name}/1"
    run = run_of(uri, name)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == name
    parameters = run.data.params
    assert parameters["optimizer.rate"] == "0.01"
    assert parameters["model.family"], parameters["model.hidden"] == ("mlp", "8")
    assert parameters["site"] == "juwels"
    assert parameters["modules"] == "Stages/2024:GCC/12.3.0:PyTorch/2.1.2"
    assert parameters["versions.numpy"] == np.__version__
    assert history(uri, run, "loss") == [(1, 1.0), (2, 0.5), (3, pytest.approx(1 / 3))]


def test_the_registered_model_has_its_signature_and_predicts_as_its_file_does(server: Server, tmp_path: Path) -> None:
    path = written(tmp_path / "model.onnx")
    where = trained(open_tracker(task("signed", server.uri)), path, "signed")
    mlflow.set_tracking_uri(server.uri)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it was saved with other versions
            model = mlflow.pyfunc.load_model(where)
    finally:
        mlflow.set_tracking_uri(None)
    [given], [taken] = model.metadata.signature.outputs.inputs, model.metadata.signature.inputs.inputs
    assert (taken.name, taken.type, taken.shape) == ("x", np.dtype("float32"), (-1, 4))
    assert (given.name, given.type, given.shape) == ("y", np.dtype("float32"), (-1, 3))
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    [expected] = ort.InferenceSession(path.read_bytes()).run(None, {"x": x})
    np.testing.assert_array_equal(model.predict(x)["y"], expected)


def test_a_registered_version_says_what_it_is_and_where_it_was_trained(server: Server, tmp_path: Path) -> None:
    trained(open_tracker(task("facts", server.uri)), written(tmp_path / "model.onnx"), "facts")
    [version] = Registry(server.uri).versions("facts")
    expected = {"family": "mlp", "site": "juwels", "modules": "Stages/2024:GCC/12.3.0:PyTorch/2.1.2"}
    expected |= {"versions.torch": "2.13.0", "test.accuracy": "0.875"}
    assert expected.items() <= version.facts.items()
    assert version.run == run_of(server.uri, "facts").info.run_id


def test_figures_that_are_not_finite_arrive(server: Server) -> None:
    tracker = open_tracker(task("nan", server.uri))
    tracker.metrics({"loss": math.nan, "rate@end": math.inf}, 1)
    tracker.close("failed")
    run = run_of(server.uri, "nan")
    assert run.info.status == "FAILED"
    assert math.isnan(run.data.metrics["loss"])
    assert run.data.metrics["rate_end"] > 1e300


def test_a_run_that_goes_on_is_the_same_run(server: Server, tmp_path: Path) -> None:
    first = open_tracker(task("goes-on", server.uri), tmp_path)
    first.metrics({"loss": 1.0}, 1)
    first.close("killed")
    second = open_tracker(task("goes-on", server.uri, epochs=20), tmp_path)
    second.metrics({"loss": 0.5}, 2)
    second.close("finished")
    run = run_of(server.uri, "goes-on")
    assert history(server.uri, run, "loss") == [(1, 1.0), (2, 0.5)]
    assert run.info.status == "FINISHED"
    assert (run.data.params["epochs"], run.data.tags["hqml.resumed.epochs"]) == ("10", "20")


def test_a_fresh_start_is_another_run_and_so_is_one_whose_run_was_deleted(store: str, tmp_path: Path) -> None:
    client = mlflow.MlflowClient(tracking_uri=store)
    for resume in (True, False):
        open_tracker(task("fresh", store), tmp_path, resume=resume).close("finished")
    experiment = client.get_experiment_by_name("fresh").experiment_id
    runs = client.search_runs([experiment])
    assert len(runs) == 2
    last = json.loads((tmp_path / "tracking.json").read_text())["run"]
    client.delete_run(last)
    open_tracker(task("fresh", store), tmp_path).close("finished")
    assert last not in [one.info.run_id for one in client.search_runs([experiment])]
    assert len(client.search_runs([experiment])) == 2


def test_files_of_a_store_lie_beside_it(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    trained(open_tracker(task("beside", store)), written(tmp_path / "m.onnx"), "beside")
    assert list((tmp_path / "mlruns").rglob("model.onnx"))
    assert not list((tmp_path / "elsewhere").iterdir())


# --- A server that goes away


def test_training_goes_on_without_its_server_and_all_arrives_when_it_is_back(
    server: Server, road: Road, tmp_path: Path, impatient: None
) -> None:
    tracker = open_tracker(task("gone", road.uri), tmp_path)
    tracker.metrics({"loss": 1.0}, 1)
    road.close()
    with pytest.warns(UserWarning, match=r"cannot be reached.*training goes on.*tracking_waiting\.jsonl"):
        tracker.metrics({"loss": 0.5}, 2)
    tracker.metrics({"loss": 0.25}, 3)  # a second warning would be an error
    assert len((tmp_path / "tracking_waiting.jsonl").read_text().splitlines()) == 2
    road.open()
    tracker.metrics({"loss": 0.125}, 4)
    assert not (tmp_path / "tracking_waiting.jsonl").exists()
    assert tracker.model(written(tmp_path / "model.onnx"), SIGNATURE, "gone") == "models:/gone/1"
    tracker.close("finished")
    run = run_of(server.uri, "gone")
    assert history(server.uri, run, "loss") == [(1, 1.0), (2, 0.5), (3, 0.25), (4, 0.125)]


def test_what_a_dead_server_missed_is_sent_later_from_wherever_the_folder_is(
    server: Server, road: Road, tmp_path: Path, impatient: None, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "compute-node"
    folder.mkdir()
    tracker = open_tracker(task("later", road.uri), folder)
    road.close()
    with (
        pytest.warns(UserWarning, match="training goes on"),
        pytest.warns(UserWarning, match="has not taken 5 messages, kept: `hqml model push"),
    ):
        assert trained(tracker, written(folder / "model.onnx"), "later") == ""
    moved = folder.rename(tmp_path / "laptop")
    assert main(["model", "push", str(moved), "--uri", road.uri]) == 1
    assert "cannot be reached" in capsys.readouterr().err
    assert main(["model", "push", str(moved), "--uri", server.uri, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sent"] == 5
    run = run_of(server.uri, "later")
    assert [step for step, _ in history(server.uri, run, "loss")] == [1, 2, 3]
    assert run.info.status == "FINISHED"
    [version] = Registry(server.uri).versions("later")
    assert version.run == run.info.run_id
    assert main(["model", "push", str(moved), "--uri", server.uri, "--name", "later"]) == 0
    assert len(Registry(server.uri).versions("later")) == 1


def test_a_run_cannot_begin_without_its_server_but_go_on_it_can(
    server: Server, road: Road, tmp_path: Path, impatient: None
) -> None:
    open_tracker(task("absent", road.uri), tmp_path).close("killed")
    road.close()
    with pytest.raises(ServiceError, match=r"MLflow at http.* cannot be reached"):
        open_tracker(task("absent", road.uri), tmp_path, resume=False)
    with pytest.warns(UserWarning, match="training goes on"):
        again = open_tracker(task("absent", road.uri), tmp_path)
    again.metrics({"loss": 0.5}, 2)
    road.open()
    again.close("finished")
    assert history(server.uri, run_of(server.uri, "absent"), "loss") == [(2, 0.5)]


def test_offline_everything_waits_for_a_push(server: Server, tmp_path: Path) -> None:
    nowhere = task("offline", "http://127.0.0.1:9", tracking={"offline": True})
    tracker = open_tracker(nowhere, tmp_path)
    with pytest.warns(UserWarning, match="hqml model push"):
        trained(tracker, written(tmp_path / "model.onnx"), "offline")
    assert send_waiting(tmp_path, server.uri) == 6
    run = run_of(server.uri, "offline")
    assert run.data.params["site"] == "juwels"
    assert len(history(server.uri, run, "loss")) == 3
    assert len(Registry(server.uri).versions("offline")) == 1


def test_a_server_that_is_gone_is_not_asked_at_each_epoch(
    road: Road, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    tracker = open_tracker(task("pause", road.uri), tmp_path)
    road.close()
    with pytest.warns(UserWarning, match="training goes on"):
        tracker.metrics({"loss": 1.0}, 1)
    road.open()
    tracker.metrics({"loss": 0.5}, 2)
    assert len((tmp_path / "tracking_waiting.jsonl").read_text().splitlines()) == 2
    tracker.close("finished")
    assert not (tmp_path / "tracking_waiting.jsonl").exists()


def test_a_model_that_cannot_be_registered_is_said_and_stops_nothing(server: Server, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"no model")
    tracker = open_tracker(task("wrong", server.uri), tmp_path)
    with pytest.warns(UserWarning, match="is no ONNX model"):
        assert tracker.model(tmp_path / "model.onnx", SIGNATURE, "wrong") == ""
    tracker.close("finished")
    assert run_of(server.uri, "wrong").info.status == "FINISHED"


def test_a_line_that_a_crash_cut_off_does_not_hold_the_others(server: Server, tmp_path: Path, road: Road) -> None:
    tracker = open_tracker(task("cut", server.uri, tracking={"offline": True}), tmp_path)
    tracker.metrics({"loss": 1.0}, 1)
    with open(tmp_path / "tracking_waiting.jsonl", "a") as file:
        file.write('{"kind": "metr')
    assert send_waiting(tmp_path) == 2
    assert history(server.uri, run_of(server.uri, "cut"), "loss") == [(1, 1.0)]


def test_a_damaged_note_of_the_run_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "tracking.json").write_text("{")
    with pytest.raises(FormatError, match=r"is damaged.*remove it"):
        open_tracker(task("damaged", "http://127.0.0.1:9"), tmp_path)


# --- Secrets


def test_no_secret_of_environment_task_or_address_is_in_any_file(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_API_TOKEN", SECRET)
    monkeypatch.setenv("LOADEDMODULES", f"GCC/12:{SECRET}")
    monkeypatch.setattr(sys, "argv", ["hqml", "train", f"--password={SECRET}"])
    address = server.uri.replace("http://", f"http://somebody:{SECRET}@")
    more = {
        "run": {"environment": {"HF_TOKEN": SECRET, "NOTE": f"it is {SECRET}"}},
        "data": {"file": f"https://x:{SECRET}@host/a.h5"},
    }
    folder = tmp_path / "run"
    folder.mkdir()
    tracker = open_tracker(task("secret", address, **more), folder)
    where = trained(tracker, written(folder / "model.onnx"), "secret")
    assert where == "models:/secret/1"
    parameters = run_of(server.uri, "secret").data.params
    assert parameters["data.file"] == "https://host/a.h5"
    assert parameters["run.environment.NOTE"] == "it is (hidden)"
    files = [path for root in (server.folder, folder) for path in root.rglob("*") if path.is_file()]
    assert len(files) > 5
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []


def test_a_model_whose_metadata_hold_a_secret_is_not_registered(store: str, tmp_path: Path) -> None:
    for metadata in ({"note": "https://me:hunter22@host"}, {"options": '{"token": "abcdef123"}'}):
        with pytest.raises(FormatError, match=r"metadata .* hold a secret"):
            Registry(store).push(written(tmp_path / "m.onnx", **metadata), "m")


def test_an_address_with_a_password_is_in_no_message(impatient: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["model", "list", "--uri", f"http://me:{SECRET}@127.0.0.1:9"]) == 1
    assert SECRET not in capsys.readouterr().err


def test_mlflow_sends_no_telemetry() -> None:
    from hqml.dl.tracking.mlflow_client import mlflow as ours

    ours()
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert os.environ["DO_NOT_TRACK"] == "true"


# --- The registry


def test_what_is_pulled_has_the_bytes_that_were_pushed(server: Server, tmp_path: Path) -> None:
    registry = Registry(server.uri)
    first, second = written(tmp_path / "a.onnx"), written(tmp_path / "b.onnx", scale=2.0)
    assert [registry.push(path, "bytes").version for path in (first, first, second)] == [1, 1, 2]
    mlflow.MlflowClient(tracking_uri=server.uri).set_registered_model_alias("bytes", "champion", "1")
    for model, path in (("bytes", second), ("models:/bytes/1", first), ("bytes/2", second), ("bytes@champion", first)):
        registry.pull(model, tmp_path / "pulled.onnx")
        assert (tmp_path / "pulled.onnx").read_bytes() == path.read_bytes()


def test_commands_list_pull_and_push(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    written(tmp_path / "model.onnx")
    assert main(["model", "list"]) == 0
    assert main(["model", "push", "model.onnx"]) == 0
    assert "models:/linear/1" in capsys.readouterr().out
    assert main(["model", "list"]) == 0
    table = capsys.readouterr().out
    assert all(word in table for word in ("linear", "mlp", "accuracy 0.875"))
    assert main(["model", "list", "linear", "--json"]) == 0
    [row] = json.loads(capsys.readouterr().out)
    assert (row["name"], row["version"], row["test.accuracy"]) == ("linear", 1, "0.875")
    assert main(["model", "pull", "linear"]) == 0
    assert (tmp_path / "linear.onnx").read_bytes() == (tmp_path / "model.onnx").read_bytes()
    assert main(["model", "pull", "linear"]) == 2
    assert "is there already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["list", "linaer"], "did you mean 'linear'?"),
        (["pull", "linear/7"], "no version 7; there are: 1"),
        (["pull", "linear@best"], "no version @best; there are: 1"),
        (["pull", "a/b/c"], "names no model; write NAME"),
        (["pull", "linear", "--out", "x.txt"], "must end in .onnx"),
        (["pull", "linear", "--out", "no/such/x.onnx"], "there is no folder"),
        (["push", "missing.onnx"], "cannot read missing.onnx"),
        (["push", "text.onnx"], "is no ONNX model"),
        (["push", "empty"], "cannot read empty/model.onnx"),
        (["list", "--uri", "foo://bar"], "MLflow knows no address like 'foo://bar'"),
        (["list", "--uri", "sqlite:///missing.db"], "there is no store of MLflow"),
        (["list", "--uri", "sqlite:///text.onnx"], "is no sqlite file"),
        (["push", "model.onnx", "--uri", "sqlite:///no/such/runs.db"], "there is no folder"),
    ],
)
def test_bad_input_is_one_line_that_says_how_to_mend_it(
    arguments: list[str],
    said: str,
    store: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    (tmp_path / "text.onnx").write_text("hello")
    (tmp_path / "empty").mkdir()
    written(tmp_path / "model.onnx")
    if arguments[1][:3] == "lin":
        Registry(store).push(tmp_path / "model.onnx", "linear")
    assert main(["model", *arguments]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert said in line
    assert not (tmp_path / "missing.db").exists()


def test_a_file_that_was_changed_in_the_store_is_not_written(store: str, tmp_path: Path) -> None:
    registry = Registry(store)
    registry.push(written(tmp_path / "m.onnx"), "changed")
    [kept_file] = (tmp_path / "mlruns").rglob("model.onnx")
    written(kept_file, scale=3.0)
    with pytest.raises(FormatError, match="other bytes than were registered"):
        registry.pull("changed", tmp_path / "out.onnx")
    assert not (tmp_path / "out.onnx").exists()


def test_a_model_that_is_no_onnx_is_not_pulled(store: str, tmp_path: Path) -> None:
    client = mlflow.MlflowClient(tracking_uri=store)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "MLmodel").write_text("flavors:\n  sklearn:\n    pickled_model: model.pkl\n")
    (tmp_path / "nothing").mkdir()
    for name, said in (("other", "is no ONNX model; it is of: sklearn"), ("nothing", "cannot be read as a model")):
        client.create_registered_model(name)
        client.create_model_version(name, source=str(tmp_path / name), await_creation_for=0)
        with pytest.raises(DataError, match=said):
            Registry(store).pull(name, tmp_path / "out.onnx")


def test_a_store_is_not_made_by_looking_into_it(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="there is no store"):
        Registry(f"sqlite:///{tmp_path}/new.db")
    assert not list(tmp_path.iterdir())
