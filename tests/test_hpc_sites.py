"""Site files: those that come with hqml against public tables, and what a bad one is told."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path

import pytest

pytest.importorskip("yaml", reason="pyyaml is missing: pip install 'hqml[hpc]'")
pytest.importorskip("pydantic", reason="pydantic is missing: pip install 'hqml[hpc]'")

from hqml.errors import FormatError, ParameterError
from hqml.hpc.needs import read_needs
from hqml.hpc.site import KINDS, Site
from hqml.hpc.sites.file import load_site, read_site, site_names, user_folder
from hqml.hpc.software.modules import resolve

SITES = ("deep", "jureca-dc", "jusuf", "juwels", "local", "lumi", "marenostrum5", "vega")

HOUR, DAY = 3600.0, 86400.0

# The tables of public documentation, written once more: site, module, queue, nodes, seconds, cores, GPUs.
PUBLISHED = [
    ("juwels", "cluster", "batch", 1024, DAY, 48, 0),
    ("juwels", "cluster", "mem192", 64, DAY, 48, 0),
    ("juwels", "cluster", "devel", 8, 2 * HOUR, 48, 0),
    ("juwels", "cluster", "gpus", 46, DAY, 48, 4),
    ("juwels", "cluster", "develgpus", 2, 2 * HOUR, 48, 4),
    ("juwels", "booster", "booster", 384, DAY, 48, 4),
    ("juwels", "booster", "develbooster", 4, 2 * HOUR, 48, 4),
    ("jureca-dc", "cluster", "dc-cpu", 64, DAY, 128, 0),
    ("jureca-dc", "cluster", "dc-cpu-bigmem", 48, DAY, 128, 0),
    ("jureca-dc", "cluster", "dc-cpu-devel", 4, 2 * HOUR, 128, 0),
    ("jureca-dc", "booster", "dc-gpu", 24, DAY, 128, 4),
    ("jureca-dc", "booster", "dc-gpu-devel", 4, 2 * HOUR, 128, 4),
    ("deep", "cm", "dp-cn", 50, DAY, 24, 0),
    ("deep", "esb", "dp-esb", 75, DAY, 8, 1),
    ("deep", "dam", "dp-dam", 16, DAY, 48, 1),
    ("marenostrum5", "acc", "acc_ehpc", 100, 72 * HOUR, 80, 4),
    ("marenostrum5", "acc", "acc_debug", 8, 2 * HOUR, 80, 4),
    ("lumi", "lumi-g", "standard-g", 1024, 2 * DAY, 56, 8),  # of 64 cores, 7 a GPU are for jobs
    ("lumi", "lumi-g", "small-g", 4, 3 * DAY, 56, 8),
    ("lumi", "lumi-g", "dev-g", 32, 3 * HOUR, 56, 8),
    ("lumi", "lumi-c", "standard", 512, 2 * DAY, 128, 0),
    ("lumi", "lumi-c", "largemem", 1, DAY, 128, 0),
    ("vega", "cpu", "cpu", 960, DAY, 128, 0),
    ("vega", "gpu", "gpu", 60, DAY, 128, 4),
]


@pytest.fixture(scope="module")
def sites() -> Mapping[str, Site]:
    return {name: load_site(name) for name in SITES}


@pytest.fixture(autouse=True)
def no_own_sites(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Whatever the user has, a test sees the sites of hqml alone; the folder that would be theirs."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config" / "hqml" / "sites"


def test_these_sites_come_with_hqml() -> None:
    assert tuple(site_names()) == SITES


@pytest.mark.parametrize(("name", "module", "queue", "nodes", "seconds", "cores", "gpus"), PUBLISHED)
def test_limits_are_those_of_the_public_tables(
    sites: Mapping[str, Site], name: str, module: str, queue: str, nodes: int, seconds: float, cores: int, gpus: int
) -> None:
    found = sites[name].partition(module, queue)
    assert (found.nodes, found.seconds, found.node.cores, found.node.gpus) == (nodes, seconds, cores, gpus)


def test_all_kinds_of_a_workflow_run_on_this_machine(sites: Mapping[str, Site]) -> None:
    local = sites["local"]
    assert local.scheduler == "none"
    assert [local.module(kind).kind for kind in KINDS] == list(KINDS)
    assert local.host("quantum").name == "cluster"
    assert local.stage() is None


def test_modules_of_deep_have_their_real_names(sites: Mapping[str, Site]) -> None:
    assert [(one.name, one.kind) for one in sites["deep"].modules] == [
        ("cm", "cluster"),
        ("esb", "booster"),
        ("dam", "dam"),
        ("quantum", "quantum"),
    ]
    assert sites["deep"].module("booster").name == "esb"


@pytest.mark.parametrize("name", ["deep", "jureca-dc", "jusuf", "juwels"])
def test_the_annealer_in_juelich_is_reached_from_the_cluster(sites: Mapping[str, Site], name: str) -> None:
    quantum = sites[name].module("quantum").quantum
    assert quantum is not None
    assert (quantum.solver, quantum.region) == ("Advantage_system5.4", "eu-central-1")
    assert (quantum.licence, quantum.endpoint) == (None, None)
    assert sites[name].host("quantum").kind == "cluster"


@pytest.mark.parametrize("name", SITES)
def test_every_value_names_a_source_with_a_date(sites: Mapping[str, Site], name: str) -> None:
    site = sites[name]
    stages = site.software.stages
    named = [
        *(one.source for module in site.modules for one in module.partitions),
        *(one.node.source for module in site.modules for one in module.partitions),
        *(module.quantum.source for module in site.modules if module.quantum),
        *(one.source for stage in stages for one in (*stage.packages,)),
        *(stage.source for stage in stages),
        *([site.launch.source] if site.launch.source else []),
    ]
    assert set(named) <= set(site.sources)
    for source in site.sources.values():
        assert source.title
        assert datetime.date(2026, 11, 1) <= datetime.date.fromisoformat(source.date)


@pytest.mark.parametrize("name", SITES)
def test_needs_can_name_all_software(sites: Mapping[str, Site], name: str) -> None:
    for stage in sites[name].software.stages:
        for one in stage.packages:
            [need] = read_needs(one.provides)
            assert need.name == one.provides


def test_stages_of_juelich_tell_what_each_has(sites: Mapping[str, Site]) -> None:
    versions = {
        stage.name: {one.provides: one.version for one in reversed(stage.packages)}
        for stage in sites["juwels"].software.stages
    }
    assert list(versions) == ["2025", "2026", "2024", "2023", "2022"]
    assert {name: found.get("torch") for name, found in versions.items()} == {
        "2025": "2.5.1",
        "2026": "2.9.1",
        "2024": "2.1.2",
        "2023": "1.12.0",
        "2022": "1.11.0",
    }
    assert [name for name, found in versions.items() if "horovod" in found] == ["2022"]
    assert [name for name, found in versions.items() if "tensorflow" in found] == ["2023", "2022"]
    assert {found["gcc"] for found in versions.values()} == {"13.3.0", "14.3.0", "12.3.0", "11.3.0", "11.2.0"}
    assert versions["2024"]["python"] == "3.11.3"
    assert versions["2024"]["mpi"] == "4.1.5"


def test_limits_that_no_source_tells_are_not_firm(sites: Mapping[str, Site]) -> None:
    loose = {
        (site.name, one.name)
        for site in sites.values()
        for module in site.modules
        for one in module.partitions
        if not one.firm
    }
    assert loose == {
        ("juwels", "develgpus"),
        ("juwels", "largebooster"),
        ("jureca-dc", "dc-cpu-devel"),
        ("jureca-dc", "dc-gpu-devel"),
        ("jusuf", "batch"),
        ("jusuf", "gpus"),
        ("jusuf", "develgpus"),
    }


@pytest.mark.parametrize("stage", ["2024", "2025", "2026"])
def test_mpi4py_in_juelich_goes_with_each_mpi(sites: Mapping[str, Site], stage: str) -> None:
    for mpi in ("openmpi", "parastationmpi"):
        found = resolve(sites["deep"], read_needs(f"{mpi}, mpi4py, python"), kind="booster", stage=stage)
        assert not found.missing
        modules = [module.partition("/")[0].lower() for module in found.load]
        assert [one for one in modules if "mpi" in one] == [mpi, "mpi4py"]


def test_load_sequences_are_whole(sites: Mapping[str, Site]) -> None:
    stage = sites["juwels"].stage("2023")
    assert stage is not None
    assert stage.load == ("Stages/2023",)
    [torch] = [one for one in stage.packages if one.provides == "torch"]
    assert torch.load == ("GCC/11.3.0", "OpenMPI/4.1.4", "PyTorch/1.12.0-CUDA-11.7")


def test_systems_in_juelich_share_their_software_and_its_sources(sites: Mapping[str, Site]) -> None:
    for name in ("deep", "jureca-dc", "jusuf"):
        assert sites[name].software == sites["juwels"].software
        assert sites[name].sources["easybuild"] == sites["juwels"].sources["easybuild"]


def test_conventions_of_sites(sites: Mapping[str, Site]) -> None:
    juwels, mn5, vega = sites["juwels"].launch, sites["marenostrum5"].launch, sites["vega"]
    assert (juwels.srun, juwels.host_suffix) == (("--cpu-bind=none",), "i")
    assert juwels.environment == {"NCCL_SOCKET_IFNAME": "ib0", "GLOO_SOCKET_IFNAME": "ib0"}
    assert (mn5.memory, mn5.cpus_per_gpu) == (False, 20)
    assert sites["marenostrum5"].partition("acc").qos == "acc_ehpc"
    assert vega.partition("gpu").needs_gpus
    assert vega.partition("cpu").node.cpus == 256
    assert sites["lumi"].launch.gpus == "gpus-per-node"
    assert [name for name in SITES if sites[name].account == "required"] == [
        "deep",
        "jureca-dc",
        "jusuf",
        "juwels",
        "lumi",
        "marenostrum5",
    ]


def test_queues_of_one_partition_are_told_apart_by_their_qos(sites: Mapping[str, Site]) -> None:
    site = sites["marenostrum5"]
    assert site.partition("booster", "acc").qos == "acc_ehpc"
    assert site.partition("booster", "acc_debug").name == "acc"
    with pytest.raises(ParameterError, match="no partition 'acc_debgu'; did you mean 'acc_debug'"):
        site.partition("booster", "acc_debgu")


LEAST = """\
title: Mine
scheduler: slurm
sources:
  me: {title: my notes, url: "https://example.org/notes", date: 2026-11-26}
modules:
  - name: cluster
    kind: cluster
    title: the cluster
    source: me
    nodes:
      n: {cores: 8}
    partitions:
      - {name: batch, nodes: 4, time: 1h, node: n}
"""


def written(folder: Path, text: str, name: str = "mine.yaml") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text)
    return path


def test_the_shortest_site(tmp_path: Path) -> None:
    site = read_site(written(tmp_path, LEAST))
    assert (site.name, site.title, site.account, site.logins) == ("mine", "Mine", "optional", ())
    [partition] = site.module("cluster").partitions
    assert (partition.name, partition.nodes, partition.seconds, partition.source) == ("batch", 4, HOUR, "me")
    assert (partition.node.cores, partition.node.memory_gb, partition.node.source) == (8, None, "me")
    assert site.launch.gpus == "gres"
    assert site.software.stages == ()


def test_a_file_of_ones_own_comes_first(no_own_sites: Path) -> None:
    assert user_folder() == no_own_sites
    path = written(no_own_sites, LEAST, "juwels.yaml")
    assert load_site("juwels").title == "Mine"
    assert site_names()["juwels"] == path
    assert len(site_names()) == len(SITES)


def test_a_name_that_ends_in_yaml_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, LEAST)
    monkeypatch.chdir(tmp_path)
    assert load_site("mine.yaml").name == "mine"


def test_a_relative_configuration_folder_is_ignored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "config")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_folder() == tmp_path / ".config" / "hqml" / "sites"


def test_an_unknown_site_is_told_what_is_near_and_where_ones_own_goes(no_own_sites: Path) -> None:
    with pytest.raises(ParameterError) as caught:
        load_site("juwles")
    assert str(caught.value) == (
        f"no site 'juwles' (your own would be {no_own_sites}/juwles.yaml, or any path that ends in .yaml); "
        "did you mean 'juwels'?"
    )


def test_software_like_that_of_another_site(tmp_path: Path, no_own_sites: Path) -> None:
    text = LEAST.replace("  me:", "  easybuild: {title: mine, url: 'https://e.org', date: 2026-11-26}\n  me:")
    site = read_site(written(tmp_path, text + "software: {like: juwels}\n"))
    stage = site.stage("2024")
    assert stage is not None
    assert stage.source == "juwels-easybuild"
    assert site.sources["easybuild"].title == "mine"
    assert site.sources["juwels-easybuild"].url == "https://github.com/easybuilders/JSC"
    # A user's own juwels.yaml means the one of hqml, not itself.
    written(no_own_sites, LEAST + "software: {like: juwels}\n", "juwels.yaml")
    assert len(load_site("juwels").software.stages) == 5


SOFTWARE = """\
software:
  source: me
  stages:
    - name: 2024
      source: me
      packages:
        - {provides: torch, version: 2.1.2, load: [PyTorch]}
"""

QUANTUM = """\
  - name: quantum
    kind: quantum
    title: an annealer
    quantum: {source: me}
"""

BAD = [
    ("", "mine.yaml:1: the file is empty"),
    (LEAST.replace("title: Mine\n", ""), "mine.yaml:1: title: this key is missing"),
    (LEAST + "modles: []\n", "mine.yaml:14: modles: unknown key; did you mean 'modules'?"),
    (LEAST.replace("cores", "core"), "mine.yaml:11: modules[0].nodes.n.core: unknown key; did you mean 'cores'?"),
    (LEAST.replace("slurm", "pbs"), "mine.yaml:2: scheduler: must be 'slurm' or 'none', found 'pbs'"),
    (
        LEAST.replace("source: me", "source: us"),
        "mine.yaml:9: modules[0].source: no source 'us' is under sources; there are: me",
    ),
    (
        LEAST.replace("    source: me\n", ""),
        "mine.yaml:10: modules[0].nodes.n.source: this key is missing, here or in the module: "
        "say where the values were read",
    ),
    (LEAST.replace(", date: 2026-11-26", ""), "mine.yaml:4: sources.me.date: this key is missing"),
    (
        LEAST.replace("2026-11-26", "26.11.2026"),
        "mine.yaml:4: sources.me.date: must be a date such as 2026-11-26, found '26.11.2026'",
    ),
    (
        LEAST.replace("2026-11-26", "2026-02-30"),
        "mine.yaml:4: sources.me.date: must be a date such as 2026-11-26, found '2026-02-30'",
    ),
    (
        LEAST.replace("https://example.org/notes", "my head"),
        "mine.yaml:4: sources.me.url: must be an address that begins with a scheme such as https://, found 'my head'",
    ),
    (LEAST.replace("nodes: 4, ", ""), "mine.yaml:13: modules[0].partitions[0].nodes: this key is missing"),
    (
        LEAST.replace("nodes: 4", "nodes: 0"),
        "mine.yaml:13: modules[0].partitions[0].nodes: must be greater than or equal to 1, found 0",
    ),
    (
        LEAST.replace("nodes: 4", "nodes: four"),
        "mine.yaml:13: modules[0].partitions[0].nodes: must be a whole number, found 'four'",
    ),
    (
        LEAST.replace("1h", "one hour"),
        "mine.yaml:13: modules[0].partitions[0].time: "
        "a duration must be a time such as 90, 90s, 10m or 2h, found 'one hour'",
    ),
    (
        LEAST.replace("1h", "0"),
        "mine.yaml:13: modules[0].partitions[0].time: a duration must be a finite number of seconds above 0, found 0",
    ),
    (
        LEAST.replace("node: n}", "node: m}"),
        "mine.yaml:13: modules[0].partitions[0].node: no node 'm' is under nodes; there are: n",
    ),
    (
        LEAST.replace("name: batch", "name: 'two words'"),
        "mine.yaml:13: modules[0].partitions[0].name: "
        "must be one word of letters, digits and . _ - + @, found 'two words'",
    ),
    (
        LEAST + "      - {name: batch, nodes: 1, time: 1h, node: n}\n",
        "mine.yaml:14: modules[0].partitions[1]: partitions are told apart by their names; 'batch' is there twice",
    ),
    (
        LEAST + LEAST[LEAST.index("  - name") :],
        "mine.yaml:14: modules[1]: modules are told apart by their names; 'cluster' is there twice",
    ),
    (
        LEAST.replace("      n: {cores: 8}", "      n: {cores: 8}\n      m: {cores: 4}"),
        "mine.yaml:12: modules[0].nodes.m: no partition has such nodes; leave it out, or name it in one",
    ),
    (
        LEAST[: LEAST.index("    nodes:")],
        "mine.yaml:6: modules[0].partitions: a module needs a partition that its jobs can run in",
    ),
    (
        LEAST.replace("kind: cluster", "kind: boster"),
        "mine.yaml:7: modules[0].kind: must be 'cluster', 'booster', 'dam' or 'quantum', found 'boster'",
    ),
    (
        LEAST.replace("name: cluster", "name: booster"),
        "mine.yaml:6: modules[0].name: 'booster' is a kind of module, and this one's kind is 'cluster'",
    ),
    (
        LEAST.replace("n: {cores: 8}", "n: {cores: 8, gpu: A100}"),
        "mine.yaml:11: modules[0].nodes.n: gpu names the model 'A100', but the node has no gpus; say how many",
    ),
    (
        LEAST.replace("node: n}", "node: n, needs_gpus: true}"),
        "mine.yaml:13: modules[0].partitions[0].needs_gpus: its nodes, 'n', have no gpus",
    ),
    (
        LEAST + QUANTUM.replace("    quantum: {source: me}\n", ""),
        "mine.yaml:14: modules[1].quantum: this key is missing: say how the annealer is reached, at least its source",
    ),
    (
        LEAST + QUANTUM.replace("{source: me}", "{source: me, host: booster}"),
        "mine.yaml:17: modules[1].quantum.host: no module of kind 'booster' has nodes to run the programs; "
        "there are: cluster",
    ),
    (
        LEAST.replace("kind: cluster", "kind: cluster\n    quantum: {source: me}"),
        "mine.yaml:8: modules[0].quantum: only a module of kind quantum has this, and the kind is 'cluster'",
    ),
    (
        LEAST.replace("slurm", "none") + QUANTUM.replace("{source: me}", "{source: me, licence: qpu}"),
        "mine.yaml:17: modules[1].quantum.licence: nobody counts licences where the scheduler is none",
    ),
    (
        LEAST.replace("slurm", "none").replace("node: n}", "node: n, qos: long}"),
        "mine.yaml:13: modules[0].partitions[0].qos: there is no qos where the scheduler is none",
    ),
    (
        LEAST.replace("slurm", "none") + "access: {source: me, account: required}\n",
        "mine.yaml:14: access.account: nobody asks for an account where the scheduler is none",
    ),
    (
        LEAST + "launch: {source: me, srun: ['--x; rm -rf']}\n",
        "mine.yaml:14: launch.srun[0]: must be one word of letters, digits and _.+=:,/@%~-, found '--x; rm -rf'",
    ),
    (
        LEAST + "launch: {source: me, environment: {HF_TOKEN: abc}}\n",
        "mine.yaml:14: launch.environment.HF_TOKEN: HF_TOKEN looks secret, and job scripts show it; users read it",
    ),
    (
        LEAST + 'launch: {source: me, environment: {A: "b\\nc"}}\n',
        "mine.yaml:14: launch.environment.A: must be one line",
    ),
    (
        LEAST + "launch: {source: me, environment: {http_proxy: 'http://me:pw@host'}}\n",
        "mine.yaml:14: launch.environment.http_proxy: an address with a password; ",
    ),
    (LEAST + "launch: {gpus: gres}\n", "mine.yaml:14: launch.source: this key is missing"),
    (
        LEAST + SOFTWARE + "    - {name: '2024', source: me}\n",
        "mine.yaml:21: software.stages[1]: stages are told apart by their names; '2024' is there twice",
    ),
    (
        LEAST + SOFTWARE + "        - {provides: torch, version: 2.1.2, load: [PyTorch]}\n",
        "mine.yaml:21: software.stages[0].packages[1]: torch 2.1.2 is there twice, first as packages[0]",
    ),
    (
        LEAST + SOFTWARE.replace("2.1.2", "2.10"),
        "mine.yaml:20: software.stages[0].packages[0].version: "
        "must be text; write it in quotes, e.g. '2.1': a number may have lost a 0 at its end",
    ),
    (
        LEAST + SOFTWARE.replace("torch,", "PyTorch_x,"),
        "mine.yaml:20: software.stages[0].packages[0].provides: "
        "must be written as needs do, 'pytorch-x', found 'PyTorch_x'",
    ),
    (
        LEAST + "software: {like: juwles}\n",
        "mine.yaml:14: software.like: hqml comes with no other site 'juwles'; did you mean 'juwels'?",
    ),
    (LEAST + "software: {source: me, stages: []}\n", "mine.yaml:14: software.stages: must have at least 1 item"),
    (
        LEAST.replace("title: Mine", "title: Mine\ntitle: Yours"),
        "mine.yaml:2: found key 'title' twice, first on line 1",
    ),
]


@pytest.mark.parametrize(("text", "line"), BAD, ids=range(len(BAD)))
def test_a_bad_file_is_one_line_with_its_place(tmp_path: Path, text: str, line: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(FormatError) as caught:
        read_site(path)
    said = str(caught.value)
    assert "\n" not in said
    assert said.removeprefix(f"{tmp_path}/").startswith(line)


@pytest.mark.parametrize(
    ("key", "address", "told"),
    [
        ("endpoint", "http://host/$(touch x)", "must be an address that begins with http:// or https://"),
        ("endpoint", "http://host/`touch x`", "must be an address that begins with http:// or https://"),
        ("endpoint", "https://me:pw@host/sapi", "must not say a user or a password"),
        ("endpoint", "ftp://host/", "must be an address that begins with http:// or https://"),
        ("proxy", "socks5h://me:pw@host:1080", "must not say a user or a password"),
        ("proxy", "socks5h://host:$PORT", "must be an address that begins with http://"),
        ("proxy", "ldap://host", "must be an address that begins with http://"),
    ],
)
def test_an_address_of_the_annealer_gives_no_access(tmp_path: Path, key: str, address: str, told: str) -> None:
    quantum = f"  - {{name: q, kind: quantum, title: Q, quantum: {{source: me, {key}: '{address}'}}}}\n"
    with pytest.raises(FormatError) as caught:
        read_site(written(tmp_path, LEAST + quantum))
    assert f"mine.yaml:14: modules[1].quantum.{key}: {told}" in str(caught.value)


def test_there_are_more_than_twenty_bad_files() -> None:
    assert len(BAD) >= 20
