"""PyYAML reads the files and pydantic checks them. Both are optional, imported when they are first needed."""

from __future__ import annotations

from importlib import import_module

from hqml.errors import HqmlError


class SpecsMissing(HqmlError, ImportError):
    """PyYAML or pydantic is not installed."""


def check_installed() -> None:
    """Find out whether specification files can be read, or say how to get what is missing.

    Raises:
        SpecsMissing: a library cannot be imported.
    """
    for module in ("yaml", "pydantic"):
        try:
            import_module(module)
        except ImportError as missing:
            raise SpecsMissing(
                f"YAML files need {module}, which cannot be imported; run: pip install 'hqml[specs]'"
            ) from missing
