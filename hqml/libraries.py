"""Optional libraries, imported when first needed."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any

from hqml.display import first_line
from hqml.errors import LibraryMissing


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
        # One that is there, but broken, says why; another installation alone would not mend it.
        broken = "" if isinstance(missing, ModuleNotFoundError) else f" ({first_line(missing)})"
        raise LibraryMissing(
            f"{what} needs {name}, which cannot be imported{broken}; run: pip install 'hqml[{extra}]'"
        ) from missing


def check_libraries(names: Iterable[str], what: str, extra: str) -> None:
    """Find out before long work whether all that it needs is there.

    Args:
        names: of the modules.
        what: needs them.
        extra: of hqml, which brings them.

    Raises:
        LibraryMissing: one cannot be imported.
    """
    for name in names:
        library(name, what, extra)
