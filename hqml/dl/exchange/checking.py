"""Whether an ONNX model computes what the framework's model does. Knows neither torch nor keras."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from hqml.display import first_line
from hqml.dl.signature import Signature
from hqml.errors import HqmlError
from hqml.libraries import library

INPUT = "x"
"""Name of the one input of all models."""

TOLERANCE = 1e-4
"""Largest difference of onnxruntime from the framework."""

_MOST_VALUES = 2**22

Inputs: TypeAlias = npt.NDArray[np.float32]
Predict: TypeAlias = Callable[[Inputs], Sequence[npt.NDArray[Any]]]
"""The framework's model: (samples, *x) -> its outputs, in order."""


class ExportError(HqmlError, RuntimeError):
    """A model cannot be written as ONNX, or does not compute the same there."""


def example(signature: Signature, seed: int = 0) -> Inputs:
    """Up to 16 samples of normal noise to compare a model on, if there are none of its data: (samples, *x)."""
    samples = int(np.clip(_MOST_VALUES // max(1, int(np.prod(signature.x))), 3, 16))
    return np.random.default_rng(seed).standard_normal((samples, *signature.x), dtype=np.float32)


def checked(content: bytes, predict: Predict, x: Inputs, outputs: Sequence[str], tolerance: float = TOLERANCE) -> float:
    """Run an ONNX model in onnxruntime on batches of several sizes, beside the framework's.

    Args:
        content: of the file.
        predict: the framework's model.
        x: (samples, *x), at least one; they are repeated where there are less than three.
        outputs: names of what it gives, in order.
        tolerance: largest difference.

    Returns:
        The largest difference, relative to max(|value|, root mean square of this output over the samples).

    Raises:
        ExportError: it does not run, its outputs have other shapes, or they differ by more.
    """
    library("onnxruntime", "checking an ONNX model", "dl")
    from hqml.onnx_model.running import opened

    try:
        session = opened(content)
    except Exception as error:  # onnxruntime's errors share no root beside this
        raise ExportError(f"onnxruntime does not take the ONNX model: {first_line(error)}") from error
    x = np.resize(x, (max(3, len(x)), *x.shape[1:]))
    whole = predict(x)
    scales = [_scale(values, name) for values, name in zip(whole, outputs, strict=True)]
    largest = 0.0
    for samples in sorted({1, 3, len(x)}):
        expected = whole if samples == len(x) else predict(x[:samples])
        found = _run(session, x[:samples], outputs)
        for name, scale, one, other in zip(outputs, scales, expected, found, strict=True):
            _check_shape(name, samples, np.shape(one), np.shape(other))
            largest = max(largest, _difference(scale, np.asarray(one), np.asarray(other)))
    if not largest <= tolerance:
        raise ExportError(
            f"the ONNX model differs from the framework's by {largest:.1e} of its values, more than {tolerance:.0e}; "
            "its sums cancel to less than float32 tells: scale the data (data: {scale: true}), or train a smaller model"
        )
    return largest


def _run(session: Any, x: Inputs, outputs: Sequence[str]) -> Sequence[npt.NDArray[Any]]:
    try:
        found: Sequence[npt.NDArray[Any]] = session.run(list(outputs), {INPUT: x})
    except Exception as error:
        raise ExportError(
            f"the ONNX model does not run on a batch of {len(x)}: {first_line(error)}; `forward` must take batches of "
            "any size, with operators that ONNX has"
        ) from error
    return found


def _scale(values: npt.NDArray[Any], name: str) -> float:
    values = np.asarray(values, np.float64)
    if not np.isfinite(values).all():
        raise ExportError(f"the model's output {name!r} holds NaN or infinity; train it anew with a lower rate")
    scale = float(np.sqrt(np.mean(values**2))) if values.size else 0.0
    return scale or 1.0  # of an output that is zero throughout


def _check_shape(name: str, samples: int, expected: tuple[int, ...], found: tuple[int, ...]) -> None:
    if expected != found or found[:1] != (samples,):
        raise ExportError(
            f"output {name!r} has shape {found} for {samples} samples in onnxruntime, and the framework's {expected}; "
            "`forward` must give one for each sample, and fix no number of them"
        )


def _difference(scale: float, expected: npt.NDArray[Any], found: npt.NDArray[Any]) -> float:
    difference = np.abs(found.astype(np.float64) - expected)
    return float(np.max(difference / np.maximum(scale, np.abs(expected)), initial=0.0))
