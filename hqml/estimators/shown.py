"""How estimators are shown in a notebook: scikit-learn's own diagram, below it what the annealing did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from hqml.display import duration, html_pairs, html_section


class Accounted:
    """Mixin, before the classes that it adds to: the account of a fitted estimator below scikit-learn's diagram."""

    def _repr_html_inner(self) -> str:
        return f"{super()._repr_html_inner()}{account_html(self)}"  # type: ignore[misc]

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        bundle: dict[str, str] = super()._repr_mimebundle_(**kwargs)  # type: ignore[misc]
        if "text/html" in bundle:  # scikit-learn's configuration may say that there is text alone
            bundle["text/html"] += account_html(self)
        return bundle


def account_html(estimator: Any) -> str:
    """A small table; empty where nothing has been fitted."""
    told = account(estimator)
    return html_section("Annealing", html_pairs(told)) if told else ""


def account(estimator: Any) -> dict[str, Any]:
    """What the annealing of a fitted estimator did, by the words that are shown; empty where nothing has been fitted.

    Args:
        estimator: with the fitted attributes that all have; see `hqml.estimators.annealed`.
    """
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        return {}
    timing, energies = getattr(estimator, "timing_", {}), np.ravel(getattr(estimator, "energies_", ()))
    annealed = getattr(estimator, "estimator_", estimator)  # of an ensemble: what describes a slice
    annealed = annealed if hasattr(annealed, "reads") else estimator
    known = energies[np.isfinite(energies)]
    return {
        "backend": _backend(estimator, annealed),
        "stand-in": _info(estimator).get("stand_in"),
        "QUBOs": len(energies) or None,
        "reads of each": getattr(annealed, "reads", None),
        "lowest energy" if len(known) == 1 else "lowest energies": _range(known),
        "time": duration(timing["total"]) if "total" in timing else None,
        "of it annealing": duration(timing["solve"]) if "solve" in timing else None,
        "QPU access time": duration(timing["qpu"]) if "qpu" in timing else None,
        "seed": getattr(estimator, "seed_", None),
    }


def _info(estimator: Any) -> Mapping[str, Any]:
    """Of the samples that it keeps, the first where there are several."""
    kept = getattr(estimator, "sampleset_", None)
    first = kept[0] if isinstance(kept, list) and kept else kept
    return getattr(first, "info", {})


def _backend(estimator: Any, annealed: Any) -> str:
    """Its name, as the samples have it; else as it was asked for."""
    given = annealed.backend
    return str(_info(estimator).get("backend") or (given if isinstance(given, str) else type(given).__name__))


def _range(energies: Any) -> str | None:
    if not len(energies):
        return None
    low, high = f"{energies.min():.8g}", f"{energies.max():.8g}"
    return low if low == high else f"{low} to {high}"
