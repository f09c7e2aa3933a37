"""The results inside scikit-learn's `BaseSearchCV.fit`, which has no door for results that were known before.

Its `evaluate_candidates` gathers candidates and results in lists that are its free variables. They are reached here, in
one place, so that all the rest of `fit` (choice of the best, refit, cv_results_) stays scikit-learn's.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from time import perf_counter
from typing import Any

import numpy as np
import sklearn
from sklearn.exceptions import FitFailedWarning

from hqml.errors import HqmlError
from hqml.tuning.records import Fold, Outcome, Scores

_KEPT = 500
"""Characters of a failed fit's traceback that are kept: its end, which says what was wrong."""


class Collected:
    """The door to one `fit`.

    Args:
        evaluate: what `_run_search` is given.
        format_results: the search's `_format_results`.
        splits: folds of each candidate.
        error_score: as the search has it.
    """

    def __init__(
        self, evaluate: Callable[..., Any], format_results: Callable[..., Any], splits: int, error_score: Any
    ) -> None:
        cells = dict(zip(evaluate.__code__.co_freevars, evaluate.__closure__ or (), strict=True))
        try:
            self._candidates = cells["all_candidate_params"].cell_contents
            self._out = cells["all_out"].cell_contents
            self._results = cells["results"]
        except KeyError as error:
            raise HqmlError(
                f"scikit-learn {sklearn.__version__} keeps its results otherwise than 1.6 to 1.9; install one of these"
            ) from error
        self._evaluate, self._format_results = evaluate, format_results
        self._splits, self._error_score = splits, error_score

    def evaluate(self, candidates: Sequence[Mapping[str, Any]]) -> list[Outcome]:
        """Fit and score candidates now: one outcome each."""
        self._candidates.clear()
        self._out.clear()
        started = perf_counter()
        try:
            self._evaluate(candidates)
        except ValueError as error:
            # Where all fits of one call fail, scikit-learn gives up; a search may have met a bad corner only.
            if not str(error).startswith("\nAll the "):
                raise
            message = str(error).strip()
            warnings.warn(message, FitFailedWarning, stacklevel=2)
            seconds = (perf_counter() - started) / (len(candidates) * self._splits)
            return [[Fold(None, None, seconds, 0.0, message[-_KEPT:])] * self._splits for _ in candidates]
        folds = [_fold(found) for found in self._out]
        return [folds[start : start + self._splits] for start in range(0, len(folds), self._splits)]

    def conclude(self, candidates: Sequence[Mapping[str, Any]], outcomes: Sequence[Outcome]) -> None:
        """Leave these, and no others, as the results of the search."""
        folds = [fold for outcome in outcomes for fold in outcome]
        model = next(fold for fold in folds if fold.test is not None)
        self._candidates[:] = [dict(candidate) for candidate in candidates]
        self._out[:] = [self._as_scikit_learn(fold, model) for fold in folds]
        self._results.cell_contents = self._format_results(self._candidates, self._splits, self._out)

    def _as_scikit_learn(self, fold: Fold, model: Fold) -> dict[str, Any]:
        found = {
            "fit_time": fold.fit_seconds,
            "score_time": fold.score_seconds,
            "test_scores": self._or_error(fold.test, model.test),
        }
        if model.train is not None:
            found["train_scores"] = self._or_error(fold.train, model.train)
        return found

    def _or_error(self, scores: Scores | None, model: Scores | None) -> Any:
        if scores is not None:
            return scores
        return dict.fromkeys(model, self._error_score) if isinstance(model, dict) else self._error_score


class Folds:
    """A splitter whose folds are drawn already."""

    def __init__(self, pairs: Sequence[tuple[Any, Any]]) -> None:
        self.pairs = pairs

    def split(self, X: Any = None, y: Any = None, **params: Any) -> Iterable[tuple[Any, Any]]:
        return iter(self.pairs)

    def get_n_splits(self, X: Any = None, y: Any = None, **params: Any) -> int:
        return len(self.pairs)


def _fold(found: Mapping[str, Any]) -> Fold:
    return Fold(
        test=_plain(found["test_scores"]),
        train=_plain(found["train_scores"]) if "train_scores" in found else None,
        fit_seconds=float(found["fit_time"]),
        score_seconds=float(found["score_time"]),
        error=None if found.get("fit_error") is None else str(found["fit_error"]).strip()[-_KEPT:],
    )


def _plain(scores: Any) -> Scores:
    if isinstance(scores, Mapping):
        return {str(name): float(np.asarray(value)) for name, value in scores.items()}
    return float(np.asarray(scores))
