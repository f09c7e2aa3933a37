"""Optional libraries of deep learning, imported when first needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from hqml.errors import HqmlError


class LibraryMissing(HqmlError, ImportError):
    """A library that a task needs is not installed."""


def library(name: str, what: str, extra: str) -> Any:
    """Import a library, or say how to get it.

    Args:
        name: of the module, e.g. "torch" or "mlflow.onnx".
        what: needs it, e.g. "training".
        extra: of hqml, which brings it.

    Raises:
        LibraryMissing: it cannot be imported.
    """
    try:
        return import_module(name)
    except ImportError as missing:
        raise LibraryMissing(
            f"{what} needs {name}, which cannot be imported; run: pip install 'hqml[{extra}]'"
        ) from missing
