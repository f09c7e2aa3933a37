"""What the system is made of, and the text of Slurm's files that say so."""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

NODES = ("dc01", "dc02", "jb01", "jb02", "qc01")
GPUS_A_NODE = 4
PORTS = range(20_000, 32_000)
"""Below those that Linux gives to outgoing connections (32768 and more), so that none of them takes a node's."""

LMOD = Path("/usr/share/lmod/lmod/init/bash")


@dataclass(frozen=True)
class Layout:
    """Where a system has its files, and which ports are its own: of slurmctld, then of each node."""

    folder: Path
    ports: tuple[int, ...]

    @classmethod
    def of(cls, folder: Path) -> Layout:
        """A system in a folder, on ports that are free now."""
        return cls(folder, free_ports(1 + len(NODES)))

    @property
    def slurm_conf(self) -> Path:
        return self.folder / "slurm.conf"

    @property
    def munge_socket(self) -> Path:
        return self.folder / "munge" / "socket"

    @property
    def home(self) -> Path:
        """Of the user: with its sites, its token and its virtual environment."""
        return self.folder / "home"

    @property
    def modules(self) -> Path:
        return self.folder / "modules"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def finished(self) -> Path:
        """A line for each job that has ended, which outlives what squeue knows."""
        return self.folder / "finished.txt"


def free_ports(count: int) -> tuple[int, ...]:
    """Ports of loopback that nobody listens at; several systems on one machine hardly meet."""
    found: list[int] = []
    with ExitStack() as held:
        for port in random.sample(PORTS, len(PORTS)):
            tried = held.enter_context(socket.socket())
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                continue
            found.append(port)
            if len(found) == count:
                return tuple(found)
    raise RuntimeError(f"no {count} free ports from {PORTS.start} to {PORTS.stop}")


def slurm_conf(layout: Layout) -> str:
    """The text of slurm.conf.

    A second between looks at the queue: tests wait for it. EnforcePartLimits, or too long a wall time is accepted.
    """
    run, (control, *ports) = layout.folder, layout.ports
    return f"""\
ClusterName=miniature
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={control}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={layout.munge_socket}
CredType=cred/munge
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation={run}/state
SlurmdSpoolDir={run}/spool.%n
SlurmctldPidFile={run}/slurmctld.pid
SlurmdPidFile={run}/slurmd.%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc={layout.finished}
MpiDefault=none
ReturnToService=2
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=1,batch_sched_delay=1,sched_min_interval=0
EnforcePartLimits=ALL
GresTypes=gpu
Licenses=qpu:1
MinJobAge=3600
KillWait=5
{_nodes("dc", ports[0:2], "CPUs=8 RealMemory=4000 Feature=cluster")}
{_nodes("jb", ports[2:4], f"CPUs=8 RealMemory=4000 Gres=gpu:{GPUS_A_NODE} Feature=booster")}
{_nodes("qc", ports[4:5], "CPUs=4 RealMemory=2000 Feature=quantum")}
PartitionName=dc-cpu Nodes=dc[01-02] Default=YES MaxTime=02:00:00 DefaultTime=00:10:00 State=UP
PartitionName=booster Nodes=jb[01-02] MaxTime=02:00:00 DefaultTime=00:10:00 State=UP
PartitionName=quantum Nodes=qc01 MaxTime=01:00:00 DefaultTime=00:10:00 State=UP
"""


def _nodes(prefix: str, ports: list[int], what: str) -> str:
    return "\n".join(
        f"NodeName={prefix}{number:02} NodeHostname=localhost NodeAddr=127.0.0.1 Port={port} {what} State=UNKNOWN"
        for number, port in enumerate(ports, 1)
    )


def gres_conf(layout: Layout) -> str:
    """The text of gres.conf: GPUs that are /dev/null by another name."""
    devices = f"{layout.folder}/gpu[0-{GPUS_A_NODE - 1}]"
    return f"AutoDetect=off\nNodeName=jb[01-02] Name=gpu Flags=nvidia_gpu_env File={devices}\n"
