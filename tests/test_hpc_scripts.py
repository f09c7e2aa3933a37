"""Job scripts: the golden ones of all sites, what Slurm is asked for, and how the bash behaves, on fakes of Slurm."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from hqml.errors import FormatError, ParameterError
from hqml.hpc.amounts import slurm_time
from hqml.hpc.needs import read_needs
from hqml.hpc.quoting import expanding, literal
from hqml.hpc.run import Part, read_manifest
from hqml.hpc.runs.folder import asked_for
from hqml.hpc.scripts.rendering import render, write
from hqml.hpc.site import Launch, Module, Node, Package, Partition, Quantum, Site, Software, Stage
from hqml.hpc.workflow import Checkpoint, Component, Container, Entry, QuantumUse, Step, Workflow

GOLDEN = Path(__file__).with_name("golden") / "hpc"
SITES = ("deep", "jureca-dc", "jusuf", "juwels", "local", "lumi", "marenostrum5", "vega")
HOSTILE = ["it's", '"', "$HOME", "`date`", "$(date)", "a\nb", "\\", "grün ☃", " ", "", "*", "!!", "-n", "#", "~"]


def partition(name: str, gpus: int = 0, **others: object) -> Partition:
    return Partition(name, 8, 86400, Node(8, gpus=gpus, gpu="A100" if gpus else ""), "here", **others)  # type: ignore[arg-type]


MODULES = (
    Module("cluster", "cluster", "Cluster", (partition("cpu"),)),
    Module("booster", "booster", "Booster", (partition("gpu", gpus=4),)),
    Module("quantum", "quantum", "Annealer", quantum=Quantum("here", licence="qpu", solver="chip", region="eu")),
)
SITE = Site(name="here", title="Here", scheduler="slurm", modules=MODULES, sources={})
LOCAL = replace(SITE, scheduler="none")


def workflow(*steps: Step, **others: object) -> Workflow:
    return Workflow("wf", "here", steps, **others)  # type: ignore[arg-type]


def alone(run: str | Entry = "true", site: Site = SITE, **others: object) -> str:
    """The script of one step of one component."""
    of_step = {name: others.pop(name) for name in ("sweep", "at_once", "checkpoint") if name in others}
    of_all = {name: others.pop(name) for name in ("account", "venv", "setup", "stage") if name in others}
    component = Component("one", **{"on": "cluster", "run": run, **others})  # type: ignore[arg-type]
    step = Step("one", (component,), 600, **of_step)  # type: ignore[arg-type]
    return render(workflow(step, **of_all), site).scripts["01-one.sh"]


def asked(script: str) -> list[str]:
    """What the script asks Slurm for."""
    return [line.removeprefix("#SBATCH ") for line in script.splitlines() if line.startswith("#SBATCH")]


class Fakes:
    """Commands of a cluster that note how they were called, first on the PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.calls = folder / "calls"
        self.run_folder = folder / "run"
        self.work = folder / "work"
        (folder / "bin").mkdir()
        self.run_folder.mkdir()
        self.work.mkdir()
        self.command("srun", SRUN)
        self.command("scontrol", SCONTROL)
        self.command("module", 'echo "module $*" >>"$CALLS"\n')
        self.command("sleep", "exec /bin/sleep 0.02\n")

    def command(self, name: str, body: str) -> None:
        path = self.folder / "bin" / name
        path.write_text(f"#!/bin/bash\n{body}")
        path.chmod(0o755)

    def start(self, script: str, trace: bool = False, **environment: str) -> subprocess.Popen[str]:
        path = self.folder / "script.sh"
        path.write_text(script)
        known = {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "CALLS": str(self.calls),
            "HQML_RUN": str(self.run_folder),
            "SLURM_JOB_ID": "1234",
            "SLURM_JOB_NODELIST": "jb[01-02]",
            "LC_ALL": "C.UTF-8",
        }
        return subprocess.Popen(
            ["bash", *(["-x"] if trace else []), str(path)],
            env={**known, **environment},
            cwd=self.work,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, script: str, trace: bool = False, **environment: str) -> tuple[int, str, str]:
        process = self.start(script, trace, **environment)
        out, err = process.communicate(timeout=30)
        return process.returncode, out, err

    def called(self, name: str) -> list[str]:
        text = self.calls.read_text() if self.calls.exists() else ""
        return [line for line in text.splitlines() if line.split()[0] == name]

    def state(self, name: str = "one") -> str | None:
        path = self.run_folder / "state" / name
        return path.read_text().split()[0] if path.exists() else None


SRUN = """\
# Every task is a group of processes, as slurmstepd makes them; the highest exit status is srun's.
echo "srun $*" >>"$CALLS"
set -m
tasks=() number=0 count=1
for name in USR1 USR2; do trap 'for task in $(jobs -p); do kill -s '$name' -- "-$task"; done' $name; done
trap 'for task in $(jobs -p); do kill -- "-$task"; done; exit 143' TERM
while (($#)); do
    case $1 in
    --ntasks=*) count=${1#*=} ;;
    bash)
        for ((task = 0; task < count; task++)); do
            SLURM_PROCID=$number SLURM_NODEID=$number SLURMD_NODENAME=jb01 bash -c "$3" &
            tasks+=($!)
            number=$((number + 1))
        done
        shift 2
        ;;
    esac
    shift
done
status=0
for task in "${tasks[@]}"; do
    while kill -0 "$task" 2>/dev/null; do wait "$task"; done
    wait "$task"
    code=$?
    ((code > status)) && status=$code
done
exit "$status"
"""

SCONTROL = """\
echo "scontrol $*" >>"$CALLS"
if (($(grep -c "^scontrol $1" "$CALLS") <= ${FAKE_BUSY:-0})); then exit 1; fi
case "$1 $2" in
"show hostnames") printf 'jb01\\njb02\\n' ;;
"show job") echo "JobId=$3 JobState=${FAKE_STATE:-RUNNING} Reason=None" ;;
requeue*) exit "${FAKE_REQUEUE:-0}" ;;
esac
"""


@pytest.fixture
def fakes(tmp_path: Path) -> Fakes:
    return Fakes(tmp_path)


# Golden scripts. HQML_GOLDEN=write writes them anew: look at the difference before committing it.


def golden(site: str) -> Mapping[str, str]:
    pytest.importorskip("yaml", reason="pyyaml is missing: pip install 'hqml[hpc]'")
    pytest.importorskip("pydantic", reason="pydantic is missing: pip install 'hqml[hpc]'")
    from hqml.hpc.sites.file import read_site
    from hqml.hpc.workflows.file import read_workflow

    known = read_site(Path(__file__).parents[1] / "hqml" / "hpc" / "sites" / f"{site}.yaml")
    return render(possible_at(known, read_workflow(GOLDEN / "workflow.yaml")), known).scripts


def possible_at(site: Site, whole: Workflow) -> Workflow:
    """Without what the site has no module for."""
    kinds = {one.kind for one in site.modules}
    steps = [replace(s, components=tuple(c for c in s.components if c.on in kinds)) for s in whole.steps]
    return replace(whole, steps=tuple(step for step in steps if step.components))


@pytest.mark.parametrize("site", SITES)
def test_the_scripts_of_a_site_are_the_golden_ones(site: str) -> None:
    scripts, folder = golden(site), GOLDEN / site
    if os.environ.get("HQML_GOLDEN") == "write":
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, text in scripts.items():
            (folder / name).write_text(text)
        pytest.fail("written; look at git diff")
    assert {path.name: path.read_text() for path in folder.iterdir()} == dict(scripts)


def test_every_site_that_ships_has_golden_scripts() -> None:
    sites = Path(__file__).parents[1] / "hqml" / "hpc" / "sites"
    assert sorted(path.stem for path in sites.glob("*.yaml")) == sorted(SITES)


@pytest.mark.parametrize("site", SITES)
def test_golden_scripts_are_sound_bash(site: str) -> None:
    for path in sorted((GOLDEN / site).glob("*.sh")):
        checked = subprocess.run(["bash", "-n", path], capture_output=True, text=True, check=False)
        assert (checked.returncode, checked.stderr) == (0, ""), path


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is missing: apt-get install shellcheck")
@pytest.mark.parametrize("site", SITES)
def test_shellcheck_finds_nothing_in_golden_scripts(site: str) -> None:
    scripts = sorted((GOLDEN / site).glob("*.sh"))
    checked = subprocess.run(["shellcheck", *scripts], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout) == (0, "")


# What Slurm is asked for.


def test_a_job_asks_for_all_that_its_step_says() -> None:
    script = alone(
        on="booster", nodes=2, tasks=8, cpus=3, gpus=4, memory_gb=64, account="training2401", checkpoint=Checkpoint(90)
    )
    assert asked(script) == [
        "--job-name=wf-one",
        "--account=training2401",
        "--time=00:10:00",
        "--output=%x-%j.out",
        "--signal=B:USR1@90",
        "--requeue",
        "--open-mode=append",
        "--partition=gpu",
        "--nodes=2",
        "--ntasks-per-node=4",
        "--cpus-per-task=3",
        "--gres=gpu:4",
        "--mem=64G",
    ]


def test_a_job_asks_for_nothing_that_nobody_has_said() -> None:
    assert asked(alone()) == [
        "--job-name=wf-one",
        "--time=00:10:00",
        "--output=%x-%j.out",
        "--no-requeue",
        "--partition=cpu",
        "--nodes=1",
        "--ntasks-per-node=1",
    ]


@pytest.mark.parametrize(
    ("launch", "options"),
    [
        (Launch(gpus="gres"), ["--cpus-per-task=1", "--gres=gpu:2", "--mem=1536M"]),
        (Launch(gpus="gpus-per-node"), ["--cpus-per-task=1", "--gpus-per-node=2", "--mem=1536M"]),
        (Launch(gpus="none"), ["--cpus-per-task=1", "--mem=1536M"]),
        (Launch(memory=False), ["--cpus-per-task=1", "--gres=gpu:2"]),
        (Launch(cpus_per_gpu=20), ["--cpus-per-task=10", "--gres=gpu:2", "--mem=1536M"]),
    ],
)
def test_a_site_says_how_gpus_and_memory_are_asked_for(launch: Launch, options: Sequence[str]) -> None:
    lines = asked(alone(site=replace(SITE, launch=launch), on="booster", tasks=4, gpus=2, memory_gb=1.5))
    assert lines[lines.index("--ntasks-per-node=4") + 1 :] == options


def test_the_queue_of_a_partition_is_a_qos() -> None:
    queues = (partition("acc", qos="acc_ehpc"), partition("acc", qos="acc_debug"))
    site = replace(SITE, modules=(Module("acc", "cluster", "ACC", queues),))
    assert [one for one in asked(alone(site=site)) if "acc" in one] == ["--partition=acc", "--qos=acc_ehpc"]
    debug = alone(site=site, partition="acc_debug")
    assert [one for one in asked(debug) if "acc" in one] == ["--partition=acc", "--qos=acc_debug"]


def test_an_array_has_a_task_for_each_value_and_a_log_of_its_own_for_each() -> None:
    lines = asked(alone(sweep=tuple({"x": x} for x in range(12)), at_once=4))
    assert "--array=0-11%4" in lines
    assert "--output=%x-%A_%a.out" in lines
    assert "--array=0-11" in asked(alone(sweep=tuple({"x": x} for x in range(12))))


def test_an_annealer_without_nodes_is_used_from_those_beside_it_and_its_licences_are_held() -> None:
    lines = asked(alone(on="quantum", quantum=QuantumUse(2, licences=3)))
    assert "--partition=cpu" in lines
    assert "--licenses=qpu:3" in lines


def test_components_of_one_job_are_parts_of_it_with_lines_of_their_own() -> None:
    parts = (
        Component("a", "cluster", "true", nodes=2, tasks=4, cpus=2),
        Component("b", "booster", "true", gpus=1),
        Component("c", "quantum", "true", quantum=QuantumUse(1)),
    )
    [script] = render(workflow(Step("one", parts, 90000)), SITE).scripts.values()
    assert [line for line in asked(script) if "time" in line] == ["--time=1-01:00:00"]
    text = "\n".join(asked(script))
    first, second, third = text.split("\nhetjob\n")
    assert first.endswith("--partition=cpu\n--nodes=2\n--ntasks-per-node=2\n--cpus-per-task=2")
    assert second == "--partition=gpu\n--nodes=1\n--ntasks-per-node=1\n--cpus-per-task=2\n--gres=gpu:1"
    assert third == "--partition=cpu\n--nodes=1\n--ntasks-per-node=1\n--licenses=qpu:1"


WHOLE = replace(
    SITE,
    modules=tuple(replace(m, partitions=tuple(replace(p, whole_nodes=True) for p in m.partitions)) for m in MODULES),
)


@pytest.mark.parametrize(
    ("site", "keys", "cpus"),
    [
        (SITE, {}, None),
        (SITE, {"tasks": 4}, None),
        (SITE, {"on": "booster", "gpus": 2}, 4),
        (SITE, {"on": "booster", "gpus": 2, "tasks": 3}, 1),
        (SITE, {"on": "booster", "gpus": 1, "tasks": 4}, 1),
        (SITE, {"on": "booster", "gpus": 4, "launch": "torchrun"}, 8),
        (SITE, {"on": "booster", "gpus": 4, "cpus": 1, "tasks": 4, "launch": "torchrun"}, 4),
        (WHOLE, {}, 8),
        (WHOLE, {"tasks": 3}, 2),
        (WHOLE, {"nodes": 2, "tasks": 4}, 4),
        (WHOLE, {"cpus": 1}, 1),
        (WHOLE, {"on": "booster", "gpus": 1}, 8),
    ],
)
def test_tasks_share_the_processors_that_are_theirs_anyway(
    site: Site, keys: dict[str, object], cpus: int | None
) -> None:
    script = alone("train.py", site=site, **keys)
    asks = [one for one in asked(script) if one.startswith("--cpus-per-task")]
    assert asks == ([] if cpus is None else [f"--cpus-per-task={cpus}"])
    assert (f" --cpus-per-task={cpus} " in script.splitlines()[-1]) == (cpus is not None), "srun inherits nothing of it"


def test_components_of_one_job_share_the_processors_of_their_nodes() -> None:
    parts = (Component("a", "cluster", "true", tasks=2), Component("b", "booster", "true", gpus=1))
    [script] = render(workflow(Step("one", parts, 60)), WHOLE).scripts.values()
    assert [one for one in asked(script) if "cpus" in one] == ["--cpus-per-task=4", "--cpus-per-task=8"]
    assert "--het-group=0 --nodes=1 --ntasks=2 --cpus-per-task=4 " in script
    assert "--het-group=1 --nodes=1 --ntasks=1 --cpus-per-task=8 " in script


def test_workers_meet_below_the_ports_that_anybody_may_be_given() -> None:
    script = alone("train.py", nodes=2, tasks=2, launch="torchrun")
    assert "$MASTER_ADDR:$((20000 + SLURM_JOB_ID % 10000))" in script


@pytest.mark.parametrize(
    ("seconds", "written"), [(1, "00:00:01"), (90.2, "00:01:31"), (86400, "1-00:00:00"), (129600, "1-12:00:00")]
)
def test_wall_times_are_written_as_slurm_does(seconds: float, written: str) -> None:
    assert slurm_time(seconds) == written


def test_torchrun_is_one_task_a_node_with_the_processors_of_all_its_workers() -> None:
    script = alone("train.py", on="booster", nodes=2, tasks=8, cpus=12, gpus=4, launch="torchrun")
    assert {"--ntasks-per-node=1", "--cpus-per-task=48"} < set(asked(script))
    assert "torchrun --nnodes=2 --nproc_per_node=4 " in script


def test_torchrun_without_gpus_starts_a_worker_for_each_task() -> None:
    assert "torchrun --standalone --nproc_per_node=3 train.py" in alone("train.py", tasks=3, launch="torchrun")


def test_a_script_has_no_code_that_its_step_does_not_use() -> None:
    plain = alone()
    for word in ("checkpoint", "token", "module", "torchrun", "MASTER", "apptainer", "requeue ", "case", "HQML_TASK"):
        assert word not in plain, word


def test_a_site_s_options_of_srun_and_of_mpi_are_used() -> None:
    site = replace(SITE, launch=Launch(srun=("--cpu-bind=none",), mpi="pmi2"))
    last = alone(site=site, mpi=True, tasks=2).splitlines()[-1]
    assert last == "srun --mpi=pmi2 --cpu-bind=none --kill-on-bad-exit=1 bash -c run_one"
    assert alone(site=site).splitlines()[-1] == "srun --cpu-bind=none bash -c run_one"


def test_nothing_of_this_process_s_environment_is_in_a_script(monkeypatch: pytest.MonkeyPatch) -> None:
    use = {"on": "quantum", "quantum": QuantumUse(1), "needs": read_needs("python")}
    before = alone(**use)
    for name in ("DWAVE_API_TOKEN", "DWAVE_API_SOLVER", "HOME", "USER", "SECRET", "PATH", "HQML_RUN", "MASTER_ADDR"):
        monkeypatch.setenv(name, "secret-of-mine")
    assert alone(**use) == before
    assert "secret-of-mine" not in before


# Software and environment.


def test_modules_are_purged_used_and_loaded_in_order_below_the_venv(fakes: Fakes) -> None:
    package = Package("python", "3.11", ("GCC/12", "Python/3.11"), "here")
    stages = (Stage("2024", (package,), "here", load=("Stages/2024",), use=("/sw/modules",)),)
    site = replace(SITE, software=Software(stages, ("SETUP=done",), "module --force purge"))
    (fakes.folder / "venv" / "bin").mkdir(parents=True)
    (fakes.folder / "venv" / "bin" / "activate").write_text('echo "venv $UNSET" >>"$CALLS"; export VENV=on\n')
    fakes.command("python", "echo /venv/packages\n")
    script = alone('echo "$VENV"', site=site, needs=read_needs("python"), venv="~/venv")
    assert fakes.run(script) == (0, "on\n", "")
    calls = fakes.calls.read_text().splitlines()
    assert calls[:4] == [
        "module --force purge",
        "module use /sw/modules",
        "module load Stages/2024 GCC/12 Python/3.11",
        "venv ",
    ]
    [part] = (
        render(workflow(Step("one", (Component("one", "cluster", "true", needs=read_needs("python")),), 1)), site)
        .manifest.jobs[0]
        .parts
    )
    assert part.load == ("Stages/2024", "GCC/12", "Python/3.11")


def test_packages_of_the_venv_come_before_those_of_modules(fakes: Fakes) -> None:
    setup = ("module() { [[ $1 != load ]] || export PYTHONPATH=/modules; }",)
    stages = (Stage("2024", (Package("python", "3.11", ("Python/3.11",), "here"),), "here"),)
    site = replace(SITE, software=Software(stages, setup))
    (fakes.folder / "venv" / "bin").mkdir(parents=True)
    (fakes.folder / "venv" / "bin" / "activate").write_text(f"PATH={fakes.folder}/venv/bin:$PATH\n")
    fakes.command("../venv/bin/python", "echo /venv/packages\n")
    script = alone('echo "$PYTHONPATH"', site=site, needs=read_needs("python"), venv="~/venv")
    assert fakes.run(script) == (0, "/venv/packages:/modules\n", "")
    alone_in = alone('echo "${PYTHONPATH:-none}"', venv="~/venv")
    assert fakes.run(alone_in) == (0, "none\n", "")


def test_steps_without_needs_have_the_stage_and_nothing_that_was_loaded_before(fakes: Fakes) -> None:
    stages = (Stage("2024", (), "here", load=("Stages/2024",), use=("/sw",)),)
    site = replace(SITE, software=Software(stages, (), "module --force purge"))
    assert fakes.run(alone(site=site)) == (0, "", "")
    assert fakes.called("module") == ["module --force purge", "module use /sw", "module load Stages/2024"]
    flat = replace(SITE, software=Software((Stage("modules", (), "here"),)))
    assert [line for line in alone(site=flat).splitlines() if line.startswith("module")] == ["module purge"]
    assert "module" not in alone(site=site, container=Container("a.sif"))


def test_a_stage_alone_puts_no_packages_before_those_of_the_venv() -> None:
    site = replace(SITE, software=Software((Stage("2024", (), "here", load=("Stages/2024",)),)))
    script = alone(site=site, venv="~/v")
    assert "module load Stages/2024" in script
    assert "PYTHONPATH" not in script


def test_a_component_can_have_a_venv_of_its_own(fakes: Fakes) -> None:
    for name in ("all", "own"):
        (fakes.work / name / "bin").mkdir(parents=True)
        (fakes.work / name / "bin" / "activate").write_text(f"VENV={name}\n")
    parts = (
        Component("a", "cluster", 'echo "a ${VENV:-none}"'),
        Component("b", "booster", 'echo "b ${VENV:-none}"', venv="own"),
    )
    for site in (SITE, LOCAL):
        [script] = render(workflow(Step("one", parts, 60), venv="all"), site).scripts.values()
        assert sorted(fakes.run(script)[1].splitlines()) == ["a all", "b own"]
    assert "activate" not in alone(venv="all", container=Container("a.sif"))


def test_folders_of_modules_are_literal() -> None:
    stages = (Stage("2024", (Package("python", "3", ("Python",), "here"),), "here", use=("/sw/my modules", "/b")),)
    script = alone(site=replace(SITE, software=Software(stages)), needs=read_needs("python"))
    assert "module use '/sw/my modules'\nmodule use /b\nmodule load Python\n" in script


def test_a_need_without_a_module_is_told_in_the_script() -> None:
    site = replace(SITE, software=Software((Stage("2024", (), "here"),)))
    assert "# not available in stage 2024: horovod" in alone(site=site, needs=read_needs("horovod"), venv="/v")


@pytest.mark.parametrize("site", [SITE, LOCAL], ids=["slurm", "local"])
def test_values_of_variables_arrive_literally(fakes: Fakes, site: Site) -> None:
    names = {f"V{number}": value for number, value in enumerate(HOSTILE)}
    show = (
        f"""python3 -c 'import json, os; print(json.dumps([os.environ[f"V{{n}}"] for n in range({len(HOSTILE)})]))'"""
    )
    status, out, err = fakes.run(alone(show, site=site, environment=names))
    assert (status, err) == (0, "")
    assert json.loads(out) == HOSTILE


def test_values_of_variables_arrive_literally_in_each_component(fakes: Fakes) -> None:
    hostile = "it's $HOME\n`x`"
    parts = tuple(Component(n, "cluster", f'printf "%s" "$V" >{n}', environment={"V": hostile}) for n in "ab")
    [script] = render(workflow(Step("one", parts, 60)), SITE).scripts.values()
    assert fakes.run(script)[0] == 0
    assert [(fakes.work / n).read_text() for n in "ab"] == [hostile] * 2


def test_a_command_is_shell_and_fails_at_its_first_error(fakes: Fakes) -> None:
    assert fakes.run(alone('x="a  b"; echo "$x" | tr a c\nfalse | true\necho never'))[:2] == (1, "c  b\n")


def test_quoted_lines_and_here_documents_of_a_command_are_left_as_they_are(fakes: Fakes) -> None:
    assert fakes.run(alone("cat <<END\n  two\nEND\necho 'a\nb'"))[:2] == (0, "  two\na\nb\n")


def test_setup_comes_before_the_program_in_each_task(fakes: Fakes) -> None:
    assert fakes.run(alone('echo "$READY"', setup=("READY=yes", "export READY")))[:2] == (0, "yes\n")


@pytest.mark.parametrize("name", ["srun", "test", "if", "a-b", "exit"])
def test_names_of_steps_are_no_commands(fakes: Fakes, name: str) -> None:
    step = Step(name, (Component(name, "cluster", "test 1 = 1 && echo fine"),), 60)
    [script] = render(workflow(step), SITE).scripts.values()
    assert fakes.run(script)[:2] == (0, "fine\n")


def test_names_that_differ_in_a_letter_no_function_can_have_stay_two_components(fakes: Fakes) -> None:
    parts = (Component("a-b", "cluster", "echo one"), Component("a_b", "cluster", "echo two"))
    [script] = render(workflow(Step("s", parts, 60)), SITE).scripts.values()
    assert sorted(fakes.run(script)[1].split()) == ["one", "two"]


@pytest.mark.parametrize("path", ["a b", "it's", 'a"b', "`x`", "$(x)", "back\\slash", "a$", "ü"])
def test_paths_are_literal(path: str) -> None:
    echoed = subprocess.run(["bash", "-c", f"printf %s {expanding(path)}"], capture_output=True, check=True)
    assert echoed.stdout.decode() == path


@pytest.mark.parametrize(
    ("path", "means"),
    [("~/v", "/h/v"), ("~", "/h"), ("$P/v", "/p/v"), ("${P}v", "/pv"), ("a~", "a~"), ("/x/~", "/x/~")],
)
def test_home_and_variables_count_in_paths(path: str, means: str) -> None:
    known = {"HOME": "/h", "P": "/p"}
    echoed = subprocess.run(["bash", "-c", f"printf %s {expanding(path)}"], capture_output=True, check=True, env=known)
    assert echoed.stdout.decode() == means


def test_truth_is_written_as_yaml_does() -> None:
    assert (literal(True), literal(False), literal(1), literal(0.5)) == ("true", "false", "1", "0.5")


# Sweeps.


def test_each_task_of_a_sweep_has_its_values(fakes: Fakes) -> None:
    script = alone('echo "$x|$y"', sweep=({"x": 1, "y": "it's"}, {"x": 0.5, "y": "$HOME"}, {"x": True, "y": "a b"}))
    said = [fakes.run(script, SLURM_ARRAY_TASK_ID=str(number)) for number in range(3)]
    assert [out for _, out, _ in said] == ["1|it's\n", "0.5|$HOME\n", "true|a b\n"]
    assert [fakes.state(f"one.{number}") for number in range(3)] == ["0", "0", "0"]
    status, _, err = fakes.run(script, SLURM_ARRAY_TASK_ID="3")
    assert (status, err) == (2, "the sweep has no task 3\n")


def test_a_function_is_called_with_plain_values_from_the_workflow_s_folder(fakes: Fakes) -> None:
    (fakes.work / "inner").mkdir()
    (fakes.work / "inner" / "tool.py").write_text("def main(**given):\n    print(sorted(given.items()))\n")
    arguments = {"text": "it's $HOME `x`", "many": [1, None, {"a": True}], "x": "$x", "y": "$y", "other": "$z"}
    script = alone(Entry("inner.tool", "main", arguments), sweep=({"x": 3, "y": "3"}, {"x": False, "y": "'"}))
    told = [("many", [1, None, {"a": True}]), ("other", "$z"), ("text", "it's $HOME `x`")]
    for number, values in enumerate(([("x", 3), ("y", "3")], [("x", False), ("y", "'")])):
        assert fakes.run(script, SLURM_ARRAY_TASK_ID=str(number)) == (0, f"{told + values}\n", "")


def test_a_function_gets_numbers_as_numbers_beside_texts(fakes: Fakes) -> None:
    (fakes.work / "tool.py").write_text("def main(gamma):\n    print(repr(gamma))\n")
    sweep = tuple({"gamma": value} for value in (0.5, "it's", 1, True, "2"))
    script = alone(Entry("tool", "main", {"gamma": "$gamma"}), sweep=sweep)
    said = [fakes.run(script, SLURM_ARRAY_TASK_ID=str(number))[1] for number in range(5)]
    assert said == ["0.5\n", '"it\'s"\n', "1\n", "True\n", "'2'\n"]


def test_without_a_scheduler_all_tasks_of_a_sweep_run_one_after_another(fakes: Fakes) -> None:
    script = alone('echo "$x"; [[ $x != 2 ]]', site=LOCAL, sweep=({"x": 1}, {"x": 2}, {"x": 3}))
    assert fakes.run(script)[:2] == (1, "1\n2\n3\n")
    assert [fakes.state(f"one.{number}") for number in range(3)] == ["0", "1", "0"]
    assert fakes.run(script, SLURM_ARRAY_TASK_ID="2")[:2] == (0, "3\n")


# The token.


ANNEAL = """echo "token ${DWAVE_API_TOKEN:-none} of $DWAVE_API_SOLVER in $DWAVE_API_REGION, $HQML_MAX_QPU_SECONDS s" """


def token_file(fakes: Fakes, content: str = "t0p-secret\n", mode: int = 0o600) -> None:
    path = fakes.folder / ".config" / "hqml" / "token"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    path.chmod(mode)


@pytest.mark.parametrize("site", [SITE, LOCAL], ids=["slurm", "local"])
@pytest.mark.parametrize("content", ["t0p-secret\n", "t0p-secret", "  t0p-secret \nmore\n"])
def test_the_token_is_read_from_a_private_file(fakes: Fakes, site: Site, content: str) -> None:
    token_file(fakes, content, 0o400)
    script = alone(ANNEAL, site, on="quantum", quantum=QuantumUse(2.5))
    assert fakes.run(script) == (0, "token t0p-secret of chip in eu, 2.5 s\n", "")


@pytest.mark.parametrize(
    ("content", "mode", "message"),
    [
        (None, 0, "is missing; write the token of the quantum service there, and chmod 600 it"),
        ("x\n", 0o644, "has mode 644, so that others may read the token; run chmod 600 {file}"),
        ("x\n", 0o640, "has mode 640, so that others may read the token; run chmod 600 {file}"),
        ("", 0o600, "has no token in its first line"),
        ("\nx\n", 0o600, "has no token in its first line"),
    ],
)
def test_a_token_file_that_will_not_do_is_one_clear_line(
    fakes: Fakes, content: str | None, mode: int, message: str
) -> None:
    file = fakes.folder / ".config" / "hqml" / "token"
    if content is not None:
        token_file(fakes, content, mode)
    status, out, err = fakes.run(alone(ANNEAL, on="quantum", quantum=QuantumUse(1)))
    assert (status, out, err) == (1, "", f"{file}: {message.format(file=file)}\n")
    assert fakes.state() == "1"
    assert not fakes.called("srun")


def test_a_token_file_that_nobody_may_read_is_not_called_open(fakes: Fakes) -> None:
    token_file(fakes, mode=0)
    status, out, err = fakes.run(alone(ANNEAL, on="quantum", quantum=QuantumUse(1)))
    if os.geteuid() == 0:  # who may read it all the same
        assert (status, err) == (0, "")
        return
    file = fakes.folder / ".config" / "hqml" / "token"
    assert (status, out, err) == (1, "", f"{file}: cannot be read; run chmod 600 {file}\n")


@pytest.mark.parametrize("site", [SITE, LOCAL], ids=["slurm", "local"])
def test_a_token_of_who_submits_reaches_no_component(fakes: Fakes, site: Site) -> None:
    """By hand: DWAVE_API_TOKEN=... sbatch SCRIPT."""
    token_file(fakes)
    show = 'echo "$(env | grep ^DWAVE_API | sort | tr "\\n" " ")"'
    parts = (Component("a", "cluster", show), Component("q", "quantum", show, quantum=QuantumUse(1)))
    [script] = render(workflow(Step("one", parts, 60)), site).scripts.values()
    mine = {f"DWAVE_API_{name}": "mine" for name in ("TOKEN", "ENDPOINT", "SOLVER", "REGION", "PROXY", "HEADERS")}
    status, out, err = fakes.run(script, **mine)
    assert (status, err) == (0, "")
    assert sorted(out.splitlines()) == ["", "DWAVE_API_REGION=eu DWAVE_API_SOLVER=chip DWAVE_API_TOKEN=t0p-secret "]
    assert fakes.run(alone(show), **mine)[1] == "\n"


def test_a_named_token_file_comes_before_the_site_s_command(fakes: Fakes) -> None:
    site = replace(SITE, token_command="echo from-the-store")
    assert "token from-the-store " in fakes.run(alone(ANNEAL, site, on="quantum", quantum=QuantumUse(1)))[1]
    (fakes.work / "mine").write_text("from-the-file")
    (fakes.work / "mine").chmod(0o600)
    named = alone(ANNEAL, site, on="quantum", quantum=QuantumUse(1, token_file="mine"))
    assert "token from-the-file " in fakes.run(named)[1]


@pytest.mark.parametrize("command", ["true", "false", "echo no >&2; exit 3"])
def test_a_secret_store_without_a_token_is_one_clear_line(fakes: Fakes, command: str) -> None:
    site = replace(SITE, token_command=command)
    status, _, err = fakes.run(alone(ANNEAL, site, on="quantum", quantum=QuantumUse(1)))
    assert status == 1
    assert err.splitlines()[-1] == f"no token of the quantum service: {command} gives none"


@pytest.mark.parametrize("command", [None, "cat $HOME/.config/hqml/token"])
def test_no_trace_shows_the_token(fakes: Fakes, command: str | None) -> None:
    token_file(fakes)
    script = alone(
        "[[ -n $DWAVE_API_TOKEN ]]", replace(SITE, token_command=command), on="quantum", quantum=QuantumUse(1)
    )
    status, out, err = fakes.run(script, trace=True)
    assert status == 0
    assert "+ hqml_token" in err
    assert "+ srun" in err, "the trace goes on afterwards"
    assert "t0p-secret" not in out + err + script


def test_only_the_component_on_the_annealer_has_the_token_and_its_address(fakes: Fakes) -> None:
    token_file(fakes)
    show = 'echo "$0 ${DWAVE_API_TOKEN:-none} ${DWAVE_API_ENDPOINT:-none} ${HQML_MAX_QPU_SECONDS:-none}"'
    parts = (
        Component("a", "cluster", f"echo a; {show}"),
        Component("q", "quantum", f"echo q; {show}", quantum=QuantumUse(1, endpoint="https://gate/")),
        Component("b", "booster", f"echo b; {show}"),
    )
    for site in (SITE, LOCAL):
        [script] = render(workflow(Step("one", parts, 60)), site).scripts.values()
        status, out, err = fakes.run(script)
        assert (status, err) == (0, "")
        assert sorted(out.splitlines()) == sorted(
            ["a", "q", "b", "bash none none none", "bash none none none", "bash t0p-secret https://gate/ 1"]
        )


def test_two_annealers_of_one_job_may_have_two_tokens(fakes: Fakes) -> None:
    for name in "xy":
        (fakes.work / name).write_text(f"token-{name}")
        (fakes.work / name).chmod(0o600)
    parts = tuple(Component(n, "quantum", "echo $DWAVE_API_TOKEN", quantum=QuantumUse(1, token_file=n)) for n in "xy")
    [script] = render(workflow(Step("one", parts, 60)), SITE).scripts.values()
    assert sorted(fakes.run(script)[1].split()) == ["token-x", "token-y"]


# How a step ends.


@pytest.mark.parametrize("site", [SITE, LOCAL], ids=["slurm", "local"])
@pytest.mark.parametrize("status", [0, 3, 75])
def test_the_end_of_a_step_is_written_down(fakes: Fakes, site: Site, status: int) -> None:
    before = int(time.time())
    assert fakes.run(alone(f"exit {status}", site=site))[0] == status
    written, start, end = map(int, (fakes.run_folder / "state" / "one").read_text().split())
    assert written == status
    assert before <= start <= end <= time.time()
    assert os.listdir(fakes.run_folder / "state") == ["one"]


def test_without_a_run_nothing_is_written(fakes: Fakes) -> None:
    assert fakes.run(alone("echo fine"), HQML_RUN="")[:2] == (0, "fine\n")
    assert (os.listdir(fakes.run_folder), os.listdir(fakes.work)) == ([], [])


def await_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


@pytest.mark.parametrize("site", [SITE, LOCAL], ids=["slurm", "local"])
def test_a_step_that_is_cancelled_has_an_end_as_well(fakes: Fakes, site: Site) -> None:
    process = fakes.start(alone("echo on; exec /bin/sleep 60", site=site))
    await_line(process)
    os.killpg(process.pid, signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 143
    assert fakes.state() == "143"


@pytest.mark.parametrize("site", [SITE, LOCAL], ids=["slurm", "local"])
def test_the_first_failure_of_components_ends_the_others_and_is_the_job_s(fakes: Fakes, site: Site) -> None:
    parts = (
        Component("a", "cluster", "/bin/sleep 60"),
        Component("b", "booster", "/bin/sleep 0.05; exit 3"),
        Component("c", "cluster", "trap 'exit 4' TERM; /bin/sleep 60 & wait; echo never"),
    )
    [script] = render(workflow(Step("one", parts, 60)), site).scripts.values()
    before = time.monotonic()
    status, out, _ = fakes.run(script)
    assert (status, out) == (3, "")
    assert fakes.state() == "3"
    assert time.monotonic() - before < 30


def test_components_all_have_to_end_before_the_job_does(fakes: Fakes) -> None:
    parts = (Component("a", "cluster", "echo a"), Component("b", "booster", "/bin/sleep 0.1; echo b"))
    [script] = render(workflow(Step("one", parts, 60)), SITE).scripts.values()
    assert fakes.run(script)[:2] == (0, "a\nb\n")


def test_ranks_of_one_world_are_one_srun_and_each_other_component_one_of_its_own(fakes: Fakes) -> None:
    parts = (
        Component("a", "cluster", "true", tasks=2, mpi=True),
        Component("x", "cluster", "true"),
        Component("b", "booster", "true", nodes=2, tasks=2, cpus=4, mpi=True),
    )
    [script] = render(workflow(Step("one", parts, 60)), SITE).scripts.values()
    assert fakes.run(script)[0] == 0
    assert sorted(fakes.called("srun")) == [
        "srun --het-group=0 --nodes=1 --ntasks=2 --cpus-per-task=1 --kill-on-bad-exit=1 bash -c run_a"
        " : --het-group=2 --nodes=2 --ntasks=2 --cpus-per-task=4 --kill-on-bad-exit=1 bash -c run_b",
        "srun --het-group=1 --nodes=1 --ntasks=1 --cpus-per-task=1 bash -c run_x",
    ]


def test_without_a_scheduler_tasks_are_processes_and_ranks_come_from_mpiexec(fakes: Fakes) -> None:
    fakes.command("mpiexec", 'echo "mpiexec $*" >>"$CALLS"\n')
    parts = (
        Component("a", "cluster", "true", tasks=2, mpi=True),
        Component("b", "booster", "true", tasks=3, mpi=True),
        Component("c", "cluster", 'echo "$HQML_TASK of $HQML_TASKS"', nodes=2, tasks=4),
    )
    [script] = render(workflow(Step("one", parts, 60)), LOCAL).scripts.values()
    status, out, _ = fakes.run(script)
    assert (status, sorted(out.splitlines())) == (0, [f"{number} of 4" for number in range(4)])
    assert fakes.called("mpiexec") == ["mpiexec -n 2 bash -c run_a : -n 3 bash -c run_b"]


def test_without_a_scheduler_mpiexec_is_that_of_the_venv(fakes: Fakes) -> None:
    (fakes.folder / "venv" / "bin").mkdir(parents=True)
    (fakes.folder / "venv" / "bin" / "activate").write_text(f"PATH={fakes.folder}/venv/bin:$PATH\n")
    fakes.command("../venv/bin/mpiexec", "printf '%s\\n' \"$*\"\n")
    parts = (Component("a", "cluster", "true", mpi=True), Component("b", "booster", "true", mpi=True))
    [script] = render(workflow(Step("one", parts, 60), venv="~/venv"), LOCAL).scripts.values()
    assert fakes.run(script)[:2] == (0, "-n 1 bash -c run_a : -n 1 bash -c run_b\n")


def test_tasks_know_which_they_are(fakes: Fakes) -> None:
    fakes.command("srun", f'set -- --ntasks=2 "$@"\n{SRUN}')
    assert sorted(fakes.run(alone('echo "$HQML_TASK of $HQML_TASKS"', tasks=2))[1].splitlines()) == ["0 of 2", "1 of 2"]


# Checkpoints.


SAVES = """python3 -uc '
import os, signal, sys, time
def save(*_):
    time.sleep(0.05)
    open(os.environ["HQML_CHECKPOINT"] + "/state", "w").close()
    sys.exit(75)
signal.signal(getattr(signal, "SIG" + os.environ.get("HQML_CHECKPOINT_SIGNAL", "USR1")), save)
print("ready")
time.sleep(60)'"""


def warned(
    fakes: Fakes, script: str, lines: int = 1, number: int = signal.SIGUSR1, **environment: str
) -> tuple[int, str, str]:
    """Run a script and send it the signal as Slurm does: to it alone."""
    process = fakes.start(script, **environment)
    for _ in range(lines):
        await_line(process)
    os.kill(process.pid, number)
    out, err = process.communicate(timeout=30)
    return process.returncode, out, err


@pytest.mark.parametrize("name", ["USR1", "USR2"])
def test_a_program_that_has_saved_its_state_is_queued_again(fakes: Fakes, name: Literal["USR1", "USR2"]) -> None:
    script = alone(SAVES, checkpoint=Checkpoint(signal=name, requeues=2))
    status, out, err = warned(fakes, script, number=signal.Signals[f"SIG{name}"])
    assert (status, out, err) == (75, "wf-one has more to do, and is queued again\n", "")
    assert fakes.called("scontrol")[-1] == "scontrol requeue 1234"
    assert (fakes.run_folder / "checkpoints" / "one" / "state").exists()
    assert fakes.state() is None, "a requeue is no end"


def test_by_hand_the_state_is_kept_beside_the_workflow(fakes: Fakes) -> None:
    assert warned(fakes, alone(SAVES, checkpoint=Checkpoint()), HQML_RUN="")[0] == 75
    assert (fakes.work / "checkpoints" / "wf-one" / "state").exists()


def test_a_task_of_an_array_is_queued_again_alone(fakes: Fakes) -> None:
    """`scontrol requeue ID` of the task that has the array's own number would queue all of its tasks again."""
    script = alone(SAVES, checkpoint=Checkpoint(), sweep=({"x": 1}, {"x": 2}))
    assert warned(fakes, script, SLURM_ARRAY_JOB_ID="1234", SLURM_ARRAY_TASK_ID="1")[0] == 75
    assert fakes.called("scontrol")[-1] == "scontrol requeue 1234_1"
    assert (fakes.run_folder / "checkpoints" / "one.1" / "state").exists()


@pytest.mark.parametrize("status", [75, 130, 138])
@pytest.mark.parametrize(("restarts", "again"), [("1", True), ("2", False)])
def test_a_step_is_queued_again_only_so_often(fakes: Fakes, status: int, restarts: str, again: bool) -> None:
    script = alone(f"exit {status}", checkpoint=Checkpoint(requeues=2))
    ended, _, err = fakes.run(script, SLURM_RESTART_COUNT=restarts)
    assert ended == status
    assert bool(fakes.called("scontrol")[1:]) == again
    assert (fakes.state() is None) == again
    assert err == ("" if again else "wf-one has more to do, but was queued again 2 times already\n")


@pytest.mark.parametrize("status", [0, 1, 139, 143])
def test_other_ends_are_ends(fakes: Fakes, status: int) -> None:
    assert fakes.run(alone(f"exit {status}", checkpoint=Checkpoint()))[0] == status
    assert not fakes.called("scontrol")
    assert fakes.state() == str(status)


@pytest.mark.parametrize("name", ["USR1", "USR2"])
def test_a_program_that_the_signal_ends_is_queued_again(fakes: Fakes, name: Literal["USR1", "USR2"]) -> None:
    number = signal.Signals[f"SIG{name}"]
    run = "python3 -uc 'import time; print(1); time.sleep(60)'"  # before it is there, the signal would find the shell
    script = alone(run, checkpoint=Checkpoint(signal=name))
    assert warned(fakes, script, number=number)[0] == 128 + number
    assert fakes.called("scontrol")[-1] == "scontrol requeue 1234"


def test_a_program_may_finish_after_the_signal(fakes: Fakes) -> None:
    run = "python3 -uc 'import signal, time; signal.signal(signal.SIGUSR1, lambda *_: None); print(1); time.sleep(0.1)'"
    assert warned(fakes, alone(run, checkpoint=Checkpoint()))[0] == 0
    assert fakes.state() == "0"


def test_a_cancelled_step_is_not_queued_again(fakes: Fakes) -> None:
    status, _, err = fakes.run(alone("exit 75", checkpoint=Checkpoint()), FAKE_STATE="COMPLETING")
    assert (status, err) == (75, "wf-one has more to do, but was ended\n")
    assert fakes.state() == "75"


@pytest.mark.parametrize("busy", [1, 3])
def test_slurm_may_be_too_busy_to_answer_at_once(fakes: Fakes, busy: int) -> None:
    status, _, err = fakes.run(alone("exit 75", checkpoint=Checkpoint()), FAKE_BUSY=str(busy))
    assert (status, err, fakes.state()) == (75, "", None)
    assert len(fakes.called("scontrol")) > 2 * busy
    assert fakes.called("scontrol")[-1] == "scontrol requeue 1234"


@pytest.mark.parametrize(
    ("fake", "told"),
    [({"FAKE_BUSY": "99"}, "Slurm does not answer"), ({"FAKE_REQUEUE": "1"}, "Slurm does not queue it again")],
)
def test_a_requeue_that_slurm_never_does_is_an_end(fakes: Fakes, fake: dict[str, str], told: str) -> None:
    status, _, err = fakes.run(alone("exit 75", checkpoint=Checkpoint()), **fake)
    assert (status, err) == (75, f"wf-one has more to do, but {told}\n")
    assert fakes.state() == "75"


def test_all_components_get_the_signal_and_save_their_state_before_the_job_is_queued_again(fakes: Fakes) -> None:
    late = SAVES.replace('open(os.environ["HQML_CHECKPOINT"] + "/state", "w").close()', 'print("saved")').replace(
        "0.05", "0.3"
    )
    parts = (Component("a", "cluster", SAVES), Component("b", "booster", late))
    [script] = render(workflow(Step("one", parts, 60, checkpoint=Checkpoint())), SITE).scripts.values()
    status, out, _ = warned(fakes, script, lines=2)
    assert (status, out) == (75, "saved\nwf-one has more to do, and is queued again\n")
    assert fakes.state() is None


def test_a_failure_beside_a_program_that_has_more_to_do_is_a_failure(fakes: Fakes) -> None:
    parts = (Component("a", "cluster", "exit 75"), Component("b", "booster", "/bin/sleep 0.1; exit 2"))
    [script] = render(workflow(Step("one", parts, 60, checkpoint=Checkpoint())), SITE).scripts.values()
    assert fakes.run(script)[0] == 2
    assert (fakes.state(), fakes.called("scontrol")) == ("2", [])


def test_without_a_scheduler_an_unfinished_step_says_so(fakes: Fakes) -> None:
    assert warned(fakes, alone(SAVES, site=LOCAL, checkpoint=Checkpoint()))[0] == 75
    assert (fakes.state(), fakes.called("scontrol")) == ("75", [])


@pytest.mark.parametrize("site", [SITE, LOCAL], ids=["slurm", "local"])
def test_workers_of_torchrun_get_the_signal_and_are_heard(fakes: Fakes, site: Site) -> None:
    """A stand-in that, as torchrun does, gives workers a session of their own and calls all but 0 a failure."""
    fakes.command(
        "torchrun",
        'while [[ $1 == --* ]]; do shift; done\nsetsid "$@" &\nwait $! || exit 1\n',
    )
    (fakes.work / "train.py").write_text(SAVES.removeprefix("python3 -uc '").removesuffix("'"))
    script = alone("train.py --x", site=site, launch="torchrun", checkpoint=Checkpoint())
    assert warned(fakes, script)[0] == 75
    (fakes.work / "train.py").write_text("raise SystemExit(3)")
    assert fakes.run(script)[0] == 1
    assert fakes.state() == "1"
    (fakes.work / "train.py").write_text("")
    assert fakes.run(script)[0] == 0


def test_torchrun_s_workers_of_several_nodes_meet_at_the_first_by_its_fast_network(fakes: Fakes) -> None:
    fakes.command("torchrun", 'echo "$MASTER_ADDR" "$@"\n')
    site = replace(SITE, launch=Launch(host_suffix="i"))
    script = alone("train.py -x 'a b'", site, on="booster", nodes=2, tasks=2, gpus=4, launch="torchrun")
    assert fakes.run(script)[1] == (
        "jb01i --nnodes=2 --nproc_per_node=4 --rdzv_backend=c10d --rdzv_id=1234 --rdzv_endpoint=jb01i:21234"
        " --rdzv_conf=is_host=1 --local_addr=jb01i train.py -x a b\n"
    )
    named = alone("train.py", SITE, nodes=2, tasks=2, launch="torchrun", environment={"MASTER_ADDR": "there"})
    assert fakes.run(named)[1].startswith("there --nnodes=2 --nproc_per_node=1 ")


# Containers.


def test_a_program_runs_in_its_container_with_the_workflow_s_folder(fakes: Fakes) -> None:
    fakes.command("apptainer", "printf '<%s>' \"$@\"\n")
    image = Container("images/it's.sif", ("/data", "~/maps:/maps"))
    status, out, _ = fakes.run(alone("echo 'a  b' | wc", container=image))
    work = str(fakes.work)
    words = ["exec", "--bind", work, "--bind", "/data", "--bind", f"{fakes.folder}/maps:/maps", "--pwd", work]
    assert status == 0
    assert out == "".join(f"<{one}>" for one in [*words, "images/it's.sif", "sh", "-c", "echo 'a  b' | wc"])


def test_a_container_sees_the_gpus_of_either_vendor() -> None:
    amd = Module("booster", "booster", "Booster", (replace(partition("gpu"), node=Node(8, gpus=8, gpu="MI250X")),))
    image = Container("x.sif")
    assert " exec --nv --bind" in alone(on="booster", gpus=1, container=image)
    assert " exec --rocm --bind" in alone(on="booster", gpus=1, container=image, site=replace(SITE, modules=(amd,)))
    assert " exec --bind" in alone(on="booster", container=image)
    assert " exec --nv --bind" in alone(on="booster", gpus=1, container=image, site=LOCAL)


def test_a_container_has_its_software_itself_but_for_what_runs_it() -> None:
    packages = (Package("python", "3", ("Python",), "here"), Package("apptainer", "1", ("Apptainer-Tools",), "here"))
    site = replace(SITE, software=Software((Stage("2024", packages, "here"),)))
    inside = {"container": Container("x.sif"), "needs": read_needs("python"), "venv": "/v"}
    assert "module load Apptainer-Tools\nset -u" in alone(site=site, **inside)
    bare = replace(site, software=Software((Stage("2024", packages[:1], "here"),)))
    assert "module" not in alone(site=bare, **inside)


def test_a_container_does_not_look_for_packages_of_the_host(fakes: Fakes) -> None:
    fakes.command("apptainer", 'echo "${PYTHONPATH:-none} ${PYTHONHOME:-none} ${VIRTUAL_ENV:-none}"\n')
    host = {"PYTHONPATH": "/modules", "PYTHONHOME": "/usr", "VIRTUAL_ENV": "/venv"}
    assert fakes.run(alone(container=Container("x.sif")), **host)[1] == "none none none\n"
    own = alone(container=Container("x.sif"), setup=("export PYTHONPATH=/inside",))
    assert fakes.run(own, **host)[1] == "/inside none none\n"


def test_a_missing_apptainer_is_one_clear_line(fakes: Fakes) -> None:
    if shutil.which("apptainer") or shutil.which("singularity"):
        pytest.skip("apptainer is here")
    status, _, err = fakes.run(alone(container=Container("x.sif")))
    assert (status, err) == (127, "neither apptainer nor singularity is here to run the container\n")


# Folders.


RENDERED = render(
    workflow(
        Step("first", (Component("first", "cluster", "true", nodes=2, tasks=4),), 60),
        Step("q", (Component("q", "quantum", "true", quantum=QuantumUse(2)),), 90, ("first",), ({"x": 1}, {"x": 2}), 1),
        account="acc",
        path="/here/wf.yaml",
    ),
    SITE,
)


def test_the_manifest_tells_what_was_rendered(tmp_path: Path) -> None:
    manifest = RENDERED.manifest
    assert (manifest.workflow, manifest.site, manifest.scheduler, manifest.account) == ("wf", "here", "slurm", "acc")
    assert manifest.folder == "/here"
    first, second = manifest.jobs
    assert first.parts == (Part("first", "cluster", "cluster", "cpu", 2, 4, 0),)
    assert (second.step, second.script, second.after, second.tasks, second.at_once) == (
        "q",
        "02-q.sh",
        ("first",),
        2,
        1,
    )
    assert second.parts == (Part("q", "quantum", "quantum", "cpu", 1, 1, 0, (), 2, 1),)
    write(RENDERED, tmp_path / "a" / "run")
    assert read_manifest(tmp_path / "a" / "run") == manifest


def test_what_a_run_may_take_counts_each_task_and_each_start() -> None:
    steps = (
        Step("a", (Component("q", "quantum", "true", quantum=QuantumUse(2)),), 3600, (), ({"x": 1}, {"x": 2})),
        Step("b", (Component("q", "quantum", "true", quantum=QuantumUse(3)),), 1800, checkpoint=Checkpoint(requeues=4)),
    )
    assert asked_for(render(workflow(*steps), SITE).manifest) == [("quantum", 2 + 2.5, 4 + 15)]


def test_a_run_is_written_whole_into_a_new_or_empty_folder_and_left_alone_after(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    write(RENDERED, folder)
    assert sorted(os.listdir(folder)) == ["01-first.sh", "02-q.sh", "manifest.json"]
    assert stat.S_IMODE((folder / "01-first.sh").stat().st_mode) == 0o755
    (folder / "logs").mkdir()
    write(RENDERED, folder)
    assert (folder / "logs").is_dir()
    assert os.listdir(tmp_path) == ["run"]


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    write(RENDERED, tmp_path / "run")
    other = render(workflow(Step("first", (Component("first", "cluster", "false"),), 60)), SITE)
    with pytest.raises(FormatError, match=r"run: holds another run, whose scripts differ; name a new folder$"):
        write(other, tmp_path / "run")
    with pytest.raises(FormatError, match=r"holds something that is no run; name a new folder, or an empty one$"):
        write(RENDERED, tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(FormatError, match=r"file: holds something that is no run; name a new folder"):
        write(RENDERED, tmp_path / "file")
    with pytest.raises(FormatError, match=r"^cannot write .*; choose a folder you may write to$"):
        write(RENDERED, tmp_path / "file" / "run")


def test_what_a_site_lacks_is_an_error() -> None:
    with pytest.raises(ParameterError, match="here has no module 'dam'"):
        alone(on="dam")
