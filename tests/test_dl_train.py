"""`hqml.dl.train` and `hqml train`: a task from its data to its files, here, under torchrun, and as a job."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("yaml", reason="pyyaml is missing: pip install 'hqml[dl]'")
pytest.importorskip("pydantic", reason="pydantic is missing: pip install 'hqml[dl]'")
pytest.importorskip("torch", reason="torch is missing: pip install 'hqml[dl]'")
pytest.importorskip("onnxruntime", reason="onnxruntime is missing: pip install 'hqml[dl]'")
pytest.importorskip("onnxscript", reason="onnxscript is missing: pip install 'hqml[dl]'")

import hqml.dl
import hqml.dl.tracking
from hqml.cli import main
from hqml.cli.train import _arguments
from hqml.dl.progress import Progress
from hqml.dl.run import train
from hqml.dl.spec_file import read_task
from hqml.errors import FormatError, ParameterError
from hqml.hpc.runs.claim import CLAIM

SPEC = """\
name: digits
model: {family: mlp, hidden: [16]}
data: {source: digits, batch: 128}
optimizer: {name: adam, rate: 0.01}
epochs: 3
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "digits.yaml"
    path.write_text(SPEC)
    return path


@pytest.fixture
def quick_export(monkeypatch: pytest.MonkeyPatch) -> None:
    """Instead of seconds of torch.onnx, for tests of what is around it."""

    def export(model: Any, task: Any, signature: Any, path: Path, **others: Any) -> float:
        path.write_bytes(b"a model")
        return 0.0

    monkeypatch.setattr("hqml.dl.exchange.writing.export", export)


def history(folder: Path) -> list[dict[str, str]]:
    with open(folder / "history.csv", newline="") as file:
        return [{key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(file)]


class TestTrain:
    def test_leaves_a_model_that_predicts_as_well_as_it_says(self, spec: Path, tmp_path: Path) -> None:
        told: list[Progress] = []
        trained = train(read_task(spec), tmp_path / "out", report=told.append)
        assert trained.onnx == tmp_path / "out" / "model.onnx"
        assert trained.onnx_error is not None
        assert trained.onnx_error < 1e-4
        from hqml.dl.datasets.digits import Parameters, make

        test = make(Parameters()).test
        arrays = test.read(np.arange(len(test)))
        logits = _logits(trained.onnx, arrays["x"])
        accuracy = float((logits.argmax(1) == arrays["y"]).mean())
        assert accuracy == pytest.approx(trained.fitted.test["accuracy"], abs=1e-6)
        assert accuracy > 0.8
        assert [one.ended.number for one in told if one.ended is not None] == [1, 2, 3]

    @pytest.mark.usefixtures("quick_export")
    def test_leaves_what_it_did(self, spec: Path, tmp_path: Path) -> None:
        trained = train(read_task(spec), tmp_path / "out")
        out = tmp_path / "out"
        assert sorted(one.name for one in out.iterdir()) == [
            ".claim.lock",
            "checkpoint.pt",
            "history.csv",
            "model.onnx",
            "result.json",
            "task.yaml",
        ]
        found = json.loads((out / "result.json").read_text())
        assert found["test"] == pytest.approx(dict(trained.fitted.test))
        assert (found["figure"], found["epochs"], found["stopped"]) == ("accuracy", 3, "epochs")
        assert [row["epoch"] for row in history(out)] == ["1", "2", "3"]
        again = train(read_task(out / "task.yaml"), tmp_path / "again")
        assert history(tmp_path / "again") == history(out)
        assert again.task.model_copy(update={"name": "digits"}) == trained.task

    def test_writes_nothing_where_no_folder_is_named(
        self, spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        trained = hqml.dl.train(hqml.dl.read_task(spec))
        assert (trained.folder, trained.onnx, trained.onnx_error) == (None, None, None)
        assert [one.name for one in tmp_path.iterdir()] == ["digits.yaml"]

    def test_begins_with_the_weights_of_a_file(self, spec: Path, tmp_path: Path) -> None:
        before = train(read_task(spec), tmp_path / "out")
        spec.write_text(SPEC.replace("{family: mlp, hidden: [16]}", "{file: out/model.onnx}"))
        task = read_task(spec, ["epochs=1", "optimizer.rate=1e-9"])
        after = train(task, tmp_path / "more", base=tmp_path)
        assert after.task.model.family == "mlp"
        assert after.fitted.test == pytest.approx(dict(before.fitted.test), abs=1e-4)

    def test_statsmodels_trains_by_the_same_road(self, tmp_path: Path) -> None:
        pytest.importorskip("statsmodels", reason="statsmodels is missing: pip install 'hqml[dl]'")
        (tmp_path / "ar.yaml").write_text("model: ar\ndata: sunspots\n")
        trained = train(read_task(tmp_path / "ar.yaml"), tmp_path / "out")
        assert trained.task.framework == "statsmodels"
        assert trained.onnx is not None
        assert trained.onnx.exists()

    @pytest.mark.usefixtures("quick_export")
    def test_a_folder_has_one_training_at_a_time(self, spec: Path, tmp_path: Path) -> None:
        """Of two threads, which are to each other as two processes of a machine."""

        def second(progress: Progress) -> None:
            with ThreadPoolExecutor(1) as pool:
                found.append(pool.submit(train, read_task(spec), tmp_path / "out").exception())
            found.append(train(read_task(spec), tmp_path / "elsewhere").folder)

        found: list[Any] = []
        train(read_task(spec, ["epochs=1"]), tmp_path / "out", report=second)
        assert isinstance(found[0], ParameterError)
        assert f"process {os.getpid()} on " in str(found[0])
        assert "is at work on this training; wait for it" in str(found[0])
        assert found[1] == tmp_path / "elsewhere"
        assert not (tmp_path / "out" / CLAIM).exists()

    @pytest.mark.usefixtures("quick_export")
    @pytest.mark.parametrize("left", ['{"host": "n7", "place": "elsewhere", "pid": 1, "born": "1"}', ""])
    def test_goes_on_on_another_node_than_where_it_was_killed(self, left: str, spec: Path, tmp_path: Path) -> None:
        (tmp_path / CLAIM).write_text(left)
        assert train(read_task(spec, ["epochs=1"]), tmp_path).fitted.stopped == "epochs"

    @pytest.mark.usefixtures("quick_export")
    def test_needs_no_hard_links(self, spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def no_link(*_: Any) -> None:
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(os, "link", no_link)
        assert train(read_task(spec, ["epochs=1"]), tmp_path / "out").fitted.stopped == "epochs"

    @pytest.mark.usefixtures("quick_export")
    @pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of torch, under Keras
    @pytest.mark.parametrize("framework", ["torch", "keras"])
    def test_does_not_go_on_with_data_that_have_changed(self, framework: str, tmp_path: Path) -> None:
        if framework == "keras" and find_spec("keras") is None:
            pytest.skip("keras is missing: pip install 'hqml[dl]'")
        family = {"torch": "{family: mlp, hidden: [4]}", "keras": "{family: sequential, layers: [{Dense: {units: 1}}]}"}
        (tmp_path / "plane.yaml").write_text(f"model: {family[framework]}\ndata: {{file: plane.npz}}\nepochs: 1\n")
        numbers = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)

        def write(x: Any) -> None:
            np.savez(tmp_path / "plane.npz", x=x, y=x.sum(1, keepdims=True))

        def fit() -> int:
            return len(train(read_task(tmp_path / "plane.yaml"), tmp_path / "out", base=tmp_path).fitted.history)

        write(numbers)
        assert fit() == 1
        os.utime(tmp_path / "plane.npz", (0, 0))  # as a copy has another time
        assert fit() == 1
        write(numbers[::-1])
        with pytest.raises(ParameterError, match=r"the data have changed since .*; bring back .* \(--fresh\)"):
            fit()

    def test_a_folder_that_cannot_be_made_is_told_first(self, spec: Path) -> None:
        with pytest.raises(FormatError, match="cannot write"):
            train(read_task(spec), spec / "out")

    def test_a_task_that_does_not_fit_its_data_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "s.yaml").write_text(SPEC + "loss: mse\n")
        with pytest.raises(ParameterError, match="does not fit targets that are classes"):
            train(read_task(tmp_path / "s.yaml"))


def _logits(path: Path, x: Any) -> Any:
    import onnxruntime

    [logits] = onnxruntime.InferenceSession(path).run(None, {"x": x})
    return logits


class Recorded:
    """A tracker that remembers."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def parameters(self, values: Any) -> None:
        self.told.append("parameters")

    def metrics(self, values: Any, step: int) -> None:
        self.told.append((step, sorted(values)))

    def model(self, path: Path, signature: Any, name: str) -> str:
        assert path.exists()
        self.told.append(name)
        return "models:/x/1"

    def close(self, status: str) -> None:
        self.told.append(status)


@pytest.fixture
def tracker(monkeypatch: pytest.MonkeyPatch) -> Recorded:
    found = Recorded()
    monkeypatch.setattr(hqml.dl.tracking, "open_tracker", lambda *args, **others: found)
    return found


@pytest.mark.usefixtures("quick_export")
class TestTracking:
    @pytest.fixture(autouse=True)
    def _tracked(self, spec: Path) -> None:
        spec.write_text(SPEC + "tracking: {tool: mlflow, register: numbers}\n")

    def test_hears_all_and_gets_the_model(self, spec: Path, tmp_path: Path, tracker: Recorded) -> None:
        train(read_task(spec), tmp_path / "out")
        assert tracker.told[-2:] == ["numbers", "finished"]
        assert (3, ["test_accuracy", "test_loss"]) in tracker.told

    def test_gets_the_model_where_no_folder_is_named_too(self, spec: Path, tracker: Recorded) -> None:
        assert train(read_task(spec)).onnx is None
        assert tracker.told[-2:] == ["numbers", "finished"]

    @pytest.mark.parametrize(
        ("error", "status"), [(SystemExit(75), "killed"), (KeyboardInterrupt(), "killed"), (ValueError("x"), "failed")]
    )
    def test_hears_how_it_ended(
        self, error: BaseException, status: str, spec: Path, tracker: Recorded, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*args: Any, **others: Any) -> None:
            raise error

        monkeypatch.setattr("hqml.dl.training.fitting.fit", fail)
        with pytest.raises(type(error)):
            train(read_task(spec))
        assert tracker.told == [status]

    def test_hears_of_ctrl_c_that_kept_the_best_model(
        self, spec: Path, tracker: Recorded, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from hqml.dl.training import fitting

        whole = fitting.fit
        monkeypatch.setattr(
            fitting, "fit", lambda *args, **others: replace(whole(*args, **others), stopped="interrupted")
        )
        train(read_task(spec))
        assert tracker.told[-2:] == ["numbers", "killed"]


@pytest.mark.usefixtures("quick_export")
class TestCommand:
    def test_prints_json(self, spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["train", str(spec), "--json", "--lines", "--set", "epochs=1"]) == 0
        out, err = capsys.readouterr()
        found = json.loads(out)
        assert (found["name"], found["epochs"]) == ("digits", 1)
        assert Path(found["onnx"]) == tmp_path / "digits.trained" / "model.onnx"
        assert err.startswith("epoch 1 of 1: loss ")

    def test_prints_a_table(self, spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["train", str(spec), "--set", "epochs=1", "--out", str(tmp_path / "here")]) == 0
        out, err = capsys.readouterr()
        assert "accuracy" in out
        assert err == ""

    def test_shows_a_task_without_training_it(
        self, spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["train", str(spec), "--check"]) == 0
        shown = capsys.readouterr()
        assert "activation: relu" in shown.out
        assert shown.err == ""
        assert [one.name for one in tmp_path.iterdir()] == ["digits.yaml"]

    def test_shows_a_task_and_that_its_data_are_elsewhere(
        self, spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        spec.write_text(SPEC.replace("source: digits", "file: scans.npz"))
        assert main(["train", str(spec), "--check"]) == 0
        shown = capsys.readouterr()
        assert "file: scans.npz" in shown.out
        assert shown.err.startswith(f"hqml: note: there is no {tmp_path / 'scans.npz'}; names are relative to ")

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--set", "epochs=0"], "--set epochs: must be greater than or equal to 1"),
            (["--set", "precision=fp16"], "--set precision: fp16 needs a GPU"),
            (["--nodes", "2"], "--nodes is for a job; name its site with --site"),
            (["--dry-run"], "--dry-run is for a job"),
            (["--site", "juwels", "--fresh"], "a job that is queued again would begin anew each time"),
            (["--site", "juwels"], "run.account: this key is missing"),
            (["--site", "julia", "--dry-run"], "julia"),
            (["--site", "juwels", "--account", "me", "--gpus", "9"], "--set run.gpus: 9 GPUs of each node"),
        ],
    )
    def test_bad_input_is_one_line(
        self, arguments: list[str], said: str, spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["train", str(spec), *arguments]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert said in err
        assert err.count("\n") == 1
        assert [one.name for one in tmp_path.iterdir()] == ["digits.yaml"]

    @pytest.mark.parametrize("path", ["no.yaml", "."])
    def test_a_file_that_is_none_is_told(self, path: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["train", path]) == 2
        assert capsys.readouterr().err.count("\n") == 1

    def test_a_loss_without_end_is_a_failure(self, spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["train", str(spec), "--set", "optimizer={name: sgd, rate: 1e38}"]) == 1
        assert capsys.readouterr().err.count("\n") == 1

    def test_no_secret_goes_into_the_script_of_a_job(
        self, spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("A_TOKEN", "s3cret-1")
        arguments = ["--site", "juwels", "--account", "me", "--set", "tracking={tool: mlflow, experiment: s3cret-1}"]
        assert main(["train", str(spec), *arguments]) == 2
        out, err = capsys.readouterr()
        assert "--set tracking: would write a secret into the job's script" in err
        assert "s3cret-1" not in out + err
        assert [one.name for one in tmp_path.iterdir()] == ["digits.yaml"]

    def test_changes_of_the_job_itself_are_not_for_its_training(self) -> None:
        pairs = ["run={account: me}", "run.nodes=2", " run = null", "epochs=3", "data.batch=8"]
        assert _arguments("digits.yaml", None, pairs) == ["--set", "epochs=3", "--set", "data.batch=8", "--lines"]

    def test_a_job_is_shown(self, spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        arguments = ["--site", "juwels", "--on", "booster", "--nodes", "2", "--account", "me", "--dry-run"]
        assert main(["train", str(spec), *arguments]) == 0
        assert "sbatch" in capsys.readouterr().out
        assert [one.name for one in tmp_path.iterdir()] == ["digits.yaml"]


ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


def test_a_job_of_this_machine_trains(tmp_path: Path) -> None:
    pytest.importorskip("statsmodels", reason="statsmodels is missing: pip install 'hqml[dl]'; it starts sooner")
    spec = tmp_path / "ar.yaml"
    spec.write_text("model: ar\ndata: sunspots\n")
    command = [sys.executable, "-m", "hqml.cli", "train", str(spec), "--site", "local", "--set", "seed=1", "--json"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(command, env={**ENVIRONMENT, "PATH": path}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "seed: 1" in (tmp_path / "ar.trained" / "task.yaml").read_text()
    assert "rmse" in "".join(one.read_text() for one in (tmp_path / "ar.run" / "logs").iterdir())


@pytest.mark.usefixtures("quick_export")
def test_a_signal_stops_it_with_75_and_the_same_command_goes_on(spec: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hqml.cli", "train", str(spec), "--lines", "--set", "epochs=30"]
    whole = read_task(spec, ["epochs=30"])
    with subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        process.stderr.readline()  # of the first epoch
        process.send_signal(signal.SIGUSR1)
        process.stderr.read()
        assert process.wait(60) == 75
    train(whole, tmp_path / "digits.trained")
    train(whole, tmp_path / "whole")
    assert history(tmp_path / "digits.trained") == history(tmp_path / "whole")


def test_ctrl_c_keeps_the_best_model(spec: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hqml.cli", "train", str(spec), "--lines", "--json", "--set", "epochs=100000"]
    with subprocess.Popen(
        command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        process.stderr.readline()
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert json.loads(out)["stopped"] == "interrupted"
    assert (tmp_path / "digits.trained" / "model.onnx").exists()
    assert err.splitlines()[-1].startswith("hqml: interrupted; ")


def test_ranks_of_torchrun_train_one_model_and_one_of_them_speaks(spec: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    train_it = ["-m", "hqml.cli", "train", str(spec), "--json", "--lines", "--set", "epochs=2"]
    done = subprocess.run([*command, *train_it], env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["epochs"] == 2
    assert done.stderr.count("epoch 1 of 2") == 1
    alone = train(read_task(spec, ["epochs=2"]))  # no files
    losses = [float(row["loss"]) for row in history(tmp_path / "digits.trained")]
    assert losses == pytest.approx([one.loss for one in alone.fitted.history], rel=1e-5)


@pytest.mark.parametrize(("part", "field"), [("validation", "x"), ("test", "x"), ("test", "y"), ("training", "y")])
def test_values_that_are_no_numbers_are_found_before_training(part: str, field: str, tmp_path: Path) -> None:
    from hqml.dl.data.finite import check_finite
    from hqml.dl.source import ArraySource, Splits
    from hqml.errors import DataError

    arrays = {
        name: {"x": np.zeros((9, 2), np.float32), "y": np.zeros(9, np.float32)}
        for name in ("training", "validation", "test")
    }
    arrays[part][field][3] = np.nan
    splits = Splits(*(ArraySource(one) for one in arrays.values()))
    with pytest.raises(DataError, match=f"'{field}' of {part} sample 3 holds NaN"):
        check_finite(splits)
    if field == "y":
        check_finite(splits, unknown_targets=True)


def test_ranks_of_mpiexec_do_not_train_beside_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    from hqml.dl.training import open_group

    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")
    with pytest.raises(ParameterError, match="mpiexec started 2 ranks, and each would train alone"):
        open_group("auto")


def test_a_path_is_no_task() -> None:
    with pytest.raises(ParameterError, match=r"read it first: hqml\.dl\.read_task\('tab\.yaml'\)"):
        hqml.dl.train("tab.yaml")  # type: ignore[arg-type]
