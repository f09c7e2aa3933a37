"""Local SVMs: a small machine around each of some training samples, and the nearest one decides.

Three of scikit-learn's handwritten digits that look alike, 3, 8 and 9, on two principal components, where the classes
overlap. No QUBO has more than 160 variables, however many samples there are.
"""

from __future__ import annotations

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.base import BaseEstimator
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from hqml.svm import LocalQuboSVC, QuboSVC, QuboSVCEnsemble

ALIKE = (3, 8, 9)


def main() -> None:
    digits = load_digits()
    alike = np.isin(digits.target, ALIKE)
    X, X_test, y, y_test = train_test_split(
        digits.data[alike], digits.target[alike], stratify=digits.target[alike], random_state=0
    )
    local = LocalQuboSVC(n_neighbors=80, reads=50, random_state=0)
    methods: dict[str, BaseEstimator] = {
        "LocalQuboSVC": local,
        "LocalQuboSVC, 3 nearest deciding": LocalQuboSVC(n_neighbors=80, n_deciding=3, reads=50, random_state=0),
        "QuboSVCEnsemble, slices of 80": QuboSVCEnsemble(QuboSVC(reads=50), slice_size=80, random_state=0),
        "KNeighborsClassifier": KNeighborsClassifier(),
        "SVC on all samples": SVC(C=3),
    }
    table = Table("method", "QUBOs", "accuracy")
    for name, method in methods.items():
        model = make_pipeline(StandardScaler(), PCA(2, whiten=True), method).fit(X, y)
        table.add_row(name, _qubos(method), f"{model.score(X_test, y_test):.3f}")
        if method is local:
            twin = make_pipeline(StandardScaler(), PCA(2, whiten=True), local.classical_twin()).fit(X, y)
            table.add_row("  its twin: libsvm, same places", "", f"{twin.score(X_test, y_test):.3f}")
    Console().print(table)
    held = np.bincount(local.present_.sum(axis=1), minlength=4)[1:]
    Console().print(
        f"{len(local.centres_)} centres for {len(X)} samples: {held[0]} in a neighbourhood of one digit (no QUBO), "
        f"{held[1]} of two (one QUBO), {held[2]} of three (three)."
    )


def _qubos(method: BaseEstimator) -> str:
    """How many a fitted method sent; two machines that mirror each other are one."""
    energies = getattr(method, "energies_", None)
    return "" if energies is None else str(sum(len(np.unique(row[np.isfinite(row)])) for row in energies))


if __name__ == "__main__":
    main()
