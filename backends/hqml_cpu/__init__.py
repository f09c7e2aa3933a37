"""CPU backends: annealing and heat bath in numba, exact enumeration."""

from hqml_cpu.backend import CpuBackend as CpuBackend
from hqml_cpu.exact import ExactBackend as ExactBackend

__all__ = ["CpuBackend", "ExactBackend"]
