"""Workflows against the limits of sites: what is refused, on which line, and what is told to do instead."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

pytest.importorskip("yaml", reason="pyyaml is missing: pip install 'hqml[hpc]'")
pytest.importorskip("pydantic", reason="pydantic is missing: pip install 'hqml[hpc]'")

from hqml import hpc
from hqml.errors import FormatError
from hqml.hpc.site import Launch, Module, Node, Package, Partition, Quantum, Site, Software, Source, Stage
from hqml.hpc.sites.file import load_site, site_names
from hqml.hpc.workflows.advice import hints, warnings
from hqml.hpc.workflows.checks import check
from hqml.hpc.workflows.file import open_workflow

CPU = Node(cores=48, threads_per_core=2, memory_gb=96)
GPU = Node(cores=48, threads_per_core=2, gpus=4, gpu="A100", memory_gb=512)
HOUR = 3600.0

CLUSTER = Module(
    "jc",
    "cluster",
    "Cluster",
    (
        Partition("batch", 8, 24 * HOUR, CPU, "s", whole_nodes=True),
        Partition("devel", 2, 2 * HOUR, CPU, "s", purpose="tests"),
        Partition("large", 64, 6 * HOUR, CPU, "s", purpose="large jobs"),
        Partition("long", 2, 72 * HOUR, CPU, "s", purpose="long jobs"),
        Partition("mem", 4, 24 * HOUR, replace(CPU, memory_gb=192), "s", purpose="more memory"),
        Partition("gpus", 2, 24 * HOUR, GPU, "s", needs_gpus=True, purpose="GPUs"),
    ),
)
BOOSTER = Module("jb", "booster", "Booster", (Partition("booster", 4, 24 * HOUR, GPU, "s"),))
ANNEALER = Module("qc", "quantum", "Annealer", quantum=Quantum("s", licence="qpu"))

STAGES = (
    Stage(
        "2024",
        (
            Package("python", "3.11.3", ("Python/3.11.3",), "s"),
            Package("torch", "2.1.2", ("PyTorch/2.1.2",), "s"),
            Package("mpi", "4.1.5", ("OpenMPI/4.1.5",), "s"),
        ),
        "s",
        load=("Stages/2024",),
    ),
    Stage("2022", (Package("horovod", "0.24", ("Horovod/0.24",), "s"),), "s", load=("Stages/2022",)),
)

SITE = Site(
    "jhpc",
    "A modular machine",
    "slurm",
    (CLUSTER, BOOSTER, ANNEALER),
    {"s": Source("its pages", "https://example.org", "2026-11-01")},
    software=Software(STAGES),
    account="required",
)

MARE = replace(SITE, name="mare", launch=Launch(memory=False, cpus_per_gpu=20), account="optional")
LAPTOP = Site(
    "laptop", "This", "none", (Module("c", "cluster", "c"), Module("q", "quantum", "q", (), Quantum("s"))), {}
)


def refused(folder: Path, text: str, site: Site = SITE) -> str | None:
    """What is told, without the path; None: the workflow is taken."""
    path = folder / "wf.yaml"
    path.write_text(text)
    workflow, places = open_workflow(path)
    try:
        check(workflow, site, places)
    except FormatError as error:
        return str(error).removeprefix(f"{path}:")
    return None


def step(*lines: str, on: str = "cluster", time: str = "1h", head: str = "account: a") -> str:
    """One step; its own lines begin on line 8."""
    rest = "".join(f"    {line}\n" for line in lines)
    return f"site: jhpc\n{head}\nsteps:\n  a:\n    on: {on}\n    time: {time}\n    run: ./x\n{rest}"


# What is wrong; the line and the beginning of what is said.
WRONG: dict[str, tuple[str, str]] = {
    "an unknown kind": (step(on="bosster"), "5: steps.a.on: jhpc has no module 'bosster'; did you mean 'booster'?"),
    "a kind that is not there": (step(on="dam"), "5: steps.a.on: jhpc has no module 'dam'; there are: cluster, jc, "),
    "an unknown partition": (
        step("partition: bacth"),
        "8: steps.a.partition: 'cluster' of jhpc has no partition 'bacth'; did you mean 'batch'?",
    ),
    "another module's partition": (
        step("partition: booster"),
        "8: steps.a.partition: 'cluster' of jhpc has no partition 'booster'; there are: batch, devel, large, long, "
        "mem, gpus; jb has it: write on: jb",
    ),
    "nodes that another partition has": (
        step("nodes: 20"),
        "8: steps.a.nodes: 20 nodes are asked, and jobs in batch have at most 8; large has 64: write partition: large",
    ),
    "nodes that none has": (
        step("nodes: 65"),
        "8: steps.a.nodes: 65 nodes are asked, and jobs in batch have at most 8; ask for fewer",
    ),
    "nodes that another has for less time": (
        step("nodes: 20", time="8h"),
        "8: steps.a.nodes: 20 nodes are asked, and jobs in batch have at most 8; ask for fewer",
    ),
    "time that another partition gives": (
        step(time="2d"),
        "6: steps.a.time: 2d is asked, and jobs in batch have at most 1d; long gives 3d: write partition: long",
    ),
    "time that none gives": (
        step(on="booster", time="25h"),
        "6: steps.a.time: 1d 1h is asked, and jobs in booster have at most 1d; ask for less; with checkpoint: true",
    ),
    "time of a step of several": (
        "site: jhpc\naccount: a\nsteps:\n  b:\n    time: 30h\n    together:\n      c: {on: cluster, run: x}\n"
        "      d: {on: booster, run: x}\n",
        "5: steps.b.time: 1d 6h is asked, and jobs in batch have at most 1d; long gives 3d",
    ),
    "GPUs that another partition has": (
        step("gpus: 4"),
        "8: steps.a.gpus: nodes of batch have no GPU; gpus has 4 a node: write partition: gpus",
    ),
    "GPUs for too many nodes": (
        step("nodes: 4", "gpus: 4"),
        "9: steps.a.gpus: nodes of batch have no GPU; leave gpus out, or run on another module",
    ),
    "more GPUs than a node has": (
        step("gpus: 8", on="booster"),
        "8: steps.a.gpus: 8 GPUs of each node are asked, and nodes of booster have 4; write gpus: 4 and more nodes",
    ),
    "no GPU where one is needed": (
        step("partition: gpus"),
        "4: steps.a.gpus: gpus refuses jobs without a GPU; write gpus: 1 up to 4",
    ),
    "more CPUs than a node has": (
        step("tasks: 8", "cpus: 16"),
        "9: steps.a.cpus: 8 tasks of 16 CPUs on each node are 128 CPUs, and nodes of batch have 96",
    ),
    "more tasks than a node has CPUs": (
        step("nodes: 2", "tasks: 200"),
        "9: steps.a.tasks: 100 tasks on each node are 100 CPUs, and nodes of batch have 96; ask for fewer, or",
    ),
    "memory that another partition has": (
        step("memory: 128GB"),
        "8: steps.a.memory: 128 GB of each node are asked, and nodes of batch have 96; mem has more: write "
        "partition: mem",
    ),
    "memory that none has": (
        step("memory: 1TB"),
        "8: steps.a.memory: 1024 GB of each node are asked, and nodes of batch have 96; ask for less, or more nodes",
    ),
    "no account": (step(head="name: b"), "1: account: this key is missing: at jhpc a project pays for jobs"),
    "an unknown stage": (
        step(head="account: a\nstage: '2042'"),
        "3: stage: jhpc has no stage '2042'; did you mean '2024'?",
    ),
    "software of another stage": (
        step("needs: torch, horovod"),
        "8: steps.a.needs: not available in Stages/2024: horovod; nearest: 2022 (0.24);",
    ),
    "a newer version": (step("needs: torch>=2.5"), "8: steps.a.needs: not available in Stages/2024: torch>=2.5"),
    "software that no venv can bring": (
        step("needs: cuda", head="account: a\nvenv: ~/v"),
        "9: steps.a.needs: not available in Stages/2024: cuda; nearest: none; no venv can bring it",
    ),
    "QPU time without an annealer": (
        step("quantum: {seconds: 1}"),
        "8: steps.a.quantum: 'cluster' is no quantum module; write on: qc, or leave quantum out",
    ),
    "an annealer without QPU time": (
        step(on="quantum"),
        "4: steps.a.quantum: this key is missing: say how much QPU time the step may use, e.g. quantum: {seconds: 2}",
    ),
    "a quote without an end": (
        step().replace("./x", '"echo \'it"'),
        "7: steps.a.run: bash cannot read this: unexpected EOF while looking for matching `''",
    ),
    "half a condition": (
        step(head="account: a\nsetup: [ulimit -c 0, if true]"),
        "3: setup[1]: bash cannot read this: syntax error: unexpected end of file",
    ),
    "an open here-document": (
        step().replace("run: ./x", "run: |\n      cat <<END\n      text"),
        "7: steps.a.run: bash cannot read this: line 2: warning: here-document at line 1 delimited by end-of-file",
    ),
    "a brace that closes what hqml has opened": (
        step().replace("./x", '"true; }"'),
        "7: steps.a.run: bash cannot read this: syntax error near unexpected token `}'",
    ),
    "a line that goes on in what hqml writes": (
        step().replace("./x", "echo a \\"),
        "7: steps.a.run: bash cannot read this: it leaves something open",
    ),
    "two steps whose errors cancel each other out": (
        step().replace("./x", "'echo \"a'") + "  b: {on: cluster, time: 1h, run: 'echo b\"'}\n",
        "7: steps.a.run: bash cannot read this: unexpected EOF while looking for matching `\"'",
    ),
    "setup that only the next program closes": (
        step(head="account: a\nsetup: ['if true', then]").replace("./x", "./x; fi"),
        "3: setup[0]: bash cannot read this: syntax error: unexpected end of file",
    ),
    "the first of several": (
        step("gpus: 8", "partition: x", time="90d", head="stage: '1'"),
        "1: account: this key is missing",
    ),
    "the first of several in a step": (step("nodes: 90", "gpus: 8", time="90d"), "6: steps.a.time: 90d is asked"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_a_site_refuses(case: str, tmp_path: Path) -> None:
    text, told = WRONG[case]
    found = refused(tmp_path, text)
    assert found is not None
    assert found.startswith(told)
    assert "\n" not in found


TAKEN = {
    "the usual": step(),
    "a condition of several lines of setup": step(head="account: a\nsetup: ['if true', then, 'ulimit -c 0', fi]"),
    "a comment": step().replace("./x", "'./x # and no more'"),
    "a here-document": step().replace("run: ./x", "run: |\n      cat <<END\n      it's\n      END"),
    "a module by its name": step(on="jc"),
    "the largest": step("nodes: 8", "tasks: 768", time="24h"),
    "another partition": step("nodes: 64", "partition: large"),
    "GPUs": step("gpus: 4", "cpus: 96", on="booster"),
    "GPUs of the cluster": step("gpus: 1", "partition: gpus"),
    "software": step("needs: python>=3.10, torch>=2.1", head="account: a\nstage: '2024'"),
    "software of a venv": step("needs: torch>=2.5, horovod", head="account: a\nvenv: ~/v"),
    "software of a container": step("needs: torch>=2.5, cuda", "container: a.sif"),
    "an annealer with a licence": step("quantum: {seconds: 1, licences: 1}", on="quantum"),
    "an annealer beside the cluster": step("quantum: {seconds: 1}", "partition: devel", on="qc"),
}


@pytest.mark.parametrize("case", TAKEN)
def test_what_a_site_takes(case: str, tmp_path: Path) -> None:
    assert refused(tmp_path, TAKEN[case]) is None


def test_cpus_that_come_with_gpus(tmp_path: Path) -> None:
    few = refused(tmp_path, step("gpus: 2", "cpus: 10", on="booster"), MARE)
    assert few is not None
    assert few.startswith(
        "9: steps.a.cpus: 20 CPUs must be asked with each GPU here, 40 on each node, and this asks for 10"
    )
    assert refused(tmp_path, step("gpus: 2", "cpus: 40", on="booster"), MARE) is None
    assert refused(tmp_path, step("gpus: 2", "tasks: 2", "cpus: 20", on="booster"), MARE) is None
    assert refused(tmp_path, step("gpus: 4", on="booster"), MARE) is None  # the script asks for what the rule says


def test_whole_nodes_have_all_their_gpus(tmp_path: Path) -> None:
    site = replace(SITE, launch=Launch(gpus="none"))
    told = refused(tmp_path, step("gpus: 2", on="booster"), site)
    assert told == "8: steps.a.gpus: jobs have all 4 GPUs of their nodes here; write gpus: 4"
    assert refused(tmp_path, step("gpus: 4", on="booster"), site) is None


def test_licences_that_nobody_counts(tmp_path: Path) -> None:
    site = replace(SITE, modules=(CLUSTER, replace(ANNEALER, quantum=Quantum("s"))))
    told = refused(tmp_path, step("quantum: {seconds: 1, licences: 1}", on="quantum"), site)
    assert told == "8: steps.a.quantum.licences: jhpc counts no licences of its annealer; leave licences out"
    assert refused(tmp_path, step("quantum: {seconds: 1}", on="quantum"), site) is None


def test_a_machine_without_partitions(tmp_path: Path) -> None:
    assert refused(tmp_path, step("needs: torch>=9", "gpus: 1"), LAPTOP) is None
    assert refused(tmp_path, step("quantum: {seconds: 1}", on="quantum"), LAPTOP) is None
    told = [
        refused(tmp_path, step("nodes: 2"), LAPTOP),
        refused(tmp_path, step("partition: batch"), LAPTOP),
    ]
    assert told == [
        "8: steps.a.nodes: laptop is one machine, and 2 nodes are asked; write nodes: 1",
        "8: steps.a.partition: 'cluster' of laptop has no partitions; leave partition out",
    ]


def test_what_another_site_wants_is_left_out_with_a_word(tmp_path: Path) -> None:
    staged = step("memory: 8GB", head="stage: '1'")
    assert refused(tmp_path, staged, LAPTOP) is None
    assert "stage 1 is left out: laptop has no stages of software" in told(tmp_path, staged, LAPTOP)
    left_out = "memory of a is left out: jobs of mare must not ask for it, it comes with the CPUs"
    assert left_out in told(tmp_path, step("memory: 8GB"), MARE)


def test_queues_that_one_partition_has_are_told_apart_by_qos(tmp_path: Path) -> None:
    queues = (
        Partition("gpp", 4, HOUR, CPU, "s", qos="gp_ehpc"),
        Partition("gpp", 4, 9 * HOUR, CPU, "s", qos="gp_long", purpose="long jobs"),
    )
    site = replace(SITE, modules=(replace(CLUSTER, partitions=queues),))
    told = refused(tmp_path, step(time="2h"), site)
    assert told == (
        "6: steps.a.time: 2h is asked, and jobs in gp_ehpc have at most 1h; gp_long gives 9h: write partition: gp_long"
    )
    assert refused(tmp_path, step("partition: gp_long", time="2h"), site) is None


def told(folder: Path, text: str, site: Site = SITE, today: date = date(2026, 11, 26)) -> list[str]:
    path = folder / "wf.yaml"
    path.write_text(text)
    return warnings(open_workflow(path)[0], site, today)


def test_warnings_say_what_to_think_over(tmp_path: Path) -> None:
    long = {"on": "jb", "time": "3h"}
    [idle] = told(tmp_path, step(**long))
    assert idle == "a: nodes of booster have GPUs, and none is asked; write gpus: 4, or take another module"
    [venv] = told(tmp_path, step("gpus: 4", "needs: horovod, torch", head="account: a\nvenv: ~/v", **long))
    assert venv == "a: horovod is not in Stages/2024; the venv ~/v must have it"
    [ranks] = told(tmp_path, step("gpus: 4", **long).replace("./x", "mpirun ./x"))
    assert ranks == "a: mpirun would start ranks within each task; write mpi: true, tasks: N and the program alone"
    [token] = told(tmp_path, step("quantum: {seconds: 1, token_file: t}", on="quantum", time="3h"))
    assert token == "a: t is in the workflow's folder, and --host does not send it; keep it elsewhere"


NEEDS = "needs: python"
HEAD = "account: a\nvenv: ~/v"

# A step on processors for three hours, for which no partition for tests takes it; then all that is told of it.
ADVICE: dict[str, tuple[str, str | None]] = {
    "ranks without an MPI": (
        step("mpi: true", "tasks: 2", time="3h"),
        "a: mpi: true, and no module with an MPI is loaded; add mpi to needs",
    ),
    "ranks with an MPI": (step("mpi: true", "tasks: 2", "needs: mpi", time="3h"), None),
    "ranks in a container": (step("mpi: true", "tasks: 2", "container: a.sif", time="3h"), None),
    "torchrun without torch": (
        step("launch: torchrun", time="3h"),
        "a: launch: torchrun, and neither needs nor a venv has torch; add torch to needs",
    ),
    "torchrun with torch": (step("launch: torchrun", "needs: torch", time="3h"), None),
    "torchrun with a venv": (step("launch: torchrun", NEEDS, time="3h", head=HEAD), None),
    "a venv on nothing": (
        step(time="3h", head=HEAD),
        "a: the Python of the venv ~/v may need the modules that it was made on, and none is loaded; add python to "
        "needs",
    ),
    "a venv of its own on nothing": (
        step("venv: ~/own", time="3h"),
        "a: the Python of the venv ~/own may need the modules that it was made on, and none is loaded; add python to "
        "needs",
    ),
    "a venv on Python": (step(NEEDS, time="3h", head=HEAD), None),
    "a venv of its own for what the stage lacks": (
        step("venv: ~/own", "needs: horovod", time="3h", head=HEAD),
        "a: horovod is not in Stages/2024; the venv ~/own must have it",
    ),
    "a function without a file": (
        step(time="3h").replace("./x", "{python: 'tools.report:main'}"),
        "a: there is no tools/report.py beside the workflow; so tools.report must be installed where the step runs",
    ),
    "a function of a file": (step(time="3h").replace("./x", "{python: 'here:main'}"), None),
}


@pytest.mark.parametrize("case", ADVICE)
def test_what_programs_may_miss(case: str, tmp_path: Path) -> None:
    (tmp_path / "here.py").touch()
    text, expected = ADVICE[case]
    assert refused(tmp_path, text) is None
    assert told(tmp_path, text) == ([] if expected is None else [expected])


def test_a_warning_that_some_gpus_of_whole_nodes_are_idle(tmp_path: Path) -> None:
    whole = replace(BOOSTER, partitions=(replace(BOOSTER.partitions[0], whole_nodes=True),))
    site = replace(SITE, modules=(CLUSTER, whole, ANNEALER))
    [idle] = told(tmp_path, step("gpus: 1", on="booster", time="3h"), site)
    assert idle == (
        "a: jobs have whole nodes of booster with 4 GPUs each, and this asks for 1; write gpus: 4 if the program can "
        "use them"
    )
    assert told(tmp_path, step("gpus: 4", on="booster", time="3h"), site) == []


def test_warnings_on_a_machine_without_modules(tmp_path: Path) -> None:
    text = step("needs: torch>=2.1, mpi", "mpi: true") + "  b: {on: cluster, time: 1h, run: x, needs: mpi}\n"
    assert told(tmp_path, text, LAPTOP) == [
        "laptop has no modules, so that nobody looks for needs: torch>=2.1, mpi must be there"
    ]
    venv = step(head="account: a\nvenv: own") + "  b: {on: cluster, time: 1h, run: x}\n"
    assert told(tmp_path, venv, LAPTOP) == [
        "a, b: venv: own has no bin/activate on this machine; make it, or leave venv out"
    ]
    (tmp_path / "own" / "bin").mkdir(parents=True)
    (tmp_path / "own" / "bin" / "activate").touch()
    assert told(tmp_path, venv, LAPTOP) == []


def test_a_warning_that_each_start_has_the_qpu_time(tmp_path: Path) -> None:
    keys = ("quantum: {seconds: 1}", "checkpoint: {requeues: 3}")
    [again] = told(tmp_path, step(*keys, on="quantum", time="3h"))
    assert again.startswith("a: each of up to 4 starts may use the QPU time")


def test_warnings_about_sweeps(tmp_path: Path) -> None:
    nodes, unused = sorted(told(tmp_path, step("sweep: {seed: [1, 2], s: [0]}", time="3h").replace("./x", "x $seed")))
    assert nodes.startswith("a: each of the 2 tasks of the sweep has a whole node of batch with 48 cores")
    assert unused == "a: nothing in run says $s, so that tasks of the sweep may do the same"
    many = "sweep: {seed: [" + ", ".join(str(one) for one in range(1001)) + "]}"
    [tasks] = told(tmp_path, step(many, "gpus: 1", on="booster", time="3h").replace("./x", "x ${seed}"))
    assert tasks == "a: 1001 tasks are more than many sites let an array have (1000)"


def test_a_warning_that_may_come_at_the_start(tmp_path: Path) -> None:
    [early] = told(tmp_path, step("gpus: 1", "checkpoint: {before: 90s}", on="booster", time="2m"))
    assert early.startswith("a: Slurm may send the signal up to a minute early")


def loose(site: Site) -> Site:
    """The site, whose first partition's limits no source tells."""
    first, *others = site.modules
    usual, *rest = first.partitions
    return replace(site, modules=(replace(first, partitions=(replace(usual, firm=False), *rest)), *others))


def test_limits_that_no_source_tells_are_warnings(tmp_path: Path) -> None:
    beyond = step("nodes: 65", time="4d")
    assert refused(tmp_path, beyond) is not None
    assert refused(tmp_path, beyond, loose(SITE)) is None
    unknown = "a: {} asked; no source tells the limit of batch; known to work: {}"
    lines = told(tmp_path, beyond, loose(SITE))
    assert [line for line in lines if "no source" in line] == [
        unknown.format("65 nodes are", "8"),
        unknown.format("4d is", "1d"),
    ]
    assert not [line for line in told(tmp_path, step("nodes: 8"), loose(SITE)) if "no source" in line]
    assert refused(tmp_path, step("gpus: 4"), loose(SITE)) is not None


def test_a_partition_whose_limits_are_not_known_is_no_way_out(tmp_path: Path) -> None:
    message = refused(tmp_path, step("partition: devel", "nodes: 20"), loose(SITE))
    assert message is not None
    assert "large has 64" in message
    assert str(refused(tmp_path, step("partition: devel", "nodes: 65"), loose(SITE))).endswith("; ask for fewer")


def test_partitions_for_tests_are_told_of_in_one_line(tmp_path: Path) -> None:
    text = step() + "  b: {on: cluster, time: 2h, run: x}\n  c: {on: cluster, time: 3h, run: x}\n"
    text += "  d: {on: cluster, partition: batch, time: 1h, run: x}\n"
    assert told(tmp_path, text) == []  # it is no warning
    workflow = open_workflow(tmp_path / "wf.yaml")[0]
    assert hints(workflow, SITE) == ["a, b: for a trial, partition: devel takes this too and may start it sooner"]


def test_old_values_are_told_of(tmp_path: Path) -> None:
    [old] = told(tmp_path, step(time="3h"), today=date(2027, 12, 1))
    assert old == "what is known of jhpc is of 2026-11-01 in part; `hqml site probe` tells what holds there now"


def test_containers_on_this_machine_need_apptainer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    [missing] = told(tmp_path, step("container: a.sif"), LAPTOP)
    assert missing == "a: containers need apptainer, which is not on this machine's PATH"
    (tmp_path / "apptainer").write_text("#!/bin/sh\n")
    (tmp_path / "apptainer").chmod(0o755)
    assert told(tmp_path, step("container: a.sif"), LAPTOP) == []


SIMPLE = """\
account: a
steps:
  a: {on: cluster, time: 10m, run: x}
  b: {on: booster, gpus: 1, time: 1h, run: x}
"""


def shipped() -> list[str]:
    return [name for name, path in site_names().items() if path.parent == Path(hpc.__file__).parent / "sites"]


@pytest.mark.parametrize("name", shipped())
def test_all_sites_take_a_simple_workflow(name: str, tmp_path: Path) -> None:
    assert refused(tmp_path, f"site: {name}\n{SIMPLE}", load_site(name)) is None
    assert isinstance(told(tmp_path, f"site: {name}\n{SIMPLE}", load_site(name)), list)


@pytest.mark.parametrize("name", shipped())
def test_no_site_gives_what_its_partitions_do_not(name: str, tmp_path: Path) -> None:
    site = load_site(name)
    for module in site.modules:
        for partition in module.partitions:
            head = f"site: {name}\naccount: a\nsteps:\n  a:\n    on: {module.name}\n"
            rest = f"    partition: {partition.qos or partition.name}\n    run: x\n"
            gpus = "    gpus: 1\n" if partition.node.gpus and site.launch.gpus != "none" else ""
            most = f"    time: {int(partition.seconds)}s\n    nodes: {partition.nodes}\n"
            assert refused(tmp_path, head + most + rest + gpus, site) is None
            wrong = {
                "time": f"    time: {int(partition.seconds) + 1}s\n    nodes: 1\n",
                "nodes": f"    time: 60s\n    nodes: {partition.nodes + 1}\n",
                "tasks": f"    time: 60s\n    tasks: {partition.node.cpus + 1}\n",
            }
            for key, lines in wrong.items():
                text = head + lines + rest + gpus
                if partition.firm or key == "tasks":
                    assert re.search(rf"a\.{key}:", str(refused(tmp_path, text, site)))
                else:
                    assert refused(tmp_path, text, site) is None
                    assert [line for line in told(tmp_path, text, site) if "no source tells the limit" in line]


def test_the_page_shows_workflows_that_its_sites_take(tmp_path: Path) -> None:
    page = Path(__file__).parents[1] / "docs" / "hpc" / "workflows.md"
    shown = re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)
    assert len(shown) == 2
    for text in shown:
        site = re.search(r"^site: (\w+)", text, re.MULTILINE)
        assert site is not None
        assert refused(tmp_path, text, load_site(site[1])) is None


def test_the_page_has_every_key() -> None:
    from hqml.hpc.workflows.schema import StepSpec, TogetherSpec, WorkflowSpec

    page = (Path(__file__).parents[1] / "docs" / "hpc" / "workflows.md").read_text()
    for key in {*WorkflowSpec.model_fields, *StepSpec.model_fields, *TogetherSpec.model_fields}:
        assert f"| `{key}` |" in page
