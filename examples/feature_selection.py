"""Select features that tell much of the target and little of each other, all at once.

Breast cancer (Wisconsin), 569 tumours in 30 measures: ten things in three versions each (mean, error, worst), many of
which say the same. Ranking them one by one takes the same thing several times; the QUBO weighs pairs. Each row is the
accuracy of an SVM on k measures, on the half of the tumours that no selector has seen.
"""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_breast_cancer
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from hqml.selection import QuboFeatureSelector


def main() -> None:
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.5, stratify=y, random_state=0)

    def accuracy(columns: Any) -> str:
        svm = make_pipeline(StandardScaler(), SVC()).fit(X[columns], y)
        return f"{svm.score(X_test[columns], y_test):.3f}"

    selector = QuboFeatureSelector(criterion="mutual_information", random_state=0).fit(X, y)
    table = Table("k", "QUBO", "SelectKBest", "selected by the QUBO")
    for k, support in selector.selection_path([1, 2, 3, 5, 8, 15]).items():
        chosen = X.columns[support]
        ranked = X.columns[SelectKBest(f_classif, k=k).fit(X, y).get_support()]
        names = ", ".join(chosen) if k <= 3 else ""
        table.add_row(str(k), accuracy(chosen), accuracy(ranked), names)
    table.add_row("30", accuracy(X.columns), accuracy(X.columns), "all")
    Console().print(table)


if __name__ == "__main__":
    main()
