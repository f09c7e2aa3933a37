"""Targets: trained models in files, of scikit-learn (.skops) and ONNX."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fuzzing import archives
from fuzzing.mutators import as_json, trees
from fuzzing.target import Run

# skops: an input is the tree of the file's schema, with the arrays by name, as text of one letter a byte.


def skops(work: Path) -> Run:
    import click

    from hqml.cli.predict import _by_estimator
    from hqml.model_file import load_model

    (work / "t.csv").write_text("a,b\n0.5,1\n-1,2\n")

    def run(data: bytes) -> None:
        path = work / "model.skops"
        path.write_bytes(_skops_file(data))
        with contextlib.suppress(click.ClickException):
            _by_estimator(load_model(path), str(work / "t.csv"), None, None, None, as_json=True)

    return run


def _skops_file(data: bytes) -> bytes:
    try:
        tree = json.loads(data)
        parts = {"schema.json": as_json(tree["schema"]), **{n: t.encode("latin-1") for n, t in tree["files"].items()}}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return b"PK" + data
    return archives.closed(b"Z" + b"".join(archives._packed(name, part) for name, part in parts.items()))


def of_skops(work: Path) -> Mapping[str, bytes]:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    from hqml.boosting import QBoostClassifier
    from hqml.model_file import save_model
    from hqml.svm import QuboSVC, QuboSVCEnsemble

    rng = np.random.default_rng(0)
    X = rng.normal(size=(12, 2))
    y = np.where(X[:, 0] > 0, 1, -1)
    models = {
        "svc": QuboSVC(reads=5, random_state=0),
        "pipeline": make_pipeline(StandardScaler(), QuboSVC(reads=5, random_state=0)),
        "ensemble": QuboSVCEnsemble(QuboSVC(reads=5), slice_size=6, random_state=0),
        "boost": QBoostClassifier(reads=5, random_state=0),
        "libsvm": SVC(),
    }
    found = {}
    for name, model in models.items():
        save_model(work / "seed.skops", model.fit(X, y), features=["a", "b"], label="c")
        files = archives.members(archives.opened((work / "seed.skops").read_bytes())[1:])
        arrays = {one: content.decode("latin-1") for one, content in files.items() if one != "schema.json"}
        found[name] = as_json({"schema": json.loads(files["schema.json"]), "files": arrays})
    return found


# ONNX: the first byte chooses who reads it.


def onnx(work: Path) -> Run:
    import hqml.dl
    from hqml.dl.exchange import Predictor
    from hqml.dl.tracking.model_file import read_model
    from hqml.onnx_model import load_onnx

    def by_svm(path: Path) -> None:
        model = load_onnx(path)
        if model.n_features_in_ <= 1000:
            model.predict(np.zeros((2, model.n_features_in_)))

    def by_network(path: Path) -> None:
        model = Predictor(path)
        if np.prod(model.signature.x) <= 10_000:
            model.predict(np.zeros((2, *model.signature.x), np.float32))

    readers = (by_svm, by_network, hqml.dl.load, read_model)

    def run(data: bytes) -> None:
        if not data:
            return
        path = work / "model.onnx"
        path.write_bytes(data[1:])
        readers[data[0] % len(readers)](path)

    return run


_TASK = """\
name: tiny
model: {family: mlp, hidden: [2]}
data: {source: digits, batch: 512}
epochs: 1
"""


def of_onnx(work: Path) -> Mapping[str, bytes]:
    import hqml.dl
    from hqml.svm import QuboSVC, QuboSVR

    X = np.random.default_rng(0).normal(size=(8, 2))
    hqml.to_onnx(QuboSVC(reads=5, random_state=0).fit(X, X[:, 0] > 0), path=work / "svc.onnx")
    hqml.to_onnx(QuboSVR(reads=5, random_state=0).fit(X, X[:, 0]), path=work / "svr.onnx")
    (work / "tiny.yaml").write_text(_TASK)
    hqml.dl.train(hqml.dl.read_task(work / "tiny.yaml"), work / "tiny", resume=False)
    svc, svr = (work / "svc.onnx").read_bytes(), (work / "svr.onnx").read_bytes()
    network = (work / "tiny" / "model.onnx").read_bytes()
    mine = {f"network{reader}": bytes([reader]) + network for reader in (1, 2, 3)}
    return {"svc": b"\0" + svc, "svr": b"\0" + svr, "svc3": b"\3" + svc, **mine}


def _onnx_tree(data: bytes) -> dict[str, Any]:
    from google.protobuf.json_format import MessageToDict
    from onnx import ModelProto

    proto = ModelProto.FromString(data[1:])
    metadata = {one.key: _unpacked(one.value) for one in proto.metadata_props}
    del proto.metadata_props[:]
    return {"by": data[0], "model": MessageToDict(proto), "metadata": metadata}


def _onnx_bytes(tree: dict[str, Any]) -> bytes:
    from google.protobuf.json_format import ParseDict
    from onnx import ModelProto

    proto = ParseDict(tree["model"], ModelProto(), ignore_unknown_fields=True)
    for key, value in tree["metadata"].items():
        one = proto.metadata_props.add()
        one.key, one.value = key, value if isinstance(value, str) else json.dumps(value)
    return bytes([int(tree["by"]) % 256]) + bytes(proto.SerializeToString())


def _unpacked(text: str) -> Any:
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return found if isinstance(found, dict | list) else text


onnx_mutate = trees(_onnx_tree, _onnx_bytes)
