"""Write a machine-learning optimisation once, run it on any module of a modular supercomputer."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hqml.backend import Backend as Backend
    from hqml.backend import Capabilities as Capabilities
    from hqml.backend import Usage as Usage
    from hqml.dispatch import choose_backend as choose_backend
    from hqml.dispatch import sample as sample
    from hqml.dispatch import solve as solve
    from hqml.errors import HqmlError as HqmlError
    from hqml.onnx_model import to_onnx as to_onnx
    from hqml.qubo import DenseQubo as DenseQubo
    from hqml.qubo import GramQubo as GramQubo
    from hqml.qubo import Qubo as Qubo
    from hqml.qubo import SparseQubo as SparseQubo
    from hqml.registry import available_backends as available_backends
    from hqml.registry import load_backend as load_backend

_HOMES = {
    "Backend": "backend",
    "Capabilities": "backend",
    "DenseQubo": "qubo",
    "GramQubo": "qubo",
    "HqmlError": "errors",
    "Qubo": "qubo",
    "SparseQubo": "qubo",
    "Usage": "backend",
    "available_backends": "registry",
    "choose_backend": "dispatch",
    "load_backend": "registry",
    "sample": "dispatch",
    "solve": "dispatch",
    "to_onnx": "onnx_model",
}
_ROOMS = (
    "backend",
    "boosting",
    "bounds",
    "cluster",
    "compare",
    "dispatch",
    "dl",
    "errors",
    "geo",
    "io",
    "model_file",
    "notebook",
    "onnx_model",
    "options",
    "plot",
    "problems",
    "qubo",
    "samples",
    "selection",
    "svm",
    "tables",
    "testing",
    "tuning",
)

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    # Names are fetched when they are first used (PEP 562), so that `import hqml` costs nothing: dimod and scipy alone
    # take 0.4 s. lazy-loader would do, but it reads the environment at import.
    if name in _HOMES:
        value = getattr(import_module(f"hqml.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    if name in _ROOMS:
        return import_module(f"hqml.{name}")
    if name == "__version__":
        return import_module("hqml.samples").version()
    raise AttributeError(f"module 'hqml' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_ROOMS, "__version__"})
