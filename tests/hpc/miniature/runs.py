"""A workflow on the system, run as its user would: through `hqml job`."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

from miniature.system import Miniature

PATIENCE = 100.0
"""Seconds for what takes some on an idle machine."""


@dataclass(frozen=True)
class Run:
    """A folder with a workflow file `work.yaml`, and its run."""

    system: Miniature
    folder: Path

    @property
    def logs(self) -> str:
        """All that its steps have printed."""
        return "\n".join(file.read_text() for file in sorted(self.folder.glob("work.run/logs/*")))

    def write(self, steps: str, *, head: str = "venv: ~/venvs/hqml", site: str = "miniature", **files: str) -> None:
        """Write the steps of a workflow, and files that stand beside it, "." of their names written as "_"."""
        (self.folder / "work.yaml").write_text(f"site: {site}\n{head}\nsteps:\n{_indented(steps)}")
        for name, text in files.items():
            (self.folder / name.replace("_", ".")).write_text(dedent(text))

    def hqml(self, *words: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        """Run `hqml`, which is to end with this status."""
        ended = self.system.run("hqml", *words, folder=self.folder)
        assert ended.returncode == status, f"hqml {' '.join(words)}: {ended.returncode}\n{ended.stdout}{ended.stderr}"
        return ended

    def submit(self) -> dict[str, str]:
        """Submit the workflow; gives the numbers of its jobs by step."""
        return dict(json.loads(self.hqml("job", "submit", "work.yaml", "--json").stdout)["submitted"])

    def resume(self) -> dict[str, str]:
        """Submit what did not finish; gives the numbers of its jobs by step."""
        return dict(json.loads(self.hqml("job", "resume", "--json").stdout)["submitted"])

    def status(self) -> dict[str, dict[str, Any]]:
        """What `hqml job status` tells, by step."""
        return {one["step"]: one for one in json.loads(self.hqml("job", "status", "--json").stdout)}

    def states(self) -> dict[str, str]:
        """One word a step."""
        return {step: one["state"] for step, one in self.status().items()}

    def queue(self) -> dict[str, str]:
        """The jobs that have not ended, with their state; one a component, of arrays one a task."""
        told = self.system.asked("squeue", "--noheader", "--array", "--format=%i %T")
        return dict(line.split() for line in told.splitlines())

    def wait(self, until: Callable[[], object] | None = None, seconds: float = PATIENCE) -> None:
        """Wait until something is so; without it, until no job is left."""
        end = time.monotonic() + seconds
        while not (until() if until else not self.queue()):
            assert time.monotonic() < end, f"still not so after {seconds:g} s: {self.queue()}\n{self.logs}"
            time.sleep(0.1)

    def spans(self) -> Mapping[str, tuple[float, float]]:
        """When steps that wrote "NAME START END" lines into spans.txt ran."""
        lines = (line.split() for line in (self.folder / "spans.txt").read_text().splitlines())
        return {name: (float(start), float(end)) for name, start, end in lines}


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in dedent(text).strip("\n").splitlines())
