"""The state of a run on disk, so that a later call goes on where an earlier one ended.

What a block computes depends on its arrays, its random numbers among them, and on its place in the plan; a run that
goes on from these gives the samples of one that was never interrupted, to the bit.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any

import numpy as np
import numpy.typing as npt

from hqml.errors import FormatError, ParameterError
from hqml.files import check_writable, replacing
from hqml.qubo import States
from hqml.samples import version
from hqml.untrusted import NUMPY_FAILS, read_json
from hqml_cpu.schedule import Block, Model

EVERY = 10.0
"""Seconds between two writes: a fraction of a second of work each, at most that much is lost with the process."""

_FINISHED = "states"
_ABOUT = "about"


@dataclass
class Checkpoint:
    """What the blocks of a run have come to, in memory and in a file.

    Blocks leave copies of their arrays here, each from its own thread; `write` puts all of them into the file.

    Attributes:
        path: of the file, an .npz without pickled objects.
        about: what the run was asked for; another run's file is refused.
        saved: by the block's place in the batch, its arrays and the sweeps done ("sweeps"), or its final states.
    """

    path: Path
    about: Mapping[str, Any]
    saved: dict[int, dict[str, npt.NDArray[Any]]]
    left: dict[int, float] = field(default_factory=dict)
    written: float = field(default_factory=monotonic)
    lock: Lock = field(default_factory=Lock)

    @classmethod
    def at(cls, path: Any, about: Mapping[str, Any]) -> Checkpoint:
        """Take up the file where there is one.

        Raises:
            FormatError: the file is no checkpoint, or cannot be written.
            ParameterError: it belongs to another run.
        """
        if not isinstance(path, str | os.PathLike):
            raise ParameterError(f"checkpoint must be the path of a file, found {path!r}")
        check_writable(path)
        path, about = Path(os.fspath(path)), json.loads(json.dumps(about))
        return cls(path, about, _read(path, about) if path.exists() else {})

    def states_of(self, place: int) -> States | None:
        """The final states of a block that has ended."""
        return self.saved.get(place, {}).get(_FINISHED)

    def restore(self, place: int, block: Block) -> int:
        """Put a block where it was left; the sweeps it had done."""
        if place not in self.saved:
            return 0
        kept = self.saved[place]
        for name, array in _arrays(block).items():
            array[...] = kept[name]
        return int(kept["sweeps"])

    def due(self, place: int) -> bool:
        return monotonic() - self.left.setdefault(place, monotonic()) >= EVERY

    def keep(self, place: int, block: Block, sweeps: int) -> None:
        copies = {name: array.copy() for name, array in _arrays(block).items()}
        with self.lock:
            self.saved[place] = {**copies, "sweeps": np.array(sweeps)}
        self.left[place] = monotonic()

    def finish(self, place: int, states: States) -> None:
        with self.lock:
            self.saved[place] = {_FINISHED: states}

    def write(self, *, now: bool = False) -> None:
        """Replace the file by what has been kept, where the last time is long enough ago."""
        if not now and monotonic() - self.written < EVERY:
            return
        with self.lock:
            arrays = {f"{place}/{name}": array for place, kept in self.saved.items() for name, array in kept.items()}
        with replacing(self.path) as stream:
            np.savez(stream, **{_ABOUT: np.array(json.dumps(self.about)), **arrays})  # type: ignore[arg-type]
        self.written = monotonic()

    def remove(self) -> None:
        """The run is complete."""
        self.path.unlink(missing_ok=True)


def describe(models: Sequence[Model], **settings: Any) -> dict[str, Any]:
    """What makes a run this one and no other: the models by their digest, the settings as they are."""
    return {"hqml": version(), "models": [_digest(model) for model in models], **settings}


def _digest(model: Model) -> str:
    """Of all that a kernel reads of a model."""
    digest = hashlib.sha256()
    for name in (one.name for one in fields(model)):  # type: ignore[arg-type]
        value = getattr(model, name)
        if is_dataclass(value):  # the model that another one tempers
            value = _digest(value)  # type: ignore[arg-type]
        digest.update(f"{name}:{getattr(value, 'dtype', '')}{np.shape(value)}".encode())
        digest.update(np.ascontiguousarray(value).data if isinstance(value, np.ndarray) else repr(value).encode())
    return digest.hexdigest()


def _arrays(block: Block) -> dict[str, npt.NDArray[Any]]:
    """What a block keeps between sweeps, and a block within it, without the model that blocks share."""
    own = {one.name: getattr(block, one.name) for one in fields(block)}  # type: ignore[arg-type]
    inner = _arrays(own["block"]) if "block" in own else {}
    return {name: value for name, value in own.items() if isinstance(value, np.ndarray)} | {
        f"block.{name}": array for name, array in inner.items()
    }


def _read(path: Path, about: Mapping[str, Any]) -> dict[int, dict[str, npt.NDArray[Any]]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            found = read_json(str(file[_ABOUT]))
            if other := _difference(found, about):
                raise ParameterError(
                    f"checkpoint {path} belongs to another run: {other}; repeat that call, or name another file"
                )
            saved: dict[int, dict[str, npt.NDArray[Any]]] = {}
            for key in file.files:
                if key != _ABOUT:
                    place, name = key.split("/")
                    saved.setdefault(int(place), {})[name] = file[key]
            return saved
    except ParameterError:
        raise
    except NUMPY_FAILS as error:
        raise FormatError(f"{path} is no checkpoint of hqml ({error}); name another file, or remove it") from error


def _difference(found: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    """The first thing in which two runs differ, nothing where they are the same."""
    for name, value in asked.items():
        if found.get(name) != value:
            if name == "models":
                return "its models differ from these"
            return f"it has {name}={found.get(name)!r}, this call has {name}={value!r}"
    return ""
