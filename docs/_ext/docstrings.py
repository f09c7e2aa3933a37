"""Docstrings as reStructuredText: hqml writes them as plain text with backticks, code fences and indented formulas.

Google's sections stay what they are, for napoleon to read. Indented blocks and fences become literal blocks, and all
that reStructuredText would take for markup is escaped: `2 * n`, `alpha_` and `|x|` say what they say.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.ext.napoleon import GoogleDocstring
from sphinx.util.docutils import SphinxRole

SECTION = re.compile(r"(Args|Attributes|Raises|Returns|Yields)(?: \(by `\w+`\))?:$")
ITEM = re.compile(r"( {4}[\w*, ]+:)(?= |$)")
NAMES = re.compile(r" {4}[\w*, ]+,$")
BULLET = re.compile(r"(\s*[*-] )")
CHOICE = re.compile(r' {8}"[\w-]+": ')
VALUES = {"attribute", "data", "property"}
COLON = "\ue000"  # of the characters without a meaning one that stands for a colon
NAME = re.compile(r"[A-Za-z_]\w*(\.\w+)*")


def as_rst(lines: list[str]) -> list[str]:
    """The lines of a docstring, in terms that napoleon and docutils read."""
    return [*_Reader(lines).read()]


class _Reader:
    """Goes through the lines once. What is read ends with the line at `at`; `section` is the one it is in."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.at = 0
        self.section = ""
        self.in_code = False

    def read(self) -> Iterator[str]:
        while self.at < len(self.lines):
            line = self.lines[self.at]
            indented = line.startswith("    ")
            if line.strip() and not indented:
                self.section = ""
            if line.lstrip().startswith("```"):
                yield from self._fence()
            elif found := SECTION.match(line):
                self.at += 1
                self.section = found[1]
                yield ":returns:" if found[1] == "Returns" else f"{found[1]}:"
            elif line.startswith("Source: "):
                yield from self._source()
            elif indented and not self.section:
                yield from self._literal()
            elif NAMES.match(line):  # of an item, which go on in the next line
                self.at += 1
                self.lines[self.at] = f"{line} {self.lines[self.at].lstrip()}"
            elif CHOICE.match(line) and self.section:
                yield from self._choices()
            else:
                self.at += 1
                yield self._line(line)

    def _line(self, line: str) -> str:
        """Escaped but for the name of an item, which napoleon escapes, and the mark of a list."""
        mark = (ITEM if self.section else BULLET).match(line)
        return (re.sub(r"_(?=[,:])", r"\_", mark[1]) if mark else "") + self._escaped(
            line[mark.end() :] if mark else line
        )

    def _while(self, indent: str) -> Iterator[str]:
        """Lines indented so far, with blank ones between them."""
        while self.at < len(self.lines) and (not self.lines[self.at] or self.lines[self.at].startswith(indent)):
            self.at += 1
            yield self.lines[self.at - 1]

    def _fence(self) -> Iterator[str]:
        opening = self.lines[self.at]
        self.at += 1
        yield from ["", opening.replace("```", ".. code-block:: ").rstrip(), ""]
        while not (line := self.lines[self.at]).lstrip().startswith("```"):
            self.at += 1
            yield f"   {line}"
        self.at += 1
        yield ""

    def _literal(self) -> Iterator[str]:
        yield from ["", ".. code-block:: none", "", *self._while("    "), ""]

    def _source(self) -> Iterator[str]:
        first, *rest = self.lines[self.at].removeprefix("Source: "), *self._paragraph()
        yield from ["", f":Source: {self._escaped(first)}", *(f"    {self._escaped(line)}" for line in rest)]

    def _paragraph(self) -> Iterator[str]:
        """What is left of a paragraph after the line that is read."""
        self.at += 1
        while self.at < len(self.lines) and self.lines[self.at]:
            self.at += 1
            yield self.lines[self.at - 1]

    def _choices(self) -> Iterator[str]:
        """Values of a parameter, each with what it means, as a list."""
        yield ""
        for line in self._while("        "):
            begins = CHOICE.match(line) is not None
            yield line[:8] + ("* " if begins else "  ") + self._escaped(line[8:])
        yield ""

    def _escaped(self, text: str) -> str:
        """Marks of reStructuredText escaped outside of backticks; a span in backticks may go on in the next line."""
        parts = text.split("`")
        for i, part in enumerate(parts):
            if self.in_code:
                parts[i] = part.replace("\\", "\\\\")
            else:
                after_code = "\\ " if i and part[:1].isalnum() else ""
                parts[i] = after_code + re.sub(r"[\\*|]|(?<=\w)_(?!\w)", r"\\\g<0>", part)
            if i < len(parts) - 1:
                self.in_code = not self.in_code
        return "`".join(parts)


def process(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Hand napoleon what it reads. An attribute's text up to the first colon it takes for a type: keep that from it."""
    if name.startswith("hqml"):
        lines[:] = as_rst(lines)
        if what in VALUES and lines:
            lines[:] = GoogleDocstring(lines, app.config, app, "method", name, obj, options).lines()
            lines[0] = lines[0].replace(":", COLON)


def restore(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    lines[:] = [line.replace(COLON, ":") for line in lines]


def skip(app: Sphinx, what: str, name: str, obj: Any, skipped: bool, options: Any) -> bool | None:
    """Methods of other libraries' base classes are in their own documentation."""
    method = getattr(obj, "fget", None) or getattr(obj, "func", obj)
    foreign = inspect.isroutine(method) and not (getattr(method, "__module__", None) or "").startswith("hqml")
    return True if foreign or re.fullmatch(r"[gs]et_\w+_(request|routing)", name) else None


class Code(SphinxRole):
    """Text in backticks: code, and a link where it is the name of something that is documented."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        if NAME.fullmatch(self.text):
            role = self.env.domains["py"].role("obj")
            assert role is not None
            return role(self.name, self.rawtext, self.text, self.lineno, self.inliner, self.options, self.content)
        return [nodes.literal(self.rawtext, self.text)], []


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_role("hqml", Code())
    # Before napoleon, whose priority is 500.
    app.connect("autodoc-process-docstring", process, priority=400)
    app.connect("autodoc-process-docstring", restore, priority=600)
    app.connect("autodoc-skip-member", skip)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
