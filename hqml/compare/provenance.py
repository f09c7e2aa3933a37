"""The machine and the versions that a result was got with."""

from __future__ import annotations

import os
import platform
import socket
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from hqml.compare.energy_meter import counters, gpu_names
from hqml.processes import processors

PACKAGES = (
    *("hqml", "numpy", "scipy", "scikit-learn", "numba", "dimod", "dwave-samplers", "dwave-system"),
    *("dwave-cloud-client", "minorminer", "torch", "mpi4py"),
)

THREADS = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"),
    *("OMP_PROC_BIND", "OMP_PLACES", "CUDA_VISIBLE_DEVICES", "SLURM_CPUS_PER_TASK"),
)
"""Variables of the environment that say how much of the machine is used."""


def machine() -> dict[str, Any]:
    """What a result's times depend on: host, system, processor, memory, graphics cards, versions. Plain data.

    Returns:
        "host", "os", "processor" (model), "cores" (usable by this process), "memory_gib", "gpus" (names), "threads"
        (variables of the environment that are set), "energy" (names of counters that can be read), "versions".
    """
    threads = {name: os.environ[name] for name in THREADS if name in os.environ}
    return {**_unchanging(), "cores": len(processors()), "threads": threads}


@lru_cache(maxsize=1)
def _unchanging() -> dict[str, Any]:
    return {
        "host": socket.gethostname(),
        "os": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": _processor(),
        "memory_gib": _memory(),
        "gpus": gpu_names(),
        "energy": [counter.name for counter in counters()],
        "versions": {"python": platform.python_version(), **_versions()},
    }


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _processor(told: Path = Path("/proc/cpuinfo")) -> str:
    """The model; where the system does not say it in so many words, the architecture."""
    try:
        for line in told.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip().lower() in ("model name", "hardware", "cpu"):
                return value.strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _memory() -> float | None:
    """GiB."""
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (ValueError, OSError, AttributeError):
        return None
