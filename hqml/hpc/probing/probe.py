"""Look at a live system: what Slurm and the module system of a login node say of the site, for a draft of its file."""

from __future__ import annotations

import datetime
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from hqml.errors import FormatError, HostError, ParameterError
from hqml.hpc.amounts import wall_seconds
from hqml.hpc.host import Host
from hqml.hpc.runs.refusals import checked
from hqml.hpc.site import Node, Source
from hqml.hpc.software.system import Live, live_software

SLURM = "slurm"
"""Key of the source of what Slurm says."""

YEAR = 365 * 86400.0
"""Seconds: what stands for a time without a limit."""

Record = Mapping[str, str]
"""The fields of one line of scontrol."""


@dataclass(frozen=True)
class Queue:
    """A partition, as Slurm says.

    Attributes:
        name: its own.
        nodes: most of one job; all that it has where there is no limit.
        seconds: longest wall time; a year where there is no limit.
        unlimited: which of "nodes" and "time" have no limit.
        node: the smallest of its nodes.
        others: how many of its nodes are different ones.
        whole_nodes: nodes are not shared.
        default: where jobs go that name none.
    """

    name: str
    nodes: int
    seconds: float
    unlimited: tuple[str, ...]
    node: Node
    others: int
    whole_nodes: bool
    default: bool


@dataclass(frozen=True)
class Seen:
    """All that was seen.

    Attributes:
        cluster: its name.
        queues: its partitions that have nodes, the default first.
        licences: how many there are of each.
        source: where this comes from.
        live: the module system; None: there is none, or it could not be read.
        trouble: why not.
    """

    cluster: str
    queues: tuple[Queue, ...]
    licences: Mapping[str, int]
    source: Source
    live: Live | None = None
    trouble: str = ""


def probe(host: Host) -> Seen:
    """Ask a login node.

    Raises:
        HostError: there is no Slurm, it does not answer, or the host cannot be reached.
        FormatError: its answer cannot be read.
    """
    config = records(_said(host, "config"))
    queues = read_queues(_said(host, "partition", "--all", "--oneliner"), _said(host, "node", "--oneliner"))
    name = host.name or socket.gethostname()
    version = next((one["SLURM_VERSION"] for one in config if "SLURM_VERSION" in one), "")
    live, trouble = _modules(host)
    return Seen(
        cluster=next((one["ClusterName"] for one in config if "ClusterName" in one), name),
        queues=queues,
        licences=read_licences(_said(host, "licenses", "--oneliner")),
        source=Source(f"scontrol on {name}: Slurm {version}".rstrip(), f"ssh://{name}", _today()),
        live=live,
        trouble=trouble,
    )


def records(text: str) -> list[dict[str, str]]:
    """The fields of each line that scontrol prints: `Name=value`, or `Name  = value` of `show config`."""
    field = re.compile(r"([A-Za-z_][\w/:-]*)(?: += |=)(.*?)(?=\s+[A-Za-z_][\w/:-]*=|$)")
    return [dict(field.findall(line.strip())) for line in text.splitlines() if "=" in line]


def read_queues(partitions: str, nodes: str) -> tuple[Queue, ...]:
    """What `scontrol show partition` and `show node` say, a line each.

    Raises:
        FormatError: they are no such lines, or no partition has nodes.
    """
    try:
        by_partition: dict[str, list[Node]] = {}
        for record in records(nodes):
            for partition in record.get("Partitions", "").split(","):
                by_partition.setdefault(partition, []).append(_node(record))
        found = [
            _queue(record, by_partition[record["PartitionName"]])
            for record in records(partitions)
            if record["PartitionName"] in by_partition
        ]
    except (KeyError, ValueError) as error:
        raise FormatError(f"scontrol says what hqml cannot read: {error}") from error
    if not found:
        raise FormatError("Slurm has no partition with nodes; `scontrol show partition` says what there is")
    return tuple(sorted(found, key=lambda one: not one.default))


def read_licences(text: str) -> dict[str, int]:
    """What `scontrol show licenses` says, a line each."""
    return {one["LicenseName"]: int(one.get("Total", "0")) for one in records(text) if "LicenseName" in one}


def _queue(record: Record, nodes: list[Node]) -> Queue:
    smallest = min(nodes, key=lambda one: (one.gpus, one.cores, one.memory_gb or 0))
    most, time = record.get("MaxNodes", "UNLIMITED"), record.get("MaxTime", "UNLIMITED")
    try:
        seconds = wall_seconds(time)
    except ParameterError:  # UNLIMITED, INFINITE, or years
        seconds = YEAR
    unlimited = [name for name, none in (("nodes", not most.isdigit()), ("time", seconds >= YEAR)) if none]
    return Queue(
        name=record["PartitionName"],
        nodes=min(int(most), len(nodes)) if most.isdigit() and int(most) else len(nodes),
        seconds=seconds,
        unlimited=tuple(unlimited),
        node=smallest,
        others=sum(one != smallest for one in nodes),
        whole_nodes=record.get("OverSubscribe", "").startswith("EXCLUSIVE"),
        default=record.get("Default") == "YES",
    )


def _node(record: Record) -> Node:
    cpus = int(record["CPUTot"])
    cores = int(record.get("Sockets", "1")) * int(record.get("CoresPerSocket", "0")) or cpus
    # With threads of a core as CPUs there are more CPUs than cores; a site may also let jobs have fewer than there are.
    threads = max(1, cpus // cores)
    gpus, model = _gpus(record.get("Gres", ""))
    memory = int(record.get("RealMemory", "0")) * 10 // 1024 / 10  # from MiB, rounded down
    return Node(cpus // threads, threads, gpus, model, memory or None, SLURM)


def _gpus(gres: str) -> tuple[int, str]:
    """How many GPUs "gpu:a100:4(S:0-1),nvme:1" has, and of what model."""
    found = re.findall(r"(?:^|,)gpu(?::([A-Za-z][^:,()]*))?(?::(\d+))?", gres)
    return sum(int(count or 1) for _, count in found), next((model for model, _ in found if model), "")


def _said(host: Host, *what: str) -> str:
    return checked(host.run(["scontrol", "show", *what]), f"scontrol show {what[0]}")


def _modules(host: Host) -> tuple[Live | None, str]:
    try:
        return live_software(host), ""
    except (HostError, FormatError) as error:
        return None, str(error)


def _today() -> str:
    return datetime.date.today().isoformat()
