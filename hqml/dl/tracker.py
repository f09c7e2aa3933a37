"""Whom training tells what it does: the seam between the loop and MLflow or ClearML."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from hqml.dl.signature import Signature


class Tracker(Protocol):
    """One run of a tracking tool. Rank 0 alone has one; secrets are scrubbed before they get here."""

    def parameters(self, values: Mapping[str, Any]) -> None:
        """The task's keys, dotted, and what it ran with: site, modules, versions."""
        ...

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """Figures after an epoch."""
        ...

    def model(self, path: Path, signature: Signature, name: str) -> str:
        """Keep and register an ONNX file; where it is found again, e.g. "models:/landsat/3"."""
        ...

    def close(self, status: str) -> None:
        """End the run: "finished", "failed" or "killed"."""
        ...


class NoTracker:
    """Tells nobody."""

    def parameters(self, values: Mapping[str, Any]) -> None: ...

    def metrics(self, values: Mapping[str, float], step: int) -> None: ...

    def model(self, path: Path, signature: Signature, name: str) -> str:
        return ""

    def close(self, status: str) -> None: ...
