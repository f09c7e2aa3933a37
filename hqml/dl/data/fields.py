"""From numbers as files hold them to what a model takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from hqml.dl.data.stored import Stored
from hqml.errors import DataError
from hqml.untrusted import check_text

_MOST_CLASSES = 1000
"""Of whole numbers as targets. ImageNet has as many; what has more is mostly a quantity."""

Values = npt.NDArray[Any]


class Form(Protocol):
    """What becomes of stored values of one field, which are nobody else's: it may give them as they are."""

    def __call__(self, stored: Values) -> Values: ...


def numbers(stored: Values) -> Values:
    """float32."""
    return stored.astype(np.float32, order="C", copy=False)


def channels_first(stored: Values) -> Values:
    """float32 of images whose channels come last."""
    return np.moveaxis(stored, -1, 1).astype(np.float32, order="C", copy=False)


@dataclass(frozen=True, eq=False)
class Codes:
    """Numbers of classes, from 0.

    Attributes:
        values: (classes,) as they are stored, ascending.
        where: is found in messages.
    """

    values: Values
    where: str

    def __call__(self, stored: Values) -> Values:
        found = np.minimum(np.searchsorted(self.values, stored), len(self.values) - 1).astype(np.int64)
        strange = self.values[found] != stored
        if strange.any():
            raise DataError(f"{self.where} holds {stored[strange][0]}, which is none of its {len(self.values)} classes")
        return found


def classes_of(
    stored: Stored, where: str, named: tuple[str, ...] | bool | None
) -> tuple[tuple[str, ...], Codes] | None:
    """Names of the classes of targets, and their numbers; None where targets are quantities.

    Args:
        stored: the targets; whole numbers and text are classes.
        where: they are, for messages.
        named: names of the classes 0, 1, ...; True, None: what is found; False: they are quantities.

    Raises:
        DataError: there are too many for classes, or text is called something else.
    """
    text = stored.dtype.kind not in "biuf"
    if text and named not in (None, True):
        raise DataError(f"{where} holds text, which are classes with their names; leave out classes:")
    if named is False or (named is None and stored.dtype.kind == "f"):
        return None
    if isinstance(named, tuple):
        return named, Codes(np.arange(len(named)), where)
    values = _found(stored, where)
    try:
        check_text(values)
    except ValueError as error:
        raise DataError(f"{where} is damaged: its targets are {error}; write it again") from error
    if len(values) < 2:
        raise DataError(f"{where} holds one class alone, {values.tolist()}; bring targets of at least two")
    return tuple(map(class_name, values.tolist())), Codes(values, where)


def _found(stored: Stored, where: str) -> Values:
    """All values there are, ascending."""
    values: Values = np.zeros(0, stored.dtype)
    for start in range(0, stored.shape[0], stored.unit):
        piece = np.empty((min(stored.unit, stored.shape[0] - start), *stored.shape[1:]), stored.dtype)
        stored.fill(piece, start)
        values = np.union1d(values, piece)
        if len(values) > _MOST_CLASSES:
            raise DataError(
                f"{where} holds more than {_MOST_CLASSES} different targets, too many for classes; "
                "if they are quantities, say classes: false"
            )
    return values


def class_name(value: Any) -> str:
    """What a class is called that a file has as this: 1.0 is "1", bytes are text."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
