"""Files that were made to do harm: what SECURITY.md says of them is so."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hqml.errors import FormatError


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, place: Path) -> None:
        self.place = str(place)

    def __reduce__(self) -> Any:
        return os.mkdir, (self.place,)


@pytest.fixture
def sprung(tmp_path: Path) -> Path:
    """What is there once code of a file has run."""
    place = tmp_path / "sprung"
    pickle.loads(pickle.dumps(Trap(place)))
    assert place.is_dir()  # the trap works
    place.rmdir()
    return place


class TestZarr:
    """The format 2 of Zarr lets a file name pickle as the codec of its chunks."""

    @pytest.mark.parametrize(
        "packed",
        [
            {"filters": [{"id": "vlen-utf8"}, {"id": "pickle", "protocol": 5}]},
            {"filters": [{"id": "vlen-utf8"}], "compressor": {"id": "pickle", "protocol": 5}},
            {"filters": [{"id": "pickle", "protocol": 5}]},
        ],
    )
    def test_a_chunk_of_pickle_is_not_read_whatever_the_environment_allows(
        self, packed: dict[str, Any], tmp_path: Path, sprung: Path
    ) -> None:
        pytest.importorskip("zarr", reason="zarr is missing: pip install 'hqml[dl]'")
        store = tmp_path / "data.zarr"
        store.mkdir()
        array = {"zarr_format": 2, "shape": [4], "chunks": [4], "dtype": "|O", "order": "C", "fill_value": ""}
        (store / ".zarray").write_text(json.dumps({"compressor": None, **array, **packed}))
        (store / "0").write_bytes(pickle.dumps(Trap(sprung)))
        program = f"""
import numpy as np, warnings
from pathlib import Path
from hqml.dl.data.zarr_array import ZarrArray
warnings.simplefilter("ignore")
array = ZarrArray(Path({str(store)!r}), "x")
array.fill(np.empty(array.shape, array.dtype), 0)
"""
        allowing = {**os.environ, "NUMCODECS_ALLOW_UNSAFE_PICKLE_DECODE": "1"}
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=allowing)
        assert not sprung.exists()
        assert "FormatError" in done.stderr


class TestOnnx:
    """A tensor of an ONNX file may say that its numbers are in another file."""

    @pytest.mark.parametrize("where", ["initializer", "constant", "subgraph", "sparse", "function"])
    def test_no_other_file_is_read_as_weights(
        self, where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        onnx = pytest.importorskip("onnx", reason="onnx is missing: pip install 'hqml[onnx]'")
        pytest.importorskip("onnxruntime", reason="onnxruntime is missing: pip install 'hqml[onnx]'")
        from hqml.onnx_model.running import session_of

        (tmp_path / "secret").write_bytes(b"of the user")
        monkeypatch.chdir(tmp_path)
        path = tmp_path / "model.onnx"
        path.write_bytes(model_with(onnx, where).SerializeToString())
        with pytest.raises(FormatError, match="names other files as its weights, which hqml does not open"):
            session_of(path)

    def test_numbers_in_the_file_itself_are_taken(self, tmp_path: Path) -> None:
        onnx = pytest.importorskip("onnx", reason="onnx is missing: pip install 'hqml[onnx]'")
        pytest.importorskip("onnxruntime", reason="onnxruntime is missing: pip install 'hqml[onnx]'")
        from hqml.onnx_model.running import session_of

        path = tmp_path / "model.onnx"
        path.write_bytes(model_with(onnx, "nowhere").SerializeToString())
        [found] = session_of(path).run(None, {})
        assert found.tolist() == [1, 2, 3]

    def test_numbers_are_read_as_protobuf_reads_them(self) -> None:
        from hqml.onnx_model.one_file import is_whole

        def field(number: int, content: bytes) -> bytes:
            return bytes([number << 3 | 2, len(content)]) + content

        for tensor in (b"\x70\x01", b"\x70\x81\x00", b"\xf0\x00\x01", b"\xf0\x80\x80\x80\x70\x01", field(13, b"")):
            assert not is_whole(field(7, field(5, tensor)))
        assert is_whole(field(7, field(5, b"\x70\x00")))
        assert is_whole(field(1, field(5, b"\x70\x01")))  # of another message
        for damaged in (b"\x3a\x05\x00", b"\x3a", b"\xff" * 11, b"\x3b", b"\x39\x00"):
            with pytest.raises(ValueError, match=r"it ends within|of more than ten bytes|of type"):
                is_whole(damaged)

    def test_what_looks_like_another_format_too_is_read_as_the_one_that_was_looked_through(
        self, tmp_path: Path
    ) -> None:
        pytest.importorskip("onnxruntime", reason="onnxruntime is missing: pip install 'hqml[onnx]'")
        from hqml.onnx_model.one_file import is_whole
        from hqml.onnx_model.running import session_of

        path = tmp_path / "model.onnx"
        path.write_bytes(b"\x0a\x7e\0\0ORTM" + bytes(120))  # a field of 126 bytes, and the mark of ORT's format
        assert is_whole(path.read_bytes())
        with pytest.raises(FormatError, match="No graph was found in the protobuf"):
            session_of(path)

    def test_it_is_not_followed_without_end(self) -> None:
        from hqml.onnx_model.one_file import is_whole

        def wrapped(number: int, content: bytes) -> bytes:
            size, rest = len(content), b""
            while size > 0x7F:
                size, rest = size >> 7, rest + bytes([size & 0x7F | 0x80])
            return bytes([number << 3 | 2]) + rest + bytes([size]) + content

        graph = b""
        for _ in range(1000):
            graph = wrapped(1, wrapped(5, wrapped(6, graph)))
        with pytest.raises(ValueError, match="nested too deeply"):
            is_whole(wrapped(7, graph))


def model_with(onnx: Any, where: str) -> Any:
    """A model that gives its weights, some of which are in the file "secret"; "nowhere": they are 1, 2, 3."""
    from onnx import TensorProto, helper

    inside = helper.make_tensor("w", TensorProto.UINT8, [3], [1, 2, 3])
    outside = TensorProto(name="w", data_type=TensorProto.UINT8, dims=[3], data_location=TensorProto.EXTERNAL)
    for key, value in {"location": "secret", "offset": "0", "length": "3"}.items():
        outside.external_data.add(key=key, value=value)
    result = helper.make_tensor_value_info("y", TensorProto.UINT8, [3])
    identity = helper.make_node("Identity", ["w"], ["y"])
    constant = helper.make_node("Constant", [], ["w"], value=outside)
    graph = helper.make_graph([identity], "g", [], [result], [inside])
    functions = []
    if where == "initializer":
        graph = helper.make_graph([identity], "g", [], [result], [outside])
    elif where == "constant":
        graph = helper.make_graph([constant, identity], "g", [], [result])
    elif where == "subgraph":
        branch = helper.make_graph([constant, identity], "b", [], [result])
        yes = helper.make_node("Constant", [], ["yes"], value=helper.make_tensor("t", TensorProto.BOOL, [], [True]))
        either = helper.make_node("If", ["yes"], ["y"], then_branch=branch, else_branch=branch)
        graph = helper.make_graph([yes, either], "g", [], [result])
    elif where == "sparse":
        places = helper.make_tensor("places", TensorProto.INT64, [3], [0, 1, 2])
        sparse = helper.make_sparse_tensor(outside, places, [3])
        graph = helper.make_graph([identity], "g", [], [result], sparse_initializer=[sparse])
    elif where == "function":
        opset = [helper.make_opsetid("", 17)]
        functions = [helper.make_function("own", "f", [], ["y"], [constant, identity], opset)]
        graph = helper.make_graph([helper.make_node("f", [], ["y"], domain="own")], "g", [], [result])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9, functions=functions)
