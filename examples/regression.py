"""Regression: a support vector regression trained as a QUBO, beside the scikit-learn SVR of equal parameters.

Diabetes (442 patients, ten measures, how the disease went on in a year) and a damped oscillator (where it is at a time,
for its damping and frequency). R2 on the 30 % held out: mean and standard deviation of three splits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from hqml.svm import QuboSVR


def damped_oscillator() -> tuple[Any, Any]:
    """400 measurements of exp(-damping t) cos(frequency t), with noise of 0.02."""
    rng = np.random.default_rng(0)
    time, damping, frequency = rng.uniform(0, 6, 400), rng.uniform(0.1, 0.5, 400), rng.uniform(0.8, 1.2, 400)
    y = np.exp(-damping * time) * np.cos(frequency * time) + 0.02 * rng.normal(size=400)
    return np.stack([time, damping, frequency], axis=1), y


def scores(X: Any, y: Any, model: QuboSVR, seed: int) -> tuple[float, float]:
    """R2 of the model and of its classical twin on held-out samples."""
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.3, random_state=seed)
    ours = make_pipeline(StandardScaler(), model).fit(X, y)
    twin = make_pipeline(StandardScaler(), model.classical_twin()).fit(X, y)
    return ours.score(X_test, y_test), twin.score(X_test, y_test)


def main() -> None:
    table = Table("data", "digits", "variables", "QuboSVR", "its twin (SVR)", title="R2 on held-out samples")
    sets = {
        "diabetes": (*load_diabetes(return_X_y=True), {"gamma": 0.03, "C": 0.5}),
        "damped oscillator": (*damped_oscillator(), {"gamma": 0.3}),
    }
    for name, (X, y, parameters) in sets.items():
        for n_bits in (1, 2, 3):
            models = [QuboSVR(n_bits=n_bits, **parameters, reads=50, random_state=seed) for seed in range(3)]
            found = np.array([scores(X, y, model, seed) for seed, model in enumerate(models)])
            cells = [f"{mean:.3f} ± {spread:.3f}" for mean, spread in zip(found.mean(0), found.std(0), strict=True)]
            table.add_row(name, f"2 x {n_bits}", str(len(models[0].sampleset_.variables)), *cells)
    Console().print(table)


if __name__ == "__main__":
    main()
