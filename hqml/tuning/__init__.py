"""Hyperparameter search: configurations proposed by a factorisation machine that any backend minimises."""

from typing import TYPE_CHECKING, Any

from hqml.tuning.search import QuboSearchCV as QuboSearchCV

if TYPE_CHECKING:
    from hqml.tuning.sampler import QuboSampler as QuboSampler

__all__ = ["QuboSampler", "QuboSearchCV"]


def __getattr__(name: str) -> Any:
    # The class derives from one of Optuna's, so that it can be made only where Optuna is installed.
    if name == "QuboSampler":
        from hqml.tuning.sampler import QuboSampler

        return QuboSampler
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
