"""QuboSearchCV: its space, its surrogate, its manners towards scikit-learn, what it remembers."""

import functools
import inspect
import itertools
import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import sklearn
from dwave.samplers import SimulatedAnnealingSampler
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import make_scorer
from sklearn.model_selection import GridSearchCV, GroupKFold, ShuffleSplit, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from hqml import load_backend
from hqml.backend import Capabilities, Usage
from hqml.errors import BudgetExceeded, FormatError, HqmlError, OptionError, ParameterError, UnknownBackend
from hqml.problems.factorization_machine import FactorizationMachine
from hqml.tuning import QuboSearchCV
from hqml.tuning.encoding import BinaryEncoding, OneHotEncoding, states_of_choices
from hqml.tuning.fingerprint import told
from hqml.tuning.rounds import BudgetWarning
from hqml.tuning.space import Space, space_of
from hqml.tuning.surrogate import _Chains, drawn_machines, normal_scores

X, Y = load_iris(return_X_y=True)
GRID = {"a": [1, 2, 3, 4, 5], "b": [0.1, 1.0, 10.0], "c": ["x", "y", "z"]}
GRIDS = [
    {"kernel": ["linear"], "C": [0.1, 1, 10]},
    {"kernel": ["rbf", "poly"], "C": [1, 10, 100], "gamma": [0.01, 0.1, "scale"]},
]


class Bowl(ClassifierMixin, BaseEstimator):
    """Scores by its parameters alone, and writes down each time it is fitted."""

    def __init__(self, a: int = 1, b: float = 1.0, c: str = "x", log: str | None = None, wait: float = 0.0) -> None:
        self.a, self.b, self.c, self.log, self.wait = a, b, c, log, wait

    def fit(self, X: Any, y: Any) -> "Bowl":
        if self.a == 99 or self.c == "broken":
            raise ValueError("this one never fits")
        time.sleep(self.wait)
        if self.log:
            with open(self.log, "a") as file:
                file.write(f"{self.a} {self.b} {self.c}\n")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X: Any) -> Any:
        return np.zeros(len(X))

    def score(self, X: Any, y: Any) -> float:
        return -((self.a - 4) ** 2) - 3 * abs(np.log10(self.b)) * (self.c != "x") - (self.c == "z")


class Recording:
    """The cpu backend, remembering the batches it was given, or one that must be paid."""

    def __init__(self, *, metered: bool = False, cost: float = 0.0) -> None:
        self.batches: list[list[Any]] = []
        self.cost = cost
        self._cpu = load_backend("cpu")
        self.capabilities = Capabilities(
            kind="qpu" if metered else "cpu", forms=self._cpu.capabilities.forms, seedable=True, metered=metered
        )

    def sample(self, qubos: Any, **arguments: Any) -> Any:
        self.batches.append(list(qubos))
        found = self._cpu.sample(qubos, **arguments)
        for samples in found:
            if self.cost:
                samples.info["timing"]["qpu"] = self.cost / len(found)
        return found

    def estimate(self, qubos: Any, **arguments: Any) -> Usage:
        return Usage(seconds=0.0, qpu_seconds=self.cost)

    def close(self) -> None:
        self._cpu.close()


CHEAP = {"n_iter": 14, "n_initial": 6, "random_state": 0, "reads": 20, "backend_options": {"num_sweeps": 50}, "cv": 2}


def quick(estimator: Any = None, grid: Any = None, **parameters: Any) -> QuboSearchCV:
    return QuboSearchCV(Bowl() if estimator is None else estimator, grid or GRID, **{**CHEAP, **parameters})


def tried(search: Any) -> list[str]:
    return [told(dict(sorted(params.items()))) for params in search.cv_results_["params"]]


# The space and its encodings


def test_repeated_values_and_what_two_grids_share_count_once() -> None:
    space = space_of([{"a": [1, 2, 2, 1]}, {"a": [2, 3], "b": [None, True]}, {"a": [2, 4]}])
    assert space.size == 2 + 4 + 1
    assert space_of({"a": [1, 1.0, True, "1"]}).size == 4  # told apart, as scikit-learn's set_params would


def test_numbers_are_ordered_and_nothing_else() -> None:
    axes = space_of({"a": [10, 0.1, 1], "b": [1, None, 2], "c": [True, False], "d": [1, 2]}).axes
    assert [axis.ordered for axis in axes] == [True, False, False, False]
    assert axes[0].values == (0.1, 1, 10)


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    grids = draw(
        st.lists(
            st.dictionaries(st.sampled_from("abc"), st.sets(st.integers(0, 4), min_size=1).map(sorted), min_size=1),
            min_size=1,
            max_size=3,
        )
    )
    return space_of(grids)


@given(spaces())
@settings(max_examples=50)
def test_the_valid_states_are_the_configurations(space: Space) -> None:
    configurations = space.unseen(space.size, set(), np.random.default_rng(0))
    assert len(set(configurations)) == space.size
    for encoding in (OneHotEncoding(space), BinaryEncoding(space)):
        if not encoding.sizes:  # a single configuration needs no variable
            continue
        states = states_of_choices(encoding.choices(configurations), encoding.sizes)
        assert encoding.configurations(states) == configurations
        if states.shape[1] <= 10:
            every = np.array(list(itertools.product((0, 1), repeat=states.shape[1])), dtype=np.int8)
            found = [one for one in encoding.configurations(every) if one is not None]
            assert set(found) == set(configurations)


def test_one_of_several_variables_a_level_or_a_digit() -> None:
    space = space_of(GRID)
    assert OneHotEncoding(space).sizes == (5, 3, 3)
    assert BinaryEncoding(space).sizes == (1,) * (3 + 2 + 2)
    by_grid = OneHotEncoding(space_of(GRIDS))  # C, gamma or none, kernel
    assert by_grid.sizes == (2, 4, 4, 3)


def test_a_step_along_an_ordered_axis_changes_one_digit() -> None:
    encoding = BinaryEncoding(space_of({"a": list(range(8))}))
    states = states_of_choices(encoding.choices([(level,) for level in range(8)]), encoding.sizes)
    assert (np.abs(np.diff(states.astype(int), axis=0)).sum(axis=1) == 1).all()


def test_a_first_design_meets_each_level_about_equally_often() -> None:
    space = space_of({"a": list(range(5)), "b": list(range(3))})
    design = np.array(space.spread(10, set(), np.random.default_rng(0)))
    assert len({tuple(row) for row in design}) == 10
    assert max(np.bincount(design[:, 0])) <= 4
    large = space_of({name: list(range(10)) for name in "abcdefgh"})
    assert len(set(large.spread(30, set(), np.random.default_rng(0)))) == 30
    assert len(set(large.unseen(30, set(), np.random.default_rng(0)))) == 30


# The surrogate


def test_targets_are_normal_scores_of_the_ranks() -> None:
    """The middle of five ranks is 0, its neighbours the 30 % quantiles of a normal distribution: -0.524 and 0.524."""
    np.testing.assert_allclose(
        normal_scores([5.0, 1.0, 3.0, 2.0, 4.0]), [-1.2816, 1.2816, 0, 0.5244, -0.5244], atol=1e-4
    )
    np.testing.assert_allclose(normal_scores([1.0, np.nan, 2.0]), normal_scores([1.0, -1e9, 2.0]))


def test_weights_are_drawn_from_the_posterior_of_the_model_written_out() -> None:
    """Mean and covariance of 20000 chains against Bayesian linear regression on an explicit design matrix."""
    rng = np.random.default_rng(0)
    precisions = (np.linalg.inv(np.exp(-np.abs(np.subtract.outer(range(3), range(3))) / 2)), np.eye(2))
    choices = np.array([[0, 0], [1, 1], [2, 0], [2, 1], [0, -1], [-1, 1]])
    targets = rng.normal(size=6)
    chains = _Chains.start(precisions, choices, targets, 2, 20_000, np.random.default_rng(1))
    other = rng.normal(size=(2, 3))
    chains.weights[1][:, :2] = other
    chains.bias[:], chains.noise[:], chains.widths[0][:] = 0.3, 0.5, [1.5, 3.0]
    chains.draw_group(0)

    design, rest = np.zeros((6, 9)), np.zeros(6)
    for n, (level, on) in enumerate(choices):
        row = other[on] if on >= 0 else np.zeros(3)
        rest[n] = 0.3 + row[0]
        if level >= 0:
            design[n, 3 * level : 3 * level + 3] = [1.0, row[1], row[2]]
    prior = np.kron(precisions[0], np.diag([1.5, 3.0, 3.0]))
    covariance = np.linalg.inv(design.T @ design / 0.5 + prior)
    mean = covariance @ design.T @ (targets - rest) / 0.5
    drawn = chains.weights[0][:, :3].reshape(20_000, 9)
    np.testing.assert_allclose(drawn.mean(axis=0), mean, atol=0.03)
    np.testing.assert_allclose(np.cov(drawn.T), covariance, atol=0.03)


@pytest.mark.parametrize("encoding", [OneHotEncoding, BinaryEncoding])
def test_a_function_of_pairs_is_learnt_from_half_its_values(encoding: Any) -> None:
    space = space_of({"a": list(range(6)), "b": list(range(5)), "c": ["x", "y", "z"]})
    every = space.unseen(90, set(), np.random.default_rng(0))
    truth = np.array([(a - 3) ** 2 / 4 + (a - 2) * (b - 2) / 2 + (c == 1) * b for a, b, c in every])
    code = encoding(space)
    machines = drawn_machines(code, code.choices(every[:60]), truth[:60], rank=4, count=6, rng=np.random.default_rng(0))
    states = states_of_choices(code.choices(every), code.sizes)
    held_out = np.mean([machine.values(states)[60:] for machine in machines], axis=0)
    assert np.corrcoef(held_out, truth[60:])[0, 1] > (0.97 if encoding is OneHotEncoding else 0.7)


# The search


@pytest.mark.parametrize("encoding", ["one-hot", "binary"])
@pytest.mark.parametrize("grid", [{"C": [0.1, 1, 10], "kernel": ["rbf", "linear"]}, GRIDS], ids=["one", "several"])
def test_a_grid_that_is_used_up_is_the_exhaustive_search(grid: Any, encoding: str) -> None:
    search = quick(SVC(), grid, n_iter=1000, encoding=encoding, return_train_score=True).fit(X, Y)
    exhaustive = GridSearchCV(SVC(), grid, cv=2, return_train_score=True).fit(X, Y)
    assert set(search.cv_results_) == set(exhaustive.cv_results_)
    for column in ("mean_test_score", "split1_test_score", "mean_train_score", "rank_test_score"):
        ours = dict(zip(tried(search), search.cv_results_[column], strict=True))
        assert ours == dict(zip(tried(exhaustive), exhaustive.cv_results_[column], strict=True))
    assert search.best_score_ == exhaustive.best_score_
    assert search.predict(X).shape == (150,)
    assert search.n_features_in_ == 4


def test_no_configuration_is_evaluated_twice(tmp_path: Path) -> None:
    search = quick(Bowl(log=str(tmp_path / "log")), refit=False).fit(X, Y)
    fits = (tmp_path / "log").read_text().splitlines()
    assert len(fits) == 14 * 2
    assert len(set(fits)) == 14
    assert len(tried(search)) == 14


def test_proposals_are_better_than_chance_and_find_what_the_first_design_missed() -> None:
    """Of all 45 configurations a proposal has fewer better ones than a draw by chance, of which the mean is 22."""
    space = space_of(GRID)
    every = np.array(
        [Bowl(**space.params(found)).score(X, Y) for found in space.unseen(45, set(), np.random.default_rng())]
    )
    better, missed = [], 0
    for seed in range(5):
        scores = quick(random_state=seed, refit=False).fit(X, Y).cv_results_["mean_test_score"]
        better += [(every > score).sum() + ((every == score).sum() - 1) / 2 for score in scores[6:]]
        missed += scores[:6].max() < every.max()
        assert scores[6:].max() == every.max()
    assert missed == 2
    assert np.mean(better) < 22 - 3 * 13 / np.sqrt(len(better))  # 13 is the deviation of a draw


def test_the_machines_of_a_round_are_one_batch() -> None:
    backend = Recording()
    search = quick(backend=backend, n_iter=17, n_initial=5, batch_size=4).fit(X, Y)
    assert [len(batch) for batch in backend.batches] == [4, 4, 4]
    assert {qubo.num_variables for qubo in backend.batches[0]} == {11}
    assert len(search.energies_) == 12
    assert set(search.timing_) == {"build", "solve", "decode", "evaluate", "total"}


@pytest.mark.parametrize(
    ("backend", "options"),
    [
        ("exact", {}),
        ("neal", {"num_sweeps": 50}),
        ("tabu", {}),
        ("path-integral", {}),
        (SimulatedAnnealingSampler(), {}),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, SimulatedAnnealingSampler) else str(one),
)
def test_any_backend_proposes(backend: Any, options: dict[str, Any]) -> None:
    """The first round's machines have the same minima, and so the same configurations follow, as by enumeration."""
    limit = {"time_limit": 0.2} if backend == "tabu" else {}
    arguments: dict[str, Any] = {"reads": 300, "n_iter": 12, "batch_size": 6, "refit": False}
    search = quick(backend=backend, backend_options=options, **arguments, **limit).fit(X, Y)
    exact = quick(backend="exact", backend_options={}, **arguments).fit(X, Y)
    np.testing.assert_allclose(search.energies_, exact.energies_, atol=1e-6)
    assert tried(search) == tried(exact)


def test_samples_that_are_all_invalid_leave_the_choice_to_chance() -> None:
    class Zeros(Recording):
        def sample(self, qubos: Any, **arguments: Any) -> Any:
            from hqml.samples import to_sampleset

            return [
                to_sampleset(qubo, np.zeros((3, qubo.num_variables)), backend="zeros", seed=None, timing={})  # type: ignore[arg-type]
                for qubo in qubos
            ]

    assert len(set(tried(quick(backend=Zeros()).fit(X, Y)))) == 14


def test_the_same_seed_gives_the_same_search_and_seed_repeats_one_of_chance() -> None:
    first, second = quick().fit(X, Y), quick().fit(X, Y)
    assert tried(first) == tried(second)
    by_chance = quick(random_state=None).fit(X, Y)
    assert tried(quick(random_state=by_chance.seed_).fit(X, Y)) == tried(by_chance)
    assert tried(quick(random_state=1).fit(X, Y)) != tried(first)


def test_clones_and_pickles_are_the_search_again() -> None:
    search = quick()
    assert clone(search).get_params()["n_iter"] == 14
    assert clone(quick(backend=load_backend("cpu"))).backend is not None
    fitted = search.fit(X, Y)
    again = pickle.loads(pickle.dumps(fitted))
    assert tried(again) == tried(fitted)
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))


def test_a_grid_of_one_and_a_budget_of_one_work() -> None:
    assert quick(grid={"a": [3]}).fit(X, Y).best_params_ == {"a": 3}
    assert len(tried(quick(n_iter=1).fit(X, Y))) == 1


# As scikit-learn's searches


def test_several_scores_and_a_refit_by_name_or_function() -> None:
    scoring = ["accuracy", "f1_macro"]
    search = quick(SVC(), GRIDS, scoring=scoring, refit="f1_macro").fit(X, Y)
    assert search.multimetric_
    assert search.best_score_ == search.cv_results_["mean_test_f1_macro"].max()
    last = quick(SVC(), GRIDS, scoring=scoring, refit=lambda results: len(results["params"]) - 1).fit(X, Y)
    assert last.best_index_ == 13
    neither = quick(SVC(), GRIDS, scoring=scoring, refit=False).fit(X, Y)
    assert not hasattr(neither, "best_params_")


def test_a_scorer_may_be_any_function() -> None:
    search = quick(SVC(), GRIDS, scoring=lambda estimator, X, y: {"own": estimator.score(X, y)}, refit="own").fit(X, Y)
    assert search.best_score_ > 0.9


def test_groups_weights_pipelines_and_steps_as_values() -> None:
    groups = np.arange(150) % 5
    pipeline = make_pipeline(StandardScaler(), SVC())
    grid = {"standardscaler": [StandardScaler(), MinMaxScaler(), "passthrough"], "svc__C": [0.1, 1, 10, 100]}
    search = quick(pipeline, grid, cv=GroupKFold(5), n_iter=8).fit(X, Y, groups=groups)
    assert search.n_splits_ == 5
    assert len(set(tried(search))) == 8
    weighted = quick(LogisticRegression(max_iter=500), {"C": [0.1, 1, 10]}).fit(X, Y, sample_weight=np.ones(150))
    assert weighted.best_score_ > 0.9


def test_two_jobs_find_what_one_finds() -> None:
    with joblib.parallel_config("threading"):
        assert tried(quick(n_jobs=2).fit(X, Y)) == tried(quick().fit(X, Y))


def test_all_configurations_meet_the_same_folds() -> None:
    search = quick(SVC(), {"cache_size": [100, 200, 300]}, cv=ShuffleSplit(3)).fit(X, Y)  # changes no score
    scores = np.array([search.cv_results_[f"split{k}_test_score"] for k in range(3)])
    assert (scores == scores[:, :1]).all()


def test_it_nests_in_cross_validation_and_reports_as_scikit_learn_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert cross_val_score(quick(SVC(), GRIDS, n_iter=8), X, Y, cv=2).mean() > 0.9
    quick(n_iter=7, verbose=1).fit(X, Y)
    assert "Fitting 2 folds for each of 1 candidates, totalling 2 fits" in capsys.readouterr().out


def test_a_bad_corner_of_the_grid_does_not_end_the_search() -> None:
    grid = {"a": [1, 2, 3, 4, 99], "c": ["x", "y", "broken"]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search = quick(grid=grid, n_iter=15).fit(X, Y)
    assert search.best_params_ == {"a": 4, "c": "x"}
    assert np.isnan(search.cv_results_["mean_test_score"]).sum() == 3 + 4
    with pytest.warns(FitFailedWarning, match="this one never fits"):
        quick(grid=grid, n_iter=15, error_score=-7).fit(X, Y)
    with pytest.raises(ValueError, match="never fits"):
        quick(grid=grid, n_iter=15, error_score="raise").fit(X, Y)
    with pytest.warns(FitFailedWarning), pytest.raises(ValueError, match="all 3 configurations tried so far failed"):
        quick(grid={"a": [99], "c": ["x", "y", "z"]}).fit(X, Y)


@parametrize_with_checks([quick(LogisticRegression(max_iter=200), {"C": [0.1, 1.0], "tol": [1e-4, 1e-3]}, n_iter=3)])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning")  # y of infinities
@pytest.mark.filterwarnings("ignore:Scoring failed:UserWarning")
@pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite:UserWarning")
def test_scikit_learns_check_passes(estimator: Any, check: Any) -> None:
    if getattr(check, "func", check).__name__ == "check_array_api_input" and not os.environ.get("SCIPY_ARRAY_API"):
        pytest.skip("SCIPY_ARRAY_API is not set: scipy lets array types in only where it is")
    check(estimator)


@pytest.mark.skipif(not sklearn.__version__.startswith("1.9."), reason="the counts are those of scikit-learn 1.9")
def test_scikit_learn_finds_as_many_checks_to_apply_as_for_its_own_search() -> None:
    own = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]})
    assert len(list(estimator_checks_generator(quick(LogisticRegression())))) == len(
        list(estimator_checks_generator(own))
    )


# Metered time


def test_metered_hardware_runs_only_within_its_grant_and_chance_takes_over() -> None:
    with pytest.raises(BudgetExceeded, match="grant the search time"):
        quick(backend=Recording(metered=True, cost=0.1)).fit(X, Y)
    backend = Recording(metered=True, cost=0.1)
    with pytest.warns(BudgetWarning, match="the rest is chosen by chance"):
        search = quick(backend=backend, n_iter=22, max_qpu_seconds=0.25).fit(X, Y)
    assert len(backend.batches) == 2
    assert search.timing_["qpu"] == pytest.approx(0.2)
    assert len(set(tried(search))) == 22
    with pytest.raises(BudgetExceeded):
        quick(backend=Recording(metered=True, cost=0.1), max_qpu_seconds=0.01).fit(X, Y)


# The journal


def test_a_search_goes_on_from_its_journal_as_if_it_had_never_stopped(tmp_path: Path) -> None:
    journal, log = tmp_path / "journal", tmp_path / "log"
    whole = quick().fit(X, Y)
    parts = [quick(Bowl(), journal=journal, n_iter=count).fit(X, Y) for count in (3, 8, 14, 14)]
    assert [part.n_restored_ for part in parts] == [0, 3, 8, 14]
    assert tried(parts[-1]) == tried(whole)
    np.testing.assert_array_equal(parts[-1].cv_results_["mean_test_score"], whole.cv_results_["mean_test_score"])
    assert parts[-1].best_params_ == whole.best_params_
    quick(Bowl(log=str(log)), journal=tmp_path / "other", refit=False).fit(X, Y)
    quick(Bowl(log=str(log)), journal=tmp_path / "other", refit=False).fit(X, Y)
    assert len(log.read_text().splitlines()) == 28


def test_a_search_of_chance_keeps_the_seed_of_its_journal(tmp_path: Path) -> None:
    first = quick(journal=tmp_path / "journal", random_state=None, n_iter=8).fit(X, Y)
    second = quick(journal=tmp_path / "journal", random_state=None).fit(X, Y)
    assert second.seed_ == first.seed_
    assert tried(quick(random_state=first.seed_).fit(X, Y)) == tried(second)


def test_scores_of_several_kinds_and_failures_come_back_from_the_journal(tmp_path: Path) -> None:
    grid = {"a": [1, 4, 99], "c": ["x", "broken"]}
    arguments = {"scoring": {"s": "accuracy"}, "refit": "s", "return_train_score": True, "journal": tmp_path / "j"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first, again = (quick(grid=grid, **arguments).fit(X, Y) for _ in range(2))
    assert again.n_restored_ == 6
    assert first.cv_results_["params"] == again.cv_results_["params"]
    for column in first.cv_results_:
        if "score" in column or "time" in column:
            np.testing.assert_array_equal(first.cv_results_[column], again.cv_results_[column])


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"estimator": Bowl(wait=0.001)}, "estimator"),
        ({"grid": {"a": [1, 2]}}, "grid"),
        ({"cv": 3}, "cv"),
        ({"scoring": "accuracy"}, "scoring"),
        ({"X": X + 1}, "data"),
    ],
)
def test_the_journal_of_another_search_is_refused(tmp_path: Path, changes: dict[str, Any], part: str) -> None:
    quick(journal=tmp_path / "journal", n_iter=2).fit(X, Y)
    before = (tmp_path / "journal").read_bytes()
    data = changes.pop("X", X)
    with pytest.raises(ParameterError, match=f"is of another search: it differs in {part};"):
        quick(**changes, journal=tmp_path / "journal", n_iter=2).fit(data, Y)
    assert (tmp_path / "journal").read_bytes() == before


def test_a_torn_last_line_is_forgotten_and_other_damage_told(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    quick(journal=journal, n_iter=9).fit(X, Y)
    whole = journal.read_bytes()
    journal.write_bytes(whole[:-20])
    assert quick(journal=journal, n_iter=9).fit(X, Y).n_restored_ == 8
    assert len(journal.read_bytes().splitlines()) == 10
    lines = whole.splitlines(keepends=True)
    journal.write_bytes(b"".join([*lines[:3], b"{damaged}\n", *lines[4:]]))
    with pytest.raises(FormatError, match=r"line 4 of the journal .* is damaged"):
        quick(journal=journal, n_iter=9).fit(X, Y)
    for content in (b"my thesis\n", b"my thesis", b'{"format": "something else"}\n'):
        journal.write_bytes(content)
        with pytest.raises(FormatError, match="is no journal of a search"):
            quick(journal=journal).fit(X, Y)
        assert journal.read_bytes() == content
    with pytest.raises(FormatError, match="cannot write the journal"):
        quick(journal=tmp_path / "missing" / "journal").fit(X, Y)


def test_a_journal_has_one_writer(tmp_path: Path) -> None:
    class Nested(Bowl):
        def fit(self, X: Any, y: Any) -> Bowl:
            with pytest.raises(ParameterError, match="another process searches with the journal"):
                quick(journal=tmp_path / "journal").fit(X, y)
            return super().fit(X, y)

    quick(Nested(), journal=tmp_path / "journal", n_iter=1, refit=False).fit(X, Y)


def test_ctrl_c_keeps_what_was_evaluated(tmp_path: Path) -> None:
    class Interrupted(Bowl):
        def fit(self, X: Any, y: Any) -> Bowl:
            if len((tmp_path / "journal").read_text().splitlines()) == 6:
                raise KeyboardInterrupt
            return super().fit(X, y)

    with pytest.raises(KeyboardInterrupt):
        quick(Interrupted(), journal=tmp_path / "journal").fit(X, Y)
    entries = [json.loads(line) for line in (tmp_path / "journal").read_text().splitlines()]
    assert [len(entry["folds"]) for entry in entries[1:]] == [2] * 5


SCRIPT = """
import sys
sys.path.insert(0, {folder!r})
from sklearn.datasets import load_iris
from hqml.tuning import QuboSearchCV
from searched import Bowl
search = QuboSearchCV(Bowl({bowl}), {grid!r}, **{arguments!r}).fit(*load_iris(return_X_y=True))
print(search.n_restored_, len(search.cv_results_["params"]))
"""


@pytest.fixture
def searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The class Bowl under a name by which other processes can import it."""
    needs = ("import time", "from typing import Any", "import numpy as np")
    bases = "from sklearn.base import BaseEstimator, ClassifierMixin"
    (tmp_path / "searched.py").write_text("\n".join([*needs, bases, inspect.getsource(Bowl)]))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "searched", raising=False)
    yield import_module("searched").Bowl
    sys.modules.pop("searched")


def elsewhere(folder: Path, bowl: str, **changes: Any) -> "subprocess.Popen[str]":
    """The search `quick` in a process of its own."""
    search = quick(**changes, refit=False)
    arguments = {name: value for name, value in search.get_params(deep=False).items() if name in (*CHEAP, *changes)}
    code = SCRIPT.format(folder=str(folder), bowl=bowl, grid=GRID, arguments={**arguments, "refit": False})
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def killed_after(process: "subprocess.Popen[str]", log: Path, fits: int) -> None:
    while not log.exists() or len(log.read_text().splitlines()) < fits:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_a_killed_search_evaluates_nothing_again(tmp_path: Path, searched: Any) -> None:
    journal, log = str(tmp_path / "journal"), tmp_path / "log"
    killed_after(elsewhere(tmp_path, f"log={str(log)!r}, wait=0.1", journal=journal), log, 15)
    kept = len(Path(journal).read_bytes().splitlines()) - 1
    assert 7 <= kept < 14
    search = quick(searched(log=str(log), wait=0.1), journal=journal, refit=False).fit(X, Y)
    assert (search.n_restored_, len(tried(search))) == (kept, 14)
    assert tried(search) == tried(quick().fit(X, Y))
    fits = log.read_text().splitlines()
    assert len(set(fits)) == 14
    assert len(fits) <= 28 + 1  # the fold that was fitted when the process was killed


# Shared trials


def test_two_processes_share_one_search(tmp_path: Path, searched: Any) -> None:
    pytest.importorskip("optuna", reason="optuna is missing")
    place, log = str(tmp_path / "trials.log"), tmp_path / "log"
    other = elsewhere(tmp_path, f"log={str(log)!r}, wait=0.1", storage=place, n_iter=20)
    while not log.exists():
        assert other.poll() is None, other.communicate()
        time.sleep(0.01)
    search = quick(searched(log=str(log), wait=0.1), storage=place, n_iter=20, refit=False).fit(X, Y)
    restored, known = map(int, other.communicate(timeout=120)[0].split())
    fits = log.read_text().splitlines()
    assert len(fits) == 40
    assert len(set(fits)) == 20
    assert len(tried(search)) == known == 20
    assert search.n_restored_ + restored == 20
    assert 0 < restored < 20


def test_a_database_is_a_storage_too(tmp_path: Path) -> None:
    pytest.importorskip("optuna", reason="optuna is missing")
    place = f"sqlite:///{tmp_path}/trials.db"
    first, second = (quick(storage=place, n_iter=count).fit(X, Y) for count in (5, 9))
    assert (second.n_restored_, len(tried(second))) == (5, 9)
    assert tried(second)[:5] == tried(first)


def test_what_a_dead_process_had_claimed_is_evaluated_by_another(tmp_path: Path, searched: Any) -> None:
    optuna = pytest.importorskip("optuna", reason="optuna is missing")
    storage, log = tmp_path / "trials.log", tmp_path / "log"
    where = {"storage": str(storage), "study_name": "left"}
    killed_after(elsewhere(tmp_path, f"log={str(log)!r}, wait=0.1", **where), log, 5)
    search = quick(searched(log=str(log), wait=0.1), {**GRID, "a": [4]}, **where)
    with pytest.raises(ParameterError, match="it differs in grid"):
        search.fit(X, Y)
    search = quick(searched(log=str(log), wait=0.1), **where, refit=False).fit(X, Y)
    assert search.n_restored_ == 2
    kept = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(storage)))
    study = optuna.load_study(study_name="left", storage=kept, sampler=optuna.samplers.RandomSampler())
    assert len(study.get_trials(states=[optuna.trial.TrialState.COMPLETE])) == 14
    assert len(study.get_trials(states=[optuna.trial.TrialState.RUNNING])) == 1  # that of the dead
    assert study.best_params["a"] == str(search.best_params_["a"])


def test_a_study_of_another_search_is_refused(tmp_path: Path) -> None:
    optuna = pytest.importorskip("optuna", reason="optuna is missing")
    where = {"storage": tmp_path / "trials.log", "study_name": "mine"}
    verbosity = optuna.logging.get_verbosity()
    quick(**where, n_iter=2).fit(X, Y)
    assert optuna.logging.get_verbosity() == verbosity
    with pytest.raises(ParameterError, match=r"study 'mine' is of another search: it differs in cv;"):
        quick(**where, cv=3).fit(X, Y)
    kept = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(tmp_path / "trials.log")))
    foreign = optuna.create_study(storage=kept, study_name="foreign")
    foreign.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    with pytest.raises(ParameterError, match="was not made by QuboSearchCV"):
        quick(storage=tmp_path / "trials.log", study_name="foreign").fit(X, Y)
    with pytest.raises(FormatError, match="cannot be opened"):
        quick(storage=tmp_path / "missing" / "trials.log").fit(X, Y)


def test_without_optuna_the_search_works_and_storage_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert quick(n_iter=8).fit(X, Y).best_score_ <= 0
    with pytest.raises(HqmlError, match=r"storage= needs optuna.*pip install 'hqml\[tuning\]'"):
        quick(storage="somewhere").fit(X, Y)


# What is refused


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"grid": 7}, ParameterError, "param_grid must be a dict"),
        ({"grid": "a"}, ParameterError, "param_grid must be a dict"),
        ({"grid": [[1]]}, ParameterError, "a grid of param_grid must be a dict"),
        ({"grid": [{}]}, ParameterError, "is empty"),
        ({"grid": {"a": []}}, ParameterError, r"param_grid\['a'\] has no value"),
        ({"grid": {"a": "xyz"}}, ParameterError, "must be a list of values"),
        ({"grid": {"a": 3}}, ParameterError, "must be a list of values"),
        ({"grid": {3: [1]}}, ParameterError, "names parameters by text"),
        ({"n_iter": 0}, ParameterError, "n_iter must be a whole number of at least 1"),
        ({"n_initial": 1}, ParameterError, "n_initial must be a whole number of at least 2"),
        ({"batch_size": 1.5}, ParameterError, "batch_size must be"),
        ({"rank": 0}, ParameterError, "rank must be"),
        ({"reads": 0}, ParameterError, "reads must be"),
        ({"encoding": "unary"}, ParameterError, "encoding must be one of 'one-hot', 'binary'"),
        ({"backend": "no-such"}, UnknownBackend, "no-such"),
        ({"backend_options": {"seed": 3}}, ParameterError, "backend_options must not hold seed"),
        ({"backend_options": {"no_such": 3}}, OptionError, "no_such"),
        ({"random_state": "x"}, ParameterError, "random_state cannot be used"),
        ({"max_qpu_seconds": 0}, ParameterError, "max_qpu_seconds must be"),
        ({"journal": "j", "storage": "s"}, ParameterError, "give one of them"),
        ({"grid": {"nonsense": [1, 2]}}, ValueError, "Invalid parameter 'nonsense'"),
        ({"cv": 1}, ValueError, "'cv' parameter"),
        ({"scoring": "nonsense"}, ValueError, "scoring"),
        ({"n_jobs": "two"}, ValueError, "n_jobs"),
    ],
)
def test_a_bad_parameter_is_one_clear_error(parameters: dict[str, Any], error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        quick(**parameters).fit(X, Y)


def test_a_distribution_is_asked_for_its_levels() -> None:
    from scipy.stats import loguniform

    with pytest.raises(ParameterError, match="a QUBO needs levels"):
        quick(grid={"b": loguniform(0.1, 10)}).fit(X, Y)


def test_real_data_are_tuned_as_well_as_by_the_whole_grid() -> None:
    """A tree on breast cancer: 48 configurations, of which 24 are tried."""
    data = load_breast_cancer(return_X_y=True)
    grid = {"max_depth": [1, 2, 4, 8], "min_samples_leaf": [1, 4, 16, 64], "criterion": ["gini", "entropy", "log_loss"]}
    tree = DecisionTreeClassifier(random_state=0)
    found = quick(tree, grid, n_iter=24, cv=3).fit(*data)
    exhaustive = GridSearchCV(tree, grid, cv=3).fit(*data)
    assert found.best_score_ >= exhaustive.best_score_ - 0.005


# What values are called


def functions_of(g: float) -> list[Any]:
    """One of each kind that the name alone does not tell from that of another g."""

    def closure(X: Any, Y: Any) -> Any:
        return g * X @ Y.T

    def nested(X: Any, Y: Any) -> Any:
        return closure(X, Y)

    class Scaled:
        def __init__(self) -> None:
            self.g = g

        def kernel(self, X: Any, Y: Any) -> Any:
            return self.g * X @ Y.T

    locked = Bowl(g)  # type: ignore[arg-type]
    locked.lock = threading.Lock()
    return [
        closure,
        nested,
        Scaled().kernel,
        locked.score,
        lambda X, Y, g=g: g * X @ Y.T,
        functools.partial(lambda X, Y, g: g * X @ Y.T, g=g),
        make_scorer(lambda y, p: g),
        Scaled,
        Scaled(),
        threading.Lock(),
        Holder(threading.Lock()),
        Holder(lambda: g),
        {"function": closure},
    ]


class Holder:
    def __init__(self, held: Any) -> None:
        self.held = held


def test_functions_and_objects_of_other_contents_are_told_apart() -> None:
    first, second = functions_of(1.0), functions_of(2.0)
    names = [told(one) for one in [*first, *second]]
    assert len(set(names)) == len(names)
    assert [told(one) for one in [*first, *second]] == names
    assert told(functools.partial(max, 1)) != told(functools.partial(max, 2))


def test_constants_of_nested_code_are_told_apart() -> None:
    one, two = (lambda: [1.0 for _ in ""]), (lambda: [2.0 for _ in ""])
    inner_one, inner_two = (lambda: lambda: 1), (lambda: lambda: 2)
    assert told(one) != told(two)
    assert told(inner_one) != told(inner_two)


def test_equal_values_are_told_alike() -> None:
    assert told({"a": 1, "b": 2}) == told({"b": 2, "a": 1})
    assert told(functions_of(1.0)[0]) == told(functions_of(1.0)[0])
    assert told(make_scorer(lambda y, p: 1.0)) == told(make_scorer(lambda y, p: 1.0))
    assert told(np.mean) == "numpy.mean"

    def recursive(n: int) -> int:
        return n and recursive(n - 1)

    assert told(recursive) == told(recursive)
    assert told([np.longdouble(1), str.upper, {}.get])


def test_functions_are_told_alike_in_another_process() -> None:
    code = (
        "from hqml.tuning.fingerprint import told\n"
        "def made(g):\n    return lambda x, h={'b': 2, 'a': 1}: (g, h, x in {'p', 'q', 'r'})\n"
        "print(told(made(0.5)), told({'b', 'a', 'c'}))"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "PYTHONHASHSEED": seed}
        )
        for seed in "12"
    ]
    assert runs[0].stdout == runs[1].stdout != ""


def test_each_function_of_a_grid_is_a_configuration() -> None:
    kernels = [functions_of(g)[0] for g in (0.1, 1.0, 10.0)]
    search = quick(SVC(), {"kernel": kernels}).fit(X, Y)
    assert {id(params["kernel"]) for params in search.cv_results_["params"]} == set(map(id, kernels))


def test_a_journal_of_another_function_as_scoring_is_refused(tmp_path: Path) -> None:
    arguments = {"journal": tmp_path / "journal", "n_iter": 2}
    quick(scoring=make_scorer(lambda y, p: 1.0), **arguments).fit(X, Y)
    with pytest.raises(ParameterError, match="it differs in scoring"):
        quick(scoring=make_scorer(lambda y, p: 2.0), **arguments).fit(X, Y)
    assert quick(scoring=make_scorer(lambda y, p: 1.0), **arguments).fit(X, Y).n_restored_ == 2


def test_a_grid_written_in_another_order_is_the_same_space() -> None:
    assert space_of(dict(reversed(GRID.items()))) == space_of(GRID)


class Optioned(Bowl):
    def __init__(self, a: int = 1, backend_options: Any = None, inner: Any = None) -> None:
        super().__init__(a)
        self.backend_options, self.inner = backend_options, inner


@pytest.mark.parametrize("keeps", ["journal", "storage"])
def test_no_token_of_a_backend_is_written_down(tmp_path: Path, keeps: str) -> None:
    if keeps == "storage":
        pytest.importorskip("optuna", reason="optuna is missing")
    options = [{"token": f"SECRET-{number}"} for number in range(3)]
    grid = {
        "backend_options": options,
        "inner__backend_options": options[:2],
        "inner": [Optioned(backend_options=options[0]), Optioned(inner={"backend_options": options[1]})],
    }
    arguments: dict[str, Any] = {"refit": False, keeps: tmp_path / "kept"}
    first = quick(Optioned(), grid, n_iter=4, **arguments).fit(X, Y)
    assert quick(Optioned(), grid, n_iter=12, **arguments).fit(X, Y).n_restored_ == len(tried(first)) == 4
    assert b"SECRET" not in (tmp_path / "kept").read_bytes()


# The edges of a space


def test_large_grids_that_overlap_are_counted_and_end() -> None:
    overlapping = [{"a": range(150), "b": range(100)}, {"a": range(150), "b": range(1, 101)}]
    space = space_of(overlapping)
    assert space.size == 150 * 101
    assert len(set(space.unseen(20_000, set(), np.random.default_rng(0)))) == space.size
    large = space_of([{"a": range(150), "b": range(150)}, {"a": range(150), "b": range(1, 151)}])
    assert large.size == 150 * 151
    seen = set(large.unseen(large.size - 3, set(), np.random.default_rng(0)))
    left = large.unseen(100, seen, np.random.default_rng(0))
    assert len(left) == 3
    assert not seen & set(left)


@given(spaces())
@settings(max_examples=50)
def test_the_size_is_the_number_of_distinct_configurations(space: Space) -> None:
    absent_too = [[levels or (-1,) for levels in grid] for grid in space.grids]
    assert space.size == len({found for grid in absent_too for found in itertools.product(*grid)})


@pytest.mark.parametrize(("low", "high", "count"), [(1, 4, 4), (1, 12, 12), (1, 13, 12), (3, 100, 12), (1, 2, 2)])
def test_levels_of_whole_numbers_on_a_logarithmic_scale_share_no_number(low: int, high: int, count: int) -> None:
    optuna = pytest.importorskip("optuna", reason="optuna is missing")
    from hqml.tuning.levels import levels_of

    levels = levels_of(optuna.distributions.IntDistribution(low, high, log=True), 12)
    assert (levels.axis.size, levels.exact) == (count, high - low < 12)
    of_level = [levels.level(number) for number in range(low, high + 1)]
    assert of_level == sorted(of_level)
    assert set(of_level) == set(range(count))
    rng = np.random.default_rng(0)
    assert all(levels.level(levels.value(level, rng)) == level for level in range(count) for _ in range(20))


def test_each_machine_is_made_a_qubo_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made, to_qubo = [], FactorizationMachine.to_qubo
    monkeypatch.setattr(FactorizationMachine, "to_qubo", lambda machine: made.append(machine) or to_qubo(machine))  # type: ignore[func-returns-value]
    search = quick(n_iter=9).fit(X, Y)
    assert len(made) == len(search.energies_)
