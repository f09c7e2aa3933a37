"""ONNX files as MLflow's models: versions of a registered name, with their signature."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from hqml.dl.tracking.mlflow_client import Connection, mlflow, sqlite_file
from hqml.dl.tracking.model_file import ModelFile, Tensor

TAG = "hqml."
"""Begins the tags of hqml at runs and versions."""


def experiment_of(at: Connection, name: str) -> str:
    """The identity of an experiment, which is made where there is none.

    The files of a sqlite store lie beside it, not wherever the first process was started.
    """
    client, files = at.client, None
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    if (file := sqlite_file(at.uri)) is not None:
        files = str(file.parent / "mlruns" / re.sub(r"[^\w.-]", "_", name))
    try:
        return str(client.create_experiment(name, artifact_location=files))
    except mlflow("mlflow.exceptions").MlflowException:
        found = client.get_experiment_by_name(name)  # another process was faster
        if found is None:
            raise
        return str(found.experiment_id)


def registered(
    at: Connection, model: ModelFile, name: str, *, experiment: str, run: str | None, facts: Mapping[str, str]
) -> str:
    """Make a file the newest version of a name, unless its bytes are that already.

    Args:
        at: MLflow.
        model: the file.
        name: of the registered model; it is made where there is none.
        experiment: identity of the one that the model belongs to.
        run: identity of the run that has trained it.
        facts: {name: text}, for the version's tags.

    Returns:
        models:/NAME/VERSION.
    """
    client = at.client
    _make_name(client, name)
    versions = client.search_model_versions(f"name='{name}'")
    newest = max(versions, key=lambda one: int(one.version), default=None)
    if newest and newest.tags.get(f"{TAG}sha256") == model.digest and run in (None, newest.run_id):
        return f"models:/{name}/{newest.version}"
    tags = {f"{TAG}{key}": value for key, value in facts.items()}
    logged = client.create_logged_model(experiment, name=_entity(name), source_run_id=run, tags=tags, model_type="onnx")
    try:
        with tempfile.TemporaryDirectory() as folder:
            client.log_model_artifacts(logged.model_id, str(_written(model, facts, Path(folder) / "model")))
    except BaseException:
        with suppress(Exception):
            client.finalize_logged_model(logged.model_id, "FAILED")
        raise
    client.finalize_logged_model(logged.model_id, "READY")
    # A store opened here would look for the logged model by MLflow's global address; a server knows its own.
    known = {"model_id": logged.model_id} if at.is_server else {}
    version = client.create_model_version(
        name, source=logged.artifact_location, run_id=run, tags=tags, await_creation_for=0, **known
    )
    return f"models:/{name}/{version.version}"


def _make_name(client: Any, name: str) -> None:
    try:
        client.create_registered_model(name)
    except mlflow("mlflow.exceptions").MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _written(model: ModelFile, facts: Mapping[str, str], folder: Path) -> Path:
    """The folder that MLflow calls a model, with the very bytes of the file in it."""
    mlflow("mlflow.onnx").save_model(
        model.proto,
        str(folder),
        signature=_signature(model),
        # Said, not inferred: MLflow would run the model in a new process to find out.
        pip_requirements=["onnxruntime>=1.20", "numpy>=2.0"],
        onnx_execution_providers=["CPUExecutionProvider"],
        save_as_external_data=False,
        metadata={f"{TAG}{key}": value for key, value in facts.items()},
    )
    shutil.copyfile(model.path, folder / "model.onnx")
    return folder


def _signature(model: ModelFile) -> Any:
    import numpy as np

    types = mlflow("mlflow.types")

    def schema(tensors: list[Tensor]) -> Any:
        return types.Schema([types.TensorSpec(np.dtype(one.dtype), one.shape, one.name) for one in tensors])

    return mlflow("mlflow.models").ModelSignature(schema(model.inputs), schema(model.outputs))


def _entity(name: str) -> str:
    """A name without what MLflow forbids in names of logged models."""
    return re.sub(r"[/:.%\"']", "_", name)


def downloaded(at: Connection, name: str, version: int, folder: str | os.PathLike[str]) -> Path:
    """Fetch the folder of a version."""
    source = at.client.get_model_version_download_uri(name, str(version))
    artifacts = mlflow("mlflow.artifacts")
    return Path(artifacts.download_artifacts(artifact_uri=source, dst_path=os.fspath(folder), tracking_uri=at.uri))
