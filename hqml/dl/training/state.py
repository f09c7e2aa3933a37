"""The file from which training goes on as if it had never stopped."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hqml.dl.spec import Task
from hqml.dl.trained import Epoch
from hqml.dl.training.same_task import check_task, fixed
from hqml.errors import FormatError, ParameterError
from hqml.files import replacing

FILE = "checkpoint.pt"

_VERSION = 2


@dataclass
class Position:
    """Where training is on a rank, between two steps.

    Attributes:
        history: epochs that are over.
        step: steps of the present one that are done.
        loss: of this rank's samples in them, added up: (), float64.
        samples: that it is of.
        seconds: that the present epoch took.
    """

    history: list[Epoch] = field(default_factory=list)
    step: int = 0
    loss: Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.float64))
    samples: int = 0
    seconds: float = 0.0

    @property
    def epoch(self) -> int:
        """Number of the present one."""
        return len(self.history) + 1


@dataclass(frozen=True)
class State:
    """All that a checkpoint holds.

    Attributes:
        task: whose it is.
        position: where it was, without what is in `totals`.
        totals: losses and samples of the present epoch, of each rank: (ranks, 2), float64.
        weights: of the objective.
        best: weights of the best epoch; None: none is over.
        others: states of optimisers, by phase, of the schedule ("rates") and of loss scaling ("scaler").
        chance: of `randomness.gathered`.
        order: of `Loader.order`: what the order of the samples depends on beside seed and epoch.
        digest: of the data, `Splits.digest`.
    """

    task: Task
    position: Position
    totals: Tensor
    weights: Mapping[str, Tensor]
    best: Mapping[str, Tensor] | None
    others: Mapping[str, Any]
    chance: Tensor
    order: str
    digest: str = ""


def write_state(path: Path, state: State) -> None:
    """Write a checkpoint, whole or not at all; a loss of power leaves the one before.

    Raises:
        FormatError: it cannot be written.
    """
    position = state.position
    content = {
        "hqml": _VERSION,
        "task": fixed(state.task, state.digest),
        "history": [_plain(epoch) for epoch in position.history],
        "step": position.step,
        "totals": state.totals,
        "seconds": position.seconds,
        "weights": dict(state.weights),
        "best": None if state.best is None else dict(state.best),
        "others": dict(state.others),
        "chance": state.chance,
        "order": state.order,
    }
    with replacing(path) as file:
        try:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        except (OSError, RuntimeError) as error:  # torch wraps what the file system says
            raise FormatError(f"cannot write {path}: {error}") from error


def read_state(path: Path, task: Task, digest: str = "") -> State | None:
    """Read the checkpoint of a task; None: there is none. It runs no code of the file.

    Raises:
        FormatError: it is damaged, or of a newer hqml.
        ParameterError: it is of another task, or of other data.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        return None
    except Exception as error:  # of a damaged file any part may be what torch stumbles over
        raise FormatError(f"{path} is no checkpoint, or a damaged one; remove it, or begin anew (--fresh)") from error
    if not isinstance(content, dict) or content.get("hqml") != _VERSION:
        raise FormatError(f"{path} is no checkpoint that this version of hqml reads; begin anew (--fresh)")
    try:
        check_task(path, content["task"], fixed(task, digest))
        history = [Epoch(**epoch) for epoch in content["history"]]
        position = Position(history, **{name: content[name] for name in ("step", "seconds")})
        others = {name: content[name] for name in ("totals", "weights", "best", "others", "chance", "order")}
        return State(task, position, digest=digest, **others)
    except ParameterError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FormatError(f"{path} is a damaged checkpoint ({error!r}); begin anew (--fresh)") from error


def _plain(epoch: Epoch) -> dict[str, Any]:
    return {**asdict(epoch), "validation": dict(epoch.validation)}
