"""What `hqml.dl.datasets` says of a set of samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hqml.dl.source import Splits


@dataclass(frozen=True)
class Baseline:
    """What something simple reaches on the test data.

    Attributes:
        name: of it, e.g. "logistic regression".
        value: of the figure that models of this data are judged by.
    """

    name: str
    value: float


@dataclass(frozen=True)
class Dataset:
    """Samples with a known answer.

    Attributes:
        name: that specifications use, e.g. "burgers".
        title: in words.
        source: where they, or the formula that makes them, come from.
        parameters: a frozen dataclass; `seed` is one where chance is in it.
        make: its samples, the same for the same parameters.
        baseline: what something simple reaches on them.
    """

    name: str
    title: str
    source: str
    parameters: type[Any]
    make: Callable[[Any], Splits]
    baseline: Callable[[Splits], Baseline]
