"""Hyperparameter search after equal numbers of evaluations: QUBO proposals beside chance, TPE and the whole grid.

Every grid is evaluated once, exhaustively, and kept in a file; the searches are replayed on that table.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from common import SHARED, Table
from hqml.tuning import QuboSampler, QuboSearchCV

SEEDS = range(20)
EVALUATIONS = (20, 40)
BOOTSTRAP = 2000

NOTES = """Regret: how far the best score found is below the best of the grid, in percent of the distance from its
median to its best. Intervals: bootstrap over seeds. Best found: seeds out of 20 that had the grid's best score after
40 evaluations. Chance draws without replacement; TPE may evaluate a configuration again, and each time counts. TPE is
Optuna's: by default, which Optuna 5 takes to be multivariate=True, and with multivariate=False; it is given the place
on numeric axes as an integer. QuboSearchCV evaluates 10 configurations by chance, then 4 a round; QuboSampler 1 a
trial. Defaults were chosen on other grids (SVC on digits, nearest neighbours on Landsat, SVR on Friedman's function,
HistGradientBoosting on diabetes), but the kind of surrogate with a look at the first grid here as well."""


@dataclass(frozen=True)
class Task:
    """A grid and the score of each of its configurations: an array with an axis a parameter."""

    name: str
    grid: dict[str, list[Any]]
    scores: np.ndarray

    def ordered(self) -> list[bool]:
        return [
            len(values) > 2 and all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
            for values in self.grid.values()
        ]

    def regret(self, found: np.ndarray) -> np.ndarray:
        """How far scores are below the grid's best, in units of what the median configuration is."""
        best = self.scores.max()
        return np.asarray((best - found) / (best - np.median(self.scores)))


COLUMNS = ("grid", "search", "at 40", "95 %", "regret % at 20", "95 %", "regret % at 40", "95 %", "best found")


def measure() -> Table:
    rows = []
    for task in (_svc(), _boosting(), _net()):
        rows.append((_shown(task), "whole grid", f"{task.scores.max():.4f}", "", "0", "", "0", "", ""))
        for name, search in METHODS.items():
            rows.append((_shown(task), name, *_outcome(task, np.array([search(task, seed) for seed in SEEDS]))))
            print(rows[-1], flush=True)
    return Table(
        name="tuning",
        title="Best cross-validated score after 20 and 40 evaluations, mean of 20 seeds",
        columns=COLUMNS,
        rows=rows,
        notes=NOTES,
    )


def _outcome(task: Task, scores: np.ndarray) -> tuple[str, ...]:
    """Columns of one search from its scores (seeds, evaluations)."""
    best = np.maximum.accumulate(scores, axis=1)
    cells = [f"{best[:, EVALUATIONS[-1] - 1].mean():.4f}", _interval(best[:, EVALUATIONS[-1] - 1], "{:.4f}")]
    for count in EVALUATIONS:
        regret = 100 * task.regret(best[:, count - 1])
        cells += [f"{regret.mean():.2g}", _interval(regret, "{:.2g}")]
    hits = int((best[:, EVALUATIONS[-1] - 1] >= task.scores.max() - 1e-12).sum())
    return (*cells, str(hits))


def _interval(values: np.ndarray, form: str) -> str:
    drawn = np.random.default_rng(0).choice(values, (BOOTSTRAP, len(values))).mean(axis=1)
    return " to ".join(form.format(end) for end in np.quantile(drawn, (0.025, 0.975)))


def _shown(task: Task) -> str:
    return f"{task.name}, {task.scores.size} configurations"


# The searches: scores in order of evaluation


class Replayed(ClassifierMixin, BaseEstimator):
    """Scores as the table says, without fitting anything."""

    def __init__(self, task: Any = None, place: tuple[int, ...] = ()) -> None:
        self.task, self.place = task, place

    def __sklearn_clone__(self) -> Replayed:
        return Replayed(self.task, self.place)

    def set_params(self, **params: Any) -> Replayed:
        self.place = tuple(values.index(params[name]) for name, values in self.task.grid.items())
        return self

    def fit(self, X: Any, y: Any) -> Replayed:
        self.classes_ = np.unique(y)
        return self

    def score(self, X: Any, y: Any) -> float:
        return float(self.task.scores[self.place])


def by_chance(task: Task, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).choice(task.scores.ravel(), EVALUATIONS[-1], replace=False)


def by_qubo(encoding: str) -> Callable[[Task, int], np.ndarray]:
    def search(task: Task, seed: int) -> np.ndarray:
        found = QuboSearchCV(
            Replayed(task),
            task.grid,
            n_iter=EVALUATIONS[-1],
            encoding=encoding,
            cv=[([0, 1], [0, 1])],
            refit=False,
            random_state=seed,
        ).fit(np.zeros((2, 1)), [0, 1])
        return np.asarray(found.cv_results_["mean_test_score"])

    return search


def by_study(sampler: Callable[[int], Any]) -> Callable[[Task, int], np.ndarray]:
    def search(task: Task, seed: int) -> np.ndarray:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        ordered = task.ordered()

        def objective(trial: Any) -> float:
            place = tuple(
                trial.suggest_int(name, 0, len(values) - 1)
                if in_order
                else trial.suggest_categorical(name, range(len(values)))
                for (name, values), in_order in zip(task.grid.items(), ordered, strict=True)
            )
            return float(task.scores[place])

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study = optuna.create_study(direction="maximize", sampler=sampler(seed))
        study.optimize(objective, n_trials=EVALUATIONS[-1])
        return np.array([trial.value for trial in study.trials])

    return search


def _tpe(**options: Any) -> Callable[[int], Any]:
    def made(seed: int) -> Any:
        from optuna.samplers import TPESampler

        return TPESampler(seed=seed, **options)

    return made


METHODS: dict[str, Callable[[Task, int], np.ndarray]] = {
    "chance": by_chance,
    "TPE": by_study(_tpe()),
    "TPE, univariate": by_study(_tpe(multivariate=False)),
    "QuboSearchCV": by_qubo("one-hot"),
    "QuboSearchCV, binary": by_qubo("binary"),
    "QuboSampler": by_study(lambda seed: QuboSampler(seed=seed)),
}


# The tasks: grids evaluated once


def _svc() -> Task:
    rows = np.random.default_rng(0).permutation(np.loadtxt(SHARED / "ml" / "sat.trn"))[:600]
    grid = {
        "kernel": ["rbf", "poly", "sigmoid"],
        "C": [0.01, 0.1, 1, 10, 100, 1000],
        "gamma": [1e-4, 1e-3, 1e-2, 0.03, 0.1, 1],
        "degree": [2, 3, 4],
        "class_weight": [None, "balanced"],
    }
    X = StandardScaler().fit_transform(rows[:, :-1])
    return _evaluated("SVC on Landsat", SVC(), grid, X, rows[:, -1].astype(int), None)


def _boosting() -> Task:
    grid = {
        "learning_rate": [0.01, 0.03, 0.1, 0.3, 1.0],
        "max_leaf_nodes": [3, 7, 15],
        "max_iter": [20, 40, 80],
        "l2_regularization": [0, 1, 10],
        "min_samples_leaf": [5, 20, 50],
    }
    X, y = load_breast_cancer(return_X_y=True)
    model = HistGradientBoostingClassifier(random_state=0)
    return _evaluated("HistGradientBoosting on breast cancer (log loss)", model, grid, X, y, "neg_log_loss")


def _net() -> Task:
    grid = {
        "width": [8, 16, 32, 64],
        "depth": [1, 2, 3],
        "learning_rate": [0.001, 0.003, 0.01, 0.03, 0.1],
        "dropout": [0.0, 0.25, 0.5],
        "weight_decay": [0.0, 0.001, 0.1],
    }
    X, y = load_digits(return_X_y=True)
    chosen = np.random.default_rng(0).permutation(len(y))[:400]
    return _evaluated("torch net on digits", Net(), grid, X[chosen] / 16, y[chosen], None)


class Net(ClassifierMixin, BaseEstimator):
    """A small fully connected network, eight epochs of AdamW."""

    def __init__(
        self,
        width: int = 32,
        depth: int = 1,
        learning_rate: float = 0.01,
        dropout: float = 0.0,
        weight_decay: float = 0.0,
    ) -> None:
        self.width, self.depth, self.learning_rate = width, depth, learning_rate
        self.dropout, self.weight_decay = dropout, weight_decay

    def fit(self, X: np.ndarray, y: np.ndarray) -> Net:
        import torch

        torch.set_num_threads(1)
        torch.manual_seed(0)
        self.classes_ = np.unique(y)
        inputs, labels = torch.tensor(X, dtype=torch.float32), torch.tensor(np.searchsorted(self.classes_, y))
        layers: list[torch.nn.Module] = []
        sizes = [X.shape[1], *[self.width] * self.depth]
        for before, after in pairwise(sizes):
            layers += [torch.nn.Linear(before, after), torch.nn.ReLU(), torch.nn.Dropout(self.dropout)]
        self.net_ = torch.nn.Sequential(*layers, torch.nn.Linear(sizes[-1], len(self.classes_)))
        optimizer = torch.optim.AdamW(self.net_.parameters(), lr=self.learning_rate, weight_decay=self.weight_decay)
        for _ in range(8):
            for rows in torch.randperm(len(inputs)).split(32):
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(self.net_(inputs[rows]), labels[rows]).backward()
                optimizer.step()
        self.net_.eval()
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        import torch

        with torch.no_grad():
            return np.asarray(self.classes_[self.net_(torch.tensor(X, dtype=torch.float32)).argmax(dim=1).numpy()])


def _evaluated(name: str, estimator: Any, grid: dict[str, list[Any]], X: Any, y: Any, scoring: str | None) -> Task:
    """The task, from the file of an earlier run if the grid is the same."""
    mark = hashlib.sha256(repr((name, grid, scoring)).encode()).hexdigest()[:12]
    kept = Path(tempfile.gettempdir()) / f"hqml-tuning-{mark}.npy"
    if not kept.exists():
        search = GridSearchCV(estimator, grid, cv=3, scoring=scoring, refit=False, n_jobs=os.cpu_count())
        found = search.fit(X, y).cv_results_
        scores = np.full([len(values) for values in grid.values()], np.nan)
        for params, score in zip(found["params"], found["mean_test_score"], strict=True):
            scores[_place(grid, params)] = score
        np.save(kept, scores)
    return Task(name, grid, np.load(kept))


def _place(grid: dict[str, list[Any]], params: dict[str, Any]) -> tuple[int, ...]:
    return tuple(values.index(params[name]) for name, values in grid.items())
