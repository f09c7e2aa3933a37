"""What bash says to lines of a workflow, before they are part of a script."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence

from hqml.specs.places import Place

_LONGEST = 10.0
"""Seconds: bash only reads."""

_WHERE = re.compile(r"^\S*bash: (?:-c: )?line (\d+): ")


def bad_lines(setup: Sequence[str], runs: Mapping[Place, str]) -> dict[Place, str]:
    """What bash cannot read, by its place; nothing where there is no bash.

    Args:
        setup: lines of the workflow; a compound command may take several.
        runs: commands by their places.
    """
    bash = shutil.which("bash")
    if bash is None:
        return {}
    said = {place: _said(bash, text) for place, text in runs.items()}
    if setup and (whole := _said(bash, "\n".join(setup))):
        alone = [_said(bash, line) for line in setup]
        first = next((index for index, words in enumerate(alone) if words), 0)
        said["setup", first] = alone[first] or whole
    return {place: f"bash cannot read this: {words}" for place, words in said.items() if words}


def _said(bash: str, text: str) -> str:
    """Bash's first message, as short as it goes; "" where the text can be the body of a function, as in a script."""
    if not _read(bash, f"f() {{ :; {text}\n}}"):
        return ""
    first = _read(bash, text) or "it leaves something open, or closes what it has not opened"
    return _WHERE.sub(lambda found: f"line {found[1]}: " if "\n" in text else "", first)


def _read(bash: str, text: str) -> str:
    """The first line that bash says, be it a warning: a here-document without its end is no error to it."""
    read = subprocess.run(
        [bash, "--norc", "-n"],
        input=text,
        capture_output=True,
        text=True,
        errors="replace",
        env={"LC_ALL": "C"},
        timeout=_LONGEST,
        check=False,
    )
    return next(iter(read.stderr.splitlines()), "it says nothing" if read.returncode else "")
