"""Values, estimators and data in words that are the same in every process: by these a search knows its own results."""

from __future__ import annotations

import hashlib
import inspect
import numbers
from collections.abc import Mapping
from typing import Any

import joblib  # type: ignore[import-untyped]
import numpy as np
from sklearn.base import BaseEstimator


def told(value: Any) -> str:
    """Say a value so that equal ones, in this process or another, are told alike and others are not."""
    if value is None or (isinstance(value, str | bytes | bool | numbers.Number) and not isinstance(value, np.generic)):
        return repr(value)
    if isinstance(value, np.generic):
        return told(value.item())
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{told(key)}: {told(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list | tuple):
        inside = ", ".join(map(told, value))
        return f"[{inside}]" if isinstance(value, list) else f"({inside})"
    if inspect.isclass(value) or inspect.isroutine(value):
        name = f"{value.__module__}.{value.__qualname__}"
        return name if "<" not in name else f"{name}:{_code(value)}"  # a lambda, or made within a function
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if isinstance(value, BaseEstimator) or callable(getattr(value, "get_params", None)):
        parameters = value.get_params(deep=False)
        return f"{kind}({', '.join(f'{name}={told(parameters[name])}' for name in sorted(parameters))})"
    return f"{kind}:{hashed(value)}"


def _code(function: Any) -> str:
    code = getattr(function, "__code__", None)
    return (
        ""
        if code is None
        else digest(
            repr((code.co_code, code.co_names, [str(one) for one in code.co_consts if not hasattr(one, "co_code")]))
        )
    )


def hashed(value: Any) -> str:
    """A digest of anything that can be pickled; of the rest, its type's name."""
    try:
        return str(joblib.hash(value))
    except Exception:  # whatever a class's own pickling raises
        return f"{type(value).__module__}.{type(value).__qualname__}"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
