"""`search`: a task with a space in, the best of its trials out."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hqml.display import first_line
from hqml.dl.defaults import completed
from hqml.dl.run import train
from hqml.dl.search.alone import alone
from hqml.dl.search.found import Found, best_of, write_found
from hqml.dl.search.space import best_task, distributions, values_of, with_values
from hqml.dl.search.trials import Trials
from hqml.dl.spec import SearchSpec, Task
from hqml.errors import FormatError, HqmlError, ParameterError
from hqml.libraries import library
from hqml.tuning.storage import opened

if TYPE_CHECKING:
    from hqml.dl.progress import Progress

JOURNAL = "journal.log"

_HIGHER_IS_BETTER = ("accuracy", "balanced_accuracy", "auroc", "dice", "efficiency")
_LOWER_IS_BETTER = ("loss", "rmse", "mae", "relative_l2", "energy_distance")

_PAUSE = 1.0
"""Seconds between two looks at the trials of other processes."""

_PATIENCE, _LEAST_PATIENCE = 10.0, 600.0
"""So many times the longest trial, and at least so many seconds, the first process waits for the others."""

Report = Callable[[Found, "Progress | None"], None]
"""Hears of each trial that has ended, and of the progress of this process's own."""


class _Pruned(Exception):
    """A trial is ended early."""


class _NoSuchFigure(ParameterError):
    """A model was trained, and nobody has measured what the search looks at."""


def search(
    task: Task,
    folder: str | Path,
    *,
    base: str | Path = ".",
    worker: int = 0,
    report: Report | None = None,
) -> Found:
    """Try values for the keys of a task. Several processes, ranks or jobs that name the same folder share the trials.

    Each trial trains on this process alone. Called again, a search goes on where it was stopped; with more trials in
    its specification it tries more. Engine ray starts its processes itself.

    Args:
        task: with a `search`.
        folder: gets the journal, trials.csv and best.yaml; it is made.
        base: folder that paths of the task are relative to.
        worker: number of this process among those that share the search, from 0, which waits for the others' trials.
        report: hears how far the search is.

    Raises:
        ParameterError: the task has no search; or its figure has no direction, or the first trial does not measure it.
        FormatError: the journal cannot be opened, or is of another search.
        HqmlError: all trials have failed.
        LibraryMissing: Optuna, or Ray for engine ray, is not installed.
    """
    if task.search is None:
        raise ParameterError(
            "the task has no search; say what to look for, e.g. search: {space: {optimizer.rate: ...}}"
        )
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    if task.search.engine == "ray":
        from hqml.dl.search.ray_engine import search_by_ray

        found = search_by_ray(task, task.search, place, Path(base))
    else:
        found = _Search(task, task.search, place, Path(base), worker, report).run()
    write_found(found, place, base)
    if found.best is None and any(trial.state == "failed" for trial in found.trials):
        last = next(trial for trial in reversed(found.trials) if trial.state == "failed")
        raise HqmlError(f"all trials have failed; trial {last.number} with: {last.error}")
    return found


def direction_of(search: SearchSpec) -> str:
    """Which way the figure is better.

    Raises:
        ParameterError: it is not known.
    """
    figure = search.figure or "loss"
    if search.direction is not None:
        return search.direction
    if figure in _HIGHER_IS_BETTER:
        return "maximize"
    if figure in _LOWER_IS_BETTER:
        return "minimize"
    raise ParameterError(f"search: say whether {figure!r} is better high or low: direction: maximize, or minimize")


class _Search:
    """One process of a search."""

    def __init__(
        self, task: Task, spec: SearchSpec, folder: Path, base: Path, worker: int, report: Report | None
    ) -> None:
        self.task, self.spec, self.folder, self.base = task, spec, folder, base
        self.worker, self.report = worker, report
        self.figure, self.direction = spec.figure or "loss", direction_of(spec)
        self.optuna = library("optuna", "a search", "dl")
        self.optuna.logging.set_verbosity(self.optuna.logging.WARNING)
        study = opened(self.optuna, _storage(spec, folder, base), task.name, direction=self.direction)
        # A search that goes on draws others than those that it has drawn.
        drawn = [task.seed, worker, len(study.get_trials(deepcopy=False))]
        study.sampler, study.pruner = _sampler(self.optuna, spec, drawn), _pruner(self.optuna, spec)
        self.study = study
        self.trials = Trials(study, self.optuna, spec.trials)
        self._check_identity()

    def run(self) -> Found:
        """Try until the budget is used up.

        The first process then waits for the trials of the others, and takes the place of those that die; of one that
        takes much longer than the others did it says that it runs.
        """
        space, since = distributions(self.spec, self.optuna), time.monotonic()
        while True:
            trial = self.trials.claim(space)
            if trial is not None:
                self._try(trial)
                write_found(found := self._found(), self.folder, self.base)
                self._tell(found, None)
                since = time.monotonic()
            elif self.worker or not self.trials.running() or time.monotonic() - since > self._patience():
                return self._found()
            else:
                time.sleep(_PAUSE)

    def _patience(self) -> float:
        """Seconds to wait for the trials of other processes."""
        longest = max((trial.seconds or 0.0 for trial in self.trials.listed()), default=0.0)
        return max(_LEAST_PATIENCE, _PATIENCE * longest)

    def _try(self, trial: Any) -> None:
        try:
            figure = self._reached(trial)
        except _Pruned:
            self.trials.prune(trial)
        except _NoSuchFigure as error:
            if not any(one.state == "complete" for one in self.trials.listed()):  # nor will the next trial have it
                self.trials.withdraw(trial)
                raise
            self.trials.fail(trial, str(error))
        except Exception as error:  # of any library: what cannot be trained is a failed trial, and the search goes on
            self.trials.fail(trial, first_line(error))
        except BaseException:
            self.trials.withdraw(trial)
            raise
        else:
            self.trials.tell(trial, figure)

    def _reached(self, trial: Any) -> float:
        """What a trial's model reaches on the validation data, in its best epoch."""
        task = with_values(self.task, values_of(self.spec, trial.params))

        def watch(progress: Progress) -> None:
            self._tell(Found(None, self.figure, self.direction), progress)
            if progress.ended is not None and self.spec.prune:
                trial.report(self._figure_of(progress.ended.validation), progress.ended.number)
                if trial.should_prune():
                    raise _Pruned

        fitted = train(task, None, base=self.base, report=watch, group=alone(task, self.base)).fitted
        if fitted.stopped == "interrupted":
            raise KeyboardInterrupt
        epoch = next((one for one in fitted.history if one.number == fitted.best), fitted.history[-1])
        figure = self._figure_of(epoch.validation)
        if not math.isfinite(figure):
            raise ArithmeticError(f"{self.figure} is {figure}: training diverged")
        return figure

    def _figure_of(self, figures: Any) -> float:
        if self.figure not in figures:
            known = ", ".join(figures) or "none: data has no validation samples"
            raise _NoSuchFigure(f"search: there is no figure {self.figure!r} of the validation data; known: {known}")
        return float(figures[self.figure])

    def _tell(self, found: Found, progress: Progress | None) -> None:
        if self.report is not None:
            self.report(found, progress)

    def _found(self) -> Found:
        trials = [replace(one, values=values_of(self.spec, one.values)) for one in self.trials.listed()]
        best = best_of(trials, self.direction)
        return Found(best_task(self.task, best.values) if best else None, self.figure, self.direction, tuple(trials))

    def _check_identity(self) -> None:
        """The trials of a study are of one task and one space."""
        mine = completed(self.task, self.base).model_dump(mode="json", exclude={"run", "tracking", "search"})
        mine["search"] = self.spec.model_dump(mode="json", include={"space", "figure", "direction"})
        found = self.study.user_attrs.get("hqml task")
        if found is None:
            self.study.set_user_attr("hqml task", mine)
        elif found != mine:
            changed = ", ".join(sorted(key for key in mine if found.get(key) != mine[key]))
            raise FormatError(
                f"the search {self.task.name!r} of this storage had another {changed}; name another folder or storage"
            )


def _storage(spec: SearchSpec, folder: Path, base: Path) -> str:
    if spec.storage is None:
        return os.fspath(folder / JOURNAL)
    return spec.storage if "://" in spec.storage else os.fspath(base / spec.storage)


def _sampler(optuna: Any, spec: SearchSpec, seed: Sequence[int]) -> Any:
    """Who proposes, with a seed made of several."""
    import numpy as np

    own = int(np.random.SeedSequence(seed).generate_state(1)[0])
    try:
        if spec.engine == "qubo":
            from hqml.tuning import QuboSampler

            return QuboSampler(**{"backend": spec.backend, "seed": own, "constant_liar": True, **spec.parameters})
        return optuna.samplers.TPESampler(**{"seed": own, "constant_liar": True, **spec.parameters})
    except TypeError as error:
        raise ParameterError(f"search: parameters: {error}") from error


def _pruner(optuna: Any, spec: SearchSpec) -> Any:
    return optuna.pruners.MedianPruner(n_warmup_steps=1) if spec.prune else optuna.pruners.NopPruner()
