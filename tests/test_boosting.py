"""QBoost: its formula, the learners it selects, its manners towards scikit-learn and backends."""

import itertools
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dimod
import numpy as np
import pandas as pd
import pytest
import scipy.optimize
import sklearn
from dwave.samplers import SimulatedAnnealingSampler
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris, make_moons
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from hqml import load_backend, model_file
from hqml.backend import Capabilities, Usage
from hqml.boosting import EmptySelectionWarning, QBoostClassifier, RelaxedBoostClassifier
from hqml.boosting._pool import first_pool, templates
from hqml.boosting.twin import relaxed
from hqml.errors import BackendError, BudgetExceeded, DataError, ParameterError, ProblemError
from hqml.problems.boosting import qboost
from hqml.samples import to_sampleset

X_MOONS, Y_MOONS = make_moons(120, noise=0.25, random_state=0)
X_IRIS, Y_IRIS = load_iris(return_X_y=True)
STUMP = DecisionTreeClassifier(max_depth=1)


def all_states(n: int) -> np.ndarray:
    return np.array(list(itertools.product((0, 1), repeat=n)), dtype=np.int8)


def quick(**parameters: Any) -> QBoostClassifier:
    """A pool of 20 trees of depth 2, selected by few sweeps."""
    given = {"estimators": DecisionTreeClassifier(max_depth=2), "n_estimators": 20, "n_rounds": 1, "random_state": 0}
    return QBoostClassifier(**{**given, "reads": 20, "backend_options": {"num_sweeps": 50}, **parameters})


class Recording:
    """The cpu backend, remembering the batches it was given; metered if `price` is above 0: seconds a batch."""

    def __init__(self, max_variables: int | None = None, price: float = 0.0) -> None:
        self.batches: list[list[Any]] = []
        self.arguments: list[dict[str, Any]] = []
        self.price = price
        self._cpu = load_backend("cpu")
        self.capabilities = Capabilities(
            kind="qpu" if price else "cpu",
            forms=self._cpu.capabilities.forms,
            max_variables=max_variables,
            seedable=True,
            metered=price > 0,
        )

    def sample(self, qubos: Any, **arguments: Any) -> list[dimod.SampleSet]:
        self.batches.append(list(qubos))
        self.arguments.append(dict(arguments))
        arguments.pop("max_qpu_seconds", None)
        found = self._cpu.sample(qubos, **arguments)
        if self.price:
            for one in found:
                one.info["timing"]["qpu"] = self.price / len(found)
        return found

    def estimate(self, qubos: Any, **arguments: Any) -> Usage:
        return Usage(seconds=1.0, qpu_seconds=self.price)

    def close(self) -> None:
        self._cpu.close()


# The formula


@st.composite
def votings(draw: st.DrawFn) -> dict[str, Any]:
    samples, (learners, n_bits) = draw(st.integers(1, 5)), draw(st.sampled_from([(1, 1), (4, 1), (2, 3), (3, 2)]))
    says = st.sampled_from([-1.0, 1.0]) if draw(st.booleans()) else st.floats(-1, 1)
    return {
        "outputs": draw(hnp.arrays(np.float64, (samples, learners), elements=says)),
        "labels": np.array(draw(st.lists(st.sampled_from([-1, 1]), min_size=samples, max_size=samples))),
        "lam": draw(st.floats(0, 5)),
        "votes": draw(st.one_of(st.none(), st.floats(0.5, 10))),
        "n_bits": n_bits,
    }


@given(votings())
def test_energies_are_the_squared_error_of_the_vote_and_its_price(voting: dict[str, Any]) -> None:
    h, y, lam, votes, n_bits = voting.values()
    samples, learners = h.shape
    full = learners if votes is None else votes
    states = all_states(learners * n_bits)
    expected = []
    for x in states:
        w = [sum(2**k * x[i * n_bits + k] for k in range(n_bits)) / (2**n_bits - 1) for i in range(learners)]
        error = sum((sum(w[i] * h[s, i] for i in range(learners)) / full - y[s]) ** 2 for s in range(samples))
        expected.append(error + lam * sum(w))
    model = qboost(**voting)
    np.testing.assert_allclose(model.energies(states), expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(model.to_dense().energies(states), expected, rtol=1e-9, atol=1e-9)


@given(st.integers(1, 6), st.integers(1, 5), st.floats(0, 3), st.integers(0, 100))
def test_one_digit_and_all_votes_give_the_published_matrix(samples: int, n: int, lam: float, seed: int) -> None:
    """Neven et al. 2008: Q_ij = sum_s h_i h_j / N^2, and S / N^2 + lam - 2 sum_s h_i y / N on the diagonal."""
    rng = np.random.default_rng(seed)
    h, y = rng.choice([-1, 1], (samples, n)), rng.choice([-1, 1], samples)
    Q = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            Q[i, j] = sum(h[s, i] * h[s, j] for s in range(samples)) / n**2
        Q[i, i] = samples / n**2 + lam - 2 * sum(h[s, i] * y[s] for s in range(samples)) / n
    states = all_states(n)
    expected = [x @ Q @ x + samples for x in states.astype(float)]
    np.testing.assert_allclose(qboost(h, y, lam=lam).energies(states), expected, atol=1e-9)


@given(votings(), st.floats(0, 3))
def test_at_a_price_of_two_a_vote_nothing_is_worth_selecting(voting: dict[str, Any], more: float) -> None:
    samples, learners = voting["outputs"].shape
    full = learners if voting["votes"] is None else voting["votes"]
    model = qboost(**{**voting, "lam": (2 + more) * samples / full})
    energies = model.energies(all_states(model.num_variables))
    assert energies.min() == pytest.approx(energies[0])


def test_three_learners_by_hand() -> None:
    """Two learners are right, one is wrong; two votes decide. Both right ones: error 0."""
    h = np.array([[1, 1, -1], [-1, -1, 1]])
    model = qboost(h, [1, -1], votes=2)
    states = all_states(3)
    best = states[model.energies(states).argmin()]
    np.testing.assert_array_equal(model.multipliers(best), [[1, 1, 0]])
    assert model.energies(best) == pytest.approx(0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": [0, 1]}, "labels must be a vector of -1 and \\+1"),
        ({"labels": [[1, -1]]}, "labels must be a vector"),
        ({"labels": [1, None]}, r"labels must be a vector of -1 and \+1, found shape \(2,\) and \[None\]"),
        ({"labels": [1, -1, 1]}, "one row a label, 3, found shape"),
        ({"outputs": [1, -1]}, r"shape \(samples, learners\)"),
        ({"outputs": np.empty((2, 0))}, r"shape \(samples, learners\)"),
        ({"outputs": [["a"], ["b"]]}, "matrix of numbers"),
        ({"outputs": [[1], [np.nan]]}, "NaN or infinity"),
        ({"lam": -1}, "lam must be"),
        ({"lam": np.inf}, "lam must be"),
        ({"votes": 0}, "votes must be"),
        ({"votes": np.nan}, "votes must be"),
        ({"n_bits": 0}, "n_bits must be"),
    ],
)
def test_what_is_no_vote_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ProblemError, match=message):
        qboost(**{"outputs": [[1, -1], [1, 1]], "labels": [1, -1], **change})


# The selection


def pool_of(model: QBoostClassifier, X: Any, y: Any) -> Any:
    """The first pool of a fitted model, trained anew."""
    rng = np.random.default_rng([model.seed_, 4])
    return first_pool(templates(model.estimators), model.n_estimators_, X, np.where(y == 1, 1.0, -1.0), rng)


@pytest.mark.parametrize(("lam", "votes", "n_bits"), [(0.0, None, 1), (0.3, 3.0, 1), (0.1, 10.0, 1), (0.05, 2.0, 2)])
def test_the_selection_is_the_best_of_all_that_the_pool_has(lam: float, votes: float | None, n_bits: int) -> None:
    model = quick(n_estimators=10 // n_bits, lam=lam, votes=votes, n_bits=n_bits, backend="exact", backend_options=None)
    model.fit(X_MOONS, Y_MOONS)
    h, y = pool_of(model, X_MOONS, Y_MOONS).outputs, 2 * Y_MOONS - 1

    def energy(w: Any) -> float:
        full = model.votes_
        return float(((h @ w / full - y) ** 2).sum() + lam * len(y) / full * sum(w))

    steps = np.arange(2**n_bits) / (2**n_bits - 1)
    best = min((np.array(w) for w in itertools.product(steps, repeat=h.shape[1])), key=energy)
    assert model.energies_[0] == pytest.approx(energy(best))
    np.testing.assert_allclose(model.estimator_weights_[0], best[best > 0])
    np.testing.assert_array_equal(model.selected_[0], best > 0)
    assert len(model.estimators_) == (best > 0).sum()


def test_the_decision_is_the_vote_of_the_selected_and_positive_for_the_second_class() -> None:
    model = quick(bias="mean").fit(X_MOONS, Y_MOONS)
    votes = sum(
        weight * np.where(tree.predict(X_MOONS) == 1, 1, -1)
        for tree, weight in zip(model.estimators_, model.estimator_weights_[0], strict=True)
    )
    np.testing.assert_allclose(model.decision_function(X_MOONS), votes / model.votes_ - np.mean(votes / model.votes_))
    np.testing.assert_array_equal(model.predict(X_MOONS), model.decision_function(X_MOONS) > 0)
    assert model.score(X_MOONS, Y_MOONS) > 0.9
    error = np.sum((votes / model.votes_ - (2 * Y_MOONS - 1)) ** 2)
    assert model.energies_[0] == pytest.approx(error) == pytest.approx(model.sampleset_.first.energy)


def test_about_as_many_are_selected_as_votes_decide_and_of_the_published_formula_most() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    few, most = (quick(estimators=STUMP, n_estimators=40, votes=votes).fit(X, y) for votes in (5, 40))
    assert 3 <= len(few.estimators_) <= 12
    assert len(most.estimators_) > 25


def test_a_higher_price_selects_fewer() -> None:
    counts = [len(quick(lam=lam, n_estimators=40).fit(X_MOONS, Y_MOONS).estimators_) for lam in (0.0, 0.4, 1.2)]
    assert counts[0] > counts[1] > counts[2] > 0


def test_all_classes_and_prices_of_a_round_are_one_batch() -> None:
    backend = Recording()
    model = quick(backend=backend, lam="auto", n_rounds=2).fit(X_IRIS, Y_IRIS)
    assert [len(batch) for batch in backend.batches] == [15, 15]
    assert {qubo.offset for qubo in backend.batches[0]} == {120}  # a fifth of each class is held out
    assert len(model.sampleset_) == 3
    assert model.estimator_weights_.shape == (3, len(model.estimators_))
    assert (np.count_nonzero(model.estimator_weights_, axis=0) == 1).all()
    assert model.selected_.shape == (3, 20)
    assert model.decision_function(X_IRIS[:7]).shape == (7, 3)
    assert model.score(X_IRIS, Y_IRIS) > 0.93


def test_the_price_kept_is_the_largest_of_those_right_most_often_on_held_out_samples() -> None:
    """A template that is right everywhere: all prices classify all, so the largest is kept."""
    X = np.r_[np.zeros((20, 1)), np.ones((20, 1))]
    y = np.r_[np.zeros(20, int), np.ones(20, int)]
    model = quick(lam="auto").fit(X, y)
    assert model.lam_ == 0.4
    assert model.score(X, y) == 1
    assert model.energies_[0] == pytest.approx(model.sampleset_.first.energy)


def test_rounds_never_raise_the_energy_and_on_real_data_lower_it() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    energies = [quick(n_rounds=rounds).fit(X, y).energies_[0] for rounds in (1, 2, 4)]
    assert energies[0] > energies[1] >= energies[2]


def test_a_round_that_finds_nothing_better_changes_nothing() -> None:
    """A backend that never selects anything after its first batch."""

    class Lazy(Recording):
        def sample(self, qubos: Any, **arguments: Any) -> list[dimod.SampleSet]:
            found = super().sample(qubos, **arguments)
            if len(self.batches) == 1:
                return found
            nothing = np.zeros((1, qubos[0].num_variables), dtype=np.int8)
            return [to_sampleset(q, nothing, backend="lazy", seed=0, timing={}) for q in qubos]

    model, once = quick(backend=Lazy(), n_rounds=3).fit(X_MOONS, Y_MOONS), quick().fit(X_MOONS, Y_MOONS)
    assert model.energies_[0] == once.energies_[0]
    np.testing.assert_array_equal(model.decision_function(X_MOONS), once.decision_function(X_MOONS))


def test_nothing_worth_selecting_is_told_and_predicts_the_larger_class() -> None:
    y = np.r_[np.zeros(80, int), np.ones(40, int)]
    with pytest.warns(EmptySelectionWarning, match="no weak learner was selected in 1 of 1") as caught:
        model = quick(lam=2.0).fit(X_MOONS, y)
    assert caught[0].filename == __file__
    assert issubclass(EmptySelectionWarning, ConvergenceWarning)
    assert model.estimators_ == []
    assert set(model.predict(X_MOONS)) == {0}
    np.testing.assert_array_equal(model.feature_importances_, [0, 0])


@pytest.mark.parametrize("bias", ["zero", "mean", "post-selection"])
def test_every_bias_separates_the_moons_and_post_selection_errs_least_in_training(bias: str) -> None:
    model = quick(bias=bias).fit(X_MOONS, Y_MOONS)
    assert model.score(X_MOONS, Y_MOONS) > 0.9
    assert quick(bias="post-selection").fit(X_MOONS, Y_MOONS).score(X_MOONS, Y_MOONS) >= model.score(X_MOONS, Y_MOONS)


def test_templates_take_turns_and_may_be_pipelines() -> None:
    given = [STUMP, make_pipeline(StandardScaler(), LogisticRegression()), GaussianNB()]
    model = quick(estimators=given, n_estimators=9, votes=9).fit(X_MOONS, Y_MOONS)
    kinds = {type(one).__name__ for one in model.estimators_}
    assert kinds <= {"DecisionTreeClassifier", "Pipeline", "GaussianNB"}
    assert len(kinds) > 1
    with pytest.raises(AttributeError, match="feature_importances_"):
        model.feature_importances_  # noqa: B018
    assert not hasattr(given[0], "tree_")


def test_importance_goes_to_the_feature_that_decides() -> None:
    X = np.c_[np.random.default_rng(0).normal(size=(100, 3)), np.repeat([0.0, 1.0], 50)]
    model = quick(estimators=DecisionTreeClassifier(max_depth=1, max_features=2)).fit(X, np.repeat([0, 1], 50))
    assert model.feature_importances_.argmax() == 3
    assert model.feature_importances_.sum() == pytest.approx(1)


# Backends


@pytest.mark.parametrize(
    ("backend", "options"),
    [
        ("cpu", None),
        ("neal", None),
        ("tabu", {"timeout": 50}),
        ("path-integral", None),
        ("gpu", {"device": "cpu"}),
        ("mpi", None),
        ("exact", None),
        (SimulatedAnnealingSampler(), None),
    ],
    ids=lambda value: str(value)[:20],
)
def test_every_backend_selects_what_enumeration_selects(backend: Any, options: Any) -> None:
    if backend == "gpu":
        pytest.importorskip("torch", reason="torch is not installed")
    if backend == "mpi":
        pytest.importorskip("mpi4py", reason="mpi4py is not installed")
    best = quick(n_estimators=12, backend="exact", backend_options=None).fit(X_MOONS, Y_MOONS)
    model = quick(n_estimators=12, backend=backend, backend_options=options).fit(X_MOONS, Y_MOONS)
    assert model.energies_[0] == pytest.approx(best.energies_[0])
    assert model.score(X_MOONS, Y_MOONS) == best.score(X_MOONS, Y_MOONS)


def test_the_offline_chip_comes_near() -> None:
    pytest.importorskip("dwave.system", reason="dwave-system is not installed")
    best = quick(n_estimators=8, backend="exact", backend_options=None).fit(X_MOONS, Y_MOONS)
    chip = quick(n_estimators=8, reads=100, backend="qpu-offline", backend_options={"shape": (3,)})
    chip.fit(X_MOONS, Y_MOONS)
    assert chip.energies_[0] <= 1.1 * best.energies_[0]
    assert chip.score(X_MOONS, Y_MOONS) > 0.9


def test_the_pool_is_as_large_as_the_backend_can_take_and_100_at_most() -> None:
    assert quick(n_estimators=None, n_bits=2, backend=Recording(15)).fit(X_MOONS, Y_MOONS).n_estimators_ == 7
    assert quick(n_estimators=None, estimators=STUMP).fit(X_MOONS, Y_MOONS).n_estimators_ == 100
    with pytest.raises(BackendError, match="at most 10 variables"):
        quick(backend=Recording(10)).fit(X_MOONS, Y_MOONS)


def test_a_grant_is_for_all_rounds_and_what_was_paid_for_is_kept() -> None:
    backend = Recording(price=1.0)
    model = quick(backend=backend, n_rounds=5, max_qpu_seconds=2.5).fit(X_MOONS, Y_MOONS)
    assert model.n_rounds_ == len(backend.batches) == 2
    assert model.timing_["qpu"] == pytest.approx(2.0)
    assert model.score(X_MOONS, Y_MOONS) > 0.9
    assert quick(backend=Recording(price=1.0), n_rounds=5, max_qpu_seconds=1.0).fit(X_MOONS, Y_MOONS).n_rounds_ == 1
    for grant in (None, 0.5):
        with pytest.raises(BudgetExceeded):
            quick(backend=Recording(price=1.0), max_qpu_seconds=grant).fit(X_MOONS, Y_MOONS)


def test_rounds_share_the_time() -> None:
    backend = Recording()
    quick(backend=backend, n_rounds=3, time_limit=60).fit(X_MOONS, Y_MOONS)
    assert [arguments["time_limit"] for arguments in backend.arguments] == [20, 20, 20]


# The twin


def test_the_relaxation_is_the_bounded_least_squares_solution() -> None:
    rng = np.random.default_rng(0)
    h, y = rng.choice([-1.0, 1.0], (60, 12)), rng.choice([-1.0, 1.0], 60)
    h[:, :8] = np.where(rng.random((60, 8)) < 0.7, y[:, None], h[:, :8])
    known = scipy.optimize.lsq_linear(h / 4, y, (0, 1), tol=1e-12)
    np.testing.assert_allclose(relaxed(qboost(h, y, votes=4)), known.x, atol=1e-4)


def test_no_selection_has_a_lower_energy_than_the_twin_of_the_same_pool() -> None:
    for model in (quick(lam=0.1), quick(n_bits=3)):
        model.fit(X_MOONS, Y_MOONS)
        twin = model.classical_twin().fit(X_MOONS, Y_MOONS)
        assert isinstance(twin, RelaxedBoostClassifier)
        assert twin.n_estimators_ == model.n_estimators_
        assert twin.energies_[0] <= model.energies_[0] + 1e-9
        assert twin.score(X_MOONS, Y_MOONS) > 0.9
    assert len(quick(n_bits=3).fit(X_IRIS, Y_IRIS).classical_twin().fit(X_IRIS, Y_IRIS).energies_) == 3
    with pytest.raises(NotFittedError):
        quick().classical_twin()


def test_more_digits_come_nearer_to_the_twin() -> None:
    gaps = []
    for n_bits in (1, 2, 4):
        model = quick(n_bits=n_bits, reads=100, backend_options=None).fit(X_MOONS, Y_MOONS)
        gaps.append(model.energies_[0] - model.classical_twin().fit(X_MOONS, Y_MOONS).energies_[0])
    assert gaps[0] > gaps[1] > gaps[2] >= 0


# Real data


def test_on_landsat_a_third_of_the_pool_refilled_does_better_than_all_of_the_first_pool(shared_data: Path) -> None:
    train, test = (np.loadtxt(shared_data / "ml" / name) for name in ("sat.trn", "sat.tst"))
    train, test = (rows[np.isin(rows[:, -1], (4, 7))] for rows in (train, test))
    model = QBoostClassifier(random_state=0).fit(train[:, :-1], train[:, -1])
    pool = pool_of(model, train[:, :-1], (train[:, -1] == 7).astype(int))
    majority = np.mean([tree.predict(test[:, :-1]) for tree in pool.learners], axis=0) > 0.5
    assert len(model.estimators_) <= 35
    assert model.score(test[:, :-1], test[:, -1]) >= np.mean(majority == (test[:, -1] == 7)) + 0.005


def test_it_generalises_on_breast_cancer() -> None:
    X, X_test, y, y_test = train_test_split(*load_breast_cancer(return_X_y=True), random_state=0)
    assert quick(n_estimators=50, n_rounds=2).fit(X, y).score(X_test, y_test) > 0.93


# Manners


def test_string_labels_and_data_frames_are_taken() -> None:
    frame = pd.DataFrame(X_MOONS, columns=["red", "infrared"])
    names = np.array(["soil", "water"])[Y_MOONS]
    model = quick().fit(frame, pd.Series(names))
    assert list(model.classes_) == ["soil", "water"]
    assert list(model.feature_names_in_) == ["red", "infrared"]
    assert model.score(frame, names) > 0.9


def test_it_lives_in_a_pipeline_and_a_grid_search() -> None:
    search = GridSearchCV(make_pipeline(StandardScaler(), quick()), {"qboostclassifier__votes": [2, 4]}, cv=2)
    assert search.fit(X_MOONS, Y_MOONS).best_score_ > 0.8


def test_a_seed_repeats_a_fit_and_another_does_not() -> None:
    first, same, other = (quick(random_state=seed, n_rounds=2).fit(X_MOONS, Y_MOONS) for seed in (1, np.int64(1), 2))
    np.testing.assert_array_equal(first.decision_function(X_MOONS), same.decision_function(X_MOONS))
    assert first.energies_ != other.energies_
    generator = np.random.RandomState(0)
    drawn = quick(random_state=generator).fit(X_MOONS, Y_MOONS)
    again = quick(random_state=drawn.seed_).fit(X_MOONS, Y_MOONS)
    np.testing.assert_array_equal(drawn.decision_function(X_MOONS), again.decision_function(X_MOONS))


def test_fitting_again_on_other_data_leaves_nothing_behind() -> None:
    model = quick().fit(X_IRIS, Y_IRIS).fit(X_MOONS, Y_MOONS)
    np.testing.assert_array_equal(model.estimator_weights_, quick().fit(X_MOONS, Y_MOONS).estimator_weights_)
    assert isinstance(model.sampleset_, dimod.SampleSet)


@pytest.mark.parametrize(("X", "y"), [(X_MOONS, Y_MOONS), (X_IRIS, Y_IRIS)], ids=["two classes", "three classes"])
def test_a_fitted_model_survives_pickling_and_model_files(X: Any, y: Any, tmp_path: Path) -> None:
    model = quick().fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.decision_function(X), model.decision_function(X))
    assert type(again.sampleset_) is type(model.sampleset_)
    for fitted in (model, model.classical_twin().fit(X, y)):
        model_file.save_model(tmp_path / "boost.skops", fitted)
        loaded = model_file.load_model(tmp_path / "boost.skops").estimator
        np.testing.assert_array_equal(loaded.decision_function(X), fitted.decision_function(X))


def test_clones_share_a_backend_object_and_the_tags_promise_repetition_where_it_holds() -> None:
    model = quick(backend=Recording())
    assert clone(model).backend is model.backend
    assert not model.__sklearn_tags__().non_deterministic
    assert quick(random_state=None).__sklearn_tags__().non_deterministic
    assert RelaxedBoostClassifier().__sklearn_tags__().non_deterministic


def test_an_interrupt_leaves_the_model_unfitted(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(qubos: Any, **arguments: Any) -> Any:
        raise KeyboardInterrupt

    model = quick(backend=Recording())
    monkeypatch.setattr(model.backend, "sample", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X_MOONS, Y_MOONS)
    with pytest.raises(NotFittedError):
        model.predict(X_MOONS)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"estimators": "tree"}, "estimators must be None, a scikit-learn classifier"),
        ({"estimators": DecisionTreeRegressor()}, "estimators must be None, a scikit-learn classifier"),
        ({"estimators": DecisionTreeClassifier}, "estimators must be None, a scikit-learn classifier"),
        ({"estimators": [STUMP, 3]}, "found 3"),
        ({"estimators": []}, "at least one classifier"),
        ({"n_estimators": 0}, "n_estimators must be"),
        ({"n_estimators": 2.5}, "n_estimators must be"),
        ({"votes": 0}, "votes must be"),
        ({"votes": "all"}, "votes must be"),
        ({"lam": -0.1}, "lam must be"),
        ({"lam": "some"}, "lam must be a number of at least 0 or 'auto'"),
        ({"lam": np.nan}, "lam must be"),
        ({"lam": None}, "lam must be"),
        ({"n_rounds": 0}, "n_rounds must be"),
        ({"n_rounds": "3", "time_limit": 5}, "n_rounds must be"),
        ({"n_bits": 0}, "n_bits must be"),
        ({"n_bits": True}, "n_bits must be"),
        ({"bias": "median"}, "bias must be one of"),
        ({"validation_fraction": 1.0}, "validation_fraction must be below 1"),
        ({"validation_fraction": 0}, "validation_fraction must be"),
        ({"backend": 7}, "backend must be"),
        ({"backend_options": [1]}, "backend_options must be"),
        ({"backend_options": {"reads": 5}}, "backend_options must not hold reads"),
        ({"reads": 0}, "reads must be"),
        ({"time_limit": 0}, "time_limit must be"),
        ({"time_limit": "long"}, "time_limit must be"),
        ({"max_qpu_seconds": -1}, "max_qpu_seconds must be"),
        ({"random_state": "today"}, "random_state cannot be used"),
    ],
)
def test_a_bad_parameter_is_one_clear_line(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message) as caught:
        quick(**parameters).fit(X_MOONS, Y_MOONS)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (np.where(np.arange(240).reshape(120, 2) == 3, np.nan, X_MOONS), Y_MOONS, "contains NaN"),
        (X_MOONS[:, 0], Y_MOONS, "Expected 2D array"),
        (X_MOONS[:5], Y_MOONS, "inconsistent numbers of samples"),
        (X_MOONS, np.ones(120), "at least two classes"),
        (X_MOONS, np.linspace(0, 1, 120), "Unknown label type"),
        (X_MOONS[:0], Y_MOONS[:0], "0 sample"),
        (X_MOONS + 1j, Y_MOONS, "Complex data"),
    ],
)
def test_bad_data_are_a_data_error(X: Any, y: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        quick().fit(X, y)
    with pytest.raises(DataError, match="expecting 2 features"):
        quick().fit(X_MOONS, Y_MOONS).predict(X_IRIS)


def test_two_samples_are_enough_but_for_holding_some_out() -> None:
    X, y = [[0.0], [1.0]], ["a", "b"]
    assert list(quick(estimators=STUMP).fit(X, y).predict(X)) == y
    with pytest.raises(DataError, match="lam='auto' needs a class of two samples"):
        quick(lam="auto").fit(X, y)
    assert quick(lam="auto", estimators=STUMP).fit([*X, [1.0]], ["a", "b", "b"]).score(X, y) == 1


# scikit-learn's own checks

CHEAP = {"estimators": DecisionTreeClassifier(max_depth=2), "n_estimators": 10, "random_state": 0}
QBOOST = QBoostClassifier(**CHEAP, n_rounds=2, reads=10, backend_options={"num_sweeps": 20})
RELAXED = RelaxedBoostClassifier(**CHEAP, n_rounds=2)


@parametrize_with_checks([QBOOST, RELAXED])
def test_scikit_learns_check_passes(estimator: Any, check: Callable[[Any], None]) -> None:
    name = getattr(check, "func", check).__name__
    if name == "check_array_api_input" and not os.environ.get("SCIPY_ARRAY_API"):
        pytest.skip("SCIPY_ARRAY_API is not set: scipy lets array types in only where it is")
    check(estimator)


@pytest.mark.skipif(not sklearn.__version__.startswith("1.9."), reason="the counts are those of scikit-learn 1.9")
@pytest.mark.parametrize(("estimator", "checks"), [(QBOOST, 55), (RELAXED, 55)])
def test_scikit_learn_finds_all_its_checks_to_apply(estimator: Any, checks: int) -> None:
    """Tags that promise less, non_deterministic above all, would switch checks off."""
    assert len(list(estimator_checks_generator(estimator))) == checks
