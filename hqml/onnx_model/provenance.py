"""Where a model comes from, in the words an ONNX file keeps of it. Never `backend_options`: they may hold tokens."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from hqml.samples import version

_SOURCES = {
    "QuboSVC": "doi:10.1016/j.cpc.2019.107006",
    "QuboSVCEnsemble": "doi:10.1109/IGARSS39084.2020.9323544",
    "QuboMulticlassSVC": "doi:10.1109/JSTARS.2023.3336926",
    "QuboSVR": "doi:10.1109/LGRS.2022.3200325",
    "LocalQuboSVC": "arXiv:2403.08584, doi:10.1016/j.cpc.2019.107006",
}
"""The papers of the formulas, as the classes' docstrings name them."""

_SETTINGS = (
    *("n_bits", "base", "xi", "epsilon", "beta", "mu", "C", "reads", "n_solutions", "aggregate", "bias"),
    *("combine", "n_deciding"),
)
"""Parameters that say what the model is, of whichever estimator has them."""


def provenance(estimator: Any, *, features: Sequence[str] | None, label: str | None, classes: Any) -> dict[str, str]:
    """Names and values for `metadata_props`; what is no text is written as JSON, what is unknown is left out.

    Args:
        estimator: fitted, not a pipeline.
        features: names of the columns.
        label: name of the label column.
        classes: (classes,), None of a regressor.
    """
    trained = getattr(estimator, "estimator_", estimator)  # of an ensemble: the one that describes a slice
    settings = {
        name: value for one in (trained, estimator) for name in _SETTINGS if (value := _of(one, name)) is not None
    }
    facts = {
        "hqml_version": version(),
        "estimator": type(estimator).__name__,
        "formula": _formula(estimator, trained),
        "backend": _backend(trained),
        "energies": getattr(estimator, "energies_", None),
        "seed": getattr(estimator, "seed_", None),
        **settings,
        **_kernel(estimator),
        "classes": classes,
        "features": None if features is None else [str(name) for name in features],
        "label": label,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return {name: _text(value) for name, value in facts.items() if value is not None}


def _formula(estimator: Any, trained: Any) -> str | None:
    kinds = [*type(estimator).__mro__, *type(trained).__mro__]
    sources = dict.fromkeys(_SOURCES[kind.__name__] for kind in kinds if kind.__name__ in _SOURCES)
    return ", ".join(sources) or None


def _of(estimator: Any, name: str) -> Any:
    """A parameter as it was used, in words or numbers; None where it is neither."""
    value = getattr(estimator, f"{name}_", getattr(estimator, name, None))
    return value if isinstance(value, int | float | str | np.number) else None


def _backend(estimator: Any) -> str | None:
    from hqml.model_file import backend_name

    return backend_name(getattr(estimator, "backend", None))


def _kernel(estimator: Any) -> dict[str, Any]:
    kernel = estimator._kernel
    return {"kernel": kernel.function, "gamma": kernel.gamma, "degree": kernel.degree, "coef0": kernel.coef0}


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    plain = value.tolist() if isinstance(value, np.ndarray | np.generic) else value
    return json.dumps(_finite(plain), allow_nan=False)


def _finite(value: Any) -> Any:
    """The same value with None for what JSON has no number for: an energy of what was not annealed."""
    if isinstance(value, list):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
