"""MLflow's client, quiet and with bounded patience. All goes through it: MLflow's global state stays as it is."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hqml.errors import FormatError, HqmlError, ParameterError, ServiceError
from hqml.files import check_writable
from hqml.libraries import library
from hqml.secrets import scrubbed

_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",  # seconds without a byte; else 120
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",  # else 7, with pauses that double: minutes
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
"""Variables that MLflow reads, where the user has not set them."""

_DEFAULT = "sqlite:///mlflow.db"
"""MLflow's own."""


_SQLITE = b"SQLite format 3\0"
"""Begins each sqlite file (https://sqlite.org/fileformat2.html)."""


def address(uri: str | None) -> str:
    """Where MLflow is: `uri`, else what MLFLOW_TRACKING_URI says, else a file here."""
    return uri or os.environ.get("MLFLOW_TRACKING_URI") or _DEFAULT


def sqlite_file(uri: str) -> Path | None:
    """The file of a sqlite store; None of another address."""
    start = "sqlite:///"
    return Path(uri.removeprefix(start).partition("?")[0]).absolute() if uri.startswith(start) else None


def mlflow(name: str = "mlflow") -> Any:
    """MLflow, or a module of it, which sends no telemetry.

    Raises:
        LibraryMissing: it is not installed.
    """
    for variable, value in _SETTINGS.items():
        os.environ.setdefault(variable, value)
    found = library(name, "tracking with MLflow", "mlflow")
    for logger in ("mlflow", "alembic"):  # a new sqlite store tells of each of its tables
        logging.getLogger(logger).setLevel(logging.WARNING)
    return found


@dataclass(frozen=True, eq=False)
class Connection:
    """A server or store that has answered.

    Attributes:
        client: `mlflow.MlflowClient`.
        uri: that it speaks to, with the password that it may have.
    """

    client: Any
    uri: str

    @property
    def is_server(self) -> bool:
        """Whether it is one, and no store that this process opens itself."""
        return self.uri.startswith(("http://", "https://"))


def connected(uri: str | None, *, make: bool = True) -> Connection:
    """Find a server or a store.

    Args:
        uri: of it.
        make: whether a sqlite file is made where there is none.

    Raises:
        LibraryMissing: MLflow is not installed.
        ParameterError: MLflow does not know such an address, or there is no such file.
        FormatError: the file is no store, or cannot be read or written.
        ServiceError: it does not answer.
    """
    where = address(uri)
    module = mlflow()
    file = sqlite_file(where)
    if file is not None:
        _check_store(file, make)
    with as_service_errors(where), _alone(file):
        client = module.MlflowClient(tracking_uri=where)
        client.search_experiments(max_results=1)
    return Connection(client, where)


def _check_store(file: Path, make: bool) -> None:
    """What MLflow would find out after minutes of trying again."""
    if not file.exists():
        if not make:
            raise ParameterError(f"there is no store of MLflow {file}; name another with --uri, or a server's address")
        check_writable(file)
        return
    try:
        with open(file, "rb") as content:
            start = content.read(len(_SQLITE))
    except OSError as error:
        raise FormatError(f"cannot read {file}: {error.strerror}; name a store that you may read") from error
    if start not in (_SQLITE, b""):
        raise FormatError(f"{file}: is no sqlite file, as a store of MLflow is one; name another")


@contextmanager
def _alone(file: Path | None) -> Iterator[None]:
    """Keep other processes of this machine from making the same sqlite file, on which MLflow fails."""
    if file is None or not file.parent.is_dir():
        yield
        return
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


@contextmanager
def as_service_errors(uri: str | None) -> Iterator[None]:
    """What MLflow and its libraries raise becomes a ServiceError, in one line and without a password."""
    try:
        yield
    except HqmlError:
        raise
    except Exception as error:
        theirs = type(error).__module__.partition(".")[0] in ("mlflow", "requests", "sqlalchemy", "urllib3")
        if not theirs and not isinstance(error, OSError | ImportError):  # ImportError: of a database's driver
            raise
        if type(error).__name__.startswith("Unsupported"):  # one class for runs, another for models
            raise _unknown(address(uri)) from error
        raise ServiceError(_failed(uri, error)) from error


def _failed(uri: str | None, error: Exception) -> str:
    if "Max retries exceeded" in str(error) or "Connection" in type(error).__name__:
        return scrubbed(f"MLflow at {address(uri)} cannot be reached; is it running, and does this machine reach it?")
    lines = str(error).strip().splitlines() or [type(error).__name__]
    said = lines[0] if len(lines[0]) <= 200 else f"{lines[0][:200]}..."
    return scrubbed(f"MLflow at {address(uri)} does not do it: {said}")


def _unknown(uri: str) -> ParameterError:
    return ParameterError(
        f"MLflow knows no address like {scrubbed(uri)!r}; write http://HOST:PORT of a server, or sqlite:///FILE"
    )
