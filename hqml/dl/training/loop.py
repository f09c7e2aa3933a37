"""The loop over epochs and steps."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from hqml.dl.data.loader import Loader
from hqml.dl.group import Group
from hqml.dl.objective import Objective
from hqml.dl.progress import Progress
from hqml.dl.source import Arrays, Splits
from hqml.dl.spec import Task
from hqml.dl.tracker import Tracker
from hqml.dl.trained import Epoch
from hqml.dl.training import course, randomness
from hqml.dl.training.course import Diverged as Diverged
from hqml.dl.training.evaluation import evaluate, share_buffers
from hqml.dl.training.interruption import Signals
from hqml.dl.training.precision import Precision
from hqml.dl.training.schedules import Rates
from hqml.dl.training.state import Position, State, write_state
from hqml.dl.training.stepping import Stepper
from hqml.errors import FormatError, HostError
from hqml.hpc.checkpoint import UNFINISHED

_TOGETHER = 8
"""Steps after which several ranks ask each other whether to stop or save; one alone looks after each step."""

_REPORT_SECONDS = 0.1

_SPARED = 20
"""Epochs that end sooner after the last checkpoint than this many times what one takes are not saved: at most 5 % of
the time goes into checkpoints."""


@dataclass
class Training:
    """A task under way, on one of its ranks.

    Attributes:
        path: of the checkpoint; None: there is none.
        best: weights of the best epoch so far.
    """

    task: Task
    splits: Splits
    group: Group
    precision: Precision
    objective: Objective
    stepper: Stepper
    loader: Loader
    rates: Rates
    signals: Signals
    tracker: Tracker
    report: Callable[[Progress], None] | None
    path: Path | None
    position: Position = field(default_factory=Position)
    best: Mapping[str, Tensor] | None = None
    _saved: float = field(default_factory=time.monotonic)
    _save_seconds: float = 0.0
    _reported: float = -math.inf

    def run(self) -> str:
        """Train until it is over, and say why: "epochs", "early" or "interrupted".

        Raises:
            SystemExit: with status 75, after a signal that asked to save and stop.
            Diverged: the loss is not finite.
        """
        while not (ended := self._ended()):
            if not self._epoch():
                return "interrupted"
        return ended

    def _ended(self) -> str:
        history = self.position.history
        if course.is_stale(history, self.task.early_stopping):
            return "early"
        return "epochs" if len(history) >= self.task.epochs else ""

    def _epoch(self) -> bool:
        """Go through the rest of an epoch; False: Ctrl-C stopped it."""
        position, began = self.position, time.monotonic() - self.position.seconds
        batches = cast("Generator[Arrays]", self.loader.epoch(position.epoch, position.step))
        with contextlib.closing(batches):  # which ends its threads
            for arrays in batches:
                self._step(self.precision.tensors(arrays))
                position.seconds = time.monotonic() - began
                self._show()
                if not self._goes_on():
                    return False
        self._close_epoch(began)
        return True

    def _step(self, batch: dict[str, Tensor]) -> None:
        position, samples = self.position, len(batch["x"])
        number = (position.epoch - 1) * len(self.loader) + position.step
        self.stepper.set_rate(self.rates.at(number))
        size = self.group.size
        weight = samples * size / self.loader.samples(position.step) if size > 1 else 1.0
        loss = self.stepper.step(batch, number, weight)
        position.step += 1
        if loss is not None:
            position.loss.add_(loss, alpha=samples)
            position.samples += samples

    def _goes_on(self) -> bool:
        """Save where it is time to; False after Ctrl-C. All ranks come to the same result."""
        if self.group.size > 1 and self.position.step % _TOGETHER and self.position.step < len(self.loader):
            return True
        due = self.path is not None and time.monotonic() - self._saved >= self.task.checkpoint_every
        asked, interrupted = self.signals.asked, self.signals.interrupted
        if not self.group.any(due or asked or interrupted):
            return True
        asked, interrupted = self.group.any(asked), self.group.any(interrupted)
        self.save()
        if asked:
            raise SystemExit(UNFINISHED)
        return not interrupted

    def _close_epoch(self, began: float) -> None:
        """Look at the validation data, tell of the epoch, and keep what it led to."""
        share_buffers(self.objective, self.group)
        loss = self._mean_loss()
        validation = evaluate(
            self.objective, self.splits.validation, micro_batch(self.task), self.group, self.precision
        )
        number, rate = self.position.epoch, self.stepper.rate
        self._record(Epoch(number, loss, validation, rate, seconds=time.monotonic() - began))

    def _mean_loss(self) -> float:
        """Of the epoch's samples, on all ranks; NaN where the phase that tells was not due in it."""
        loss, count = self.group.sum(self._total()).tolist()
        if not count:
            return math.nan
        course.check_finite(loss, self.position.epoch)
        return float(loss / count)

    def _total(self) -> Tensor:
        """Losses and samples of this rank in the present epoch: (2,), float64."""
        samples = torch.tensor(self.position.samples, dtype=torch.float64, device=self.group.device)
        return torch.stack([self.position.loss, samples])

    def _record(self, epoch: Epoch) -> None:
        history = [*self.position.history, epoch]
        self.rates.observe(course.watched(epoch))
        self.position = Position(history, loss=torch.zeros_like(self.position.loss))
        if course.best(history) == epoch.number:
            self.best = {name: value.detach().clone() for name, value in self.objective.state_dict().items()}
        if self.group.any(bool(self._ended()) or time.monotonic() - self._saved >= _SPARED * self._save_seconds):
            self.save()
        if self.group.rank == 0:
            figures = {f"validation_{name}": value for name, value in epoch.validation.items()}
            told = {"loss": epoch.loss, **figures, "rate": epoch.rate, "seconds": epoch.seconds}
            self.tracker.metrics(told, epoch.number)
        self._show(epoch)

    def _show(self, ended: Epoch | None = None) -> None:
        """Tell who wants to know how far it is, not more often than anybody looks."""
        now = time.monotonic()
        if self.report is None or self.group.rank or (ended is None and now - self._reported < _REPORT_SECONDS):
            return
        self._reported = now
        position, steps = self.position, len(self.loader)
        if ended is not None:
            progress = Progress(ended.number, self.task.epochs, steps, steps, ended.loss, ended)
        else:
            loss = float(position.loss) / position.samples if position.samples else None
            progress = Progress(position.epoch, self.task.epochs, position.step, steps, loss)
        self.report(progress)

    def save(self) -> None:
        """Write the checkpoint, if there is a place for it; rank 0 does, all ranks call this."""
        if self.path is None:
            return
        began = time.monotonic()
        totals = randomness.gathered(self._total(), self.group)
        chance = randomness.gathered(randomness.state(self.group.device), self.group)
        share_buffers(self.objective, self.group)
        if self.group.rank == 0:
            others = {"rates": self.rates.state(), **self.stepper.state()}
            weights = self.objective.state_dict()
            order, digest = self.loader.order, self.splits.digest
            state = State(self.task, self.position, totals, weights, self.best, others, chance, order, digest)
            write_state(self.path, state)
        self.group.barrier()  # a launcher that sees a rank end would kill the one that writes
        self._saved = time.monotonic()
        self._save_seconds = self._saved - began

    def restore(self, state: State | None) -> None:
        """Go on from a checkpoint, if there is one.

        Raises:
            HostError: ranks found different ones.
            FormatError: it is damaged.
        """
        self._check_same(0 if state is None else state.position.epoch * len(self.loader) + state.position.step)
        if state is None:
            return
        position = state.position
        try:
            self.objective.load_state_dict(state.weights)
            self.stepper.restore(state.others)
            self.rates.restore(state.others["rates"])
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            raise FormatError(
                f"{self.path} lacks weights of the model, or states of its optimizer; begin anew (--fresh)"
            ) from error
        self.best = state.best
        loss, samples = _share_of(state.totals, self.group)
        self.position = replace(position, loss=loss.clone().to(self.group.device), samples=int(samples))
        if state.order != self.loader.order:  # steps would skip samples, and take others twice
            self.position = Position(position.history, loss=torch.zeros_like(self.position.loss))
        randomness.restore(state.chance, self.group)

    def _check_same(self, number: int) -> None:
        mine = torch.tensor(float(number), dtype=torch.float64, device=self.group.device)
        if float(self.group.sum(mine)) != number * self.group.size:
            raise HostError(
                f"the ranks found different checkpoints at {self.path}; name a folder that all nodes share (--out)"
            )


def _share_of(totals: Tensor, group: Group) -> Tensor:
    """This rank's own, so that sums are rounded as ever; where there were other ranks, the first has them all."""
    if len(totals) == group.size:
        return totals[group.rank]
    return totals.sum(0) if group.rank == 0 else torch.zeros_like(totals[0])


def micro_batch(task: Task) -> int:
    """Samples that fit into memory at a time, on all ranks together."""
    return max(1, task.data.batch // task.accumulate)
