"""D-Wave's Ocean as backends: its samplers on this machine, its service, and a stand-in for that."""

from hqml_ocean.hybrid import HybridBackend as HybridBackend
from hqml_ocean.neal import NealBackend as NealBackend
from hqml_ocean.offline import QpuOfflineBackend as QpuOfflineBackend
from hqml_ocean.path_integral import PathIntegralBackend as PathIntegralBackend
from hqml_ocean.qpu import QpuBackend as QpuBackend
from hqml_ocean.tabu import TabuBackend as TabuBackend

__all__ = ["HybridBackend", "NealBackend", "PathIntegralBackend", "QpuBackend", "QpuOfflineBackend", "TabuBackend"]
