"""QuboSearchCV: what it keeps in a journal or storage, and what the fitted search itself keeps."""

import importlib.util
import pickle
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.svm import SVC

from hqml.errors import BudgetExceeded, FormatError, ParameterError
from hqml.tuning import QuboSearchCV, shared, storage
from hqml.tuning.rounds import BudgetWarning
from hqml.tuning.shared import SharedTrials
from hqml.tuning.space import space_of


def _neighbour(name: str) -> Any:
    """Another file of these tests, which pytest's import mode does not make importable."""
    spec = importlib.util.spec_from_file_location(f"{name}_helpers", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_tuning = _neighbour("test_tuning")
X, Y, Bowl, Recording, elsewhere, quick, searched = (
    getattr(_tuning, name) for name in ("X", "Y", "Bowl", "Recording", "elsewhere", "quick", "searched")
)
needs_optuna = pytest.mark.skipif(importlib.util.find_spec("optuna") is None, reason="optuna is missing")


def study_in(place: Path, name: str) -> Any:
    optuna = pytest.importorskip("optuna", reason="optuna is missing")
    kept = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(place)))
    return optuna.load_study(study_name=name, storage=kept, sampler=optuna.samplers.RandomSampler())


def trials_in(place: Any, **changes: Any) -> SharedTrials:
    given = {"metric": None, "budget": 4, "seed": 0, **changes}
    return SharedTrials(place, "mine", space_of({"a": [1, 2, 3, 4]}), {"grid": "g"}, **given)


# Equal scores


@pytest.mark.parametrize("grids", [1, 2])
def test_of_equal_scores_the_whole_grid_gives_that_of_grid_search(grids: int) -> None:
    """Iris with C and gamma given downwards: many configurations have the same accuracy."""
    grid = [
        {"gamma": [1.0, 0.1, 0.01, 0.001], "C": [1000, 100, 10, 1]},
        {"C": [1, 100, 7], "kernel": ["linear", "rbf"]},
    ][:grids]
    expected = GridSearchCV(SVC(), grid, cv=3).fit(X, Y)
    assert np.sum(expected.cv_results_["rank_test_score"] == 1) > 1
    for seed in range(3):
        found = quick(SVC(), grid, cv=3, n_iter=30, random_state=seed).fit(X, Y)
        assert found.best_params_ == expected.best_params_
        assert found.cv_results_["params"] == expected.cv_results_["params"]


@needs_optuna
def test_of_equal_scores_all_processes_of_a_storage_find_the_same(tmp_path: Path) -> None:
    first, second = trials_in(tmp_path / "t"), trials_in(tmp_path / "t")
    mine, its = first.claim([(3,), (0,)]), second.claim([(2,), (1,)])
    for record, configurations in ((second, its), (first, mine)):
        for configuration in configurations:
            record.keep(configuration, [shared.Fold(1.0, None, 0.0, 0.0)])
    first.refresh()
    second.refresh()
    assert list(first.outcomes) == list(second.outcomes) == [(3,), (0,), (2,), (1,)]


# A file that is not ours


@pytest.mark.parametrize("content", [b"a,b\n1,2\n3,4", b'{"format": "mine"}\n{"a', b'{"format": "m', b"{}\n[1"])
def test_a_foreign_file_given_as_journal_is_left_as_it_was(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(FormatError, match="is no journal of a search"):
        quick(journal=tmp_path / "file").fit(X, Y)
    assert (tmp_path / "file").read_bytes() == content


def test_a_journal_that_died_in_its_first_line_is_begun_again(tmp_path: Path) -> None:
    quick(journal=tmp_path / "journal", n_iter=2).fit(X, Y)
    first = (tmp_path / "journal").read_bytes().splitlines(keepends=True)[0]
    (tmp_path / "journal").write_bytes(first[:-9])
    assert quick(journal=tmp_path / "journal", n_iter=2).fit(X, Y).n_restored_ == 0
    assert (tmp_path / "journal").read_bytes().startswith(first)
    (tmp_path / "journal").write_bytes(first[:-9] + b"\n")
    with pytest.raises(FormatError, match=r"line 1 of the journal .* is damaged; remove the file"):
        quick(journal=tmp_path / "journal").fit(X, Y)


# Metered time


@needs_optuna
@pytest.mark.parametrize("kept", ["journal", "storage"])
def test_metered_time_is_granted_once_however_often_a_search_is_resumed(tmp_path: Path, kept: str) -> None:
    backend = Recording(metered=True, cost=0.1)
    for n_iter in (10, 14, 18, 22):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", BudgetWarning)
            search = quick(backend=backend, n_iter=n_iter, max_qpu_seconds=0.25, **{kept: tmp_path / "kept"}).fit(X, Y)
    assert len(search.cv_results_["params"]) == 22
    assert len(backend.batches) == 2
    with pytest.raises(BudgetExceeded):  # the first batch is too dear: nothing was used, nothing is chosen by chance
        quick(backend=backend, max_qpu_seconds=0.01, **{kept: tmp_path / "other"}).fit(X, Y)


@needs_optuna
def test_processes_of_a_storage_see_what_others_used(tmp_path: Path) -> None:
    first, second = trials_in(tmp_path / "t"), trials_in(tmp_path / "t")
    for record in (first, first, second):
        record.spend(0.5)
    for record in (first, second):
        record.refresh()
        assert record.qpu == 1.5


# Storages


@needs_optuna
def test_processes_that_make_a_database_at_once_all_find_it(tmp_path: Path, searched: Any) -> None:
    place = f"sqlite:///{tmp_path}/trials.db"
    others = [elsewhere(tmp_path, "wait=0.01", storage=place, n_iter=8) for _ in range(3)]
    for other in others:
        told, error = other.communicate(timeout=200)
        assert other.returncode == 0, error
        assert told.split()[1] == "8"


@needs_optuna
def test_a_database_that_another_process_is_making_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import optuna

    waits: list[float] = []
    monkeypatch.setattr(storage.time, "sleep", waits.append)
    make = optuna.create_study

    def not_yet(**arguments: Any) -> Any:
        if len(waits) < 3:
            raise RuntimeError("table studies already exists")
        return make(**arguments)

    monkeypatch.setattr(optuna, "create_study", not_yet)
    assert trials_in(f"sqlite:///{tmp_path}/trials.db").outcomes == {}
    assert waits == [0.2, 0.4, 0.8]


@needs_optuna
@pytest.mark.parametrize("place", ["add_trial", "get_trials"])
def test_an_interrupt_while_claiming_leaves_nothing_claimed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    import optuna

    real = getattr(optuna.Study, place)

    def interrupted(study: Any, *arguments: Any, **named: Any) -> Any:
        found = real(study, *arguments, **named)
        states = [trial.state for trial in study._storage.get_all_trials(study._study_id)]
        if optuna.trial.TrialState.RUNNING in states:  # the first time that something is claimed
            monkeypatch.undo()
            raise KeyboardInterrupt
        return found

    monkeypatch.setattr(optuna.Study, place, interrupted)
    with pytest.raises(KeyboardInterrupt):
        quick(storage=tmp_path / "t", study_name="mine", n_jobs=2).fit(X, Y)
    states = [trial.state for trial in study_in(tmp_path / "t", "mine").get_trials()]
    assert states
    assert optuna.trial.TrialState.RUNNING not in states


@needs_optuna
@pytest.mark.skipif(not hasattr(time, "tzset"), reason="this system cannot change its time zone")
def test_a_claim_of_a_machine_in_another_time_zone_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = shared.this_process()
    try:
        monkeypatch.setenv("TZ", "UTC+9")
        time.tzset()
        far = here | {"host": "far-away", "place": "far-away"}
        monkeypatch.setattr(shared, "this_process", lambda: far)
        trials_in(tmp_path / "t").claim([(2,)])
        monkeypatch.setattr(shared, "this_process", lambda: here)
        monkeypatch.setenv("TZ", "UTC")
        time.tzset()
        assert trials_in(tmp_path / "t").running() == {(2,)}
        now = time.time()
        monkeypatch.setattr(shared.time, "time", lambda: now + 601)
        assert trials_in(tmp_path / "t").running() == set()
    finally:
        monkeypatch.undo()
        time.tzset()


@needs_optuna
@pytest.mark.parametrize(
    ("place", "shown"),
    [
        ("postgresql://u:SECRET@127.0.0.1:1/x", "postgresql://127.0.0.1:1/x"),
        ("nonsense://u:SEC/R@ET@host/x", "nonsense://host/x"),
        ("nonsense://:SECRET@host/x", "nonsense://host/x"),
        ("nonsense:///folder/a@b:c", "nonsense:///folder/a@b:c"),
    ],
)
def test_no_message_shows_the_password_of_a_database(monkeypatch: pytest.MonkeyPatch, place: str, shown: str) -> None:
    import optuna

    def fails(**arguments: Any) -> Any:
        raise RuntimeError(f"no connection to {arguments['storage']}")

    monkeypatch.setattr(storage.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(optuna, "create_study", fails)
    with pytest.raises(FormatError, match="cannot be opened: no connection to") as caught:
        trials_in(place)
    assert str(caught.value).count(shown) == 2
    assert "SEC" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


# The fitted search


@pytest.mark.parametrize("cv", [3, KFold(3, shuffle=True, random_state=0)])
def test_a_fitted_search_does_not_keep_its_folds(cv: Any) -> None:
    many = np.tile(X, (100, 1)), np.tile(Y, 100)
    search = quick(n_iter=2, cv=cv).fit(*many)
    assert search.n_splits_ == 3
    assert len(pickle.dumps(search)) < 20_000  # the folds alone would be 360 kB


def test_a_grid_of_too_many_values_is_refused_at_once() -> None:
    grid = {"C": np.linspace(1, 2, 200), "gamma": np.linspace(1, 2, 57)}
    with pytest.raises(ParameterError, match="257 levels in all, a search takes 256"):
        QuboSearchCV(SVC(), grid).fit([[0.0], [1.0]], [0, 1])
