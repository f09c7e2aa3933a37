"""Tune an SVC on handwritten digits: proposals of QUBOs beside chance, both after 24 of 252 configurations."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import RandomizedSearchCV, train_test_split
from sklearn.svm import SVC

from hqml.tuning import QuboSearchCV

GRID = {
    "kernel": ["rbf", "poly", "sigmoid"],
    "C": [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0],
    "gamma": [0.00003, 0.0001, 0.0003, 0.001, 0.003, 0.01],
    "degree": [2, 3],
}


def main() -> None:
    X, y = load_digits(return_X_y=True)
    chosen = np.random.default_rng(0).permutation(len(y))[:500]
    X_train, X_test, y_train, y_test = train_test_split(X[chosen] / 4, y[chosen], random_state=0)
    searches = {
        "chance": RandomizedSearchCV(SVC(), GRID, n_iter=24, cv=3, random_state=0),
        "QUBO, backend cpu": QuboSearchCV(SVC(), GRID, n_iter=24, cv=3, random_state=0),
    }
    print(f"{'search':18} {'cross-validated':>16} {'held out':>9}  best parameters")
    for name, search in searches.items():
        search.fit(X_train, y_train)
        held_out = search.score(X_test, y_test)
        print(f"{name:18} {search.best_score_:16.3f} {held_out:9.3f}  {search.best_params_}")


if __name__ == "__main__":
    main()
