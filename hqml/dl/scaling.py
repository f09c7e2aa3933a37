"""Standardised inputs and targets, inside the model: whoever calls it, in torch or ONNX, gives and gets raw values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from hqml.dl.group import Group
from hqml.dl.objectives import SCALED_AS
from hqml.dl.signature import Shape, Signature
from hqml.dl.source import Source
from hqml.errors import DataError

Values: TypeAlias = npt.NDArray[np.float64]

_BLOCK_BYTES = 32 * 2**20  # read at a time; float64 sums of a block take as much again


class Scaled(nn.Module):
    """A model between two changes of unit: `inner((x - x_mean) / x_scale) * y_scale + y_mean`.

    The numbers are buffers, so that they are saved, sent to other ranks and exported with the weights.

    Args:
        inner: sees inputs of mean 0 and deviation 1.
        shapes: of the fields of a sample.
        outputs: field that has the unit of what `inner` gives: "y"; "x" for what is compared with its own input; None
            for what has no unit, as logits.
        channels_first: whether a sample of two axes is (channels, points) and not (steps, features).
    """

    x_mean: Tensor
    x_scale: Tensor

    def __init__(
        self, inner: nn.Module, shapes: Mapping[str, Shape], outputs: str | None, channels_first: bool = False
    ) -> None:
        super().__init__()
        self.inner = inner
        self.channels_first = channels_first
        self.outputs = outputs
        self.fields = ("x", "y") if outputs == "y" else ("x",)
        for name in self.fields:
            self.register_buffer(f"{name}_mean", torch.zeros(_kept(shapes[name], channels_first)))
            self.register_buffer(f"{name}_scale", torch.ones(_kept(shapes[name], channels_first)))

    def forward(self, x: Tensor) -> Tensor:
        prediction: Tensor = self.inner(self.standardised(x))
        if self.outputs is None:
            return prediction
        mean, scale = getattr(self, f"{self.outputs}_mean"), getattr(self, f"{self.outputs}_scale")
        raw: Tensor = prediction * scale + mean
        return raw

    def standardised(self, x: Tensor) -> Tensor:
        """Inputs as the inner model sees them."""
        standardised: Tensor = (x - self.x_mean) / self.x_scale
        return standardised

    @torch.no_grad()
    def measure(self, source: Source, group: Group) -> None:
        """Take means and deviations from the samples of a source, each rank reading its part of them.

        Raises:
            DataError: an input is no finite number, or a target is infinite.
        """
        for name in self.fields:
            found = _moments(source, name, group, _averaged(source.shapes[name], self.channels_first))
            for buffer, values in zip(("mean", "scale"), found, strict=True):
                getattr(self, f"{name}_{buffer}").copy_(torch.from_numpy(values))


def scaled(
    inner: nn.Module, signature: Signature, loss: str, outputs: tuple[str, ...], *, channels_first: bool = False
) -> Scaled:
    """Wrap a model that gives `outputs` and is trained with a loss of a name."""
    field = SCALED_AS.get(loss, "y")
    if len(outputs) > 1 or (field == "y" and (signature.y is None or signature.classes is not None)):
        field = None
    return Scaled(inner, {"x": signature.x, "y": signature.y or ()}, field, channels_first)


def inside(model: nn.Module) -> nn.Module:
    """The model itself, without the scaling around it."""
    return model.inner if isinstance(model, Scaled) else model


def unit_of(model: nn.Module) -> Tensor | float:
    """Deviation of what a model gives: errors divided by it are of order 1, whatever the unit of the targets."""
    scaled_outputs = isinstance(model, Scaled) and model.outputs is not None
    return getattr(model, f"{model.outputs}_scale") if scaled_outputs else 1.0


def _averaged(shape: Shape, channels_first: bool) -> tuple[int, ...]:
    """Axes of a batch over which means are taken: one value a feature of (features,) and (steps, features), one a
    channel of (channels, height, width), its like in 3-D, and (channels, points)."""
    if len(shape) < 2:
        return (0,)
    return (0, 1) if len(shape) == 2 and not channels_first else (0, *range(2, len(shape) + 1))


def _kept(shape: Shape, channels_first: bool) -> Shape:
    """Of the means: what broadcasts against a sample."""
    return tuple(1 if axis + 1 in _averaged(shape, channels_first) else size for axis, size in enumerate(shape))


def _moments(source: Source, name: str, group: Group, axes: tuple[int, ...]) -> tuple[Values, Values]:
    """Mean and deviation, 1 where a feature never changes.

    Values are summed less an origin near them, so that their squares cancel no digits: Chan, Golub, LeVeque, The
    American Statistician 37 (1983) 242, doi:10.1080/00031305.1983.10483115.
    """
    first = source.read(np.arange(1))[name].astype(np.float64)
    origin = np.nan_to_num(first.mean(axis=axes, keepdims=True)[0])
    sums = torch.from_numpy(_summed(source, name, origin, axes, group.rank, group.size)).to(group.device)
    count, values, squares = group.sum(sums).cpu().numpy()
    offset = values / np.maximum(count, 1)
    deviation = np.sqrt(np.maximum(squares / np.maximum(count, 1) - offset**2, 0))
    if not np.isfinite(deviation).all():
        raise DataError(f"field {name!r} of the training data has values that are not finite; remove or replace them")
    mean = np.asarray(origin + offset)
    flat = deviation <= 1e-7 * np.abs(mean)  # less than float32 resolves, in whatever unit
    return mean, np.where(flat, 1.0, deviation)


def _summed(source: Source, name: str, origin: Values, axes: tuple[int, ...], rank: int, size: int) -> Values:
    """Counts, sums and sums of squares of this rank's samples, a block at a time: (3, *shape of the means).

    Targets that are NaN are not there (`hqml.dl.objectives.physics`).
    """
    shape = source.shapes[name]
    block = max(1, _BLOCK_BYTES // (4 * max(1, math.prod(shape))))
    low, high = len(source) * rank // size, len(source) * (rank + 1) // size
    sums = np.zeros((3, *origin.shape))
    for start in range(low, high, block):
        values = source.read(np.arange(start, min(start + block, high)))[name] - origin
        known = ~np.isnan(values) if name == "y" else np.ones(values.shape, bool)
        values = np.where(known, values, 0)
        for number, of_each in enumerate((known, values, np.square(values))):
            sums[number] += of_each.sum(axis=axes, keepdims=True)[0]
    return sums
