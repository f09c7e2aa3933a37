"""Signatures as a reader wants them: names of types as the source has them, and no representation of an object."""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

TIDY = [
    (re.compile(r"TypeAliasForwardRef\('(\w+)'\)"), r"\1"),
    (re.compile(r"\b(?:numpy\.typing|npt)\.(?=[A-Z])"), ""),
    (re.compile(r"ndarray\[tuple\[Any, \.\.\.\], dtype\[(\w+)\]\]"), r"NDArray[\1]"),
    (re.compile(r"<factory>"), "..."),
    # A default that is a dataclass: its own defaults are told where it is described.
    (re.compile(r"= ([A-Z]\w+)\((?:[^()]|\(\))*\)"), r"= \1()"),
    # Of two classes of this name the one that needs no import to be known by its name alone.
    (re.compile(r"(?<![\w.])LoadedModel\b"), "~hqml.io.LoadedModel"),
]


def tidy(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """None of a protocol, which nobody calls, nor of a class of pydantic: its keys are those of a file with a page."""
    unsaid = hasattr(obj, "model_fields") or (what == "class" and getattr(obj, "_is_protocol", False))
    return ("", None) if unsaid else (_tidied(signature), _tidied(returns))


def _tidied(text: str | None) -> str | None:
    for pattern, replacement in TIDY if text else ():
        text = pattern.sub(replacement, text or "")
    return text


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("autodoc-process-signature", tidy)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
