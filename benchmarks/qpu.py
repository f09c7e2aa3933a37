"""An ensemble of SVMs on a quantum node: slices side by side on the chip, and one at a time, beside other backends."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from common import SHARED, Table
from hqml import load_backend
from hqml.backend import Backend, Capabilities
from hqml.svm import QuboSVC, QuboSVCEnsemble

SLICE_SIZES = (20, 40)
READS = 100
SEED = 0


def measure() -> Table:
    """Landsat 4 v 7 in slices of 2 bits a multiplier, on a node with a whole Advantage chip of which 1 % is missing."""
    data = _landsat()
    rows = []
    with _node():
        for size in SLICE_SIZES:
            for name, backend, options in (
                ("neal", "neal", {}),
                ("qpu-offline", "qpu-offline", {}),
                ("qpu, side by side", "qpu", {"side_by_side": True}),
                ("qpu, one at a time", "qpu", {"side_by_side": False}),
            ):
                rows.append((size, name, *_fitted(data, size, backend, options)))
    return Table(
        name="qpu",
        title=f"Landsat 4 v 7, slices on a quantum node (Pegasus P16, 99 % of its qubits; {READS} reads, 2 bits)",
        columns=(
            "slice",
            "backend",
            "AUROC",
            "slices",
            "submissions",
            "programming s",
            "access s",
            "chain breaks",
            "s",
        ),
        rows=rows,
        notes="Access time is that of the published timing model. The node anneals classically: quality says nothing "
        "about a QPU, and the last column is this machine's time, queue included.",
    )


class Watched:
    """A backend that remembers what it said of its results."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.infos: list[dict[str, Any]] = []

    @property
    def capabilities(self) -> Capabilities:
        return self.backend.capabilities

    def sample(self, qubos: Any, *, max_qpu_seconds: float | None = None, **arguments: Any) -> Any:
        granted = {"max_qpu_seconds": max_qpu_seconds} if self.capabilities.metered else {}
        results = self.backend.sample(qubos, **granted, **arguments)
        self.infos += [result.info for result in results]
        return results

    def estimate(self, qubos: Any, **arguments: Any) -> Any:
        return self.backend.estimate(qubos, **arguments)

    def close(self) -> None:
        self.backend.close()


def _fitted(data: tuple[Any, ...], size: int, name: str, options: dict[str, Any]) -> tuple[Any, ...]:
    X, y, X_test, y_test = data
    backend = Watched(load_backend(name))
    svc = QuboSVC(gamma=0.1, n_bits=2, reads=READS, backend=backend, backend_options=options, max_qpu_seconds=60.0)
    started = perf_counter()
    model = QuboSVCEnsemble(svc, slice_size=size, random_state=SEED).fit(X, y)
    seconds, infos = perf_counter() - started, backend.infos
    auroc = roc_auc_score(y_test == model.classes_[1], model.decision_function(X_test))
    if "submissions" not in infos[0]:
        return round(auroc, 4), len(infos), "-", "-", "-", "-", round(seconds, 1)
    submissions = {str(one["qubits"]) + str(one["models"]): one for info in infos for one in info["submissions"]}
    return (
        round(auroc, 4),
        len(infos),
        len(submissions),
        round(sum(one["programming"] for one in submissions.values()), 3),
        round(sum(one["qpu"] for one in submissions.values()), 3),
        f"{np.mean([info['chain_breaks'] for info in infos]):.1%}",
        round(seconds, 1),
    )


@contextmanager
def _node() -> Iterator[None]:
    """A node in this process, where backends find it."""
    from hqml_ocean.node.testing import running_node

    with tempfile.TemporaryDirectory() as folder, running_node("pegasus", None, qubit_yield=0.99) as node:
        os.environ.update(node.environment, HQML_CACHE_DIR=folder)
        yield


def _landsat() -> tuple[Any, ...]:
    parts = []
    for name in ("sat.trn", "sat.tst"):
        table = np.loadtxt(SHARED / "ml" / name)
        table = table[np.isin(table[:, -1], [4, 7])]
        parts += [table[:, :-1], table[:, -1].astype(int)]
    X, y, X_test, y_test = parts
    scaler = StandardScaler().fit(X)
    return scaler.transform(X), y, scaler.transform(X_test), y_test


if __name__ == "__main__":
    print(measure().markdown())
