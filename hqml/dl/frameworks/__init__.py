"""Who trains a task: torch by `hqml.dl.training`, a network with a support vector machine behind it by `hqml.dl.head`,
and those here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hqml.dl.head import NAME as HEAD
from hqml.dl.names import Names
from hqml.dl.zoo import ARCHITECTURES

if TYPE_CHECKING:
    from hqml.dl.architecture import Architecture
    from hqml.dl.spec import Task

FITS = Names(
    "framework",
    "hqml.dl",
    "fit",
    {
        "torch": "training",
        "head": "head.fitting",
        "keras": "frameworks.keras",
        "statsmodels": "frameworks.statistical",
    },
)
"""By `framework_of`: `fit(task, splits, signature, *, folder, resume, report, tracker) -> Fitted`, those of torch with
`group` as well."""


def framework_of(task: Task) -> str:
    """Who trains a task: that of its family, or "head" where its optimiser is one.

    Raises:
        ParameterError: there is no such family.
    """
    if task.optimizer.name == HEAD:
        return "head"
    architecture: Architecture = ARCHITECTURES[task.model.family or ""]
    return architecture.framework
