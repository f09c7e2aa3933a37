"""ONNX as the form in which models are exchanged: written, checked, read back."""
