"""Searching over the keys of a specification: alone, in several processes, by annealing, after a kill."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("torch", reason="torch is missing: pip install 'hqml[dl]'")
pytest.importorskip("pydantic", reason="pydantic is missing: pip install 'hqml[dl]'")
pytest.importorskip("optuna", reason="optuna is missing: pip install 'hqml[dl]'")

import numpy as np
import optuna

from hqml.cli import main
from hqml.dl import read_task
from hqml.dl.moved import moved
from hqml.dl.objective import Objective
from hqml.dl.objectives import OBJECTIVES
from hqml.dl.search import search
from hqml.dl.search.found import Found, Trial
from hqml.dl.search.searching import JOURNAL, direction_of
from hqml.dl.search.space import distributions, with_values
from hqml.dl.search.trials import Trials
from hqml.dl.spec import SearchSpec, Task
from hqml.errors import FormatError, HqmlError, ParameterError
from hqml.processes import process_of, this_process
from hqml.tuning.storage import opened

SPEC = """
name: tiny
model: {family: mlp, hidden: [8]}
data: {source: digits, batch: 256}
epochs: 2
search:
  trials: 5
  figure: accuracy
  space:
    optimizer.rate: {low: 1e-5, high: 1e-1, log: true}
    model.activation: [relu, tanh]
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(SPEC)
    return path


def task(**changes: Any) -> Task:
    return Task.model_validate({"name": "tiny", "model": "mlp", "data": "digits", **changes})


def rows(folder: Path) -> list[dict[str, str]]:
    with open(folder / "trials.csv") as file:
        return list(csv.DictReader(file))


def test_a_search_keeps_the_best_of_its_trials_as_a_specification(spec: Path, tmp_path: Path) -> None:
    found = search(read_task(spec), tmp_path / "out")
    assert [trial.state for trial in found.trials] == ["complete"] * 5
    best = max(found.trials, key=lambda trial: trial.figure or 0.0)
    assert found.best == best
    again = read_task(tmp_path / "out" / "best.yaml")
    assert again.optimizer.rate == best.values["optimizer.rate"]
    assert again.model.parameters == {"hidden": [8], "activation": best.values["model.activation"]}
    assert again.search is None
    assert [float(row["accuracy"]) for row in rows(tmp_path / "out")] == [trial.figure for trial in found.trials]


def test_the_same_search_finds_the_same_again_and_goes_on_with_more_trials(spec: Path, tmp_path: Path) -> None:
    first = search(read_task(spec), tmp_path / "one")
    second = search(read_task(spec), tmp_path / "two")
    assert [trial.values for trial in first.trials] == [trial.values for trial in second.trials]
    more = search(read_task(spec, ["search.trials=7"]), tmp_path / "one")
    assert len(more.trials) == 7
    assert more.trials[:5] == first.trials
    assert len({trial.values["optimizer.rate"] for trial in more.trials}) == 7


def test_a_search_of_another_task_is_refused(spec: Path, tmp_path: Path) -> None:
    search(read_task(spec, ["search.trials=1"]), tmp_path / "out")
    with pytest.raises(FormatError, match="had another epochs; name another folder"):
        search(read_task(spec, ["epochs=3"]), tmp_path / "out")


def test_an_annealer_proposes_after_the_first_trials(spec: Path, tmp_path: Path) -> None:
    sets = ["search.engine=qubo", "search.parameters.n_startup_trials=2", "search.backend=neal", "search.prune=false"]
    found = search(read_task(spec, sets), tmp_path / "out")
    assert len(found.trials) == 5
    assert found.best is not None


def test_processes_share_the_trials_of_one_budget(spec: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hqml.cli", "search", str(spec), "--trials", "6", "--processes", "2", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [trial["number"] for trial in found["trials"] if trial["state"] == "complete"] == list(range(6))


def test_a_search_that_was_killed_goes_on_without_the_trial_that_died(spec: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hqml.cli", "search", str(spec), "--set", "epochs=100000"]
    running = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    journal = tmp_path / "tiny.search" / "journal.log"
    until = time.monotonic() + 100
    while not (journal.exists() and "hqml claim" in journal.read_text()):
        assert running.poll() is None
        assert time.monotonic() < until
        time.sleep(0.1)
    running.send_signal(signal.SIGKILL)
    running.wait()
    study = opened(optuna, str(journal), "tiny", direction="maximize")
    trials = Trials(study, optuna, 5)
    assert trials.running() == 0
    assert trials.listed() == []
    assert trials.claim({}) is not None


def test_no_more_trials_are_claimed_than_the_budget_has() -> None:
    study = optuna.create_study()
    trials = Trials(study, optuna, 3)
    claimed = [trials.claim({}) for _ in range(5)]
    assert [one is not None for one in claimed] == [True, True, True, False, False]
    trials.withdraw(claimed[0])
    assert trials.claim({}) is not None
    trials.fail(claimed[1], "no memory")
    assert trials.claim({}) is None
    assert [one.error for one in trials.listed() if one.state == "failed"] == ["no memory"]


def test_a_trial_that_cannot_be_trained_is_told_with_its_reason(tmp_path: Path) -> None:
    bad = task(search={"space": {"optimizer.rate": [1e30, 1e35]}, "trials": 2}, optimizer="sgd", epochs=1)
    with pytest.raises(HqmlError, match=r"all trials have failed; trial 1 with: the loss of epoch 1 is nan"):
        search(bad, tmp_path)
    assert [row["state"] for row in rows(tmp_path)] == ["failed", "failed"]


def test_a_figure_that_nobody_measures_ends_the_search_with_its_first_trial(tmp_path: Path) -> None:
    bad = task(search={"space": {"model.dropout": [0.1, 0.2]}, "trials": 2, "figure": "dice"}, epochs=1)
    with pytest.raises(ParameterError, match=r"no figure 'dice' of the validation data; known: loss, accuracy"):
        search(bad, tmp_path)
    assert not (tmp_path / "trials.csv").exists()


def test_hopeless_trials_end_early(tmp_path: Path) -> None:
    space = {"optimizer.rate": [1e-2, 5e-3, 1e-9]}
    found = search(
        task(search={"space": space, "trials": 14}, epochs=3, data={"source": "digits", "batch": 256}), tmp_path
    )
    pruned = [trial for trial in found.trials if trial.state == "pruned"]
    assert pruned
    assert 1e-9 in {trial.values["optimizer.rate"] for trial in pruned}


def test_the_space_becomes_the_distributions_that_it_says() -> None:
    space = {"a": {"low": 1, "high": 9, "step": 2}, "b": {"low": 0.1, "high": 1, "log": True}, "c": ["x", 3, None]}
    found = distributions(SearchSpec.model_validate({"space": space}), optuna)
    kinds = optuna.distributions
    assert found == {
        "a": kinds.IntDistribution(1, 9, step=2),
        "b": kinds.FloatDistribution(0.1, 1.0, log=True),
        "c": kinds.CategoricalDistribution(("x", 3, None)),
    }


def test_a_trial_is_on_one_process_and_tells_nobody() -> None:
    whole = task(tracking="mlflow", distribution="ddp", search={"space": {"epochs": [1]}})
    trial = with_values(whole, {"epochs": 3, "optimizer.rate": 0.5})
    assert (trial.epochs, trial.optimizer.rate, trial.tracking, trial.search) == (3, 0.5, None, None)
    assert trial.distribution == "none"


@pytest.mark.parametrize(("figure", "direction"), [(None, "minimize"), ("accuracy", "maximize"), ("rmse", "minimize")])
def test_the_direction_is_that_of_the_figure(figure: str | None, direction: str) -> None:
    assert direction_of(SearchSpec.model_validate({"space": {}, "figure": figure})) == direction


def objectives_with_a_figure() -> list[type[Objective]]:
    """Whose figure is the same whatever their parameters."""
    for home in set(OBJECTIVES.homes.values()):
        import_module(f"{OBJECTIVES.package}.{home}")
    known = [kind for kind in Objective.__subclasses__() if "figure" in vars(kind)]
    return sorted(known, key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", objectives_with_a_figure(), ids=lambda kind: kind.__name__)
def test_the_direction_of_a_loss_s_own_figure_is_the_one_it_says(kind: type[Objective]) -> None:
    search = SearchSpec.model_validate({"space": {}, "figure": kind.figure})
    assert direction_of(search) == ("maximize" if kind.higher_is_better else "minimize")


def test_a_figure_of_no_known_direction_wants_one() -> None:
    with pytest.raises(ParameterError, match="say whether 'energy' is better high or low"):
        direction_of(SearchSpec.model_validate({"space": {}, "figure": "energy"}))


def test_the_first_of_equal_trials_is_the_best() -> None:
    trials = [Trial(0, {}, None, "failed"), Trial(1, {}, 2.0, "complete"), Trial(2, {}, 2.0, "complete")]
    assert Found(None, "loss", "minimize", trials).best == trials[1]


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        (["--set", "search=null"], "has no search; add e.g. search:"),
        (["--set", "search.engine=ray", "--processes", "2"], "drop --processes"),
        (["--set", "search.parameters.reads=3"], "search: parameters: .*reads"),
        (["--set", "search.storage=nowhere/j.log"], "cannot be opened"),
    ],
)
def test_what_cannot_be_searched_is_one_line(
    spec: Path, sets: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    import re

    assert main(["search", str(spec), *sets]) == 2
    error = capsys.readouterr().err
    assert re.search(message, error)
    assert error.count("\n") == 1


def test_ranks_and_tasks_of_an_array_are_workers_of_their_number() -> None:
    from hqml.cli.search import worker

    assert worker({}) == 0
    assert worker({"OMPI_COMM_WORLD_RANK": "3"}) == 3
    assert worker({"SLURM_ARRAY_TASK_ID": "7", "SLURM_PROCID": "0"}) == 7
    assert worker({"SLURM_PROCID": "2"}) == 2


@pytest.mark.skipif(os.environ.get("HQML_RAY") is None, reason="set HQML_RAY where ray[tune] is installed")
def test_ray_tries_the_values_in_its_own_processes(spec: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="ray is missing: pip install 'hqml[ray]'")
    found = search(read_task(spec, ["search.engine=ray", "search.trials=3"]), tmp_path / "out")
    assert len(found.trials) == 3
    assert found.best is not None


def test_the_best_specification_can_be_trained_where_it_is_written(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((80, 3)).astype(np.float32)
    np.savez(tmp_path / "own.npz", x=x, y=x.sum(axis=1))
    text = SPEC.replace("{source: digits, batch: 256}", "{file: own.npz, batch: 16}").replace("accuracy", "loss")
    (tmp_path / "own.yaml").write_text(text)
    assert main(["search", str(tmp_path / "own.yaml"), "--trials", "2"]) == 0
    best = tmp_path / "tiny.search" / "best.yaml"
    assert read_task(best).data.file == "../own.npz"
    assert main(["train", str(best)]) == 0
    assert main(["train", str(best.with_name("tiny.trained") / "task.yaml"), "--check"]) == 0
    assert read_task(best.with_name("tiny.trained") / "task.yaml").data.file == "../../own.npz"


def test_all_paths_of_a_task_are_those_of_its_new_folder(tmp_path: Path) -> None:
    one = task(
        model={"family": "mlp", "file": "model.onnx"},
        data={"file": "tiles/*.npy", "targets": "~/labels.npy"},
        run={"site": "mine.yaml"},
        search={"space": {}, "storage": "all.log"},
    )
    there = moved(one, tmp_path, tmp_path / "out")
    assert (there.data.file, there.data.targets) == ("../tiles/*.npy", "~/labels.npy")
    assert (there.model.file, there.run.site) == ("../model.onnx", "../mine.yaml")
    assert there.search is not None
    assert there.search.storage == "../all.log"
    named = task(data={"file": "/data/a.h5", "targets": "y"}, run={"site": "juwels"})
    assert moved(named, tmp_path, tmp_path / "out") == named


def test_ranks_of_a_launcher_each_train_their_own_trials(
    spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    srun = {"SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "4", "SLURM_LOCALID": "0", "SLURM_JOB_ID": "1"}
    for name, value in {**srun, "SLURM_STEP_ID": "0", "SLURM_STEP_NODELIST": "localhost"}.items():
        monkeypatch.setenv(name, value)
    found = search(read_task(spec, ["search.trials=1"]), tmp_path / "out")
    assert [trial.state for trial in found.trials] == ["complete"]


def test_what_torch_cannot_train_is_a_failed_trial_and_the_search_goes_on(tmp_path: Path) -> None:
    """Batch normalisation cannot learn from a single sample, and torch says so with a ValueError."""
    space = {"data.batch": [1]}
    one = task(
        model={"family": "resnet", "depth": 18, "width": 2},
        data={"source": "digit-images", "batch": 64},
        epochs=1,
        search={"space": space, "trials": 2, "parameters": {"n_startup_trials": 2}},
    )
    with pytest.raises(HqmlError, match=r"all trials have failed; trial 1 with: .*more than 1 value per channel"):
        search(one, tmp_path)


def claimed_by(process: Mapping[str, Any], one: Task, folder: Path) -> int:
    """Number of a trial that another process has begun."""
    assert one.search is not None
    folder.mkdir(exist_ok=True)
    study = opened(optuna, str(folder / JOURNAL), one.name, direction=direction_of(one.search))
    trial = study.ask(distributions(one.search, optuna))
    trial.set_user_attr("hqml claim", {**process, "since": time.time()})
    number: int = trial.number
    return number


def test_the_place_of_a_trial_that_died_while_others_waited_is_taken(spec: Path, tmp_path: Path) -> None:
    one = read_task(spec, ["search.trials=2"])
    search(read_task(spec, ["search.trials=1"]), tmp_path / "out")
    with subprocess.Popen(["sleep", "0"]) as dead:
        process = process_of(dead.pid)
    lost = claimed_by(process, one, tmp_path / "out")
    found = search(one, tmp_path / "out")
    assert [trial.state for trial in found.trials] == ["complete"] * 2
    assert lost not in [trial.number for trial in found.trials]


def test_the_place_of_a_trial_that_dies_while_the_search_waits_is_taken(
    spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = read_task(spec, ["search.trials=2"])
    with subprocess.Popen(["sleep", "30"]) as other:
        claimed_by(process_of(other.pid), one, tmp_path / "out")

        def die(seconds: float) -> None:
            other.kill()
            other.wait()

        monkeypatch.setattr("hqml.dl.search.searching.time", SimpleNamespace(monotonic=time.monotonic, sleep=die))
        found = search(one, tmp_path / "out")
    assert [trial.state for trial in found.trials] == ["complete"] * 2
    assert len(rows(tmp_path / "out")) == 2


def test_a_trial_of_another_machine_that_does_not_end_is_told_as_running(
    spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hqml.dl.search.searching._LEAST_PATIENCE", 0.0)
    monkeypatch.setattr("hqml.dl.search.searching._PATIENCE", 0.0)
    one = read_task(spec, ["search.trials=2"])
    claimed_by({**this_process(), "place": "elsewhere"}, one, tmp_path / "out")
    found = search(one, tmp_path / "out")
    assert sorted(trial.state for trial in found.trials) == ["complete", "running"]
    assert (tmp_path / "out" / "best.yaml").exists()


def test_one_process_of_several_draws_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    from hqml.cli.search import _shows

    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.delenv("HQML_WORKER", raising=False)
    assert _shows()
    monkeypatch.setenv("HQML_WORKER", "1")
    assert not _shows()


def test_lists_can_be_chosen_from(spec: Path, tmp_path: Path) -> None:
    sets = [("search.space", {"model.hidden": [[4], [8, 8]]}), ("search.trials", 3)]
    found = search(read_task(spec, sets), tmp_path / "out")
    assert {tuple(trial.values["model.hidden"]) for trial in found.trials} <= {(4,), (8, 8)}
    assert read_task(tmp_path / "out" / "best.yaml").model.parameters["hidden"] in ([4], [8, 8])
