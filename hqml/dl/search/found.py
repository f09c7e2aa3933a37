"""What a search has found, and its files."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hqml.dl.moved import moved
from hqml.dl.results import task_text
from hqml.dl.spec import Task
from hqml.files import replacing

TRIALS, BEST = "trials.csv", "best.yaml"


@dataclass(frozen=True)
class Trial:
    """One set of values that was tried.

    Attributes:
        number: from 0.
        values: by the dotted name of the key.
        figure: what it reached on the validation data; None where it was pruned or failed.
        state: "complete", "pruned", "failed" or "running".
        seconds: that it took; None while it runs.
        error: why it failed.
    """

    number: int
    values: Mapping[str, Any]
    figure: float | None
    state: str
    seconds: float | None = None
    error: str | None = None


@dataclass(frozen=True)
class Found:
    """The trials of a search so far.

    Attributes:
        task: with the best values in place and without the search; None where no trial was completed.
        figure: name of what was looked at.
        direction: "minimize" or "maximize".
        trials: by number.
    """

    task: Task | None
    figure: str
    direction: str
    trials: Sequence[Trial] = field(default_factory=tuple)

    @property
    def best(self) -> Trial | None:
        """The completed trial that reached most, the first of equal ones."""
        return best_of(self.trials, self.direction)


def best_of(trials: Sequence[Trial], direction: str) -> Trial | None:
    """The completed trial that reached most, the first of equal ones."""
    sign = 1.0 if direction == "minimize" else -1.0
    done = [one for one in trials if one.state == "complete" and one.figure is not None and math.isfinite(one.figure)]
    return min(done, key=lambda one: (sign * (one.figure or 0.0), one.number), default=None)


def write_found(found: Found, folder: Path, base: str | Path) -> None:
    """Write trials.csv and, where there is a best one, best.yaml, which `hqml train` takes.

    Args:
        found: the trials.
        folder: that gets the files.
        base: folder that paths of the task are relative to.
    """
    with replacing(folder / TRIALS) as file:
        file.write(_table(found).encode())
    if found.task is not None:
        with replacing(folder / BEST) as file:
            file.write(task_text(moved(found.task, base, folder)).encode())


def _table(found: Found) -> str:
    keys = list(dict.fromkeys(key for trial in found.trials for key in trial.values))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["trial", "state", found.figure, "seconds", *keys, "error"])
    for trial in found.trials:
        seconds = None if trial.seconds is None else round(trial.seconds, 3)
        values = [trial.values.get(key) for key in keys]
        writer.writerow([trial.number, trial.state, trial.figure, seconds, *values, trial.error])
    return out.getvalue()
