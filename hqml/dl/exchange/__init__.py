"""ONNX as the form in which models are exchanged: written, checked, read back.

`metadata` is what a file says of its model, `files` writes and reads it whole, `checking` compares it with the
framework that it comes from: they know no framework. `of_torch` and its like do. `predictor` needs onnxruntime alone.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hqml.dl.exchange.checking import ExportError as ExportError
    from hqml.dl.exchange.loading import LoadedModel as LoadedModel
    from hqml.dl.exchange.loading import load as load
    from hqml.dl.exchange.predictor import Predictor as Predictor
    from hqml.dl.exchange.writing import export as export

_HOMES = {
    "ExportError": "checking",
    "LoadedModel": "loading",
    "Predictor": "predictor",
    "export": "writing",
    "load": "loading",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"hqml.dl.exchange.{_HOMES[name]}"), name)
