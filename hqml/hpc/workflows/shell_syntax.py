"""What bash says to lines of a workflow, before they are part of a script."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping

from hqml.specs.places import Place

_LONGEST = 10.0
"""Seconds: bash only reads."""

_WHERE = re.compile(r"^\S*bash: (?:-c: )?line (\d+): ")


def bad_lines(written: Mapping[Place, str]) -> dict[Place, str]:
    """What bash cannot read, of lines by their places; nothing where there is no bash."""
    bash = shutil.which("bash")
    if bash is None or _said(bash, "\n".join(written.values())) == "":
        return {}
    said = {place: _said(bash, text) for place, text in written.items()}
    return {place: f"bash cannot read this: {words}" for place, words in said.items() if words}


def _said(bash: str, text: str) -> str:
    """Bash's first message, as short as it goes; "" where it can read the text."""
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
    if read.returncode == 0:
        return ""
    first = next(iter(read.stderr.splitlines()), "it says nothing")
    return _WHERE.sub(lambda found: f"line {found[1]}: " if "\n" in text else "", first)
