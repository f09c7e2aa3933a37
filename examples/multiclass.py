"""All classes in one QUBO: the single-step multiclass SVM beside its continuous twin and one QUBO a class.

Iris, wine and handwritten digits, standardised; half of the samples are for training, of the digits 100. The twin
minimises the same objective, its multipliers being any numbers between their limits instead of four steps.
"""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_digits, load_iris, load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from hqml.svm import QuboMulticlassSVC, QuboSVC

SETS = (("iris", load_iris, 0.5), ("wine", load_wine, 0.5), ("digits", load_digits, 100))


def main() -> None:
    table = Table(
        "set", "classes", "variables", "accuracy", "its twin", "one QUBO a class", "its twin (SVC)", "seconds"
    )
    for name, load, size in SETS:
        X, y = load(return_X_y=True)
        X, X_test, y, y_test = train_test_split(X, y, train_size=size, stratify=y, random_state=0)
        scaler = StandardScaler().fit(X)
        X, X_test = scaler.transform(X), scaler.transform(X_test)
        once = QuboMulticlassSVC(reads=50, random_state=0).fit(X, y)
        each = QuboSVC(reads=50, random_state=0).fit(X, y)
        twins = [model.classical_twin().fit(X, y) for model in (once, each)]
        scores = [f"{model.score(X_test, y_test):.3f}" for model in (once, twins[0], each, twins[1])]
        variables = len(once.sampleset_.variables)
        table.add_row(name, str(len(once.classes_)), str(variables), *scores, f"{once.timing_['total']:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
