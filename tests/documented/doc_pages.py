"""The pages that users read, and what stands in them: blocks of code, and the commands in blocks and in text."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

CHANGELOG = ROOT / "CHANGELOG.md"

SHELLS = ("bash", "console", "sh")

_SPOKEN = ("hqml", "make", "mpiexec", "pip", "pytest", "python", "torchrun")
"""What a command in the middle of a text begins with."""

_PROGRAMS = (*_SPOKEN, ".ci/run", "apptainer", "bash", "cd", "cp", "dwave", "echo", "export", "git", "module", "ssh")
"""What a line of a block without a language begins with if the block is one of commands."""

_FENCE = re.compile(
    r"^(?P<indent> *)(?P<fence>```+)(?P<language>[^\s`]*)[^\n]*\n(?P<code>.*?)^(?P=indent)(?P=fence)",
    re.MULTILINE | re.DOTALL,
)
_INDENTED = re.compile(r"(?<=\n\n)(?: {4}\S[^\n]*\n)+")
_INLINE = re.compile(r"`([^`]+)`")
_PLACEHOLDER = re.compile(r"\.\.\.|\b[A-Z]{4,}\b|\bDIR\b")


@dataclass(frozen=True)
class Command:
    """A line that a reader may type.

    Attributes:
        page: where it stands, seen from the root.
        text: without prompt, comment and line breaks.
        in_block: it stands by itself, so that nothing may be missing in it.
    """

    page: str
    text: str
    in_block: bool

    @property
    def words(self) -> list[str]:
        return shlex.split(self.text)

    @property
    def hqml(self) -> list[str] | None:
        """The words after `hqml`, up to where another command begins; None where it is none of hqml."""
        words = self.words
        for name in (["hqml"], ["-m", "hqml.cli"]):
            for start in range(len(words)):
                if words[start : start + len(name)] == name:
                    found = words[start + len(name) :]
                    return found[: next((n for n, word in enumerate(found) if word in {">", "|", "&&"}), len(found))]
        return None

    @property
    def is_pattern(self) -> bool:
        """It has words in capitals, or dots, where a reader has something of their own."""
        return not self.in_block and _PLACEHOLDER.search(self.text) is not None


@dataclass(frozen=True)
class Page:
    path: Path
    root: Path = ROOT

    @property
    def name(self) -> str:
        return self.path.relative_to(self.root).as_posix()

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    def blocks(self, *languages: str) -> list[str]:
        """The fenced code in one of these languages."""
        return [code for language, code in self._fenced() if language in languages]

    def commands(self) -> list[Command]:
        """Those of blocks, in their order, then those in the middle of a text; each once."""
        typed = [Command(self.name, line, True) for code in self._shell() for line in _lines(code)]
        spoken = [" ".join(code.split()) for code in _INLINE.findall(_INDENTED.sub("", self.without_blocks))]
        found: dict[str, Command] = {}
        for one in [*typed, *(Command(self.name, code, False) for code in spoken if _is_spoken(code))]:
            found.setdefault(one.text, one)
        return list(found.values())

    @property
    def without_blocks(self) -> str:
        return _FENCE.sub("\n", self.text)

    def _fenced(self) -> Iterator[tuple[str, str]]:
        for match in _FENCE.finditer(self.text):
            yield match["language"], textwrap.dedent(match["code"])

    def _shell(self) -> Iterator[str]:
        indented = [("", textwrap.dedent(code)) for code in _INDENTED.findall(self.without_blocks)]
        for language, code in [*self._fenced(), *indented]:
            if language in SHELLS or (not language and any(_is_of(line, _PROGRAMS) for line in code.splitlines())):
                yield code


def pages() -> list[Page]:
    """Those that tell what to do: all but the changelog."""
    found = {*ROOT.glob("*.md"), *ROOT.glob("examples/*/README.md"), *ROOT.glob("docs/**/*.md")} - {CHANGELOG}
    return [Page(path) for path in sorted(found)]


def _is_of(code: str, programs: tuple[str, ...]) -> bool:
    first = code.removeprefix("$ ").split(maxsplit=1)
    return bool(first) and first[0] in programs


def _is_spoken(code: str) -> bool:
    return " " in code and _is_of(code, _SPOKEN)


def _lines(code: str) -> Iterator[str]:
    """Lines that are typed: of a session those behind a prompt, without comments; a backslash joins two."""
    typed = code.replace("\\\n", " ").splitlines()
    if any(line.startswith("$ ") for line in typed):
        typed = [line.removeprefix("$ ") for line in typed if line.startswith("$ ")]
    for line in typed:
        if text := " ".join(re.sub(r"(?:^|\s)#(?=\s).*", "", line).split()):
            yield text
