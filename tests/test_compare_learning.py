"""Cells whose problem is data: scores, twins and splits, checked against scikit-learn and by hand."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from typing import Any

import dimod
import numpy as np
import pytest
from sklearn.datasets import load_iris, load_wine, make_moons
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from hqml.boosting import QBoostClassifier
from hqml.compare import cold_start, learning_cells, references, warm_up
from hqml.compare.accounting import ENTRIES
from hqml.compare.cells import estimate_cell, run_cell
from hqml.compare.outcome import Outcome
from hqml.compare.scoring import scores, significant
from hqml.compare.study import Cell, LearningProblem, Solver
from hqml.svm import LocalQuboSVC, QuboMulticlassSVC, QuboSVC, QuboSVCEnsemble, QuboSVR
from hqml.tables import Table
from hqml.testing import MeteredBackend, RecordingBackend
from hqml_cpu import CpuBackend

X, Y = make_moons(90, noise=0.3, random_state=1)
MOONS = Table(X, np.where(Y == 1, "sea", "land"), ("east", "north"), "cover")
FEW = Solver("cpu", {"num_sweeps": 20})
SMALL_CHIP = Solver("qpu-offline", {"topology": "pegasus", "shape": 4})

offline = pytest.mark.skipif(
    importlib.util.find_spec("dwave.system") is None, reason="dwave-system is missing: pip install 'hqml[dwave]'"
)


pytestmark = pytest.mark.usefixtures("cold_process")


def cell(estimator: Any, solver: Any = FEW, *, seed: int = 0, reads: int = 10, **about: Any) -> Cell:
    about = {"name": "moons", "data": MOONS, "digest": "moons", **about}
    return Cell(LearningProblem(estimator=estimator, **about), solver, seed, reads)


def done(estimator: Any, solver: Any = FEW, **arguments: Any) -> Outcome:
    outcome = run_cell(cell(estimator, solver, **arguments))
    assert outcome.status == "done", outcome.error
    return outcome


def by_hand(seed: int = 0) -> tuple[Any, Any, Any, Any]:
    """The split and the scaling, as anyone would write them."""
    train, test, y, y_test = train_test_split(MOONS.X, MOONS.y, test_size=1 / 3, stratify=MOONS.y, random_state=seed)
    scaler = StandardScaler().fit(train)
    return scaler.transform(train), scaler.transform(test), y, y_test


def area(truth: np.ndarray, decisions: np.ndarray) -> float:
    """Share of pairs that are in the right order: the area under the ROC curve."""
    higher = decisions[truth][:, None] - decisions[~truth][None, :]
    return float(((higher > 0) + 0.5 * (higher == 0)).mean())


def precision(truth: np.ndarray, decisions: np.ndarray) -> float:
    """Precision at each positive, averaged (no two decisions are equal)."""
    ranked = truth[np.argsort(-decisions)]
    return float((np.cumsum(ranked) / np.arange(1, len(ranked) + 1))[ranked].mean())


class TestScores:
    def test_they_are_those_of_an_estimator_trained_by_hand(self) -> None:
        outcome = done(QuboSVC(), seed=4)
        train, test, y, y_test = by_hand(4)
        model = QuboSVC(backend="cpu", backend_options={"num_sweeps": 20}, reads=10, random_state=4).fit(train, y)
        right, decisions, truth = model.predict(test) == y_test, model.decision_function(test), y_test == "sea"
        assert outcome.scores["accuracy"] == pytest.approx(right.mean())
        assert outcome.scores["balanced_accuracy"] == pytest.approx((right[truth].mean() + right[~truth].mean()) / 2)
        assert outcome.scores["auroc"] == pytest.approx(area(truth, decisions))
        assert outcome.scores["auprc"] == pytest.approx(precision(truth, decisions))
        assert outcome.decisions["truth"] == truth.astype(int).tolist()
        assert outcome.decisions["decision"] == pytest.approx(decisions.tolist(), rel=1e-5)
        assert (outcome.train_rows, outcome.test_rows) == (60, 30)

    def test_the_twin_is_libsvm_of_the_same_parameters(self) -> None:
        outcome = done(QuboSVC(gamma=0.7))
        train, test, y, y_test = by_hand()
        svc = SVC(C=3, gamma=0.7).fit(train, y)  # two digits of base 2 reach 1 + 2
        assert outcome.twin["accuracy"] == pytest.approx((svc.predict(test) == y_test).mean())
        assert outcome.twin["auroc"] == pytest.approx(area(y_test == "sea", svc.decision_function(test)))

    def test_of_more_classes_each_is_set_against_the_rest(self) -> None:
        iris = Table(*load_iris(return_X_y=True), ("a", "b", "c", "d"), "species")
        outcome = done(QuboMulticlassSVC(), data=iris, test_share=0.5)
        assert set(outcome.scores) == {"accuracy", "balanced_accuracy", "auroc"}
        assert outcome.decisions is None
        assert outcome.decision_map is None
        assert outcome.scores["accuracy"] > 0.85
        assert outcome.scores["auroc"] > 0.95

    def test_the_area_of_more_classes_is_the_mean_of_the_areas(self) -> None:
        data, labels = load_wine(return_X_y=True)
        model = SVC(decision_function_shape="ovr").fit(data[::2], labels[::2])
        decisions = model.decision_function(data[1::2])
        areas = [area(labels[1::2] == one, decisions[:, one]) for one in range(3)]
        assert scores(model, data[1::2], labels[1::2])["auroc"] == pytest.approx(np.mean(areas))

    def test_without_a_class_there_is_no_area(self) -> None:
        model = SVC().fit(X, Y)
        found = scores(model, X[Y == 1], Y[Y == 1])
        assert (found["auroc"], found["auprc"]) == (None, None)
        assert found["balanced_accuracy"] == pytest.approx((model.predict(X[Y == 1]) == 1).mean())

    def test_without_decision_values_there_is_no_area(self) -> None:
        from sklearn.neighbors import KNeighborsClassifier

        found = scores(KNeighborsClassifier().fit(X, Y), X, Y)
        assert found["auroc"] is None
        assert found["accuracy"] > 0.8

    def test_digits_are_significant_ones(self) -> None:
        assert significant(np.array([[123456.0, -0.000123456]]), 3) == [[123000.0, -0.000123]]


class TestEstimators:
    def test_the_slices_of_an_ensemble_are_one_batch_with_the_reads_of_the_cell(self) -> None:
        backend = RecordingBackend(CpuBackend())
        outcome = done(QuboSVCEnsemble(slice_size=20), Solver(backend, {"num_sweeps": 20}), seed=3, reads=7)
        [call] = backend.calls
        assert (len(call.qubos), call.reads, dict(call.options)) == (3, 7, {"num_sweeps": 20})
        assert (outcome.qubos, outcome.variables) == (3, 40)

    def test_the_energy_of_an_ensemble_is_the_sum_of_its_lowest(self) -> None:
        outcome = done(QuboSVCEnsemble(slice_size=20), seed=2)
        train, _, y, _ = by_hand(2)
        slices = QuboSVC(backend_options={"num_sweeps": 20}, reads=10, random_state=2)
        model = QuboSVCEnsemble(slices, slice_size=20, random_state=2).fit(train, y)
        assert outcome.energies == [[pytest.approx(model.energies_.sum()), 1]]

    def test_the_parameters_of_the_slices_are_kept(self) -> None:
        outcome = done(QuboSVCEnsemble(QuboSVC(n_bits=3), slice_size=20))
        assert outcome.variables == 60

    def test_one_model_keeps_all_energies_and_its_bound(self) -> None:
        outcome = done(QuboSVC(), reads=25)
        assert sum(reads for _, reads in outcome.energies) == 25
        assert outcome.bound <= outcome.energies[0][0]

    @pytest.mark.parametrize("estimator", [LocalQuboSVC(n_neighbors=20), QBoostClassifier(n_estimators=10)])
    def test_others_are_trained_as_well(self, estimator: Any) -> None:
        outcome = done(estimator)
        assert outcome.scores["accuracy"] > 0.6
        assert outcome.twin["accuracy"] > 0.6
        assert outcome.qubos >= 1

    def test_the_estimator_of_the_problem_stays_as_it_was(self) -> None:
        estimator = QuboSVCEnsemble(QuboSVC(reads=77), slice_size=20)
        before = repr(estimator.get_params())
        done(estimator)
        assert repr(estimator.get_params()) == before

    @pytest.mark.parametrize(
        ("estimator", "told"),
        [
            (QuboSVR(), "ParameterError: compare takes classifiers, found QuboSVR"),
            (LogisticRegression(), "ParameterError: compare takes classifiers of hqml, which have a backend, found"),
        ],
    )
    def test_what_cannot_be_compared_is_told(self, estimator: Any, told: str) -> None:
        assert run_cell(cell(estimator)).error.startswith(told)

    def test_a_twin_that_fails_is_a_warning(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(QuboSVC, "classical_twin", lambda self: SVC(C=-1))
        outcome = done(QuboSVC())
        assert outcome.twin == {}
        assert any("the classical twin could not be trained" in text for text in outcome.warnings)
        assert outcome.scores["accuracy"] > 0.6


class TestRows:
    def test_every_solver_has_the_same_rows_and_another_seed_others(self) -> None:
        first, other = done(QuboSVC()), done(QuboSVC(), Solver("neal", {"num_sweeps": 20}))
        tuned, later = done(QuboSVC(), "tuned"), done(QuboSVC(), seed=1)
        assert first.decisions["truth"] == other.decisions["truth"] == tuned.decisions["truth"]
        assert first.decision_map["points"] == tuned.decision_map["points"]
        assert first.decision_map["points"] != later.decision_map["points"]

    def test_given_test_rows_are_those_that_are_scored(self) -> None:
        test = Table(X[:12] + 0.01, MOONS.y[:12], MOONS.features, "cover")
        outcome = done(QuboSVC(), test=test)
        assert (outcome.train_rows, outcome.test_rows) == (90, 12)
        assert outcome.decisions["truth"] == (test.y == "sea").astype(int).tolist()

    def test_features_can_be_left_as_they_are(self) -> None:
        raw = done(QuboSVC(), scale=False)
        assert raw.decision_map["axes"] == ["east", "north"]
        _, test = train_test_split(X, test_size=1 / 3, stratify=MOONS.y, random_state=0)
        assert np.allclose(raw.decision_map["points"], test, rtol=1e-3, atol=1e-3)

    def test_features_far_from_zero_keep_their_plane(self) -> None:
        far = X + 1e6
        found = done(QuboSVC(), data=Table(far, MOONS.y, MOONS.features, "cover"), scale=False)
        _, test = train_test_split(far, test_size=1 / 3, stratify=MOONS.y, random_state=0)
        assert np.allclose(found.decision_map["points"], test, rtol=0, atol=1e-3)
        assert len(set(found.decision_map["x"])) == 60

    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            (
                {"test": Table(X[:, :1], MOONS.y, ("east",), "cover")},
                "the test rows have 1 features, the training rows 2",
            ),
            ({"test": Table(X, np.full(90, "ice"), MOONS.features, "cover")}, "the test rows hold class 'ice'"),
            ({"data": Table(X, None, MOONS.features, None)}, "the table has no labels"),
            ({"test_share": 0.001}, "test_size = 1 should be greater or equal to the number of classes = 2"),
            ({"data": Table(X, np.full(90, "sea"), MOONS.features, "cover")}, "training needs samples of at least two"),
        ],
    )
    def test_rows_that_cannot_be_used_are_told(self, changes: dict[str, Any], told: str) -> None:
        outcome = run_cell(cell(QuboSVC(), **changes))
        assert outcome.status == "failed"
        assert outcome.error.startswith("DataError: ")
        assert told in outcome.error


class TestTuned:
    def test_it_is_the_best_of_the_grid_by_folds(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(references, "C", np.array([0.01, 1.0, 100.0]))
        monkeypatch.setattr(references, "GAMMA", np.array([0.01, 1.0]))
        outcome = done(QuboSVC(), "tuned", seed=6)
        train, test, y, y_test = by_hand(6)
        found = {}
        for C in (0.01, 1.0, 100.0):
            for gamma in (0.005, 0.5):  # multiples of 1 / (2 features * variance 1)
                folds = StratifiedKFold(5, shuffle=True, random_state=6).split(train, y)
                found[C, gamma] = np.mean([_balanced(SVC(C=C, gamma=gamma), train, y, *fold) for fold in folds])
        best = max(found, key=lambda one: found[one])
        assert (outcome.schedule["C"], outcome.schedule["gamma"]) == (best[0], pytest.approx(best[1]))
        svc = SVC(C=best[0], gamma=best[1]).fit(train, y)
        assert outcome.scores["accuracy"] == pytest.approx((svc.predict(test) == y_test).mean())
        assert (outcome.solver, outcome.backend, outcome.reference) == ("SVC (tuned)", "", True)
        assert (outcome.qubos, outcome.twin, len(outcome.energies)) == (0, {}, 0)

    def test_its_time_is_that_of_the_whole_search(self) -> None:
        timing = done(QuboSVC(), "tuned").timing
        assert timing["fit"] == timing["total"] == pytest.approx(sum(timing[name] for name in ENTRIES))

    def test_a_class_of_one_row_cannot_be_folded(self) -> None:
        few = Table(X[:20], np.array(["sea"] * 18 + ["land"] * 2), MOONS.features, "cover")
        outcome = run_cell(cell(QuboSVC(), "tuned", data=few, test_share=0.5))
        assert outcome.error.startswith("DataError: the tuned SVC needs two training rows of each class")


def _balanced(model: SVC, train: np.ndarray, y: np.ndarray, rows: np.ndarray, held: np.ndarray) -> float:
    right = model.fit(train[rows], y[rows]).predict(train[held]) == y[held]
    return float(np.mean([right[y[held] == one].mean() for one in ("land", "sea")]))


class TestTimes:
    @pytest.mark.parametrize(
        "solver", [FEW, Solver("neal", {"num_sweeps": 5}), pytest.param(SMALL_CHIP, marks=offline)]
    )
    def test_the_entries_sum_to_the_total_of_training(self, solver: Solver) -> None:
        timing = done(QuboSVCEnsemble(slice_size=12), solver).timing
        assert set(timing) == {*ENTRIES, "total", "startup", "fit", "predict"}
        assert timing["total"] == timing["fit"] == pytest.approx(sum(timing[name] for name in ENTRIES))
        assert all(seconds >= 0 for seconds in timing.values())
        assert timing["sampling"] > 0

    @offline
    def test_a_stand_in_has_the_times_of_the_published_model(self) -> None:
        outcome = done(QuboSVCEnsemble(slice_size=12), SMALL_CHIP)
        assert outcome.timing["sampling"] == pytest.approx(outcome.qpu["sampling"])
        assert outcome.timing["programming"] == pytest.approx(outcome.qpu["programming"])
        assert outcome.qpu["access"] == pytest.approx(outcome.qpu["sampling"] + outcome.qpu["programming"])
        assert outcome.joules is None
        assert outcome.stand_in
        assert set(outcome.embedding) == {"chip", "graph_id", "chains", "positions"}

    def test_the_first_cell_alone_tells_the_startup_of_a_gram_model(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[str] = []
        monkeypatch.setattr(cold_start, "_in_fresh_process", lambda text, solver: asked.append(text) or 3.0)
        assert [done(QuboSVC(), seed=seed).timing["startup"] for seed in (0, 1)] == [3.0, 0.0]
        assert [json.loads(text)["form"] for text in asked] == ["gram"]

    @offline
    def test_an_embedding_is_part_of_the_startup(self, monkeypatch: pytest.MonkeyPatch) -> None:
        taken = iter([0.1, 0.2, 30.0])  # opening it, a tiny model, the batch
        monkeypatch.setattr(warm_up, "extra", lambda call: (call(), next(taken))[1])
        assert done(QuboSVCEnsemble(slice_size=12), SMALL_CHIP).timing["startup"] == 30.5

    def test_a_time_limit_is_that_of_the_estimator(self) -> None:
        backend = RecordingBackend(CpuBackend())
        done(QuboSVC(), Solver(backend, {"time_limit": 2.0, "num_sweeps": 5}))
        assert [call.time_limit for call in backend.calls] == [2.0]


class TestMetered:
    def test_an_estimate_submits_nothing(self) -> None:
        backend = MeteredBackend()
        usage = estimate_cell(cell(QuboSVCEnsemble(slice_size=20), Solver(backend)))
        assert usage.qpu_seconds == pytest.approx(3 * (0.015 + 10 * 2e-4))
        assert backend.calls == []

    def test_an_ensemble_fills_the_backend_that_is_estimated(self) -> None:
        usage = estimate_cell(cell(QuboSVCEnsemble(), Solver(MeteredBackend(max_variables=30))))
        assert usage.qpu_seconds == pytest.approx(4 * (0.015 + 10 * 2e-4))  # 60 rows, 15 a slice

    def test_training_is_within_the_grant_alone(self) -> None:
        backend = MeteredBackend(max_variables=200)
        refused = run_cell(cell(QuboSVC(), Solver(backend)), max_qpu_seconds=1e-3)
        assert refused.error.startswith("BudgetExceeded: backend 'MeteredBackend'")
        assert backend.calls == []
        granted = run_cell(cell(QuboSVCEnsemble(slice_size=20), Solver(backend)), max_qpu_seconds=1)
        assert granted.qpu == {"access": pytest.approx(backend.spent)}

    def test_what_was_paid_is_told_though_the_rest_fails(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def failing(*_: Any) -> None:
            raise RuntimeError("no scores")

        monkeypatch.setattr(learning_cells, "scores", failing)
        outcome = run_cell(cell(QuboSVC(), Solver(MeteredBackend(max_variables=200))), max_qpu_seconds=1)
        assert (outcome.status, outcome.error) == ("failed", "RuntimeError: no scores")
        assert outcome.qpu["access"] > 0

    def test_what_was_paid_is_told_though_training_fails(self) -> None:
        class Once(MeteredBackend):
            def sample(self, qubos: Sequence[Any], **arguments: Any) -> list[dimod.SampleSet]:
                if self.calls:
                    raise ConnectionError("the second round fails")
                return super().sample(qubos, **arguments)

        boosted = QBoostClassifier(n_estimators=10, n_rounds=2)
        backend = Once()
        outcome = run_cell(cell(boosted, Solver(backend)), max_qpu_seconds=1)
        assert outcome.error == "ConnectionError: the second round fails"
        assert outcome.qpu == {"access": pytest.approx(backend.spent)}


class TestFailures:
    def test_the_backend_is_called_by_its_name(self) -> None:
        outcome = run_cell(cell(QuboSVC(), Solver("cpu", {"num_swoops": 1})))
        assert outcome.error.startswith("OptionError: backend 'cpu' takes no option num_swoops; it takes: ")

    def test_an_unknown_backend_is_an_outcome(self) -> None:
        assert run_cell(cell(QuboSVC(), Solver("nonesuch"))).error.startswith("UnknownBackend: ")

    def test_ctrl_c_that_a_backend_made_the_best_of_goes_through(self) -> None:
        class Best(RecordingBackend):
            def sample(self, *given: Any, **arguments: Any) -> list[dimod.SampleSet]:
                found = super().sample(*given, **arguments)
                found[0].info["interrupted"] = True
                return found

        with pytest.raises(KeyboardInterrupt):
            run_cell(cell(QuboSVC(), Solver(Best(CpuBackend()), {"num_sweeps": 5})))


class TestDecisionMap:
    def test_of_two_features_the_plane_is_theirs(self) -> None:
        outcome = done(QuboSVC())
        drawn = outcome.decision_map
        train, test, y, y_test = by_hand()
        model = QuboSVC(backend_options={"num_sweeps": 20}, reads=10, random_state=0).fit(train, y)
        assert drawn["axes"] == ["east (standardised)", "north (standardised)"]
        assert np.shape(drawn["z"]) == (60, 60)
        for row, column in [(0, 0), (7, 31), (59, 59)]:
            at = [[drawn["x"][column], drawn["y"][row]]]
            assert drawn["z"][row][column] == pytest.approx(model.decision_function(at)[0], abs=2e-3)
        assert np.allclose(drawn["points"], test, rtol=0, atol=1e-3)
        assert drawn["truth"] == (y_test == "sea").astype(int).tolist()

    def test_of_more_features_it_is_that_of_the_largest_variances(self) -> None:
        data, labels = load_iris(return_X_y=True)
        iris = Table(data[50:], labels[50:], ("a", "b", "c", "d"), "species")
        outcome = done(QuboSVC(), data=iris)
        train, test = train_test_split(iris.X, test_size=1 / 3, stratify=iris.y, random_state=0)
        scaler = StandardScaler().fit(train)
        centred = scaler.transform(train)
        values, vectors = np.linalg.eigh(centred.T @ centred)
        share = values[::-1] / values.sum()
        expected = scaler.transform(test) @ vectors[:, ::-1][:, :2]
        assert np.allclose(np.abs(outcome.decision_map["points"]), np.abs(expected), rtol=0, atol=1e-3)
        assert outcome.decision_map["axes"] == [
            f"principal component 1 ({share[0]:.0%} of the variance)",
            f"principal component 2 ({share[1]:.0%} of the variance)",
        ]

    def test_later_seeds_have_none(self) -> None:
        assert run_cell(cell(QuboSVC(), seed=1), first=False).decision_map is None

    def test_the_points_that_are_shown_are_bounded(self) -> None:
        many, labels = make_moons(1600, noise=0.3, random_state=0)
        data = Table(many, labels, ("a", "b"), "y")
        outcome = done(QuboSVCEnsemble(slice_size=20, n_slices=2), data=data)
        assert outcome.test_rows > 500
        assert len(outcome.decision_map["points"]) == len(outcome.decision_map["truth"]) == 500

    def test_a_single_feature_has_no_plane(self) -> None:
        assert done(QuboSVC(), data=Table(X[:, :1], MOONS.y, ("east",), "cover")).decision_map is None


def test_an_outcome_is_read_as_it_was_written() -> None:
    outcome = done(QuboSVC(), parameters={"gamma": np.float64(0.5)})
    again = Outcome.from_json(outcome.to_json())
    assert again.to_json() == outcome.to_json()
    assert again.parameters == {"gamma": 0.5}
    assert again.kind == "learning"


def test_a_warning_of_training_is_kept() -> None:
    outcome = done(QuboSVC(C=1e-9))
    assert any("the limit, not the data, decides" in text for text in outcome.warnings)
