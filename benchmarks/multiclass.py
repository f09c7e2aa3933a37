"""All classes at once or each against the rest: QuboMulticlassSVC beside its twin, QuboSVC, SVC and Crammer & Singer.

Equal training samples and kernel, five splits. QuboSVC and SVC have C = 3; Crammer & Singer's machine has C = 1 / beta,
at which its margin weighs as much as in QuboMulticlassSVC.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.datasets import load_digits, load_iris, load_wine
from sklearn.kernel_approximation import Nystroem
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from common import SHARED, Table
from hqml.svm import QuboMulticlassSVC, QuboSVC, QuboSVCEnsemble

SEEDS = range(5)
BUNDLED = (("iris", load_iris, 75), ("wine", load_wine, 89), ("digits", load_digits, 200))
LANDSAT_GAMMA = 0.1  # as in tests/test_landsat.py
COLUMNS = ("set", "training samples", "at once", "its twin", "one-vs-rest", "its twin (SVC)", "Crammer & Singer")


def measure() -> Table:
    rows = [
        _row(name, str(size), [_whole(*_part(*load(return_X_y=True), size, seed), seed=seed) for seed in SEEDS])
        for name, load, size in BUNDLED
    ]
    X, y, T, t = _landsat()
    parts = [(*_part(X, y, 200, seed)[:2], T, t) for seed in SEEDS]
    rows.append(_row("Landsat", "200", [_whole(*part, gamma=LANDSAT_GAMMA, seed=i) for i, part in enumerate(parts)]))
    for size in (14, 40, 100):
        found = [_slices(X, y, T, t, (size, 10), (size, 10), seed) for seed in SEEDS]
        rows.append(_row("Landsat", f"10 slices of {size}", found))
    found = [_slices(X, y, T, t, (14, 60), (84, 10), seed) for seed in SEEDS]
    rows.append(_row("Landsat", "60 slices of 14; 10 of 84", found))
    notes = (
        "Accuracy on other samples, mean and standard deviation. Landsat: Statlog, six classes, its 2000 test rows. "
        "The last row is what 60 QUBOs of 168 variables do either way, about what fits an Advantage as a clique."
    )
    return Table("multiclass", "All classes in one QUBO, or one QUBO a class", COLUMNS, rows, notes)


def _landsat() -> tuple[Any, Any, Any, Any]:
    train, test = (np.loadtxt(SHARED / "ml" / f"sat.{part}") for part in ("trn", "tst"))
    scaler = StandardScaler().fit(train[:, :-1])
    return scaler.transform(train[:, :-1]), train[:, -1], scaler.transform(test[:, :-1]), test[:, -1]


def _part(X: Any, y: Any, size: int, seed: int) -> tuple[Any, Any, Any, Any]:
    X, T, y, t = train_test_split(X, y, train_size=size, stratify=y, random_state=seed)
    scaler = StandardScaler().fit(X)
    return scaler.transform(X), y, scaler.transform(T), t


def _whole(X: Any, y: Any, T: Any, t: Any, *, gamma: str | float = "scale", seed: int) -> list[float]:
    once = QuboMulticlassSVC(gamma=gamma, random_state=seed).fit(X, y)
    rest = QuboSVC(gamma=gamma, random_state=seed).fit(X, y)
    # All samples as landmarks: the features whose inner products are the kernel.
    features = Nystroem(gamma=once.gamma_, n_components=len(X), random_state=0)
    crammer_singer = LinearSVC(
        multi_class="crammer_singer", C=1 / once.beta_, fit_intercept=False, max_iter=20_000, random_state=0
    )
    machines = [once, once.classical_twin(), rest, rest.classical_twin(), make_pipeline(features, crammer_singer)]
    return [
        machine.fit(X, y).score(T, t) if machine not in (once, rest) else machine.score(T, t) for machine in machines
    ]


def _slices(
    X: Any, y: Any, T: Any, t: Any, at_once: tuple[int, int], one_vs_rest: tuple[int, int], seed: int
) -> list[float]:
    """Scores of either ensemble and its twin; of each (samples a slice, slices)."""
    scores = []
    for model, (size, count) in ((QuboMulticlassSVC(), at_once), (QuboSVC(), one_vs_rest)):
        model.set_params(gamma=LANDSAT_GAMMA)
        ensemble = QuboSVCEnsemble(model, slice_size=size, n_slices=count, random_state=seed).fit(X, y)
        scores += [ensemble.score(T, t), ensemble.classical_twin().fit(X, y).score(T, t)]
    return [*scores, np.nan]


def _row(name: str, samples: str, scores: Sequence[Sequence[float]]) -> list[str]:
    means, spreads = np.mean(scores, axis=0), np.std(scores, axis=0, ddof=1)
    cells = [f"{mean:.3f} ± {spread:.3f}" for mean, spread in zip(means, spreads, strict=True)]
    return [name, samples, *(cell if "nan" not in cell else "" for cell in cells)]
