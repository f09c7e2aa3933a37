"""Tracking with ClearML, offline: the only way without its server, which is a dozen containers."""

from __future__ import annotations

import json
import math
import os
import signal
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hqml.dl.signature import Signature
from hqml.errors import ServiceError

pytest.importorskip("pydantic", reason="specifications need pydantic: pip install 'hqml[specs]'")
pytest.importorskip("clearml", reason="tracking needs ClearML: pip install 'hqml[clearml]'")
onnx = pytest.importorskip("onnx", reason="models need onnx: pip install 'hqml[onnx]'")

from hqml.dl.spec import Task  # noqa: E402 - needs pydantic
from hqml.dl.tracking import open_tracker  # noqa: E402

SECRET = "planted-a7f3c9e1"


@dataclass
class Session:
    """What an offline run has left.

    Attributes:
        folder: of the results.
        hooks: signal handlers, sys.exit, os.fork and the exception hook: before and while it was open.
    """

    folder: Path
    hooks: tuple[Any, Any]

    def read(self, name: str) -> str:
        [path] = self.folder.glob(f"clearml/offline/*/{name}")
        return path.read_text()


def hooks() -> Any:
    return [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)], (
        sys.exit,
        sys.excepthook,
        os.fork,
    )


def task(**more: Any) -> Task:
    content = {"name": "offline", "model": {"family": "mlp", "hidden": [8]}, "data": "digits"}
    return Task.model_validate({**content, "tracking": {"tool": "clearml", "offline": True}, **more})


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    folder = tmp_path_factory.mktemp("clearml")
    node = onnx.helper.make_node("Identity", ["x"], ["y"])
    values = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["samples", 2]) for name in "xy"]
    graph = onnx.helper.make_graph([node], "same", values[:1], values[1:])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)]), folder / "model.onnx")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOME_API_TOKEN", SECRET)
        patch.setenv("SYSTEMNAME", "juwels")
        before = hooks()
        tracker = open_tracker(task(run={"environment": {"NOTE": f"it is {SECRET}"}}), folder)
        during = hooks()
        tracker.metrics({"loss": 0.5, "worst": math.nan}, 1)
        tracker.metrics({"loss": 0.25}, 2)
        tracker.model(folder / "model.onnx", Signature((2,), (2,)), "same")
        tracker.close("finished")
    return Session(folder, (before, during))


def test_an_offline_run_holds_parameters_figures_and_the_model(session: Session) -> None:
    content = json.loads(session.read("task.json"))
    parameters = {name: one["value"] for name, one in content["hyperparams"]["General"].items()}
    assert (parameters["model.family"], parameters["site"]) == ("mlp", "juwels")
    events = [one for line in session.read("metrics.jsonl").splitlines() for one in json.loads(line)]
    assert [(one["iter"], one["value"]) for one in events if one["metric"] == "loss"] == [(1, 0.5), (2, 0.25)]
    [kept] = session.folder.glob("clearml/offline/*/data/**/same.onnx/model.onnx")
    assert kept.read_bytes() == (session.folder / "model.onnx").read_bytes()


def test_it_becomes_a_file_that_clearml_imports(session: Session) -> None:
    [path] = session.folder.glob("clearml/offline/*.zip")
    assert {"task.json", "metrics.jsonl"} <= set(zipfile.ZipFile(path).namelist())


def test_a_figure_that_is_not_finite_is_left_out_where_clearml_would_say_0(session: Session) -> None:
    assert "worst" not in session.read("metrics.jsonl")


def test_training_keeps_its_signal_handlers_and_the_rest_of_its_process(session: Session) -> None:
    assert session.hooks[0] == session.hooks[1]


def test_no_secret_is_in_any_file(session: Session) -> None:
    files = [path for path in session.folder.rglob("*") if path.is_file() and path.suffix != ".zip"]
    assert len(files) >= 5
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []


def test_without_a_server_it_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEARML_CONFIG_FILE", str(tmp_path / "none.conf"))
    for name in [name for name in os.environ if name.startswith("CLEARML_API")]:
        monkeypatch.delenv(name)
    with pytest.raises(ServiceError, match="ClearML is not configured"):
        open_tracker(task(tracking={"tool": "clearml"}), tmp_path)
