"""One step of training: forward, backward, and the optimisers that are due."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from hqml.dl.group import Group
from hqml.dl.objective import Objective
from hqml.dl.spec import Task
from hqml.dl.training.optimizers import optimizer_of
from hqml.dl.training.precision import Precision, pieces
from hqml.errors import ParameterError


class Stepper:
    """An objective, wrapped by its group, with an optimiser for each phase.

    Args:
        task: how it is minimised.
        objective: what is, in the precision's format.
        group: the ranks that share each batch.
        precision: of forward passes.

    Raises:
        ParameterError: the optimiser is unknown, takes no such parameter, or does not fit the precision.
    """

    def __init__(self, task: Task, objective: Objective, group: Group, precision: Precision) -> None:
        spec = task.optimizer
        if spec.name == "lbfgs" and precision.scaler.is_enabled():
            raise ParameterError("optimizer lbfgs does not work with precision fp16; name bf16 or float32")
        self.objective, self.group, self.precision = objective, group, precision
        self.accumulate, self.clip = task.accumulate, task.clip
        self.weights = {phase: list(objective.parameters_of(phase)) for phase in objective.phases}
        self.optimizers = {phase: optimizer_of(spec, self.weights[phase]) for phase in objective.phases}
        self._repeats = spec.name == "lbfgs"
        self._full_rate = self.rate
        self.module = group.wrap(objective)

    @property
    def rate(self) -> float:
        """Learning rate of the optimisers."""
        return float(next(iter(self.optimizers.values())).param_groups[0]["lr"])

    def set_rate(self, factor: float) -> None:
        """Multiply the optimisers' own rate, for the steps that follow."""
        for optimizer in self.optimizers.values():
            for weights in optimizer.param_groups:
                weights["lr"] = self._full_rate * factor

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        states = {phase: optimizer.state_dict() for phase, optimizer in self.optimizers.items()}
        return {"optimizers": states, "scaler": self.precision.scaler.state_dict()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from the state of a checkpoint."""
        for phase, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][phase])
        self.precision.scaler.load_state_dict(state["scaler"])

    def step(self, batch: Mapping[str, Tensor], number: int, weight: float) -> Tensor | None:
        """Let the phases that are due minimise the loss of a batch.

        Args:
            batch: this rank's part of it.
            number: of the step, from 0.
            weight: samples of this rank's part, divided by their mean over the ranks.

        Returns:
            The loss of this rank's part in the last of the phases, as it was before; None: that phase was not due.
        """
        loss = None
        for phase in self.objective.due(number):
            loss = self._minimise(batch, phase, weight)
            self.objective.after(phase)
        self.precision.scaler.update()
        return loss if phase == self.objective.phases[-1] else None

    def _minimise(self, batch: Mapping[str, Tensor], phase: str, weight: float) -> Tensor:
        optimizer = self.optimizers[phase]
        if self._repeats:
            return self._by_line_search(optimizer, batch, phase, weight)
        for weights in self.weights[phase]:
            weights.grad = None  # what zero_grad does, which takes longer than a small layer
        loss = self._gradients(batch, phase, weight)
        self.precision.scaler.step(optimizer)
        return loss

    def _by_line_search(self, optimizer: Any, batch: Mapping[str, Tensor], phase: str, weight: float) -> Tensor:
        """The optimiser asks for the loss as often as it likes. All ranks see the same, and so do the same."""
        losses: list[Tensor] = []

        def closure() -> Tensor:
            optimizer.zero_grad()
            losses.append(self._gradients(batch, phase, weight))
            return self.group.sum(losses[-1] * weight) / self.group.size

        optimizer.step(closure)
        return losses[0]

    def _gradients(self, batch: Mapping[str, Tensor], phase: str, weight: float) -> Tensor:
        """Of the mean loss over the batch of all ranks, in each weight's `grad`; returns this rank's mean loss."""
        scaler, losses = self.precision.scaler, []
        parts = [(batch, 1.0)] if self.accumulate == 1 else list(pieces(batch, self.accumulate))
        for number, (part, share) in enumerate(parts, 1):
            with nullcontext() if number == len(parts) else self.group.without_sync(self.module):
                with self.precision.block():
                    loss = self.module(part, phase)
                factor = share * weight
                scaler.scale(loss if factor == 1 else loss * factor).backward()
            losses.append(loss.detach() if share == 1 else loss.detach() * share)
        self.group.reduce(self.weights[phase])
        if self.clip is not None:
            scaler.unscale_(self.optimizers[phase])
            clip_grad_norm_(self.weights[phase], self.clip)
        return losses[0] if len(losses) == 1 else torch.stack(losses).sum()
