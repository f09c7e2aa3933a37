"""Optuna, imported when first needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from hqml.errors import HqmlError


class OptunaMissing(HqmlError, ImportError):
    """Optuna is not installed."""


def optuna(what: str) -> Any:
    """The library, or how to get it; `what` needs it."""
    try:
        return import_module("optuna")
    except ImportError as missing:
        raise OptunaMissing(f"{what} needs optuna, which cannot be imported; run: pip install 'hqml[tuning]'") from (
            missing
        )
