"""Joules that the machine uses meanwhile, where it counts them: processor packages (RAPL) and NVIDIA GPUs (NVML).

The counters are those of the whole machine: what else runs on it counts as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import Any

POWERCAP = Path("/sys/class/powercap")
"""Where Linux shows RAPL; since 2020 only to root, unless the site allows it (CVE-2020-8694)."""

MOST_WATTS = 1000.0
"""More than any package takes: a counter that could have wrapped around twice by then tells nothing."""


@dataclass(frozen=True)
class Counter:
    """A counter of energy.

    Attributes:
        name: of what it counts.
        read: joules since some time; raises where it cannot tell.
        wraps_at: joules after which it starts again at 0; None is never.
    """

    name: str
    read: Callable[[], float]
    wraps_at: float | None = None

    def used(self, before: float, after: float, seconds: float) -> float | None:
        """Joules between two readings; None where it cannot be told how often it wrapped around."""
        if self.wraps_at is None:
            return after - before if after >= before else None
        return (after - before) % self.wraps_at if seconds * MOST_WATTS < self.wraps_at else None


class EnergyMeter:
    """`with EnergyMeter() as meter: ...`, then `meter.joules`: used by all that counts; None where nothing does.

    Args:
        meters: to read; none is all that this machine has.
    """

    def __init__(self, meters: Sequence[Counter] | None = None) -> None:
        self._counters = counters() if meters is None else tuple(meters)
        self.joules: float | None = None

    def __enter__(self) -> EnergyMeter:
        self._before = [_reading(counter) for counter in self._counters]
        self._started = perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        seconds = perf_counter() - self._started
        after = [_reading(counter) for counter in self._counters]
        used = [
            None if start is None or end is None else counter.used(start, end, seconds)
            for counter, start, end in zip(self._counters, self._before, after, strict=True)
        ]
        # A sum of which a part is missing would look like a saving.
        known = [joules for joules in used if joules is not None]
        self.joules = float(sum(known)) if used and len(known) == len(used) else None


@lru_cache(maxsize=1)
def counters() -> tuple[Counter, ...]:
    """All counters of this machine that can be read."""
    return (*packages(), *gpus())


def packages(folder: Path = POWERCAP) -> tuple[Counter, ...]:
    """The processor's packages. Their parts (cores, uncore) are counted in them; "psys" counts them again."""
    found = []
    for zone in sorted(folder.glob("intel-rapl:*")):
        try:
            name = (zone / "name").read_text().strip()
            wraps_at = float((zone / "max_energy_range_uj").read_text()) / 1e6
        except (OSError, ValueError):
            continue
        counter = Counter(name, partial(_joules_in, zone / "energy_uj"), wraps_at)
        if name.startswith("package") and _reading(counter) is not None:
            found.append(counter)
    return tuple(found)


def gpus() -> tuple[Counter, ...]:
    """NVIDIA's GPUs from Volta on."""
    library = _nvml()
    found = []
    for number, handle in enumerate(_handles(library)):
        counter = Counter(f"gpu {number}", partial(_joules_of, library, handle))
        if _reading(counter) is not None:
            found.append(counter)
    return tuple(found)


def _joules_in(file: Path) -> float:
    return float(file.read_text()) / 1e6


def _joules_of(library: Any, gpu: Any) -> float:
    """Since the driver was loaded."""
    return float(library.nvmlDeviceGetTotalEnergyConsumption(gpu)) / 1e3


def gpu_names() -> list[str]:
    """Of NVIDIA's GPUs, as the driver calls them."""
    library = _nvml()
    names = [library.nvmlDeviceGetName(handle) for handle in _handles(library)]
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]


def _handles(library: Any) -> list[Any]:
    if library is None:
        return []
    return [library.nvmlDeviceGetHandleByIndex(number) for number in range(library.nvmlDeviceGetCount())]


@lru_cache(maxsize=1)
def _nvml() -> Any:
    """NVIDIA's library, ready for questions; None where it, its driver or the Python package is missing."""
    try:
        import pynvml

        pynvml.nvmlInit()
    except Exception:  # whatever is wrong with a driver, it is no reason not to compare
        return None
    return pynvml


def _reading(counter: Counter) -> float | None:
    try:
        return counter.read()
    except Exception:  # a file that may not be read, a GPU that fell off the bus
        return None
