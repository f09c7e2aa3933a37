"""Whether an ONNX file is all of its model. Others name files that onnxruntime would read as weights when it opens it.

Found in the bytes themselves, since neither onnxruntime tells nor the package onnx is needed to run a model. Numbers of
fields: https://github.com/onnx/onnx/blob/v1.17.0/onnx/onnx.proto, and how they are written:
https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

_LOCATION, _DATA = 14, 13
"""Of a tensor: that its numbers are in another file, and in which."""

_PARTS: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
"""What may hold a tensor: kind of message -> number of field -> kind of what is in it."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

_DEEPEST = 100
"""Messages within messages, as far as protobuf itself reads."""


def is_whole(content: bytes) -> bool:
    """Whether none of a model's tensors is in another file.

    Args:
        content: of an ONNX file.

    Raises:
        ValueError: it is no message of protobuf.
    """
    return not _refers(memoryview(content), "model", 0)


def _refers(message: memoryview, kind: str, depth: int) -> bool:
    if depth > _DEEPEST:
        raise ValueError("messages are nested too deeply")
    for number, value in _fields(message):
        if kind == "tensor":
            if number == _DATA or (number == _LOCATION and value):
                return True
        elif (inner := _PARTS[kind].get(number)) and isinstance(value, memoryview) and _refers(value, inner, depth + 1):
            return True
    return False


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Numbers and values of a message's fields; of those of fixed size only that they are there."""
    at, end = 0, len(message)
    while at < end:
        tag, at = _varint(message, at)
        wire, number = tag & 7, (tag & 0xFFFFFFFF) >> 3  # protobuf drops what is above
        if wire == _VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if wire == _BYTES:
            size, at = _varint(message, at)
        elif wire in (_FIXED64, _FIXED32):
            size = 8 if wire == _FIXED64 else 4
        else:
            raise ValueError(f"a field of type {wire}")
        if at + size > end:
            raise ValueError("it ends within a field")
        yield number, message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """A number of variable length, and where what comes after it begins."""
    value = 0
    for place in range(10):
        if at + place >= len(message):
            raise ValueError("it ends within a number")
        byte = message[at + place]
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value, at + place + 1
    raise ValueError("a number of more than ten bytes")
