"""A model from a file, and what every format needs to know."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from hqml.errors import FormatError, ParameterError
from hqml.problems.max_cut import MaxCut, cut_sizes
from hqml.qubo import Floats, Qubo

MOST_VARIABLES = 10_000_000
"""Largest n that a file may announce without holding as many numbers; a slip there must not take all memory."""

Put: TypeAlias = Callable[[IO[bytes]], object]
"""Puts a model, already checked, into an open file."""


@dataclass(frozen=True)
class LoadedModel:
    """A model from a file. Its energies are those of the file's own convention; of a graph they are minus the cut.

    Attributes:
        qubo: what is to be minimised.
        graph: the problem, where the file is a graph for maximum cut.
    """

    qubo: Qubo
    graph: MaxCut | None = None

    @property
    def kind(self) -> Literal["max-cut", "qubo"]:
        return "qubo" if self.graph is None else "max-cut"

    def to_qubo(self) -> Qubo:
        return self.qubo

    def cut(self, states: npt.ArrayLike) -> Floats:
        """Weight of the cut edges: (reads,) for states (reads, n), zeros and ones.

        Raises:
            ParameterError: the file is no graph.
        """
        if self.graph is None:
            raise ParameterError("only a graph (.mc) has cuts; this model has energies: use .qubo.energies(states)")
        return cut_sizes(self.graph.weights, np.asarray(states, dtype=np.float64))


def only_coefficients(qubo: Qubo, name: str, *, labels: bool = False) -> None:
    """Refuse what a format without an offset, or without labels, would lose."""
    kind = Path(name.removesuffix(".gz")).suffix
    if qubo.offset:
        raise FormatError(f"{name}: a {kind} file holds no offset, found {qubo.offset:g}; write .npz or .bqm")
    if not labels and not isinstance(qubo.labels, range):
        raise FormatError(f"{name}: a {kind} file holds no labels, found {qubo.labels[0]!r}...; write .npz or .bqm")


def label_array(labels: Sequence[Hashable]) -> npt.NDArray[Any] | None:
    """Labels as an array, where they are all whole numbers or all strings and numpy keeps them as they are."""
    if not any(all(isinstance(label, kind) for label in labels) for kind in (int | np.integer, str)):
        return None
    array = np.asarray(labels)
    return array if array.dtype.kind in "iU" and array.tolist() == list(labels) else None
