"""What a site is: modules of nodes, partitions with limits, software in stages, and how its jobs are started.

The values are data, in `sites/*.yaml`; `hqml.hpc.sites.file` reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from hqml.errors import ParameterError
from hqml.options import unlike

Kind: TypeAlias = Literal["cluster", "booster", "dam", "quantum"]

KINDS: tuple[Kind, ...] = ("cluster", "booster", "dam", "quantum")
"""Kinds of module of a modular supercomputer: general processors, accelerators, data analytics, annealers."""


@dataclass(frozen=True)
class Source:
    """Where values were read, and when.

    Attributes:
        title: of the page or file.
        url: its address.
        date: on which it was read, YYYY-MM-DD.
    """

    title: str
    url: str
    date: str


@dataclass(frozen=True)
class Node:
    """One node of a partition.

    Attributes:
        cores: physical ones.
        threads_per_core: hardware threads that Slurm counts as CPUs; 1 where it counts cores.
        gpus: devices that a job can ask for.
        gpu: their model, e.g. "A100"; "" without.
        memory_gb: of the node; None where no source tells.
        source: key of `Site.sources`.
    """

    cores: int
    threads_per_core: int = 1
    gpus: int = 0
    gpu: str = ""
    memory_gb: float | None = None
    source: str = ""

    @property
    def cpus(self) -> int:
        """What `--cpus-per-task` counts."""
        return self.cores * self.threads_per_core


@dataclass(frozen=True)
class Partition:
    """A queue, and the most that a job in it may ask for.

    Attributes:
        name: what `--partition` is given; with `qos`, that tells the queues of one partition apart.
        nodes: most of one job.
        seconds: longest wall time of a job.
        node: what each of its nodes is.
        source: key of `Site.sources`.
        qos: what `--qos` is given; None: nothing.
        needs_gpus: jobs without a GPU are refused.
        whole_nodes: nodes are not shared; a job has all cores and GPUs of its nodes.
        purpose: "" for production, else what it is for, e.g. "tests".
        firm: whether a source tells the limits of nodes and time; else they are what is known to work, and more is a
            warning.
    """

    name: str
    nodes: int
    seconds: float
    node: Node
    source: str
    qos: str | None = None
    needs_gpus: bool = False
    whole_nodes: bool = False
    purpose: str = ""
    firm: bool = True


@dataclass(frozen=True)
class Quantum:
    """How the annealer of a quantum module is reached: over the network, through Slurm's nodes.

    Attributes:
        source: key of `Site.sources`.
        host: kind of module whose nodes run the programs that talk to it, where the module has no partitions.
        licence: Slurm licence that counts who may use it at a time; None where the site has none.
        endpoint: address of the gateway or service; None: the service's own, by its client's configuration.
        solver: its name, e.g. "Advantage_system5.4"; None: the client's choice.
        region: of the service, e.g. "eu-central-1".
        proxy: what nodes without a way out need, e.g. "socks5h://localhost:1080"; None where none is.
    """

    source: str
    host: Kind = "cluster"
    licence: str | None = None
    endpoint: str | None = None
    solver: str | None = None
    region: str | None = None
    proxy: str | None = None


@dataclass(frozen=True)
class Module:
    """One module of the machine.

    Attributes:
        name: unique at the site, the site's own word, e.g. "esb".
        kind: what sort of module it is.
        title: for people, e.g. "JUWELS Booster".
        partitions: its queues, the usual one first. A quantum module may have none.
        quantum: of a quantum module, None of others.
    """

    name: str
    kind: Kind
    title: str
    partitions: tuple[Partition, ...] = ()
    quantum: Quantum | None = None


@dataclass(frozen=True)
class Launch:
    """How jobs of the site start programs.

    Attributes:
        srun: options that every srun gets, e.g. ("--cpu-bind=none",).
        mpi: of `srun --mpi=`, e.g. "pmi2"; None: the site's default is right.
        environment: variables that every job exports, e.g. {"NCCL_SOCKET_IFNAME": "ib0"}.
        host_suffix: letters behind a host's name that choose its fast network, e.g. "i".
        memory: whether jobs may ask for memory.
        gpus: how they ask for GPUs: "gres" (--gres=gpu:4), "gpus-per-node" or "none" (whole nodes).
        cpus_per_gpu: cores that a GPU must be asked together with; None: no such rule.
        source: key of `Site.sources`; "" where nothing is said.
    """

    srun: tuple[str, ...] = ()
    mpi: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    host_suffix: str = ""
    memory: bool = True
    gpus: Literal["gres", "gpus-per-node", "none"] = "gres"
    cpus_per_gpu: int | None = None
    source: str = ""


@dataclass(frozen=True)
class Package:
    """Software that a stage has.

    Attributes:
        provides: what needs call it, e.g. "torch"; lower case.
        version: as the site writes it, e.g. "2.1.2".
        load: arguments of `module load`, in order, after those of the stage, e.g. ("GCC/12.3.0", "PyTorch/2.1.2").
        source: key of `Site.sources`.
        kinds: of module that have it; all where it is empty.
    """

    provides: str
    version: str
    load: tuple[str, ...]
    source: str
    kinds: tuple[Kind, ...] = ()


@dataclass(frozen=True)
class Stage:
    """A set of software that belongs together, as JSC calls it; sites without stages have one.

    Attributes:
        name: e.g. "2024".
        packages: what it has.
        source: key of `Site.sources`.
        load: arguments of `module load` that come first, e.g. ("Stages/2024",).
        use: folders for `module use`, before anything is loaded.
        purpose: what it is for, in one line.
    """

    name: str
    packages: tuple[Package, ...]
    source: str
    load: tuple[str, ...] = ()
    use: tuple[str, ...] = ()
    purpose: str = ""


@dataclass(frozen=True)
class Software:
    """The module system, and what it offers.

    Attributes:
        stages: the default first, then the newest first. Empty where the site has no module system.
        setup: lines of shell that make the command `module` known, where a job's shell lacks it.
        purge: whether jobs start with `module purge` (`module --force purge` where modules are sticky).
    """

    stages: tuple[Stage, ...] = ()
    setup: tuple[str, ...] = ()
    purge: str = "module purge"


@dataclass(frozen=True)
class Site:
    """A place with a computer.

    Attributes:
        name: what workflow files say, e.g. "juwels".
        title: for people.
        scheduler: "slurm", or "none": jobs are processes of this machine.
        modules: of the machine.
        launch: how jobs start programs.
        software: what can be loaded.
        sources: where the values come from, by the keys that they name.
        account: whether jobs must name a project's account.
        logins: hosts to log in to, e.g. ("juwels.fz-juelich.de",).
        token_command: prints the token of the quantum service, from the site's secret store; None: a file of mode 600.
        path: of the file that says all this.
    """

    name: str
    title: str
    scheduler: Literal["slurm", "none"]
    modules: tuple[Module, ...]
    sources: Mapping[str, Source]
    launch: Launch = Launch()
    software: Software = Software()
    account: Literal["required", "optional"] = "optional"
    logins: tuple[str, ...] = ()
    token_command: str | None = None
    path: str = ""

    def module(self, on: str) -> Module:
        """The module of a name, or the first of a kind.

        Raises:
            ParameterError: there is none.
        """
        for one in (*(m for m in self.modules if m.name == on), *(m for m in self.modules if m.kind == on)):
            return one
        known = {name: None for m in self.modules for name in (m.kind, m.name)}
        raise ParameterError(f"{self.name} has no module {on!r}{unlike(on, known)}")

    def host(self, on: str) -> Module:
        """The module whose nodes run what is to run on `on`: of an annealer without nodes the one beside it.

        Raises:
            ParameterError: there is none.
        """
        module = self.module(on)
        return module if module.partitions or module.quantum is None else self.module(module.quantum.host)

    def partition(self, on: str, name: str | None = None) -> Partition:
        """A partition by its name, or the usual one, of the nodes that run what is to run on `on`.

        Where several queues are one partition with one qos each, the name of the qos tells them apart.

        Raises:
            ParameterError: there is none.
        """
        partitions = self.host(on).partitions
        for one in partitions:
            if name in (None, one.name, one.qos):
                return one
        known = dict.fromkeys(called for one in partitions for called in (one.name, one.qos) if called)
        raise ParameterError(f"{on!r} of {self.name} has no partition {name!r}{unlike(str(name), known)}")

    def stage(self, name: str | None = None) -> Stage | None:
        """A stage by its name, or the default; None where the site has no stages, whatever the name.

        Raises:
            ParameterError: there is none of this name.
        """
        stages = self.software.stages
        if name is None or not stages:
            return stages[0] if stages else None
        for one in stages:
            if one.name == name:
                return one
        raise ParameterError(f"{self.name} has no stage {name!r}{unlike(name, [one.name for one in stages])}")
