"""Where models are found again: the registry of an MLflow server or store, for `hqml model list | pull | push`."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hqml.display import first_line
from hqml.dl.tracking.memory import Memory
from hqml.dl.tracking.mlflow_client import as_service_errors, connected, mlflow
from hqml.dl.tracking.mlflow_models import TAG, downloaded, experiment_of, registered
from hqml.dl.tracking.model_file import digest_of, read_model
from hqml.errors import DataError, FormatError
from hqml.options import unlike

_AT_ONCE = 100
"""Names of one page."""


@dataclass(frozen=True)
class Version:
    """A version of a registered model.

    Attributes:
        name: of the model.
        version: from 1.
        created: when it was registered.
        aliases: names of this version, e.g. "champion".
        run: identity of the run that trained it.
        facts: {name: text} of hqml: family, data, site, modules, `test.accuracy`, `versions.torch`, sha256, ...
    """

    name: str
    version: int
    created: datetime
    aliases: tuple[str, ...] = ()
    run: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def where(self) -> str:
        """As it is named elsewhere."""
        return f"models:/{self.name}/{self.version}"


class Registry:
    """Models of an MLflow server or store.

    Args:
        uri: of it; None: what MLFLOW_TRACKING_URI says, else sqlite:///mlflow.db.
        make: whether a sqlite file is made where there is none.

    Raises:
        LibraryMissing, ParameterError, ServiceError: as for `mlflow_client.connected`.
    """

    def __init__(self, uri: str | None = None, *, make: bool = False) -> None:
        self._at = connected(uri, make=make)
        self._client, self.uri = self._at.client, self._at.uri

    def versions(self, name: str | None = None) -> list[Version]:
        """All versions of a name, or of all names; the newest of each first.

        Raises:
            DataError: there is no such name.
        """
        names = self._names()
        if name is not None and name not in names:
            raise DataError(f"there is no registered model {name!r}{unlike(name, names)}")
        with as_service_errors(self.uri):
            found = [one for each in (names if name is None else [name]) for one in self._versions(each)]
        return sorted(found, key=lambda one: (one.name, -one.version))

    def find(self, model: str) -> Version:
        """One version.

        Args:
            model: NAME for the newest, NAME/VERSION or NAME@ALIAS; `models:/` before it will do.

        Raises:
            DataError: there is none.
        """
        name, version, alias = _parsed(model)
        versions = self.versions(name)
        known = [*(str(one.version) for one in versions), *(f"@{alias}" for one in versions for alias in one.aliases)]
        for one in versions:
            if version in (None, str(one.version)) and (alias is None or alias in one.aliases):
                return one
        if not versions:
            raise DataError(f"the registered model {name!r} has no version yet; push one: hqml model push FOLDER")
        asked = version or f"@{alias}"
        raise DataError(f"the registered model {name!r} has no version {asked}; there are: {', '.join(known)}")

    def pull(self, model: str, path: str | Path) -> Version:
        """Write the ONNX file of a version, whole or not at all.

        Raises:
            DataError: there is no such version, or it is no ONNX model.
            FormatError: what arrives is not what was registered, or the file cannot be written.
        """
        from hqml.files import check_writable, replacing

        check_writable(path)
        version = self.find(model)
        with tempfile.TemporaryDirectory() as folder:
            with as_service_errors(self.uri):
                fetched = downloaded(self._at, version.name, version.version, folder)
            file = _onnx_file(fetched, version)
            known = version.facts.get("sha256")
            if known is not None and digest_of(file) != known:
                raise FormatError(f"{version.where} arrived with other bytes than were registered; pull it again")
            with replacing(path) as target:
                target.write(file.read_bytes())
        return version

    def push(self, path: str | Path, name: str, experiment: str | None = None) -> Version:
        """Register an ONNX file; nothing new is made where the newest version has the same bytes.

        Raises:
            FormatError: it is none, or its metadata hold a secret.
        """
        model = read_model(path)
        with as_service_errors(self.uri):
            where = registered(
                self._at,
                model,
                name,
                experiment=experiment_of(self._at, experiment or name),
                run=None,
                facts=model.facts(),
            )
        return self.find(where)

    def _names(self) -> list[str]:
        names: list[str] = []
        token: str | None = ""
        with as_service_errors(self.uri):
            while token is not None:
                page = self._client.search_registered_models(max_results=_AT_ONCE, page_token=token or None)
                names += [one.name for one in page]
                token = page.token or None
        return names

    def _versions(self, name: str) -> list[Version]:
        # Aliases are read at the name: the versions of a search come without them.
        aliases: dict[str, list[str]] = {}
        for alias, version in self._client.get_registered_model(name).aliases.items():
            aliases.setdefault(str(version), []).append(alias)
        found = self._client.search_model_versions(f"name='{name}'")
        return [_version(one, tuple(sorted(aliases.get(str(one.version), [])))) for one in found]


def waits(folder: str | Path) -> bool:
    """Whether the tracking tool of a folder's run has not taken all that it was told."""
    return bool(Memory(Path(folder)).events())


def send_waiting(folder: str | Path, uri: str | None = None) -> int:
    """Send what the tracking tool of a run had not taken; how many events that were.

    Args:
        folder: of `hqml train`.
        uri: to send to; None: where the run was to be tracked.

    Raises:
        FormatError: nothing of this folder waits or was ever tracked, or it is damaged.
        ServiceError: the tool still does not take it.
    """
    from hqml.dl.tracking.kept import KeptTracker

    memory = Memory(Path(folder))
    known = memory.run()
    if known is None:
        raise FormatError(f"{folder}: holds no tracked run; name the model's file to register it")
    place = known[0] if uri is None else replace(known[0], uri=uri)
    if place != known[0]:
        memory.remember(place, known[1])
    count = len(memory.events())
    KeptTracker(place, memory).flush()
    return count


def _version(one: Any, aliases: tuple[str, ...]) -> Version:
    facts = {key.removeprefix(TAG): value for key, value in one.tags.items() if key.startswith(TAG)}
    created = datetime.fromtimestamp(one.creation_timestamp / 1000, UTC)
    return Version(one.name, int(one.version), created, aliases, one.run_id or None, facts)


def _parsed(model: str) -> tuple[str, str | None, str | None]:
    """Name, version and alias.

    Raises:
        DataError: it names no model.
    """
    found = re.fullmatch(r"(?:models:/)?([^/@]+)(?:/(\d+)|@([^/@]+))?", model)
    if found is None:
        raise DataError(f"{model!r} names no model; write NAME, NAME/VERSION or NAME@ALIAS")
    return found[1], found[2], found[3]


def _onnx_file(folder: Path, version: Version) -> Path:
    """
    Raises:
        DataError: the version is another kind of model.
    """
    try:
        flavors = mlflow("mlflow.models").Model.load(str(folder)).flavors
    except Exception as error:  # what others have registered may be anything
        raise DataError(f"{version.where} cannot be read as a model of MLflow: {first_line(error)}") from error
    file = folder / str(flavors.get("onnx", {}).get("data", ""))
    if "onnx" not in flavors or not file.resolve().is_relative_to(folder.resolve()) or not file.is_file():
        raise DataError(f"{version.where} is no ONNX model; it is of: {', '.join(flavors)}")
    return file
