"""One run of MLflow."""

from __future__ import annotations

import getpass
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hqml.dl.tracking.events import Event
from hqml.dl.tracking.mlflow_client import Connection, as_service_errors, connected, mlflow
from hqml.dl.tracking.mlflow_models import TAG, experiment_of, registered
from hqml.dl.tracking.model_file import read_model
from hqml.dl.tracking.tools import Place

_STATUS = {"finished": "FINISHED", "failed": "FAILED", "killed": "KILLED"}

_LONGEST = 6000
"""Characters of a parameter's value that MLflow takes (MAX_PARAM_VAL_LENGTH)."""

_AT_ONCE = 100
"""Parameters that MLflow takes in one call (MAX_PARAMS_TAGS_PER_BATCH)."""

_OF_VERSIONS = ("site", "modules", "job", "device")
"""What the run was told that its models' versions say as well."""


class MlflowRun:
    """A run, as `hqml.dl.tracking.events.Tool`.

    Args:
        at: MLflow.
        run: `mlflow.entities.Run`.
    """

    def __init__(self, at: Connection, run: Any) -> None:
        self._at, self._client = at, at.client
        self._experiment: str = run.info.experiment_id
        self._told: dict[str, str] = dict(run.data.params)
        self.run: str = run.info.run_id

    @classmethod
    def opened(cls, place: Place, run: str | None) -> MlflowRun:
        """Begin a run, or go on with one.

        Raises:
            LibraryMissing, ParameterError, ServiceError: as for `mlflow_client.connected`.
        """
        at = connected(place.uri)
        with as_service_errors(at.uri):
            if run and (found := _running_again(at.client, run)):
                return cls(at, found)
            # By the client and not mlflow.start_run, which would add the command line, the user and git's state.
            tags = {"mlflow.user": _user(), "mlflow.source.name": "hqml train", "mlflow.source.type": "LOCAL"}
            experiment = experiment_of(at, place.experiment)
            return cls(at, at.client.create_run(experiment, run_name=place.title, tags=tags))

    def tell(self, event: Event) -> str:
        """Pass an event on."""
        with as_service_errors(self._at.uri):
            if event.kind == "parameters":
                self._parameters(event.content["values"])
            elif event.kind == "metrics":
                self._metrics(event)
            elif event.kind == "model":
                return self._model(event.content)
            else:
                end = int(event.time * 1000)
                self._client.set_terminated(self.run, status=_STATUS[event.content["status"]], end_time=end)
        return ""

    def close(self) -> None:
        """Nothing is open between calls."""

    def _parameters(self, values: Mapping[str, str]) -> None:
        """MLflow refuses a second value of a parameter, as a run that goes on elsewhere has one: it becomes a tag."""
        entities = mlflow("mlflow.entities")
        new, changed = [], []
        for name, text in values.items():
            key, value = _key(name), text[:_LONGEST]
            if key not in self._told:
                new.append(entities.Param(key, value))
            elif self._told[key] != value:
                changed.append(entities.RunTag(f"{TAG}resumed.{key}", value))
        for some in _batches(new):
            self._client.log_batch(self.run, params=some)
        for some in _batches(changed):
            self._client.log_batch(self.run, tags=some)
        self._told |= {one.key: one.value for one in new}

    def _metrics(self, event: Event) -> None:
        metric, time = mlflow("mlflow.entities").Metric, int(event.time * 1000)
        step = event.content["step"]
        found = [metric(_key(name), value, time, step) for name, value in event.content["values"].items()]
        self._client.log_batch(self.run, metrics=found)

    def _model(self, content: Mapping[str, Any]) -> str:
        model = read_model(Path(content["path"]))
        of_run = {name: self._told[name] for name in _OF_VERSIONS if name in self._told}
        facts = {**of_run, **model.facts(), **content["values"]}
        return registered(self._at, model, content["name"], experiment=self._experiment, run=self.run, facts=facts)


def _running_again(client: Any, run: str) -> Any:
    """A run that goes on; None where somebody has deleted it."""
    try:
        client.update_run(run, status="RUNNING")
        return client.get_run(run)
    except mlflow("mlflow.exceptions").MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def _batches(items: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(items), _AT_ONCE):
        yield items[start : start + _AT_ONCE]


def _key(name: str) -> str:
    """A name without what MLflow forbids in names of parameters and metrics."""
    return re.sub(r"[^\w\-. /:]", "_", name)[:250]


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        return "unknown"
