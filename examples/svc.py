"""A first SVM: train it as a QUBO, and put it beside the scikit-learn SVC of equal kernel, gamma and C.

Breast cancer (Wisconsin), 569 tumours in 30 measures. Two binary digits a multiplier are the default; more digits come
closer to libsvm's multipliers, and the accuracy hardly moves.
"""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from hqml.svm import QuboSVC


def main() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, stratify=y, random_state=0)
    table = Table("digits", "variables", "lowest energy", "accuracy", "its twin (SVC)", "seconds")
    for n_bits in (1, 2, 3, 4):
        model = make_pipeline(StandardScaler(), QuboSVC(n_bits=n_bits, C=3.0, random_state=0)).fit(X, y)
        twin = make_pipeline(StandardScaler(), model[-1].classical_twin()).fit(X, y)
        table.add_row(
            str(n_bits),
            str(n_bits * len(X)),
            f"{model[-1].energies_[0]:.2f}",
            f"{model.score(X_test, y_test):.3f}",
            f"{twin.score(X_test, y_test):.3f}",
            f"{model[-1].timing_['total']:.2f}",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
