"""What differs between devices: their names, the dtype they multiply fastest in, their memory, their graphs."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from hqml.errors import BackendUnavailable, ModelTooLarge, ParameterError
from hqml.options import one_of

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}

ELEMENTS_AT_ONCE = {"cpu": 2**18, "cuda": 2**23, "mps": 2**22}
"""Variables times replicas of a chunk, by device: enough to keep it busy, few enough to lie in its last cache or near
it. Measured on a Xeon; for accelerators from their data sheets (50 MiB of L2 in an H100)."""


def find_device(name: str | None) -> torch.device:
    """The device of a name; of none, the first accelerator.

    Args:
        name: "cuda", "rocm" (which torch calls cuda), "mps" or "cpu"; "cuda:1" is the second of its kind.

    Raises:
        ParameterError: it names no kind of device.
        BackendUnavailable: there is none of this kind, or no accelerator at all.
    """
    if name is None:
        return _first_accelerator()
    parsed = re.fullmatch(r"(cuda|rocm|mps|cpu)(?::(\d+))?", name) if isinstance(name, str) else None
    if parsed is None:
        raise ParameterError(f"device must be cuda, rocm, mps or cpu, with a number as in 'cuda:1', found {name!r}")
    kind, number = parsed[1], parsed[2]
    count = _devices_of(kind)
    if not count:
        raise BackendUnavailable(f"device {name!r} is not there: torch {torch.__version__} finds no {kind}; {_ADVICE}")
    if number is not None and int(number) >= count:
        raise BackendUnavailable(f"device {name!r} is not there: {kind} devices are numbered 0 to {count - 1}")
    return torch.device(":".join(part for part in ("cuda" if kind == "rocm" else kind, number) if part))


_ADVICE = (
    "install a torch that is built for your accelerator, or run the same code on the processor with device='cpu', "
    "e.g. hqml.sample(model, 'gpu', device='cpu'), backend_options={'device': 'cpu'} or --option device=cpu"
)


def _first_accelerator() -> torch.device:
    for kind in ("cuda", "mps"):
        if _devices_of(kind):
            return torch.device(kind)
    raise BackendUnavailable(
        f"no accelerator was found: torch {torch.__version__} sees no cuda, rocm or mps; {_ADVICE}"
    )


def _devices_of(kind: str) -> int:
    if kind == "cpu":
        return 1
    if kind == "mps":
        return int(torch.backends.mps.is_available())
    if kind == "rocm" and torch.version.hip is None:
        return 0
    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def product_dtype(device: torch.device, wish: str | None) -> torch.dtype:
    """The dtype in which positions are multiplied by couplings. Everything else is float32.

    Where nothing is wished it follows from the device alone, never from a timing, so that runs can be repeated.

    Raises:
        ParameterError: the wish is no dtype that is known here.
    """
    if wish is not None:
        return DTYPES[one_of("dtype", wish, tuple(DTYPES))]
    if device.type == "cuda":
        if torch.version.hip is not None or torch.cuda.get_device_capability(device) >= (8, 0):
            return torch.bfloat16
        return torch.float16 if torch.cuda.get_device_capability(device) >= (7, 0) else torch.float32
    return torch.bfloat16 if device.type == "cpu" and _multiplies_bfloat16() else torch.float32


def _multiplies_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 in hardware: 2.3 to 2.9 times as fast as float32 where measured."""
    ask: Callable[[], dict[str, Any]] | None = getattr(torch.cpu, "get_capabilities", None)  # not in every torch
    able = ask() if ask is not None else {}
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def free_bytes(device: torch.device) -> int | None:
    """Memory that can be had now; None where it cannot be known."""
    if device.type == "cuda":
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0] + cached)
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    try:
        with open("/proc/meminfo") as lines:
            return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        pages = os.sysconf_names.get("SC_AVPHYS_PAGES") if hasattr(os, "sysconf_names") else None
        return None if pages is None else os.sysconf(pages) * os.sysconf("SC_PAGE_SIZE")


def require(needed: int, device: torch.device, what: str) -> None:
    """Refuse what will not fit, before anything is allocated.

    Raises:
        ModelTooLarge: the device has less than `needed` bytes free.
    """
    free = free_bytes(device)
    if free is not None and needed > free:
        raise ModelTooLarge(
            f"{what} needs {_size(needed)} on {device}, which has {_size(free)} free; "
            "use smaller slices, a larger device, or backend 'cpu', which needs less for each read"
        )


@contextmanager
def refusing_out_of_memory(device: torch.device, what: str) -> Iterator[None]:
    """Say of a failed allocation what could be said before one.

    Raises:
        ModelTooLarge: torch ran out of memory.
    """
    try:
        yield
    except RuntimeError as error:  # torch.OutOfMemoryError on cuda, a bare RuntimeError on cpu and mps
        text = str(error)
        if not (isinstance(error, torch.cuda.OutOfMemoryError) or "out of memory" in text or "allocate memory" in text):
            raise
        free = free_bytes(device)
        left = "" if free is None else f", {_size(free)} are free now"
        raise ModelTooLarge(
            f"{what} does not fit on {device}{left} ({text.splitlines()[0]}); "
            "use smaller slices, a larger device, or backend 'cpu'"
        ) from error


def _size(count: int) -> str:
    return f"{count / 2**30:.2f} GiB" if count >= 2**28 else f"{count / 2**20:.1f} MiB"


def tensor(array: Any, device: torch.device, unit: float = 1.0) -> torch.Tensor:
    """A numpy array in some unit as float32 on the device; not copied where it is that already. It is only read."""
    scaled = np.asarray(array / unit if unit != 1 else array, dtype=np.float32)  # here: mps knows no float64
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")  # models are write-protected
        return torch.from_numpy(scaled).to(device)


@contextmanager
def suited_threads(device: torch.device, work: float) -> Iterator[None]:
    """One thread for small work on the processor, where threads wait for each other longer than they compute.

    On two busy cores three models of 7 variables took 20 s with two threads and 0.08 s with one. `work` is in
    multiply-adds of a step. torch's number of threads is another only in this block.
    """
    before = torch.get_num_threads()
    if device.type != "cpu" or work >= _WORK_FOR_THREADS or before == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


_WORK_FOR_THREADS = 2**28
"""Multiply-adds of a step from which threads pay: 2 to 20 ms of one core."""


def wait_for(device: torch.device) -> None:
    """Until what was launched is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def replayed(step: Callable[[], None], device: torch.device) -> Callable[[], None]:
    """The same step as a CUDA graph, so that its many small kernels cost one launch; off CUDA the step itself.

    The step must read and write the same tensors whenever it is called, and draw no random numbers. Capturing calls
    it a few times: what these calls change must not matter, or be put back afterwards.
    """
    if device.type != "cuda":
        return step
    with torch.cuda.device(device):  # or it would be captured on another than the tensors lie on
        side: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(2):  # libraries allocate their workspaces at first use, which a graph must not capture
                step()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            step()

    def replay(
        _held: Callable[[], None] = step,
    ) -> None:  # what the step reads must not be freed while it can be replayed
        graph.replay()

    return replay
