"""Workflows in YAML: what they become, and in which order."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("yaml", reason="pyyaml is missing: pip install 'hqml[hpc]'")
pytest.importorskip("pydantic", reason="pydantic is missing: pip install 'hqml[hpc]'")

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from hqml.errors import FormatError, ParameterError
from hqml.hpc.amounts import gigabytes, shown_time, slurm_seconds, slurm_time, wall_seconds, written_time
from hqml.hpc.needs import read_needs
from hqml.hpc.shell_names import environment_variable, secrets_written
from hqml.hpc.workflow import Checkpoint, Component, Container, Entry, QuantumUse, Step, Workflow
from hqml.hpc.workflows.file import open_workflow, read_workflow
from hqml.secrets import has_password

EXAMPLE = """\
site: juwels
account: training2401
stage: "2024"
venv: ~/venvs/hqml
environment: {OMP_NUM_THREADS: 8}
setup: [ulimit -c 0]
exclude: ["*.tif"]
steps:
  prepare:
    on: cluster
    time: 10m
    needs: [python>=3.10, mpi]
    run: python prepare.py --out data
  train:
    after: prepare
    on: booster
    nodes: 2
    tasks: 8
    cpus: 12
    gpus: 4
    memory: 64GB
    time: 2h
    needs: torch>=2.1, cuda
    launch: torchrun
    run: train.py --data data
    checkpoint: {before: 2m, signal: USR1, requeues: 5}
  sweep:
    after: prepare
    on: cluster
    time: 20m
    sweep: {slice: [10, 20], seed: [0, 1, 2]}
    at_once: 4
    run: python sweep.py --slice $slice --seed $seed
  ensemble:
    after: [prepare]
    time: 30m
    together:
      ranks: {on: cluster, nodes: 1, tasks: 2, mpi: true, run: python slices.py}
      gpus: {on: booster, nodes: 1, tasks: 2, gpus: 2, mpi: true, run: python slices.py}
      annealer:
        on: quantum
        quantum: {seconds: 2}
        run: python anneal.py --max-qpu-seconds $HQML_MAX_QPU_SECONDS
  compare:
    after: ensemble
    on: cluster
    time: 10m
    run: {python: "compare:main", arguments: {out: report.html}}
    container: {image: hqml.sif, binds: [/data]}
"""

EXPECTED = Workflow(
    name="landsat",
    site="juwels",
    account="training2401",
    stage="2024",
    venv="~/venvs/hqml",
    environment={"OMP_NUM_THREADS": "8"},
    setup=("ulimit -c 0",),
    exclude=("*.tif",),
    steps=(
        Step(
            "prepare",
            (
                Component(
                    "prepare", "cluster", "python prepare.py --out data", needs=read_needs(["python>=3.10", "mpi"])
                ),
            ),
            600.0,
        ),
        Step(
            "train",
            (
                Component(
                    "train",
                    "booster",
                    "train.py --data data",
                    nodes=2,
                    tasks=8,
                    cpus=12,
                    gpus=4,
                    memory_gb=64.0,
                    needs=read_needs("torch>=2.1, cuda"),
                    launch="torchrun",
                ),
            ),
            7200.0,
            after=("prepare",),
            checkpoint=Checkpoint(120.0, "USR1", 5),
        ),
        Step(
            "sweep",
            (Component("sweep", "cluster", "python sweep.py --slice $slice --seed $seed"),),
            1200.0,
            after=("prepare",),
            sweep=tuple({"slice": size, "seed": seed} for size in (10, 20) for seed in (0, 1, 2)),
            at_once=4,
        ),
        Step(
            "ensemble",
            (
                Component("ranks", "cluster", "python slices.py", tasks=2, mpi=True),
                Component("gpus", "booster", "python slices.py", tasks=2, gpus=2, mpi=True),
                Component(
                    "annealer",
                    "quantum",
                    "python anneal.py --max-qpu-seconds $HQML_MAX_QPU_SECONDS",
                    quantum=QuantumUse(2.0),
                ),
            ),
            1800.0,
            after=("prepare",),
        ),
        Step(
            "compare",
            (
                Component(
                    "compare",
                    "cluster",
                    Entry("compare", "main", {"out": "report.html"}),
                    container=Container("hqml.sif", ("/data",)),
                ),
            ),
            600.0,
            after=("ensemble",),
        ),
    ),
    path="landsat.yaml",
)


def read(folder: Path, text: str, site: str | None = None) -> Workflow:
    path = folder / "wf.yaml"
    path.write_text(text)
    return read_workflow(path, site)


def only(folder: Path, *lines: str) -> Step:
    """The one step of a workflow, with lines of its own."""
    text = "site: x\nsteps:\n  a:\n    on: cluster\n    time: 1h\n    run: echo\n"
    [step] = read(folder, text + "".join(f"    {line}\n" for line in lines)).steps
    return step


def test_the_whole_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("landsat.yaml").write_text(EXAMPLE)
    workflow, places = open_workflow("landsat.yaml")
    assert workflow == EXPECTED
    assert [workflow.step(name).together for name in ("train", "ensemble")] == [False, True]
    assert places.line(("steps", "train", "gpus")) == 20
    assert places.line(("steps", "ensemble", "together", "gpus", "gpus")) == 39


def test_the_shortest_workflow(tmp_path: Path) -> None:
    workflow = read(tmp_path, "site: local\nsteps: {hello: {on: cluster, time: 1m, run: echo}}\n")
    step = Step("hello", (Component("hello", "cluster", "echo"),), 60.0)
    assert workflow == Workflow("wf", "local", (step,), path=str(tmp_path / "wf.yaml"))


def test_another_site_can_be_named(tmp_path: Path) -> None:
    text = "steps: {hello: {on: cluster, time: 1m, run: echo}}\n"
    assert read(tmp_path, text, "lumi").site == "lumi"
    assert read(tmp_path, f"site: juwels\n{text}", "lumi").site == "lumi"
    assert read(tmp_path, f"site: mine.yaml\n{text}").site == str(tmp_path / "mine.yaml")  # beside the workflow
    assert read(tmp_path, f"site: /etc/mine.yaml\n{text}").site == "/etc/mine.yaml"
    assert read(tmp_path, text, "mine.yaml").site == "mine.yaml"  # where the command runs


def test_steps_stand_behind_those_they_come_after_else_as_written(tmp_path: Path) -> None:
    one = "{on: c, time: 1h, run: x, after: [%s]}"
    steps = {"z": "a, b", "y": "", "a": "b", "b": "", "x": "y"}
    text = "site: x\nsteps:\n" + "".join(f"  {name}: {one % after}\n" for name, after in steps.items())
    assert [step.name for step in read(tmp_path, text).steps] == ["y", "b", "a", "z", "x"]


def test_tasks_are_one_a_node_unless_said(tmp_path: Path) -> None:
    assert only(tmp_path, "nodes: 3").components[0].tasks == 3
    assert only(tmp_path, "nodes: 3", "tasks: 6").components[0].tasks == 6
    assert only(tmp_path, "nodes: 3", "gpus: 4", "launch: torchrun").components[0].tasks == 3


def test_sweeps_are_products_or_lists(tmp_path: Path) -> None:
    assert only(tmp_path, "sweep: {a: [1, x], b: [true, 0.5]}").sweep == (
        {"a": 1, "b": True},
        {"a": 1, "b": 0.5},
        {"a": "x", "b": True},
        {"a": "x", "b": 0.5},
    )
    assert only(tmp_path, "sweep: [{a: 1, b: x}, {b: y, a: 1}]").sweep == ({"a": 1, "b": "x"}, {"b": "y", "a": 1})
    assert only(tmp_path).sweep == ()


def test_values_of_the_environment_are_text(tmp_path: Path) -> None:
    step = only(tmp_path, "environment: {A: 1, B: true, C: 0.5, D: '', E: no, F: \"x y\", G: '08'}")
    assert step.components[0].environment == {
        "A": "1",
        "B": "true",
        "C": "0.5",
        "D": "",
        "E": "no",
        "F": "x y",
        "G": "08",
    }


def test_one_stands_for_a_list_of_one(tmp_path: Path) -> None:
    text = (
        "site: x\nsetup: ulimit -c 0\nexclude: '*.tif'\nstage: 2024\naccount: 2401\n"
        "steps: {a: {on: c, time: 1h, run: x, container: {image: i.sif, binds: /data}}}\n"
    )
    workflow = read(tmp_path, text)
    assert (workflow.setup, workflow.exclude) == (("ulimit -c 0",), ("*.tif",))
    assert (workflow.stage, workflow.account) == ("2024", "2401")
    assert workflow.steps[0].components[0].container == Container("i.sif", ("/data",))


def test_containers_checkpoints_and_quantum_use_have_short_forms(tmp_path: Path) -> None:
    assert only(tmp_path, "container: hqml.sif").components[0].container == Container("hqml.sif")
    assert only(tmp_path, "checkpoint: true").checkpoint == Checkpoint(60.0, "USR1", 10)
    assert only(tmp_path, "checkpoint: false").checkpoint is None
    assert only(tmp_path, "checkpoint: {before: 90}").checkpoint == Checkpoint(90.0)
    use = "{seconds: 500ms, licences: 2, endpoint: 'https://gate:8080/sapi/v2/', solver: A_5.4, token_file: ~/t}"
    assert only(tmp_path, f"quantum: {use}").components[0].quantum == QuantumUse(
        0.5, 2, "https://gate:8080/sapi/v2/", "A_5.4", "~/t"
    )


def test_commands_may_have_several_lines(tmp_path: Path) -> None:
    text = "site: x\nsteps:\n  a:\n    on: c\n    time: 1h\n    run: |\n      cd x\n      ./y\n"
    assert read(tmp_path, text).steps[0].components[0].run == "cd x\n./y"


def test_entries_keep_their_arguments(tmp_path: Path) -> None:
    text = "site: x\nsteps: {a: {on: c, time: 1h, run: {python: p.q:f, arguments: {x: [1, null], y: {z: true}}}}}\n"
    assert read(tmp_path, text).steps[0].components[0].run == Entry("p.q", "f", {"x": [1, None], "y": {"z": True}})


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("90s", 90),
        ("10m", 600),
        ("1.5h", 5400),
        ("1d", 86400),
        ("30:00", 1800),
        ("00:30:00", 1800),
        ("1-12", 129600),
        ("1-12:30", 131400),
        ("1-12:00:00", 129600),
        ("0-00:00:01", 1),
        (" 2 h ", 7200),
    ],
)
def test_wall_times_of_people_and_of_slurm(written: str, seconds: float) -> None:
    assert wall_seconds(written) == seconds


@pytest.mark.parametrize(
    "written", ["", "1-", "1:2:3:4", "-5m", "1-12:00:00:00", "00:00", "1x", None, True, [1], 60, "60"]
)
def test_other_wall_times_are_refused(written: Any) -> None:
    with pytest.raises(ParameterError):
        wall_seconds(written)


@given(st.integers(1, 366 * 86400))
def test_wall_times_survive_being_shown(seconds: int) -> None:
    assert sum(wall_seconds(part) for part in shown_time(seconds).split()) == seconds
    assert wall_seconds(written_time(seconds)) == seconds
    assert slurm_seconds(slurm_time(seconds)) == seconds


@pytest.mark.parametrize(("seconds", "written"), [(90, "90s"), (600, "10m"), (129600, "36h"), (172800, "2d")])
def test_wall_times_are_written_in_one_unit(seconds: float, written: str) -> None:
    assert written_time(seconds) == written


@pytest.mark.parametrize("text", ["UNLIMITED", "INVALID", "", "1h", "-1:00"])
def test_what_is_no_time_of_slurm_is_none(text: str) -> None:
    assert slurm_seconds(text) is None


@pytest.mark.parametrize(
    ("written", "gb"), [("64GB", 64), ("64G", 64), ("64 GiB", 64), ("512MB", 0.5), ("1.5T", 1536), ("0.5g", 0.5)]
)
def test_memory_in_steps_of_1024(written: str, gb: float) -> None:
    assert gigabytes(written) == gb


@pytest.mark.parametrize("written", ["64", "64kB", "GB", "-1GB", "9" * 40 + "TB", 64, None])
def test_other_amounts_of_memory_are_refused(written: Any) -> None:
    with pytest.raises(ParameterError):
        gigabytes(written)


@pytest.mark.parametrize(
    "name", ["OMP_NUM_THREADS", "seed", "DWAVE_API_REGION", "NCCL_DEBUG", "TOKENIZERS_PARALLELISM", "MAX_NEW_TOKENS"]
)
def test_variables_that_a_workflow_may_set(name: str) -> None:
    assert environment_variable(name) == name


@pytest.mark.parametrize(
    "name", ["HF_TOKEN", "MAX_TOKEN", "WANDB_API_KEY", "DB_PASSWORD", "SLURM_X", "BASH_ENV", "1a", ""]
)
def test_variables_that_it_may_not(name: str) -> None:
    with pytest.raises(ParameterError):
        environment_variable(name)


@pytest.mark.parametrize(
    "line",
    [
        'export HF_TOKEN="$(cat ~/.hf)"',
        "export HF_TOKEN=$OTHER",
        "python train.py --max_tokens=512 --token=x",
        "HF_TOKEN= python x.py",
        "tokens=5",
        "curl https://user@host/x",
    ],
)
def test_lines_of_shell_that_spell_no_secret_out(line: str) -> None:
    assert list(secrets_written(line)) == []


@pytest.mark.parametrize("line", ["HF_TOKEN=abc x", "export API_KEY='abc'", "a; SECRET=1", "curl http://me:pw@host"])
def test_lines_of_shell_that_do(line: str) -> None:
    assert len(list(secrets_written(line))) == 1


def test_passwords_in_addresses() -> None:
    assert has_password("socks5h://me:pw@host:1080")
    assert not has_password("socks5h://host:1080/a@b")


names = st.lists(st.from_regex(r"[a-z][a-z0-9_-]{0,5}", fullmatch=True), min_size=1, max_size=6, unique=True)


@settings(max_examples=40)
@given(st.data(), names)
def test_every_graph_is_ordered_or_has_a_cycle(tmp_path: Path, data: st.DataObject, steps: list[str]) -> None:
    after = {one: data.draw(st.lists(st.sampled_from(steps), max_size=2, unique=True)) for one in steps}
    after = {one: [other for other in others if other != one] for one, others in after.items()}
    path = tmp_path / "wf.yaml"
    content = {one: {"on": "c", "time": "1h", "run": "x", "after": others} for one, others in after.items()}
    path.write_text(yaml.safe_dump({"site": "x", "steps": content}, sort_keys=False))
    orders = [
        order
        for order in itertools.permutations(steps)
        if all(order.index(other) < order.index(one) for one in steps for other in after[one])
    ]
    if not orders:
        with pytest.raises(FormatError, match="steps wait for each other"):
            read_workflow(path)
        return
    # Of all orders the one that keeps the file's as long as possible: itertools counts them up in that order.
    found = tuple(step.name for step in read_workflow(path).steps)
    assert found == orders[0]


scalars = st.one_of(st.integers(-9, 9), st.booleans(), st.from_regex(r"[a-z ]{1,6}", fullmatch=True).map(str.strip))


@st.composite
def components(draw: st.DrawFn) -> dict[str, Any]:
    nodes = draw(st.integers(1, 4))
    found: dict[str, Any] = {"on": draw(st.sampled_from(["cluster", "booster", "esb"])), "run": "python x.py"}
    optional = {
        "nodes": nodes,
        "tasks": nodes * draw(st.integers(1, 4)),
        "cpus": draw(st.integers(1, 64)),
        "gpus": draw(st.integers(0, 4)),
        "partition": "devel",
        "mpi": draw(st.booleans()),
        "environment": draw(st.dictionaries(st.sampled_from(["A", "b", "C_1"]), scalars)),
        "quantum": {"seconds": draw(st.integers(1, 9)), "licences": 2},
    }
    chosen = draw(st.lists(st.sampled_from(list(optional)), unique=True))
    if "tasks" in chosen:
        chosen.append("nodes")
    if "quantum" in chosen:  # of one task
        chosen = [one for one in chosen if one not in ("nodes", "tasks")]
    return {**found, **{key: value for key, value in optional.items() if key in chosen}}


@settings(max_examples=40)
@given(st.lists(components(), min_size=1, max_size=3))
def test_what_is_written_is_what_is_read(tmp_path: Path, written: list[dict[str, Any]]) -> None:
    path = tmp_path / "wf.yaml"
    inner = {f"c{index}": one for index, one in enumerate(written)}
    step = {"time": "1h", "together": inner} if len(inner) > 1 else {"time": "1h", **written[0]}
    path.write_text(yaml.safe_dump({"site": "x", "steps": {"c0": step}}))
    [found] = read_workflow(path).steps
    assert len(found.components) == len(written)
    for component in found.components:
        told = inner[component.name]
        for key in ("on", "run", "nodes", "tasks", "cpus", "gpus", "partition", "mpi"):
            default = {"nodes": 1, "tasks": told.get("nodes", 1), "gpus": 0, "mpi": False}.get(key)
            assert getattr(component, key) == told.get(key, default)
        texts = {
            key: str(value).lower() if isinstance(value, bool) else str(value)
            for key, value in told.get("environment", {}).items()
        }
        assert component.environment == texts
        assert (component.quantum is None) == ("quantum" not in told)
