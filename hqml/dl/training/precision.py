"""In which number format a task computes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from hqml.errors import ParameterError


class Precision:
    """The format of weights and batches, and that of the operations between them.

    With bf16 and fp16 weights stay float32 and torch chooses the operations that are short (autocast). fp16 has so few
    exponents that small gradients vanish; the loss is scaled up before the backward pass (GradScaler), steps whose
    gradients overflow are left out. bf16 needs none of that.

    Args:
        name: of a task: float32, float64, bf16, fp16.
        device: that computes.

    Raises:
        ParameterError: the device cannot.
    """

    def __init__(self, name: str, device: torch.device) -> None:
        if name == "fp16" and device.type != "cuda":
            raise ParameterError("precision fp16 needs a GPU, and there is none; bf16 runs on a CPU as well")
        self.device = device
        self.dtype = torch.float64 if name == "float64" else torch.float32
        self._short = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(name)
        self.scaler = torch.amp.GradScaler(device.type, enabled=name == "fp16")

    def prepare(self, module: nn.Module) -> nn.Module:
        """The module on the device, in the format of its weights."""
        return module.to(self.device, self.dtype)

    def block(self) -> AbstractContextManager[None]:
        """Around forward passes of training. Figures are computed without, as the exported model computes."""
        if self._short is None:
            return nullcontext()
        return torch.autocast(self.device.type, self._short)

    def tensors(self, arrays: Mapping[str, npt.NDArray[np.generic]]) -> dict[str, Tensor]:
        """A batch on the device, numbers in the weights' format."""
        return {name: self._tensor(array) for name, array in arrays.items()}

    def _tensor(self, array: npt.NDArray[np.generic]) -> Tensor:
        tensor = torch.from_numpy(array)
        if self.device.type == "cuda":
            tensor = tensor.pin_memory()  # so that the copy goes on while the GPU computes
        dtype = self.dtype if tensor.is_floating_point() else tensor.dtype
        return tensor.to(self.device, dtype, non_blocking=True)


def pieces(batch: Mapping[str, Tensor], number: int) -> Iterator[tuple[Mapping[str, Tensor], float]]:
    """Parts of a batch, nearly equal in size and none empty, each with its share of the samples."""
    total = len(batch["x"])
    bounds = np.linspace(0, total, min(number, total) + 1).astype(int).tolist()
    for low, high in itertools.pairwise(bounds):
        yield {name: values[low:high] for name, values in batch.items()}, (high - low) / total
