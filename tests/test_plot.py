"""Figures of `hqml.plot`: what is drawn is the data."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dimod
import numpy as np
import pytest
import scipy.sparse
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import hqml
from hqml import plot
from hqml.compare import Comparison
from hqml.errors import DataError, FormatError, LibraryMissing, ModelTooLarge, ParameterError
from hqml.plot.axes import COLOURS
from hqml.qubo import DenseQubo, GramQubo, SparseQubo

matplotlib = pytest.importorskip("matplotlib", reason="figures are drawn with matplotlib: pip install 'hqml[plot]'")
matplotlib.use("agg")
pyplot: Any = pytest.importorskip("matplotlib.pyplot")

CANCER = load_breast_cancer()
X, y = StandardScaler().fit_transform(CANCER.data), np.where(CANCER.target == 1, "benign", "malignant")


@pytest.fixture
def ax() -> Iterator[Any]:
    """Axes of a figure that pyplot knows nothing of."""
    from matplotlib.figure import Figure

    yield Figure().subplots()
    assert not pyplot.get_fignums(), "a figure was opened beside the axes that were given"


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    pyplot.close("all")


def samples_of(energies: list[float], reads: list[int] | None = None) -> dimod.SampleSet:
    states = np.arange(len(energies))[:, None] >> np.arange(3) & 1
    return dimod.SampleSet.from_samples(states, "BINARY", energy=energies, num_occurrences=reads)


def legend_of(ax: Any) -> list[str]:
    box = ax.get_legend()
    return [] if box is None else [text.get_text() for text in box.get_texts()]


class TestEveryFigure:
    def test_without_axes_it_is_one_that_pyplot_shows(self) -> None:
        ax = plot.energies(samples_of([0.0, 1.0]))
        assert pyplot.get_fignums() == [ax.figure.number]

    def test_settings_of_matplotlib_stay_as_they_are(self, ax: Any) -> None:
        before = dict(matplotlib.rcParams)
        plot.energies(samples_of([0.0, 1.0]), ax)
        plot.qubo(np.eye(2), ax)
        assert dict(matplotlib.rcParams) == before

    def test_on_a_dark_ground_lines_are_light(self) -> None:
        with pyplot.style.context("dark_background"):
            ax = plot.decision(LogisticRegression().fit(X[:, :2], y), X[:, :2], y)
        assert {matplotlib.colors.to_hex(colour) for colour in ax.collections[0].get_edgecolor()} == {"#ffffff"}

    @pytest.mark.parametrize("colour", COLOURS)
    @pytest.mark.parametrize("ground", ["#ffffff", "#111111"])
    def test_a_colour_has_the_contrast_that_graphics_need_by_wcag(self, colour: str, ground: str) -> None:
        low, high = sorted(map(luminance, (colour, ground)))
        assert (high + 0.05) / (low + 0.05) >= 3

    def test_names_are_no_formulas_and_all_in_the_legend(self, ax: Any) -> None:
        plot.energies(samples_of([0.0, 1.0]), ax, label="_$\\frac")
        plot.energies(samples_of([0.0, 1.0]), ax, label="$b$")
        ax.figure.canvas.draw()
        assert [text.strip() for text in legend_of(ax)] == ["_$\\frac", "$b$"]

    def test_axes_that_are_none_are_refused(self) -> None:
        with pytest.raises(ParameterError, match="ax must be one Axes of matplotlib, found ndarray"):
            plot.qubo(np.eye(2), ax=np.array([1, 2]))  # type: ignore[arg-type]

    def test_without_matplotlib_one_line_says_what_to_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "matplotlib.axes", None)
        with pytest.raises(LibraryMissing, match=r"run: pip install 'hqml\[plot\]'"):
            plot.qubo(np.eye(2))
        assert issubclass(LibraryMissing, ImportError)


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


class TestEnergies:
    def test_a_bar_is_as_high_as_reads_have_its_energy(self, ax: Any) -> None:
        couplings = np.random.default_rng(0).integers(-2, 3, size=(16, 16))
        found = hqml.sample(couplings, "neal", reads=60, seed=1, num_sweeps=1)
        plot.energies(found, ax)
        values, edges, _ = ax.patches[0].get_data()
        middles = (edges[1:] + edges[:-1]) / 2
        drawn = {round(middle): count for middle, count in zip(middles, values, strict=True) if count}
        assert drawn == Counter(round(energy) for energy in found.record.energy)
        assert len(drawn) > 2

    def test_a_state_counts_as_often_as_it_was_read(self, ax: Any) -> None:
        plot.energies(samples_of([2.0, -1.0, 0.0], reads=[1, 5, 3]), ax)
        assert ax.patches[0].get_data().values.tolist() == [5, 3, 0, 1]

    def test_the_lowest_reads_stand_out(self, ax: Any) -> None:
        plot.energies(samples_of([2.0, -1.0, 0.0], reads=[1, 5, 3]), ax, lowest=7)
        every, lowest = (patch.get_data().values.tolist() for patch in ax.patches)
        assert (every, lowest) == ([5, 3, 0, 1], [5, 2, 0, 0])
        assert legend_of(ax) == ["the 7 lowest"]

    def test_further_samples_have_a_colour_of_their_own(self, ax: Any) -> None:
        for name in "ab":
            plot.energies(samples_of([0.0, 1.0]), ax, name)
        assert [matplotlib.colors.to_hex(patch.get_edgecolor()) for patch in ax.patches] == list(COLOURS[:2])
        assert legend_of(ax) == ["a", "b"]

    def test_of_a_fitted_estimator_they_are_those_of_its_samples(self, ax: Any) -> None:
        svc = hqml.svm.QuboSVC(reads=25, random_state=0).fit(X[:30], y[:30])
        plot.energies(svc, ax)
        assert ax.patches[0].get_data().values.sum() == 25

    @pytest.mark.parametrize(
        ("samples", "said"),
        [
            ([samples_of([0.0])] * 2, "found a list of 2; of several call"),
            (hqml.svm.QuboSVC(), "found a QuboSVC"),
            (samples_of([]), "is empty"),
            (samples_of([0.0, np.nan, np.inf]), "2 of 3 samples have no finite energy"),
        ],
    )
    def test_what_cannot_be_drawn_is_told(self, samples: Any, said: str) -> None:
        with pytest.raises(ParameterError, match=said):
            plot.energies(samples)


class TestQubo:
    @pytest.mark.parametrize("form", ["dense", "sparse", "gram"])
    def test_a_cell_is_what_the_model_says(self, ax: Any, form: str) -> None:
        rng = np.random.default_rng(3)
        gram = GramQubo(np.cov(rng.normal(size=(4, 9))), [1.0, 2.0], scale=[1, -1, 1, -1], shift=0.5)
        model = {"dense": gram.to_dense, "sparse": gram.to_sparse, "gram": lambda: gram}[form]()
        plot.qubo(model, ax)
        drawn = np.ma.filled(ax.images[0].get_array(), 0.0)
        bqm = model.to_bqm()
        for i in range(8):
            assert drawn[i, i] == pytest.approx(bqm.get_linear(i))
            for j in range(i + 1, 8):
                assert drawn[i, j] == pytest.approx(bqm.get_quadratic(i, j, default=0.0))
                assert drawn[j, i] == 0

    def test_what_is_zero_stays_empty(self, ax: Any) -> None:
        plot.qubo(np.diag([1.0, 0.0]), ax)
        assert np.ma.getmaskarray(ax.images[0].get_array()).tolist() == [[False, True], [True, True]]

    def test_of_a_large_model_a_cell_is_the_extreme_of_a_block(self, ax: Any) -> None:
        rng = np.random.default_rng(0)
        rows, columns = rng.integers(2500, size=(2, 600))
        matrix = scipy.sparse.coo_array((rng.normal(size=600), (rows, columns)), shape=(2500, 2500))
        plot.qubo(SparseQubo(matrix), ax)
        drawn = np.ma.filled(ax.images[0].get_array(), 0.0)
        full = DenseQubo(matrix.toarray()).upper()
        padded = np.pad(full, (0, 3 * 834 - 2500)).reshape(834, 3, 834, 3).swapaxes(1, 2).reshape(834, 834, 9)
        extremes = np.take_along_axis(padded, np.abs(padded).argmax(axis=2)[:, :, None], axis=2)[:, :, 0]
        np.testing.assert_allclose(drawn, extremes)
        assert ax.get_xlim() == (-0.5, 2499.5)

    def test_names_of_few_variables_stand_at_the_axes(self, ax: Any) -> None:
        plot.qubo({("a", "b"): 1.0, ("$b", "b"): -2.0}, ax)
        assert sorted(text.get_text() for text in ax.get_yticklabels()) == ["$b", "a", "b"]
        ax.figure.canvas.draw()

    def test_a_long_name_leaves_room_for_the_picture(self) -> None:
        ax = plot.qubo({("a" * 300, "odd\n\udce9"): 1.0})
        ax.figure.canvas.draw()  # matplotlib warns where nothing is left
        assert max(len(text.get_text()) for text in ax.get_yticklabels()) == 16

    def test_variables_are_counted_in_whole_numbers(self, ax: Any) -> None:
        plot.qubo(np.eye(20), ax)
        assert all(float(at).is_integer() for axis in (ax.xaxis, ax.yaxis) for at in axis.get_majorticklocs())

    def test_one_too_large_to_write_out_is_refused(self) -> None:
        with pytest.raises(ModelTooLarge, match="4096 variables at most; this gram model has 5000"):
            plot.qubo(GramQubo(np.eye(2500), [1.0, 2.0]))


class TestDecision:
    def test_the_shade_is_the_decision_value_at_its_place(self, ax: Any) -> None:
        model = SVC(gamma=0.5).fit(X[:, :2], y)
        plot.decision(model, X[:, :2], y, ax)
        image = ax.images[0]
        left, right, bottom, top = image.get_extent()
        values = image.get_array()
        rows, columns = values.shape
        for row, column in ((0, 0), (10, 120), (rows - 1, columns - 1)):
            x_at = left + (column + 0.5) * (right - left) / columns
            y_at = bottom + (row + 0.5) * (top - bottom) / rows
            assert values[row, column] == pytest.approx(model.decision_function([[x_at, y_at]])[0], abs=1e-6)
        assert legend_of(ax) == ["benign", "malignant"]

    def test_all_rows_are_drawn_where_they_lie(self, ax: Any) -> None:
        plot.decision(SVC().fit(X[:, :2], y), X[:, :2], y, ax)
        drawn = {name: points.get_offsets() for name, points in zip(("benign", "malignant"), scatters(ax), strict=True)}
        for name, points in drawn.items():
            np.testing.assert_allclose(np.asarray(points), X[y == name][:, :2])

    def test_of_many_features_the_plane_is_that_of_the_principal_components(self, ax: Any) -> None:
        raw = make_pipeline(StandardScaler(), SVC()).fit(CANCER.data, y)
        plot.decision(raw, CANCER.data, y, ax)
        assert ax.get_xlabel() == "principal component 1 (44% of the variance)"
        axis = np.linalg.svd(X, full_matrices=False)[2][0]
        drawn = np.concatenate([np.asarray(points.get_offsets())[:, 0] for points in scatters(ax)])
        np.testing.assert_allclose(np.sort(np.abs(drawn)), np.sort(np.abs(X @ axis)), atol=1e-9)

    def test_of_three_classes_each_has_its_area(self, ax: Any) -> None:
        rows, labels = load_iris(return_X_y=True)
        model = LogisticRegression(max_iter=1000).fit(rows[:, 2:], labels)
        plot.decision(model, rows[:, 2:], labels, ax)
        image = ax.images[0]
        left, _, bottom, top = image.get_extent()
        height = (top - bottom) / len(image.get_array())
        [lowest] = model.predict([[left + height / 2, bottom + height / 2]])
        expected = matplotlib.colors.to_rgb(COLOURS[lowest])
        np.testing.assert_allclose(image.get_array()[0, 0, :3], expected)
        assert len({tuple(colour) for colour in image.get_array().reshape(-1, 4)}) == 3
        assert legend_of(ax) == ["0", "1", "2"]

    def test_ten_classes_can_be_told_apart(self, ax: Any) -> None:
        labels = np.repeat(np.arange(10), 3)
        rows = np.random.default_rng(0).normal(size=(30, 2)) + labels[:, None]
        plot.decision(GaussianNB().fit(rows, labels), rows, labels, ax)
        looks = [
            (points.get_facecolor().tobytes(), points.get_paths()[0].vertices.tobytes())
            for points in ax.collections
            if points.get_label() in map(str, range(10))
        ]
        assert len(looks) == len(set(looks)) == 10

    def test_a_data_frame_keeps_its_names(self, ax: Any) -> None:
        pandas = pytest.importorskip("pandas", reason="a data frame is pandas': pip install 'hqml[tables]'")
        frame = pandas.DataFrame(X[:, :2], columns=["radius $", "texture"])
        plot.decision(SVC().fit(frame, y), frame, y, ax)  # scikit-learn warns of rows without names; none may come
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("radius $", "texture")

    @pytest.mark.parametrize(
        ("model", "rows", "labels", "said"),
        [
            (KMeans(2, n_init=1).fit(X[:, :2]), X[:, :2], y, "one label a row, found KMeans"),
            (KNeighborsClassifier().fit(X, np.c_[y, y]), X, y, "one label a row, found KNeighborsClassifier"),
            (KNeighborsClassifier().fit(X, np.c_[y, np.arange(len(X)) % 3]), X, y, "one label a row"),
            (SVC().fit(X[:, :1], y), X[:, :1], y, "two features or more"),
            (SVC().fit(X, y), X, y[:-1], "a label for each of the 569 rows of X, found shape"),
            (SVC().fit(X, y), np.where(X > 3, np.nan, X), y, "NaN or infinite"),
            (SVC().fit(X, y), X[:1], y[:1], "no two different rows"),
            (SVC().fit(X, y), X[[0, 0]], y[[0, 0]], "no two different rows"),
            (SVC().fit(X[:, :2], y), X[:0, :2], y[:0], "no two different rows"),
            (SVC().fit(X[:, :2], y), [["a", "b"]], ["benign"], "data frame of numbers: could not convert"),
            (SVC().fit(X, y), X, np.full(len(X), "well"), "'well', which is none of the classes trained"),
        ],
    )
    def test_what_cannot_be_drawn_is_told(self, model: Any, rows: Any, labels: Any, said: str) -> None:
        with pytest.raises((DataError, ParameterError), match=said):
            plot.decision(model, rows, labels)

    @pytest.mark.parametrize("features", [2, 3])
    def test_of_one_class_and_few_rows_there_is_a_picture(self, ax: Any, features: int) -> None:
        rows, labels = X[:2, :features], ["well", "well"]
        plot.decision(DummyClassifier().fit(rows, labels), rows, labels, ax)
        assert legend_of(ax) == ["well"]

    def test_a_single_row_of_two_features_has_its_place(self, ax: Any) -> None:
        plot.decision(SVC().fit(X[:, :2], y), X[:1, :2], y[:1], ax)
        assert ax.get_xlim()[0] < X[0, 0] < ax.get_xlim()[1]


def scatters(ax: Any) -> list[Any]:
    from matplotlib.collections import PathCollection

    return [
        one for one in ax.collections if isinstance(one, PathCollection) and one.get_label() in ("benign", "malignant")
    ]


class TestRoc:
    def test_the_area_is_that_of_scikit_learn(self, ax: Any) -> None:
        model = SVC(gamma=0.001).fit(X[::9], y[::9])
        plot.roc({"narrow": model}, X, y, ax)
        line = ax.lines[-1]
        area = np.trapezoid(line.get_ydata(), line.get_xdata())
        assert area == pytest.approx(roc_auc_score(y == "malignant", model.decision_function(X)))
        assert legend_of(ax) == [f"{area:.3f}  narrow"]

    def test_without_names_they_are_called_by_their_class(self, ax: Any) -> None:
        models = [SVC().fit(X, y), make_pipeline(StandardScaler(), SVC()).fit(X, y), GaussianNB().fit(X, y)]
        plot.roc(models, X, y, ax)
        assert [text.split("  ")[1] for text in legend_of(ax)] == ["SVC 1", "SVC 2", "GaussianNB"]

    def test_one_alone_needs_no_list(self, ax: Any) -> None:
        plot.roc(hqml.svm.QuboSVC(random_state=0).fit(X[:40], y[:40]), X, y, ax)
        [entry] = legend_of(ax)
        assert entry.endswith("  QuboSVC")

    def test_where_there_are_no_decision_values_probabilities_do(self, ax: Any) -> None:
        model = GaussianNB().fit(X, y)
        plot.roc(model, X, y, ax)
        area = roc_auc_score(y == "malignant", model.predict_proba(X)[:, 1])
        assert legend_of(ax)[0].startswith(f"{area:.3f}")

    def test_classes_may_be_in_any_order(self, ax: Any) -> None:
        class Turned(SVC):
            """Its classes_ have the larger label first, as of a classifier that keeps the order it met them in."""

            def fit(self, X: Any, y: Any) -> Turned:
                super().fit(X, y)
                self.classes_ = self.classes_[::-1]
                return self

            def decision_function(self, X: Any) -> Any:
                return -super().decision_function(X)

        model = Turned().fit(X[::9], y[::9])
        plot.roc(model, X, y, ax)
        area = roc_auc_score(y == "benign", model.decision_function(X))
        assert legend_of(ax)[0].startswith(f"{area:.3f}")

    def test_what_cannot_be_drawn_is_told(self) -> None:
        with pytest.raises(DataError, match=r"both classes, \['benign', 'malignant'\]; y holds \['benign'\]"):
            plot.roc(SVC().fit(X, y), X[y == "benign"], y[y == "benign"])
        for strange in ("well", np.nan):
            with pytest.raises(DataError, match="none of the classes trained"):
                plot.roc(SVC().fit(X, y), X, [*y[:-1].astype(object), strange])
        with pytest.raises(DataError, match="one label a row"):
            plot.roc(SVC().fit(X, y), X, y[:, None])
        with pytest.raises(ParameterError, match="SVC has 3 classes"):
            plot.roc(SVC().fit(*load_iris(return_X_y=True)), X, y)
        with pytest.raises(ParameterError, match="no estimator"):
            plot.roc([], X, y)
        labels = KMeans(2, n_init=1).fit(X)
        with pytest.raises(ParameterError, match="one label a row; KMeans is none"):
            plot.roc(labels, X, y)
        with pytest.raises(ParameterError, match="one label a row; KNeighborsClassifier is none"):
            plot.roc(KNeighborsClassifier().fit(X, np.c_[y, np.arange(len(X)) % 3]), X, y)
        assert not pyplot.get_fignums(), "an empty figure is left"
        constant = DummyClassifier(strategy="prior").fit(X, y)
        assert plot.roc(constant, X, y).lines


class TestComparison:
    def test_times_against_size_are_those_of_the_comparison(self, ax: Any, compare_cases: Any) -> None:
        found = compare_cases.comparison()
        plot.comparison(found, ax)
        solvers = legend_of(ax)
        assert solvers == ["cpu", "gpu", "neal", "qpu-offline (stand-in)"]
        lines = [line for line in ax.lines if len(line.get_xdata()) == 3]  # through the medians of the three sizes
        for solver, line in zip(solvers, lines, strict=True):
            own = solver.removesuffix(" (stand-in)")
            expected = [found.estimates[graph, own]["tts_total"].value for graph in compare_cases.GRAPHS]
            np.testing.assert_allclose(line.get_ydata(), expected)
        assert ax.get_yscale() == "log"

    def test_intervals_go_from_low_to_high(self, ax: Any, compare_cases: Any) -> None:
        found = compare_cases.comparison()
        plot.comparison(found, ax, quantity="tts")
        drawn = {tuple(line.get_ydata()) for line in ax.lines if len(line.get_xdata()) == 2}
        one = found.estimates["ring 100", "cpu"]["tts"]
        assert (one.low, one.high) in drawn

    def test_of_one_size_each_solver_has_a_row(self, ax: Any, compare_cases: Any) -> None:
        own = [one for one in compare_cases.outcomes() if one.problem == "ring 100"]
        found = Comparison(
            {**compare_cases.description(), "problems": compare_cases.description()["problems"][:1]}, own
        )
        plot.comparison(found, ax)
        names = [text.get_text() for text in ax.get_yticklabels()]
        assert names == ["cpu", "gpu", "neal", "qpu-offline (stand-in)"]
        values = [line.get_xdata()[0] for line in ax.lines if line.get_marker() not in ("", "None", None)]
        solvers = [name.removesuffix(" (stand-in)") for name in names]
        np.testing.assert_allclose(values, [found.estimates["ring 100", name]["tts_total"].value for name in solvers])

    def test_scores_stand_on_a_linear_axis_with_the_problem_at_each_row(self, ax: Any, compare_cases: Any) -> None:
        plot.comparison(compare_cases.comparison(), ax, quantity="balanced_accuracy")
        assert ax.get_xscale() == "linear"
        assert ": cpu" in ax.get_yticklabels()[0].get_text()

    def test_a_figure_that_nobody_has_is_told(self, compare_cases: Any) -> None:
        with pytest.raises(ParameterError, match="quantity must be one of"):
            plot.comparison(compare_cases.comparison(), quantity="speed")
        failed = [one for one in compare_cases.outcomes() if one.status == "failed"]
        with pytest.raises(
            ParameterError, match="has tts_total or ert or balanced_accuracy or seconds; it has no figures"
        ):
            plot.comparison(Comparison(compare_cases.description(), failed))
        with pytest.raises(ParameterError, match="it has no figures: no cell has run yet"):
            plot.comparison(Comparison({}, []))
        with pytest.raises(ParameterError, match=r"what hqml\.compare\.run gave, found list"):
            plot.comparison([])  # type: ignore[arg-type]


class TestHistory:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        (tmp_path / "history.csv").write_text(
            "epoch,loss,validation_loss,validation_accuracy,rate,seconds\n"
            "1,8.0,9.0,0.5,0.1,1.0\n2,2.0,3.0,0.6,0.1,1.0\n3,0.1,4.0,0.7,0.1,1.0\n"
        )
        (tmp_path / "result.json").write_text('{"best": 2}')
        return tmp_path

    def test_lines_are_the_losses_of_the_folder(self, ax: Any, folder: Path) -> None:
        plot.history(folder, ax)
        training, validation, kept = ax.lines
        assert training.get_xydata().tolist() == [[1, 8], [2, 2], [3, 0.1]]
        assert validation.get_xydata().tolist() == [[1, 9], [2, 3], [3, 4]]
        assert list(kept.get_xdata()) == [2, 2]
        assert legend_of(ax) == ["training", "validation", "kept: 2"]
        assert ax.get_yscale() == "log"

    def test_a_run_that_goes_on_has_no_best_epoch_yet(self, ax: Any, folder: Path) -> None:
        (folder / "result.json").unlink()
        plot.history(str(folder), ax)
        assert legend_of(ax) == ["training", "validation"]

    def test_what_training_gave_is_drawn_alike(self, ax: Any) -> None:
        epochs = tuple(
            SimpleNamespace(number=number, loss=loss, validation={}) for number, loss in ((1, 3.0), (2, 2.0))
        )
        plot.history(SimpleNamespace(fitted=SimpleNamespace(history=epochs, best=2)), ax)
        assert ax.lines[0].get_xydata().tolist() == [[1, 3], [2, 2]]
        assert legend_of(ax) == ["training", "kept: 2"]
        assert ax.get_yscale() == "linear"

    def test_what_is_no_run_is_told(self, folder: Path) -> None:
        with pytest.raises(FormatError, match=r"cannot read .*No such file.*the folder that `hqml train` wrote"):
            plot.history(folder / "elsewhere")
        (folder / "result.json").write_text('["best"]')
        with pytest.raises(FormatError, match="is no folder of a training run"):
            plot.history(folder)
        (folder / "result.json").unlink()
        (folder / "history.csv").write_text("a,b\n1,2\n")
        with pytest.raises(FormatError, match="is no folder of a training run"):
            plot.history(folder)
        (folder / "history.csv").write_text("epoch,loss\n")
        with pytest.raises(ParameterError, match="no epoch has ended"):
            plot.history(folder)
        (folder / "history.csv").write_text("epoch,loss\n1,nan\n")
        with pytest.raises(ParameterError, match="no epoch has ended with one that is a number"):
            plot.history(folder)
        with pytest.raises(ParameterError, match="found int"):
            plot.history(3)
