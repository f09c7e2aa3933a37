"""Fitted estimators as ONNX files, and such files as models: for machines without scikit-learn, or without Python."""

from hqml.onnx_model.export import to_onnx as to_onnx
from hqml.onnx_model.running import OnnxModel as OnnxModel
from hqml.onnx_model.running import load_onnx as load_onnx

__all__ = ["OnnxModel", "load_onnx", "to_onnx"]
