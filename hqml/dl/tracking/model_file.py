"""An ONNX file as a registry sees it: inputs, outputs, what its metadata say, and its digest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hqml.display import first_line
from hqml.errors import FormatError
from hqml.libraries import library
from hqml.secrets import cleaned
from hqml.untrusted import read_json

if TYPE_CHECKING:
    import onnx

_ARRAYS = ("state", "rest")
"""Metadata of `hqml train` that hold weights as text."""


@dataclass(frozen=True, eq=False)
class ModelFile:
    """A file to register.

    Attributes:
        path: of it.
        proto: the model.
        digest: SHA-256 of its bytes, in hexadecimal digits.
        metadata: {name: text}.
    """

    path: Path
    proto: onnx.ModelProto
    digest: str
    metadata: Mapping[str, str]

    @property
    def inputs(self) -> list[Tensor]:
        """What the graph takes."""
        initial = {one.name for one in self.proto.graph.initializer}
        return [_tensor(one) for one in self.proto.graph.input if one.name not in initial]

    @property
    def outputs(self) -> list[Tensor]:
        """What the graph gives."""
        return [_tensor(one) for one in self.proto.graph.output]

    @property
    def task_name(self) -> str | None:
        """Of the task of `hqml train`."""
        name = _mapping(self.metadata.get("task")).get("name")
        return None if name is None else str(name)

    def facts(self) -> dict[str, str]:
        """What the metadata say of it in few words: family, data, site, figures, versions."""
        task, metrics, versions = (_mapping(self.metadata.get(key)) for key in ("task", "metrics", "versions"))
        found = {
            "framework": task.get("framework"),
            "family": _mapping(task.get("model")).get("family"),
            "data": _mapping(task.get("data")).get("source") or _mapping(task.get("data")).get("file"),
            "estimator": self.metadata.get("estimator"),  # of `hqml fit`
            **{key: self.metadata.get(key) for key in ("site", "modules", "figure", "created", "onnx_error")},
            "hqml_version": self.metadata.get("hqml_version"),
            **{f"test.{name}": value for name, value in metrics.items()},
            **{f"versions.{name}": version for name, version in versions.items()},
            "sha256": self.digest,
        }
        return {name: str(value) for name, value in found.items() if value is not None}


@dataclass(frozen=True)
class Tensor:
    """An input or an output.

    Attributes:
        name: of it.
        dtype: numpy's name of its type.
        shape: -1 where any size will do.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]


def read_model(path: str | Path) -> ModelFile:
    """Read an ONNX file, of hqml or of others.

    Raises:
        FormatError: there is none, it is damaged, its weights are elsewhere, or its metadata hold a secret.
        LibraryMissing: onnx is not installed.
    """
    onnx = library("onnx", "registering a model", "onnx")
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise FormatError(f"cannot read {path}: {error.strerror}; name an ONNX file") from error
    try:
        proto = onnx.load_model_from_string(content)
        onnx.checker.check_model(proto)
    except Exception as error:  # protobuf's own, and those of the checker
        raise FormatError(f"{path}: is no ONNX model, or damaged ({first_line(error)})") from error
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in proto.graph.initializer):
        raise FormatError(f"{path}: its weights are in another file; save it as one with onnx.save_model")
    metadata = {one.key: one.value for one in proto.metadata_props}
    for key, text in metadata.items():
        if key not in _ARRAYS and _holds_secret(text):
            raise FormatError(f"{path}: its metadata {key!r} hold a secret, which a registry would show; write it anew")
    return ModelFile(Path(path), proto, hashlib.sha256(content).hexdigest(), metadata)


def digest_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _holds_secret(text: str) -> bool:
    try:
        content = read_json(text)
    except ValueError:
        content = text
    return bool(cleaned(content) != content)


def _mapping(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        try:
            value = read_json(value)
        except ValueError:
            return {}
    return value if isinstance(value, dict) else {}


def _tensor(value: onnx.ValueInfoProto) -> Tensor:
    from onnx import helper

    kind = value.type.tensor_type
    sizes = (size.dim_value if size.HasField("dim_value") else -1 for size in kind.shape.dim)
    return Tensor(value.name, str(helper.tensor_dtype_to_np_dtype(kind.elem_type)), tuple(sizes))
