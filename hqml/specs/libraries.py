"""PyYAML reads the files and pydantic checks them. Both are optional, imported when they are first needed."""

from __future__ import annotations

from hqml.libraries import check_libraries


def check_installed() -> None:
    """Find out whether specification files can be read, or say how to get what is missing.

    Raises:
        LibraryMissing: a library cannot be imported.
    """
    check_libraries(("yaml", "pydantic"), "reading YAML", "specs")
