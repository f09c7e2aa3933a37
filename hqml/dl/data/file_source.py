"""Samples of files: kept in memory where they fit, else streamed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from hqml.dl.data.fields import Form
from hqml.dl.data.splitting import Part
from hqml.dl.data.stored import Memory, Stored, read_all, sample_bytes
from hqml.dl.data.streaming import Raw
from hqml.dl.source import Arrays, Rows


@dataclass(frozen=True, eq=False)
class Field:
    """One field of samples.

    Attributes:
        stored: where its values are.
        form: what becomes of them.
        lock: of whoever reads; the loader's threads do.
    """

    stored: Stored
    form: Form
    lock: Lock = field(default_factory=Lock, repr=False)

    @property
    def nbytes(self) -> int:
        """Of all its samples, as they are stored."""
        return self.stored.shape[0] * sample_bytes(self.stored)

    def kept(self) -> Field:
        """The same, in memory."""
        return self if isinstance(self.stored, Memory) else replace(self, stored=Memory(read_all(self.stored)))


@dataclass(frozen=True, eq=False)
class FileSource:
    """Some of the samples of files.

    Attributes:
        fields: by name.
        part: which of the samples.
        classes: names of the classes that "y" numbers.
        unit: samples that are read together.
    """

    fields: Mapping[str, Field]
    part: Part
    classes: tuple[str, ...] | None
    unit: int

    @cached_property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Of a sample's fields."""
        return {name: self.fields[name].form(values).shape[1:] for name, values in self._room(0).items()}

    def __len__(self) -> int:
        return len(self.part)

    def read(self, rows: Rows) -> Arrays:
        """The fields of these samples, in their order."""
        wanted, back = np.unique(np.asarray(rows, np.int64), return_inverse=True)
        return self.ready(self.raw(wanted, self._room(len(wanted))), back)

    def raw(self, rows: Rows, room: Raw) -> Raw:
        """Samples as the files hold them.

        Args:
            rows: their numbers, ascending.
            room: to read them into, if they fit.
        """
        numbers = self.part.rows(rows)
        if len(rows) > len(room["x"]):
            room = self._room(len(rows))
        found = {name: array[: len(rows)] for name, array in room.items()}
        for name, one in self.fields.items():
            with one.lock:
                _gather(one.stored, numbers, self.unit, found[name])
        return found

    def _room(self, samples: int) -> Raw:
        return {name: np.empty((samples, *one.stored.shape[1:]), one.stored.dtype) for name, one in self.fields.items()}

    def ready(self, raw: Raw, which: npt.NDArray[np.int64]) -> Arrays:
        """Some of them as a model takes them."""
        return {name: one.form(raw[name][which]) for name, one in self.fields.items()}

    def close(self) -> None:
        """Let go of the files, which splits share; reading opens them again."""
        for one in self.fields.values():
            with one.lock:
                one.stored.close()


class KeptSource(FileSource):
    """Samples of files that are in memory; any order is as good as another."""

    def read(self, rows: Rows) -> Arrays:
        """The fields of these samples."""
        numbers = self.part.rows(np.asarray(rows, np.int64))
        return {name: one.form(_array(one)[numbers]) for name, one in self.fields.items()}


@dataclass(frozen=True, eq=False)
class StreamedSource(FileSource):
    """Samples of files that do not fit into memory.

    Attributes:
        window: samples that are in memory at a time.
    """

    window: int = 1

    @property
    def bounds(self) -> Rows:
        """Where blocks begin."""
        return self.part.bounds

    def expect(self, rows: Rows) -> None:
        """Have the storage fetch these samples."""
        numbers = self.part.rows(rows)
        for one in self.fields.values():
            with one.lock:
                for low, high in _pieces(numbers, self.unit):
                    one.stored.expect(int(numbers[low]), int(numbers[high - 1] - numbers[low]) + 1)

    def buffer(self) -> Raw:
        """Room for a window."""
        return self._room(min(self.window, len(self)))


def _array(one: Field) -> npt.NDArray[np.generic]:
    if not isinstance(one.stored, Memory):
        raise TypeError("a kept source has its fields in memory")
    return one.stored.array


def _gather(stored: Stored, rows: Rows, unit: int, out: npt.NDArray[Any]) -> None:
    """Read samples of these numbers, ascending and each once, into all of `out`.

    Numbers that follow each other are read into their place; of a unit with gaps all in between is read, since
    its chunks have to be read anyway.
    """
    if isinstance(stored, Memory):
        np.take(stored.array, rows, axis=0, out=out, mode="clip")  # the default mode takes a copy first
        return
    for low, high in _pieces(rows, unit):
        first, span = int(rows[low]), int(rows[high - 1] - rows[low]) + 1
        if span == high - low:
            stored.fill(out[low:high], first)
        else:
            between = np.empty((span, *stored.shape[1:]), stored.dtype)
            stored.fill(between, first)
            np.take(between, rows[low:high] - first, axis=0, out=out[low:high], mode="clip")


def _pieces(rows: Rows, unit: int) -> list[tuple[int, int]]:
    """Stretches of numbers that are read at once: of one unit, or of several without a gap."""
    if not len(rows):
        return []
    begins = np.flatnonzero(np.diff(rows // unit, prepend=-1))
    ends = np.append(begins[1:], len(rows))
    gapless = rows[ends - 1] - rows[begins] + 1 == ends - begins
    follows = (rows[begins[1:]] == rows[ends[:-1] - 1] + 1) & gapless[1:] & gapless[:-1]
    begins, ends = begins[np.append(True, ~follows)], ends[np.append(~follows, True)]
    return list(zip(begins.tolist(), ends.tolist(), strict=True))
