"""onnx writes the files and onnxruntime runs them. Both are optional, imported when they are first needed."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from hqml.errors import HqmlError

TO_WRITE = ("onnx", "onnxruntime")
"""What `to_onnx` needs: it runs what it has written, to compare it with Python."""

TO_RUN = ("onnxruntime",)


class OnnxMissing(HqmlError, ImportError):
    """onnx or onnxruntime is not installed."""


def check_installed(names: Sequence[str]) -> None:
    """Import optional libraries, or say how to get them.

    Raises:
        OnnxMissing: one cannot be imported.
    """
    for name in names:
        try:
            import_module(name)
        except ImportError as missing:
            raise OnnxMissing(
                f"ONNX models need {name}, which cannot be imported; run: pip install 'hqml[onnx]'"
            ) from (missing)
