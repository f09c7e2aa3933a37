"""Tables need pandas, pages matplotlib and jinja2. All are optional, imported when they are first needed."""

from __future__ import annotations

from importlib import import_module

from hqml.errors import HqmlError


class CompareMissing(HqmlError, ImportError):
    """A library of the extra `compare` is not installed."""


def check_installed(*names: str) -> None:
    """Import optional libraries, or say how to get them.

    Raises:
        CompareMissing: one cannot be imported.
    """
    for name in names:
        try:
            import_module(name)
        except ImportError as missing:
            raise CompareMissing(
                f"comparing needs {name}, which cannot be imported; run: pip install 'hqml[compare]'"
            ) from missing
