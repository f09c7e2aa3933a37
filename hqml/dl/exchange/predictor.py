"""A trained model in onnxruntime: for predictions alone, without the framework it was trained with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hqml.dl.exchange.checking import INPUT, Inputs
from hqml.dl.exchange.metadata import described
from hqml.errors import DataError, FormatError
from hqml.untrusted import read_json

_VALUES_AT_ONCE = 2**20
"""Of inputs in one run, 4 MiB; what a model makes of them in between is mostly larger."""

_MOST_AT_ONCE = 1024


class Predictor:
    """A model of `hqml train`, which predicts.

    Args:
        model: its file, or an onnxruntime.InferenceSession of it.
        source: what to call it in messages; None: the file's name.

    Attributes:
        signature: shapes of a sample and names of its classes.
        outputs: names of what the model gives; the first is the prediction.
        metadata: {name: text}, all that the file says of it.

    Raises:
        FormatError: there is no such file, it is damaged, or another model.
        LibraryMissing: onnxruntime is not installed.
    """

    def __init__(self, model: Any, source: str | None = None) -> None:
        from hqml.onnx_model.running import metadata_of, session_of

        is_path = isinstance(model, str | Path)
        self._source = source or (str(model) if is_path else "the ONNX model")
        self._session = session_of(model) if is_path else model
        found = described(metadata_of(self._session, self._source), self._source)
        self.signature, self.outputs, self.metadata = found.signature, found.outputs, found.facts
        self._check()

    def run(self, x: npt.ArrayLike) -> dict[str, npt.NDArray[Any]]:
        """All outputs of the model by name, as it gives them: (samples, ...).

        Args:
            x: (samples, *signature.x), read in parts; may be mapped from a file.

        Raises:
            DataError: x has another shape, or holds what is not a finite number.
        """
        parts = list(self.parts(x))
        return {name: np.concatenate([part[name] for part in parts]) for name in self.outputs}

    def parts(self, x: Any) -> Iterator[dict[str, npt.NDArray[Any]]]:
        """As `run`, for a part of the samples at a time; at least one part."""
        if not hasattr(x, "shape"):
            x = np.asarray(x)
        shape = tuple(x.shape)
        if shape[1:] != self.signature.x:
            wanted = ", ".join(map(str, self.signature.x))
            raise DataError(f"the model takes inputs of shape (samples, {wanted}), found {shape}")
        step = int(np.clip(_VALUES_AT_ONCE // int(np.prod(self.signature.x)), 1, _MOST_AT_ONCE))
        if not shape[0]:
            yield {name: part[:0] for name, part in self._run(np.zeros((1, *shape[1:]), np.float32)).items()}
        for start in range(0, shape[0], step):
            yield self._run(_numbers(x[start : start + step], start))

    def predict(self, x: npt.ArrayLike) -> npt.NDArray[Any]:
        """The classes by name, or the numbers: (samples, *signature.y); of the first output, whatever it is.

        Args:
            x: (samples, *signature.x).

        Raises:
            DataError: as for `run`.
        """
        return np.concatenate([self.prediction(part) for part in self.parts(x)])

    def prediction(self, outputs: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[Any]:
        """What outputs of `run` say: class names where they are logits of classes, else the first of them."""
        if not self.decides(outputs):
            return outputs[self.outputs[0]]
        return np.array(self.signature.classes)[self.chosen(outputs)]

    def decides(self, outputs: Mapping[str, npt.NDArray[Any]]) -> bool:
        """Whether the first output holds logits (samples, classes, *signature.y); an autoencoder's holds none, whatever
        classes its samples have."""
        classes, y = self.signature.classes, self.signature.y
        if classes is None or y is None or self._task("loss", "name") == "reconstruction":
            return False
        return outputs[self.outputs[0]].shape[1:] == (len(classes), *y)

    def chosen(self, outputs: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[np.int64]:
        """Numbers of the classes whose logits are highest: (samples, *signature.y)."""
        numbers: npt.NDArray[np.int64] = outputs[self.outputs[0]].argmax(axis=1)
        return numbers

    def probabilities(self, outputs: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[np.float64]:
        """Softmax of the logits in outputs of `run`: (samples, classes, *signature.y).

        Raises:
            DataError: they are none.
        """
        if not self.decides(outputs):
            raise DataError("the model predicts numbers, which have no probabilities")
        logits = outputs[self.outputs[0]].astype(np.float64)
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares: npt.NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
        return shares

    @property
    def inputs_name(self) -> str:
        """Name of the array of inputs in the files it was trained on."""
        return self._task("data", "inputs") or INPUT

    @property
    def channels_last(self) -> bool:
        """Whether images in those files have their channels last; the model takes them first."""
        return self._task("data", "parameters", "layout") == "channels-last"

    def _task(self, *keys: str) -> str | None:
        """A text of the task, read without pydantic; None where it is none."""
        try:
            found = read_json(self.metadata.get("task", "{}"))
            for key in keys:
                found = found[key]
        except (ValueError, KeyError, TypeError):  # damaged: `hqml.dl.load` tells
            return None
        return found if isinstance(found, str) else None

    def _run(self, x: Inputs) -> dict[str, npt.NDArray[Any]]:
        try:
            found = self._session.run(list(self.outputs), {INPUT: x})
        except Exception as error:  # onnxruntime's errors share no root beside this
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise FormatError(f"{self._source}: does not run ({reason}); write or copy it again") from error
        return dict(zip(self.outputs, found, strict=True))

    def _check(self) -> None:
        """
        Raises:
            FormatError: the graph is not what the metadata say.
        """
        given = [(one.name, one.type, tuple(one.shape[1:])) for one in self._session.get_inputs()]
        outputs = {one.name for one in self._session.get_outputs()}
        if given != [(INPUT, "tensor(float)", self.signature.x)] or not outputs.issuperset(self.outputs):
            raise FormatError(f"{self._source}: its metadata do not fit its graph; write or copy it again")


def _numbers(x: Any, start: int) -> Inputs:
    if x.dtype.kind not in "fiub":
        raise DataError(f"inputs must be real numbers, found {x.dtype}")
    with np.errstate(over="ignore"):  # told below
        numbers = np.ascontiguousarray(x, dtype=np.float32)
    finite = np.isfinite(numbers.reshape(len(numbers), -1)).all(axis=1)
    if not finite.all():
        row = start + int(np.argmin(finite))
        raise DataError(f"inputs of sample {row} hold NaN, infinity or what float32 has no room for; fill them in")
    return numbers
