"""The format of site files; see `hqml.hpc.sites.file`. Imported late: it needs pydantic."""

from __future__ import annotations

import datetime
from typing import Annotated, Any, Literal

from packaging.utils import canonicalize_name
from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from hqml.durations import in_seconds
from hqml.hpc import values
from hqml.hpc.site import Kind
from hqml.secrets import is_secret_name
from hqml.specs.model import Spec


def _date(value: str) -> str:
    try:
        found = datetime.date.fromisoformat(value)
    except ValueError:
        found = None
    if found is None or found.isoformat() != value:
        raise ValueError(f"must be a date such as 2026-11-26, found {value!r}")
    return value


def _open_name(name: str) -> str:
    """A variable whose value every job script may show."""
    if is_secret_name(name):
        raise ValueError(f"{name} looks secret, and job scripts show it; users read it from a file of mode 600")
    return name


def _text_value(value: Any) -> str:
    text = values.environment_value(values.unquoted(value))
    if "\n" in text:
        raise ValueError("must be one line")
    return text


def _proxy(text: str) -> str:
    return values.address(text, "http", "https", "socks4", "socks4a", "socks5", "socks5h")


def _need_name(value: str) -> str:
    if value != canonicalize_name(value):
        raise ValueError(f"must be written as needs do, {canonicalize_name(value)!r}, found {value!r}")
    return value


Word = Annotated[str, AfterValidator(values.word)]
Argument = Annotated[str, AfterValidator(values.shell_word)]
Line = Annotated[str, AfterValidator(values.line)]
Text = Annotated[Argument, BeforeValidator(values.unquoted)]
NeedName = Annotated[Argument, AfterValidator(_need_name)]
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$"), AfterValidator(_open_name)]
Address = Annotated[str, AfterValidator(values.address)]
Seconds = Annotated[float, BeforeValidator(in_seconds)]
Count = Annotated[int, Field(ge=1)]


class SourceSpec(Spec):
    title: Line
    url: Address
    date: Annotated[str, AfterValidator(_date)]


class AccessSpec(Spec):
    source: str
    account: Literal["required", "optional"] = "optional"
    logins: list[Word] = Field(default_factory=list)
    token_command: Line | None = None


class NodeSpec(Spec):
    cores: Count
    threads_per_core: Count = 1
    gpus: Annotated[int, Field(ge=0)] = 0
    gpu: str = ""
    memory_gb: Annotated[float, Field(gt=0)] | None = None
    source: str | None = None

    @model_validator(mode="after")
    def _agrees(self) -> NodeSpec:
        if self.gpu and not self.gpus:
            raise ValueError(f"gpu names the model {self.gpu!r}, but the node has no gpus; say how many")
        return self


class PartitionSpec(Spec):
    name: Word
    nodes: Count
    time: Seconds
    node: str
    source: str | None = None
    qos: Word | None = None
    needs_gpus: bool = False
    whole_nodes: bool = False
    purpose: str = ""
    firm: bool = True


class QuantumSpec(Spec):
    source: str
    host: Kind = "cluster"
    licence: Word | None = None
    endpoint: Annotated[str, AfterValidator(values.gateway)] | None = None
    solver: Word | None = None
    region: Word | None = None
    proxy: Annotated[str, AfterValidator(_proxy)] | None = None


class ModuleSpec(Spec):
    name: Word
    kind: Kind
    title: Line
    source: str | None = None
    nodes: dict[str, NodeSpec] = Field(default_factory=dict)
    partitions: list[PartitionSpec] = Field(default_factory=list)
    quantum: QuantumSpec | None = None


class LaunchSpec(Spec):
    source: str
    srun: list[Argument] = Field(default_factory=list)
    mpi: Word | None = None
    environment: dict[Variable, Annotated[str, BeforeValidator(_text_value)]] = Field(default_factory=dict)
    host_suffix: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]*$")] = ""
    memory: bool = True
    gpus: Literal["gres", "gpus-per-node", "none"] = "gres"
    cpus_per_gpu: Count | None = None


class PackageSpec(Spec):
    provides: NeedName
    version: Text
    load: list[Argument] = Field(default_factory=list)
    source: str | None = None
    kinds: list[Kind] = Field(default_factory=list)


class StageSpec(Spec):
    name: Text
    source: str
    load: list[Argument] = Field(default_factory=list)
    use: list[Argument] = Field(default_factory=list)
    purpose: str = ""
    packages: list[PackageSpec] = Field(default_factory=list)


class OwnSoftwareSpec(Spec):
    source: str
    setup: list[Line] = Field(default_factory=list)
    purge: Line = "module purge"
    stages: Annotated[list[StageSpec], Field(min_length=1)]


class LikeSoftwareSpec(Spec):
    """That of a site which comes with hqml, with its sources."""

    like: Word


def _kind_of_software(content: Any) -> str:
    return "<like>" if isinstance(content, dict) and "like" in content else "<own>"


SoftwareSpec = Annotated[
    Annotated[OwnSoftwareSpec, Tag("<own>")] | Annotated[LikeSoftwareSpec, Tag("<like>")],
    Discriminator(_kind_of_software),
]


class SiteSpec(Spec):
    title: Line
    scheduler: Literal["slurm", "none"]
    sources: Annotated[dict[str, SourceSpec], Field(min_length=1)]
    modules: Annotated[list[ModuleSpec], Field(min_length=1)]
    access: AccessSpec | None = None
    launch: LaunchSpec | None = None
    software: SoftwareSpec | None = None
