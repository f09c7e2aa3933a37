"""Accuracy of an SVM on k selected features: QuboFeatureSelector beside scikit-learn's selectors.

Everything a selector learns it learns from the training half; C and gamma are scikit-learn's defaults for all.
"""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.feature_selection import RFE, SelectKBest, SequentialFeatureSelector, f_classif, mutual_info_classif
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from common import SHARED, Table
from hqml.selection import QuboFeatureSelector

SEEDS = range(5)


def sets() -> Iterator[tuple[str, Any, Any, tuple[int, ...]]]:
    """Name, X, y, and how many features to select."""
    yield "breast cancer (30)", *load_breast_cancer(return_X_y=True), (3, 8)
    for name, ks in (("ionosphere", (4, 10)), ("sonar", (5, 15))):
        rows = np.loadtxt(SHARED / "ml" / f"{name}.csv", delimiter=",", skiprows=1, dtype=str)
        yield f"{name} ({rows.shape[1] - 1})", rows[:, :-1].astype(float), rows[:, -1], ks
    rows = np.loadtxt(SHARED / "ml" / "sat.trn")
    yield "Landsat, 6 classes (36)", rows[:, :-1], rows[:, -1].astype(int), (4, 9)


def selectors(k: int, seed: int) -> dict[str, Any]:
    """One of each kind. RFE ranks by a linear model; the sequential search asks the SVM itself, 3-fold."""
    ours = {
        f"QUBO, {short}": QuboFeatureSelector(k, criterion, random_state=seed)
        for short, criterion in (
            ("correlation", "correlation"),
            ("MI", "mutual_information"),
            ("CMI", "conditional_mutual_information"),
        )
    }
    return ours | {
        "k best, F": SelectKBest(f_classif, k=k),
        "k best, MI": SelectKBest(lambda X, y: mutual_info_classif(X, y, random_state=seed), k=k),
        "RFE": RFE(LogisticRegression(max_iter=500), n_features_to_select=k),
        "sequential": SequentialFeatureSelector(SVC(), n_features_to_select=k, cv=3),
    }


def measure() -> Table:
    rows = []
    for name, X, y, ks in sets():
        for k in ks:
            scores: dict[str, list[float]] = {}
            seconds: dict[str, list[float]] = {}
            for seed in SEEDS:
                halves = train_test_split(X, y, train_size=min(len(X) // 2, 800), stratify=y, random_state=seed)
                scaler = StandardScaler().fit(halves[0])
                train, test = scaler.transform(halves[0]), scaler.transform(halves[1])
                scores.setdefault("all features", []).append(SVC().fit(train, halves[2]).score(test, halves[3]))
                for kind, selector in selectors(k, seed).items():
                    started = perf_counter()
                    chosen = clone(selector).fit(train, halves[2]).get_support()
                    seconds.setdefault(kind, []).append(perf_counter() - started)
                    svc = SVC().fit(train[:, chosen], halves[2])
                    scores.setdefault(kind, []).append(svc.score(test[:, chosen], halves[3]))
            row = [f"{np.mean(values):.3f} ± {np.std(values):.3f}" for values in scores.values()]
            rows.append([name, k, *row])
            spent = ", ".join(f"{kind} {np.median(values):.2g} s" for kind, values in seconds.items())
            print(*rows[-1], spent, sep=" | ", flush=True)
    columns = ["set (features)", "k", *scores]
    notes = "Mean and spread over 5 splits in halves (of Landsat 800 rows train); selectors see the first half alone."
    return Table("selection", "Accuracy of an SVC on k selected features", columns, rows, notes)


if __name__ == "__main__":
    measure().save()
