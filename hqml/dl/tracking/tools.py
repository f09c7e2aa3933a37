"""Which tool, and where it keeps its runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hqml.secrets import scrubbed

if TYPE_CHECKING:
    from hqml.dl.spec import TrackingSpec
    from hqml.dl.tracking.events import Tool

TITLES = {"mlflow": "MLflow", "clearml": "ClearML"}


@dataclass(frozen=True)
class Place:
    """Where a run is tracked.

    Attributes:
        tool: mlflow or clearml.
        uri: of MLflow, with the password that it may have; None: by its own variable.
        experiment: of MLflow, project of ClearML.
        title: of the run.
        offline: of ClearML.
    """

    tool: str
    uri: str | None
    experiment: str
    title: str
    offline: bool = False

    @classmethod
    def of(cls, name: str, spec: TrackingSpec) -> Place:
        """Where a task of this name is tracked."""
        return cls(spec.tool, spec.uri, spec.experiment or name, name, spec.offline)

    @property
    def words(self) -> str:
        """The place in a message, without a password."""
        if self.tool == "mlflow":
            from hqml.dl.tracking.mlflow_client import address

            return scrubbed(f"MLflow at {address(self.uri)}")
        return TITLES[self.tool]


def opened(place: Place, run: str | None, folder: Path | None) -> Tool:
    """Begin a run, or go on with one.

    Args:
        place: where it is.
        run: identity of the one to go on with.
        folder: of the results, in which ClearML puts what it keeps for later.

    Raises:
        LibraryMissing: the tool is not installed.
        ServiceError: it cannot be reached.
    """
    if place.tool == "mlflow":
        from hqml.dl.tracking.mlflow_run import MlflowRun

        return MlflowRun.opened(place, run)
    from hqml.dl.tracking.clearml_run import ClearmlRun

    return ClearmlRun.opened(place, run, folder)
