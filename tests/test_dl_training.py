"""What `hqml.dl.training.fit` promises of a single process."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install 'hqml[dl]'")

from hqml.dl.data import signature_of  # noqa: E402
from hqml.dl.progress import Progress  # noqa: E402
from hqml.dl.source import Arrays, ArraySource, Rows, Splits  # noqa: E402
from hqml.dl.spec import Task  # noqa: E402
from hqml.dl.tracker import NoTracker  # noqa: E402
from hqml.dl.trained import Fitted  # noqa: E402
from hqml.dl.training import fit  # noqa: E402
from hqml.dl.training.loop import Diverged  # noqa: E402
from hqml.dl.training.state import read_state  # noqa: E402
from hqml.errors import DataError, FormatError, ParameterError  # noqa: E402

FEATURES = 6


def task(**keys: Any) -> Task:
    content = {"name": "t", "model": {"family": "mlp", "hidden": [16]}, "data": {"source": "digits", "batch": 20}}
    return Task.model_validate({**content, "epochs": 3, **keys})


def numbers(samples: int, seed: int = 0) -> ArraySource:
    """A plane with noise, in units far from 1."""
    rng = np.random.default_rng(seed)
    x = rng.normal(5, 3, (samples, FEATURES)).astype(np.float32)
    y = 1e4 + 300 * x @ np.arange(1, FEATURES + 1) + rng.normal(0, 30, samples)
    return ArraySource({"x": x, "y": y.astype(np.float32)})


@pytest.fixture
def splits() -> Splits:
    return Splits(numbers(105), numbers(50, 1), numbers(50, 2))


def trained(splits: Splits, **keys: Any) -> Fitted:
    where = {key: keys.pop(key) for key in ("folder", "resume", "report", "tracker") if key in keys}
    return fit(task(**keys), splits, signature_of(splits), **where)


def curve(fitted: Fitted) -> list[Any]:
    """All that may not depend on whether training was stopped in between."""
    return [(epoch.number, epoch.loss, dict(epoch.validation), epoch.rate) for epoch in fitted.history]


def weights_equal(one: Fitted, other: Fitted) -> bool:
    ours, theirs = one.model.state_dict(), other.model.state_dict()
    return all(torch.equal(ours[name], theirs[name]) for name in ours)


@dataclass
class Watched:
    """A source that does something when a sample is read for the n-th time."""

    inner: ArraySource
    at: int
    do: Callable[[], None]
    reads: int = 0
    classes: Any = None

    @property
    def shapes(self) -> Any:
        return self.inner.shapes

    def __len__(self) -> int:
        return len(self.inner)

    def read(self, rows: Rows) -> Arrays:
        self.reads += 1
        if self.reads == self.at:
            self.do()
        return self.inner.read(rows)

    def close(self) -> None: ...


@dataclass
class Windows(Watched):
    """A source that is streamed, and fails when more samples are used than `at`."""

    window: int = 30
    used: int = 0

    @property
    def bounds(self) -> Rows:
        return np.append(np.arange(0, len(self), 10), len(self))

    def buffer(self) -> Arrays:
        return {}

    def expect(self, rows: Rows) -> None: ...

    def raw(self, rows: Rows, room: Arrays) -> Arrays:
        return self.inner.read(rows)

    def ready(self, raw: Arrays, which: Rows) -> Arrays:
        self.used += len(which)
        if self.used > self.at:
            self.do()
        return {name: values[which] for name, values in raw.items()}


def crash() -> None:
    raise OSError("the disk is gone")


# --- what comes of it


def test_a_model_learns_a_plane_better_than_its_mean(splits: Splits) -> None:
    found = trained(splits, epochs=60, optimizer={"rate": 0.01})
    assert found.test["rmse"] < 0.2 * splits.test.read(np.arange(50))["y"].std()
    assert (found.figure, found.higher_is_better, found.stopped) == ("rmse", False, "epochs")
    assert [epoch.number for epoch in found.history] == list(range(1, 61))


def test_the_figures_are_those_of_the_model_that_is_handed_over(splits: Splits) -> None:
    found = trained(splits)
    test = splits.test.read(np.arange(50))
    with torch.no_grad():
        error = found.model(torch.from_numpy(test["x"])).numpy() - test["y"]
    assert found.test["rmse"] == pytest.approx(np.sqrt((error**2).mean()), rel=1e-5)
    assert not found.model.training


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(splits: Splits) -> None:
    first, again, other = (trained(splits, seed=seed) for seed in (3, 3, 4))
    assert curve(first) == curve(again)
    assert weights_equal(first, again)
    assert curve(first) != curve(other)


def test_torch_s_own_generator_is_as_before(splits: Splits) -> None:
    before = torch.get_rng_state()
    trained(splits, deterministic=True)
    assert torch.equal(before, torch.get_rng_state())
    assert not torch.are_deterministic_algorithms_enabled()


def test_the_best_epoch_is_that_of_the_lowest_validation_loss(splits: Splits) -> None:
    found = trained(splits, epochs=8, optimizer={"name": "sgd", "rate": 0.2, "momentum": 0.9})
    losses = [epoch.validation["loss"] for epoch in found.history]
    assert found.best == 1 + int(np.argmin(losses))
    kept = trained(splits, epochs=found.best, optimizer={"name": "sgd", "rate": 0.2, "momentum": 0.9})
    assert kept.test == found.test


def test_without_validation_data_the_last_weights_are_kept() -> None:
    found = trained(Splits(numbers(40), numbers(0), numbers(0)))
    assert (found.best, found.test, found.history[0].validation) == (3, {}, {})


def test_early_stopping_waits_as_long_as_it_is_told(splits: Splits) -> None:
    found = trained(splits, epochs=50, optimizer={"rate": 1e-9}, early_stopping={"patience": 3, "minimum": 0.1})
    assert found.stopped == "early"
    assert len(found.history) == 4  # one that gains, three that do not


def test_a_tracker_hears_of_each_epoch_and_a_report_of_the_end(splits: Splits) -> None:
    class Listener(NoTracker):
        def metrics(self, values: Any, step: int) -> None:
            told.append((step, set(values)))

    told: list[Any] = []
    shown: list[Progress] = []
    trained(splits, tracker=Listener(), report=shown.append)
    names = {"loss", "validation_loss", "validation_rmse", "rate", "seconds"}
    assert told == [(1, names), (2, names), (3, names)]
    ended = [progress for progress in shown if progress.ended is not None]
    assert [progress.share for progress in ended] == pytest.approx([1 / 3, 2 / 3, 1])


# --- how it is minimised


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd", "rmsprop", "lbfgs"])
def test_accumulated_micro_batches_are_the_whole_batch(splits: Splits, name: str) -> None:
    """105 samples: steps of 18 or 17, of which micro-batches are unequal."""
    optimizer = {"name": name, "rate": 0.01, **({"max_iter": 3} if name == "lbfgs" else {})}
    whole, parts = (
        trained(splits, accumulate=n, precision="float64", optimizer=optimizer, clip=5.0, epochs=2) for n in (1, 4)
    )
    digits = 1e-6 if name == "lbfgs" else 1e-10  # its line search amplifies how sums are rounded
    for one, other in zip(whole.history, parts.history, strict=True):
        assert other.loss == pytest.approx(one.loss, rel=digits)
        assert other.validation["loss"] == pytest.approx(one.validation["loss"], rel=digits)


def test_bfloat16_learns_nearly_as_float32_does(splits: Splits) -> None:
    full, short = (trained(splits, precision=name, epochs=20, optimizer={"rate": 0.01}) for name in ("float32", "bf16"))
    assert short.history[-1].loss != full.history[-1].loss
    assert short.test["rmse"] < 2 * full.test["rmse"]
    assert all(weights.dtype == torch.float32 for weights in short.model.state_dict().values())


def test_a_clipped_gradient_moves_weights_no_further_than_its_norm(splits: Splits) -> None:
    keys = {"optimizer": {"name": "sgd", "rate": 1.0}, "clip": 1e-3, "epochs": 1}
    before, after = (trained(splits, **{**keys, "clip": clip}) for clip in (1e-12, 1e-3))
    ours, theirs = before.model.state_dict(), after.model.state_dict()
    distance = np.sqrt(sum(float((ours[name] - theirs[name]).square().sum()) for name in ours))
    assert 0 < distance <= 6 * 1e-3 * (1 + 1e-4)  # six steps


@pytest.mark.parametrize("unit", [1024, 1e-13])
def test_a_targets_unit_changes_nothing_but_the_unit(splits: Splits, unit: float) -> None:
    parts = [
        ArraySource({"x": one.arrays["x"] * 8 - 3, "y": one.arrays["y"] * np.float32(unit)})  # type: ignore[attr-defined]
        for one in (splits.train, splits.validation, splits.test)
    ]
    plain, other = trained(splits), trained(Splits(*parts))
    assert other.history[-1].loss == pytest.approx(plain.history[-1].loss, rel=1e-3)
    assert other.test["rmse"] == pytest.approx(unit * plain.test["rmse"], rel=1e-3)


# --- stopped and started again

RANDOM = {"model": {"family": "mlp", "hidden": [16], "dropout": 0.3}, "schedule": {"name": "plateau", "patience": 0}}


@pytest.mark.parametrize("read", [9, 16, 18])
def test_after_a_crash_training_goes_on_as_if_nothing_had_been(splits: Splits, tmp_path: Path, read: int) -> None:
    """Reads: two for the scale's origins, two for its sums, then six steps an epoch and three of validation data."""
    keys = {**RANDOM, "checkpoint_every": 1e-9, "epochs": 4}
    whole = trained(splits, **keys)
    broken = Splits(Watched(splits.train, read, crash), splits.validation, splits.test)  # type: ignore[arg-type]
    with pytest.raises(OSError, match="disk"):
        trained(broken, **keys, folder=tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.pt"]
    watched = Watched(splits.train, 0, crash)  # type: ignore[arg-type]
    again = trained(Splits(watched, splits.validation, splits.test), **keys, folder=tmp_path)
    assert curve(again) == curve(whole)
    assert weights_equal(again, whole)
    assert watched.reads < 24  # and not from the begin


def test_statistics_of_batch_normalisation_go_on_too(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 1, 8, 8)).astype(np.float32), rng.integers(0, 2, 40)
    parts = [ArraySource({"x": x[at], "y": y[at]}, ("a", "b")) for at in (slice(0, 24), slice(24, 32), slice(32, 40))]
    keys: dict[str, Any] = {"model": {"family": "resnet", "depth": 18, "width": 4}, "checkpoint_every": 1e-9}
    keys |= {"data": {"source": "digits", "batch": 8}, "epochs": 2}
    broken = Watched(parts[0], 8, crash, classes=("a", "b"))
    with pytest.raises(OSError, match="disk"):
        trained(Splits(broken, *parts[1:]), **keys, folder=tmp_path)
    again, whole = trained(Splits(*parts), **keys, folder=tmp_path), trained(Splits(*parts), **keys)
    assert curve(again) == curve(whole)
    assert weights_equal(again, whole)


@pytest.mark.parametrize(("window", "left"), [(30, 210 - 35), (60, 210)])
def test_an_epoch_of_streamed_data_begins_again_where_its_order_is_another(
    splits: Splits, tmp_path: Path, window: int, left: int
) -> None:
    """It was left after two of its six steps, which are 35 samples; another window, as of another `limit_mb`, mixes
    others into the four that would be left."""
    keys = {**RANDOM, "checkpoint_every": 1e-9}
    train: Any = splits.train
    with pytest.raises(OSError, match="disk"):
        trained(replace(splits, train=Windows(train, 105 + 35, crash)), **keys, folder=tmp_path)
    again = Windows(train, 1000, crash, window=window)
    found = trained(replace(splits, train=again), **keys, folder=tmp_path)
    assert again.used == left
    whole = trained(replace(splits, train=Windows(train, 1000, crash)), **keys)
    assert len(found.history) == len(whole.history) == 3
    assert (curve(found) == curve(whole)) is (window == 30)


def test_a_signal_saves_the_state_and_ends_with_75(splits: Splits, tmp_path: Path) -> None:
    def ask() -> None:
        os.kill(os.getpid(), signal.SIGUSR1)

    keys = {**RANDOM, "epochs": 4}
    asked = Splits(Watched(splits.train, 14, ask), splits.validation, splits.test)  # type: ignore[arg-type]
    with pytest.raises(SystemExit) as ended:
        trained(asked, **keys, folder=tmp_path)
    assert ended.value.code == 75
    assert curve(trained(splits, **keys, folder=tmp_path)) == curve(trained(splits, **keys))
    assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL


def test_ctrl_c_keeps_the_best_so_far_and_the_way_to_go_on(splits: Splits, tmp_path: Path) -> None:
    def interrupt() -> None:
        os.kill(os.getpid(), signal.SIGINT)

    stopped = Splits(Watched(splits.train, 18, interrupt), splits.validation, splits.test)  # type: ignore[arg-type]
    found = trained(stopped, epochs=5, folder=tmp_path)
    assert (found.stopped, len(found.history)) == ("interrupted", 2)
    assert found.test == trained(splits, epochs=2).test
    assert curve(trained(splits, epochs=5, folder=tmp_path)) == curve(trained(splits, epochs=5))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_finished_task_is_not_trained_again_and_more_epochs_go_on(splits: Splits, tmp_path: Path) -> None:
    first = trained(splits, folder=tmp_path)
    again = trained(splits, folder=tmp_path)
    assert (again.history, again.test) == (first.history, first.test)
    assert curve(trained(splits, folder=tmp_path, epochs=5)) == curve(trained(splits, epochs=5))


def test_beginning_anew_forgets_the_checkpoint(splits: Splits, tmp_path: Path) -> None:
    trained(splits, folder=tmp_path)
    anew = trained(splits, folder=tmp_path, epochs=1, optimizer={"rate": 0.5}, resume=False)
    assert len(anew.history) == 1


def test_a_checkpoint_of_another_task_is_refused(splits: Splits, tmp_path: Path) -> None:
    trained(splits, folder=tmp_path, epochs=1)
    with pytest.raises(ParameterError, match=r"with optimizer\.rate: 0\.001, not 0\.5; name another folder .*--fresh"):
        trained(splits, folder=tmp_path, optimizer={"rate": 0.5})
    with pytest.raises(ParameterError, match=r"model\.hidden: \[16\], not \[8\]"):
        trained(splits, folder=tmp_path, model={"family": "mlp", "hidden": [8]})


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 half a file"])
def test_a_damaged_checkpoint_is_refused(splits: Splits, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(content)
    with pytest.raises(FormatError, match=r"checkpoint\.pt is no checkpoint, or a damaged one; .*--fresh"):
        trained(splits, folder=tmp_path)


def test_a_checkpoint_is_told_damaged_wherever_it_is(splits: Splits, tmp_path: Path) -> None:
    trained(splits, folder=tmp_path, epochs=1)
    path = tmp_path / "checkpoint.pt"
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    [tree] = [name for name in members if name.endswith("data.pkl")]
    whole = members[tree]
    for place in range(0, len(whole), len(whole) // 60):
        for value in (b"R", b"e", b"\xff"):
            members[tree] = whole[:place] + value + whole[place + 1 :]
            with zipfile.ZipFile(path, "w") as archive:
                for name, content in members.items():
                    archive.writestr(name, content)
            with contextlib.suppress(FormatError, ParameterError):
                read_state(path, task(epochs=1))


@pytest.mark.parametrize("lost", ["task", "history", "weights", "a weight", "others", "a state", "order"])
def test_a_checkpoint_that_lacks_something_is_refused(splits: Splits, tmp_path: Path, lost: str) -> None:
    trained(splits, folder=tmp_path, epochs=1)
    content = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    holder, key = {
        "a weight": (content["weights"], next(iter(content["weights"]))),
        "a state": (content["others"], "optimizers"),
    }.get(lost, (content, lost))
    del holder[key]
    torch.save(content, tmp_path / "checkpoint.pt")
    with pytest.raises(FormatError, match=r"checkpoint\.pt .*begin anew \(--fresh\)"):
        trained(splits, folder=tmp_path)


@pytest.mark.parametrize("said", ["[1]", "3", "[" * 100_000, "nonsense", 3])
def test_a_checkpoint_whose_task_is_none_is_refused(splits: Splits, tmp_path: Path, said: Any) -> None:
    trained(splits, folder=tmp_path, epochs=1)
    content = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    torch.save({**content, "task": said}, tmp_path / "checkpoint.pt")
    with pytest.raises(FormatError, match=r"damaged checkpoint .*begin anew \(--fresh\)"):
        trained(splits, folder=tmp_path)


def test_a_checkpoint_runs_no_code(splits: Splits, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "made"),)

    torch.save({"hqml": 1, "task": Evil()}, tmp_path / "checkpoint.pt")
    with pytest.raises(FormatError, match="no checkpoint"):
        trained(splits, folder=tmp_path)
    assert not (tmp_path / "made").exists()


KILLED = """
import os, signal, sys
sys.path.insert(0, {tests!r})
import test_dl_training as t
splits = t.Splits(t.numbers(105), t.numbers(50, 1), t.numbers(50, 2))
kill = lambda: os.kill(os.getpid(), signal.SIGKILL)
t.trained(t.Splits(t.Watched(splits.train, 15, kill), splits.validation, splits.test), folder={folder!r}, **{keys!r})
"""


def test_after_kill_9_the_loss_curve_is_the_same(splits: Splits, tmp_path: Path) -> None:
    keys = {**RANDOM, "checkpoint_every": 1e-9, "epochs": 4}
    script = KILLED.format(tests=str(Path(__file__).parent), folder=str(tmp_path), keys=keys)
    ended = subprocess.run([sys.executable, "-c", script], timeout=120, capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    assert curve(trained(splits, **keys, folder=tmp_path)) == curve(trained(splits, **keys))


# --- what does not fit


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"precision": "fp16"}, "precision fp16 needs a GPU"),
        ({"optimizer": "addam"}, "there is no optimizer 'addam'; did you mean 'adam'"),
        ({"optimizer": {"name": "sgd", "betas": [0.9, 0.9]}}, "optimizer 'sgd' takes no parameter 'betas'"),
        ({"optimizer": {"name": "sgd", "nesterov": True}}, "nesterov needs a momentum"),
        ({"optimizer": {"name": "adam", "betas": [0.9, 1.5]}}, "betas must be at least 0 and below 1, found 1.5"),
        ({"optimizer": {"name": "lbfgs", "line_search": "armijo"}}, "line_search must be one of 'strong_wolfe'"),
        ({"schedule": "cosin"}, "there is no schedule 'cosin'; did you mean 'cosine'"),
        ({"schedule": {"name": "step", "gamma": 0}}, "gamma must be above 0 and at most 1, found 0"),
        ({"schedule": {"name": "cosine", "warmup": 3}}, "warmup must be below the 3 epochs"),
        ({"model": {"family": "mlp", "depth": 3}}, "takes no parameter 'depth'"),
        ({"loss": "cross-entropy"}, "does not fit targets that are numbers"),
    ],
)
def test_what_cannot_be_trained_is_refused_in_one_line(splits: Splits, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError) as error:
        trained(splits, **keys)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_early_stopping_needs_validation_data() -> None:
    with pytest.raises(ParameterError, match="early_stopping looks at validation data"):
        trained(Splits(numbers(40), numbers(0), numbers(0)), early_stopping={"patience": 2})


def test_data_that_are_not_finite_are_refused(splits: Splits) -> None:
    splits.train.arrays["x"][3, 2] = np.nan  # type: ignore[attr-defined]
    with pytest.raises(DataError, match="'x' of the training data has values that are not finite"):
        trained(splits)


def test_a_loss_that_is_not_finite_ends_training(splits: Splits, tmp_path: Path) -> None:
    with pytest.raises(Diverged, match=r"diverged; lower optimizer\.rate"):
        trained(splits, optimizer={"name": "sgd", "rate": 1e20}, folder=tmp_path)
    assert not (tmp_path / "checkpoint.pt").exists()  # of the epochs before there was none


def test_results_are_plain_numbers(splits: Splits) -> None:
    found = trained(splits, epochs=1)
    json.dumps([found.test, dict(found.history[0].validation), found.history[0].loss])
