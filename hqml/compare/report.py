"""One page that holds a whole comparison: it needs no network, and can go with a paper."""

from __future__ import annotations

import base64
import hashlib
import os
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from hqml.compare.figures import all_pictures
from hqml.compare.figures.picture import MOST, slug
from hqml.compare.page import contents
from hqml.files import check_writable, replacing
from hqml.libraries import check_libraries

if TYPE_CHECKING:
    from hqml.compare.comparison import Comparison

_MOST_PRINTED = 200
"""Rows of a table that is printed; of longer ones the page itself is the better reader."""


def write_report(comparison: Comparison, path: str | os.PathLike[str]) -> None:
    """Write the page.

    Args:
        comparison: of any size, failed and missing cells too.
        path: of the HTML file; an existing one is replaced.

    Raises:
        FormatError: it cannot be written.
        LibraryMissing: matplotlib or jinja2 is missing.
    """
    check_libraries(("matplotlib", "jinja2"), "comparing", "compare")
    check_writable(path)
    page = _page(comparison)
    with replacing(path) as file:
        file.write(page.encode(errors="replace"))  # names of files may be no text


def _page(comparison: Comparison) -> str:
    from jinja2 import Environment, StrictUndefined

    script = _asset("script.js")
    # The assets and the drawings are ours and go in as they are; all that a user named is escaped.
    given = {
        **_texts(comparison),
        **_tables(comparison),
        "figures": [(slug(heading), heading, own) for heading, own in all_pictures(comparison).items()],
        "style": _asset("style.css"),
        "script": script,
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "method": _asset("method.html"),
        "most_printed": _MOST_PRINTED,
    }
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(_asset("page.html.j2")).render(given, contents=_contents(given))


def _asset(name: str) -> str:
    return files("hqml.compare.page").joinpath(name).read_text("utf-8").strip()


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _texts(comparison: Comparison) -> dict[str, Any]:
    asked, told = comparison.description, comparison.provenance
    sizes = [_counted(len(asked.get(f"{what}s", ())), what) for what in ("problem", "solver", "seed")]
    return {
        "title": asked.get("name") or "Comparison",
        "about": f"{', '.join(sizes)}, {asked.get('reads', '?')} reads each; target: {asked.get('target', 'best')}.",
        "words": [*comparison.words, *_left_out(asked)],
        "command": asked.get("command") or "",
        "when": _when(told["started"], told["ended"]),
        "seeds": ", ".join(map(str, told["seeds"])) or "none",
        "level": told["intervals"]["level"],
        "draws": told["intervals"]["draws"],
        "version": version("hqml"),
    }


def _left_out(asked: Mapping[str, Any]) -> list[str]:
    kinds = Counter(problem["kind"] for problem in asked.get("problems", ()))
    if max(kinds.values(), default=0) <= MOST:
        return []
    return [f"Figures of single problems are drawn of the first {MOST} of a kind; the tables have all."]


def _when(started: float | None, ended: float | None) -> str:
    if started is None or ended is None:
        return "Nothing ran."
    first, last = (datetime.fromtimestamp(one, UTC).strftime("%Y-%m-%d %H:%M") for one in (started, ended))
    return f"Run from {first} to {last} UTC."


def _tables(comparison: Comparison) -> dict[str, Any]:
    return {
        "verdicts": contents.verdicts(comparison),
        "summaries": contents.summaries(comparison),
        "tests": contents.paired_tests(comparison),
        "failures": contents.failures(comparison),
        "cells": contents.cells(comparison),
        "targets": contents.targets(comparison),
        "machines": contents.machines(comparison),
        "runs": contents.runs(comparison),
    }


def _contents(given: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(id, heading) of the sections that the page has, in its order."""
    sections = [
        ("words", "In words", True),
        ("verdicts", "Verdicts", given["verdicts"].rows),
        ("summary", "Summary", given["summaries"]),
        *((name, heading, True) for name, heading, _ in given["figures"]),
        ("tests", "Paired tests", given["tests"].rows),
        ("failures", "Failures", given["failures"].rows),
        ("cells", "All cells", given["cells"].rows),
        ("method", "Method", True),
        ("provenance", "Provenance", True),
        ("repeat", "Run it again", given["command"]),
    ]
    return [(name, heading) for name, heading, there in sections if there]
