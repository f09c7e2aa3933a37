"""From what a live Slurm says to a site file: recorded answers of Slurm 22.05, and ones made up for other systems."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

pytest.importorskip("yaml", reason="pyyaml is missing: pip install 'hqml[hpc]'")
pytest.importorskip("pydantic", reason="pydantic is missing: pip install 'hqml[hpc]'")

from hqml.errors import FormatError, HostError
from hqml.hpc.host import Answer
from hqml.hpc.probing.draft import draft
from hqml.hpc.probing.probe import YEAR, probe, read_licences, read_queues, records
from hqml.hpc.site import Node, Package, Site, Software, Source, Stage
from hqml.hpc.sites.file import read_site
from hqml.hpc.software.system import Live

CONFIG = """\
Configuration data as of 2026-11-26T10:28:22
AccountingStorageBackupHost = (null)
AccountingStorageEnforce = none
ClusterName             = miniature
SLURM_VERSION           = 22.05.8
"""

PARTITION = (
    "PartitionName={name} AllowGroups=ALL AllowAccounts=ALL AllowQos=ALL AllocNodes=ALL Default={default} QoS=N/A "
    "DefaultTime=00:10:00 Hidden=NO MaxNodes={most} MaxTime={time} MinNodes=0 Nodes=dc[01-02] OverSubscribe={share} "
    "State=UP TotalCPUs=16 TotalNodes=2 TRES=cpu=16,mem=8000M,node=2,billing=16\n"
)

NODE = (
    "NodeName={name} Arch=x86_64 CoresPerSocket={cores}  CPUAlloc=0 CPUEfctv={cpus} CPUTot={cpus} CPULoad=0.12 "
    "AvailableFeatures=x ActiveFeatures=x Gres={gres} NodeAddr=127.0.0.1 NodeHostName=localhost Port=22731 "
    "Version=22.05.8 OS=Linux 6.18.44 #1 SMP PREEMPT_DYNAMIC @0  RealMemory={memory} AllocMem=0 FreeMem=20139 "
    "Sockets={sockets} Boards=1 State=IDLE ThreadsPerCore=1 TmpDisk=0 Weight=1 Owner=N/A MCS_label=N/A "
    "Partitions={partitions}  BootTime=2026-11-25T19:35:55 CfgTRES=cpu=8,mem=4000M,billing=8 AllocTRES= CapWatts=n/a\n"
)

LICENCES = "LicenseName=qpu Total=1 Used=0 Free=1 Reserved=0 Remote=no\nLicenseName=matlab Total=20 Used=3\n"


def partition(
    name: str, *, most: str = "UNLIMITED", time: str = "02:00:00", share: str = "NO", default: str = "NO"
) -> str:
    return PARTITION.format(name=name, most=most, time=time, share=share, default=default)


def node(
    name: str,
    partitions: str,
    *,
    cpus: int = 8,
    sockets: int = 8,
    cores: int = 1,
    gres: str = "(null)",
    memory: int = 4000,
) -> str:
    return NODE.format(
        name=name, partitions=partitions, cpus=cpus, sockets=sockets, cores=cores, gres=gres, memory=memory
    )


MINIATURE = {
    "config": CONFIG,
    "partition": partition("booster") + partition("dc-cpu", default="YES") + partition("quantum", time="01:00:00"),
    "node": "".join(
        [
            node("dc01", "dc-cpu"),
            node("dc02", "dc-cpu"),
            node("jb01", "booster", gres="gpu:4"),
            node("jb02", "booster", gres="gpu:4"),
            node("qc01", "quantum", cpus=4, sockets=4, memory=2000),
        ]
    ),
    "licenses": LICENCES,
}


@dataclass
class Recorded:
    """A login node that answers what was recorded."""

    answers: Mapping[str, str]
    name: str | None = "login"

    def run(self, command: Sequence[str], *, folder: str | None = None, timeout: float = 120.0) -> Answer:
        assert command[:2] == ["scontrol", "show"]
        said = self.answers.get(command[2])
        return Answer(0, said, "") if said is not None else Answer(1, "", "slurm_load: Unable to contact\ncontroller")

    def read(self, path: str) -> str | None:
        return None

    def read_all(self, folder: str) -> Mapping[str, str]:
        return {}


@pytest.fixture(autouse=True)
def no_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    """The login node has no module system; tests/hpc/test_lmod.py reads a real one."""

    def missing(host: Recorded) -> Live:
        raise HostError(f"{host.name} has no command `module`")

    monkeypatch.setattr("hqml.hpc.probing.probe.live_software", missing)


def site_of(text: str, folder: Path) -> Site:
    path = folder / "draft.yaml"
    path.write_text(text)
    return read_site(path)


def test_fields_may_hold_blanks_and_equals_signs() -> None:
    [record] = records(node("dc01", "a,b"))
    assert record["OS"] == "Linux 6.18.44 #1 SMP PREEMPT_DYNAMIC @0"
    assert record["CfgTRES"] == "cpu=8,mem=4000M,billing=8"
    assert (record["AllocTRES"], record["CapWatts"], record["Partitions"]) == ("", "n/a", "a,b")
    assert {"ClusterName": "miniature"} in records(CONFIG)


def test_the_default_partition_comes_first() -> None:
    queues = read_queues(MINIATURE["partition"], MINIATURE["node"])
    assert [one.name for one in queues] == ["dc-cpu", "booster", "quantum"]
    assert queues[0].node == Node(8, memory_gb=3.9, source="slurm")
    assert queues[1].node.gpus == 4


@pytest.mark.parametrize(
    ("most", "time", "nodes", "seconds", "unlimited"),
    [
        ("UNLIMITED", "UNLIMITED", 2, YEAR, ("nodes", "time")),
        ("1", "1-12:00:00", 1, 129600, ()),
        ("64", "30:00", 2, 1800, ()),  # more than there are
        ("UNLIMITED", "1000-00:00:00", 2, YEAR, ("nodes", "time")),
        ("0", "24:00:00", 2, 86400, ()),
    ],
)
def test_limits(most: str, time: str, nodes: int, seconds: float, unlimited: tuple[str, ...]) -> None:
    [queue] = read_queues(partition("a", most=most, time=time), node("x1", "a") + node("x2", "a"))
    assert (queue.nodes, queue.seconds, queue.unlimited) == (nodes, seconds, unlimited)


@pytest.mark.parametrize(
    ("hardware", "found"),
    [
        ({"cpus": 96, "sockets": 2, "cores": 24, "memory": 96_000}, Node(48, 2, memory_gb=93.7, source="slurm")),
        ({"cpus": 48, "sockets": 2, "cores": 24, "memory": 0}, Node(48, 1, source="slurm")),
        ({"gres": "gpu:a100:4(S:0-1),nvme:1"}, Node(8, 1, 4, "a100", 3.9, "slurm")),
        ({"gres": "nvme:1,gpu:2"}, Node(8, 1, 2, "", 3.9, "slurm")),
        ({"gres": "gpu"}, Node(8, 1, 1, "", 3.9, "slurm")),
        ({"gres": "gpu:v100:1,gpu:k80:2"}, Node(8, 1, 3, "v100", 3.9, "slurm")),
        ({"cpus": 6, "sockets": 1, "cores": 64}, Node(6, 1, memory_gb=3.9, source="slurm")),  # some are kept back
    ],
)
def test_hardware(hardware: dict[str, int | str], found: Node) -> None:
    [queue] = read_queues(partition("a"), node("x", "a", **hardware))  # type: ignore[arg-type]
    assert queue.node == found


def test_of_unlike_nodes_the_smallest_counts(tmp_path: Path) -> None:
    nodes = node("x1", "a", memory=8000) + node("x2", "a") + node("x3", "a", gres="gpu:1")
    [queue] = read_queues(partition("a", share="EXCLUSIVE"), nodes)
    assert (queue.node.memory_gb, queue.others, queue.whole_nodes) == (3.9, 2, True)


def test_licences() -> None:
    assert read_licences(LICENCES) == {"qpu": 1, "matlab": 20}
    assert read_licences("No licenses configured in Slurm.\n") == {}


def test_the_draft_of_a_modular_system_is_a_site(tmp_path: Path) -> None:
    text = draft(probe(Recorded(MINIATURE)))
    site = site_of(text, tmp_path)
    assert site.title == "miniature"
    assert [(one.kind, [queue.name for queue in one.partitions]) for one in site.modules] == [
        ("cluster", ["dc-cpu"]),
        ("booster", ["booster"]),
        ("quantum", ["quantum"]),
    ]
    quantum = site.module("quantum").quantum
    assert quantum is not None
    assert quantum.licence == "qpu"
    assert site.sources["slurm"].title == "scontrol on login: Slurm 22.05.8"
    assert "# Further licences of Slurm: matlab (20)" in text
    assert "# No software was seen: login has no command `module`" in text


def test_what_is_commented_can_be_filled_in(tmp_path: Path) -> None:
    text = draft(probe(Recorded(MINIATURE)))
    filled = re.sub(r"^( *)# ?( *(?:[a-z_]+:|- [a-z]+:|- \{).*)$", r"\1\2", text, flags=re.MULTILINE)
    site = site_of(filled, tmp_path)
    assert (site.account, site.logins, site.launch.host_suffix) == ("required", ("login.example.org",), "i")
    quantum = site.module("quantum").quantum
    assert quantum is not None
    assert (quantum.solver, quantum.proxy) == ("Advantage_system5.4", "socks5h://localhost:1080")
    assert site.software.stages[0].packages[0].provides == "torch"


def test_a_licence_alone_makes_an_annealer_beside_the_nodes(tmp_path: Path) -> None:
    answers = {**MINIATURE, "partition": partition("dc-cpu"), "licenses": "LicenseName=dwave Total=2\n"}
    site = site_of(draft(probe(Recorded(answers))), tmp_path)
    quantum = site.module("quantum")
    assert quantum.partitions == ()
    assert quantum.quantum is not None
    assert (quantum.quantum.host, quantum.quantum.licence) == ("cluster", "dwave")


def test_odd_names_stay_text(tmp_path: Path) -> None:
    answers = {
        **MINIATURE,
        "config": 'ClusterName = a "b": {c}\n',
        "partition": partition("1e3") + partition("true"),
        "node": node("x", "1e3,true", gres="gpu:2080ti:1"),
    }
    site = site_of(draft(probe(Recorded(answers))), tmp_path)
    assert site.title == 'a "b": {c}'
    assert [one.name for one in site.module("booster").partitions] == ["1e3", "true"]


def test_the_software_of_a_live_module_system_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = (
        Package("torch", "2.10", ("GCC/13.3.0", "PyTorch/2.10"), "live"),
        Package("odd", "1", ("a b",), "live"),
    )
    stage = Stage("2025", packages, "live", ("Stages/2025",), ("/apps/modules",), 'the "new" one')
    live = Live("Lmod 8.6", Software((stage,)), Source("live module system", "ssh://login", "2026-11-26"))
    monkeypatch.setattr("hqml.hpc.probing.probe.live_software", lambda host: live)
    text = draft(probe(Recorded(MINIATURE)))
    site = site_of(text, tmp_path)
    [found] = site.software.stages
    assert (found.load, found.use, found.purpose) == (stage.load, stage.use, stage.purpose)
    assert found.packages == packages[:1]
    assert "# 1 of its 2 packages are left out here." in text


def test_of_a_great_many_packages_the_likely_ones_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = tuple(Package(f"p{at}", "1", (f"p{at}/1",), "live") for at in range(500))
    stage = Stage("default", (*many, Package("torch", "2.5", ("PyTorch/2.5",), "live")), "live")
    live = Live("Lmod 8.6", Software((stage,)), Source("live module system", "ssh://login", "2026-11-26"))
    monkeypatch.setattr("hqml.hpc.probing.probe.live_software", lambda host: live)
    text = draft(probe(Recorded(MINIATURE)))
    assert [one.provides for one in site_of(text, tmp_path).software.stages[0].packages] == ["torch"]
    assert "# 500 of its 501 packages are left out here." in text


def test_without_an_answer_it_says_what_slurm_said() -> None:
    with pytest.raises(HostError, match=r"scontrol show config: .*Unable to contact; controller"):
        probe(Recorded({}))


def test_a_client_of_slurm_without_a_cluster_is_told_to_be_no_login_node(monkeypatch: pytest.MonkeyPatch) -> None:
    said = (
        "scontrol: error: resolve_ctls_from_dns_srv: res_nsearch error: Unknown host\n"
        "scontrol: error: fetch_config: DNS SRV lookup failed\n"
        "scontrol: fatal: Could not establish a configuration source\n"
    )
    monkeypatch.setattr(Recorded, "run", lambda *_, **__: Answer(1, "", said))
    with pytest.raises(HostError, match=r"reaches no Slurm.*login node.*--host LOGIN") as told:
        probe(Recorded({}))
    assert "res_nsearch" not in str(told.value)


@pytest.mark.parametrize(
    ("partitions", "nodes", "said"),
    [
        (partition("a"), "", "no partition with nodes"),
        (partition("a"), node("x", "b"), "no partition with nodes"),
        ("Name=a\n", node("x", "a"), "cannot read: 'PartitionName'"),
        (partition("a"), "NodeName=x Partitions=a\n", "cannot read: 'CPUTot'"),
    ],
)
def test_answers_that_are_none(partitions: str, nodes: str, said: str) -> None:
    with pytest.raises(FormatError, match=said):
        read_queues(partitions, nodes)
