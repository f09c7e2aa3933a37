"""Bad workflow files: of each exactly one line that says where it is wrong, and what to do."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("yaml", reason="pyyaml is missing: pip install 'hqml[hpc]'")
pytest.importorskip("pydantic", reason="pydantic is missing: pip install 'hqml[hpc]'")

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from hqml.errors import FormatError
from hqml.hpc.sites.file import load_site
from hqml.hpc.workflows.advice import warnings
from hqml.hpc.workflows.checks import check
from hqml.hpc.workflows.file import open_workflow
from hqml.specs.nodes import read_yaml

JUWELS = load_site("juwels")

STEP = """\
site: juwels
steps:
  train:
    on: cluster
    time: 10m
    run: python train.py
"""


def with_keys(*lines: str) -> str:
    """The step with keys of its own from line 7."""
    return STEP + "".join(f"    {line}\n" for line in lines)


def with_head(*lines: str) -> str:
    """Lines before the site's."""
    return "".join(f"{line}\n" for line in lines) + STEP


def together(*lines: str) -> str:
    """A step of components that begin on line 6."""
    return "site: juwels\nsteps:\n  both:\n    time: 1h\n    together:\n" + "".join(f"      {one}\n" for one in lines)


A = "a: {on: cluster, run: x}"

# The file's text; then the line, the place and the beginning of what is said, and a part of the rest of it.
WRONG: dict[str, tuple[str, str, str]] = {
    "an empty file": ("", "1: the file is empty", ""),
    "no mapping": ("- a\n", "1: must be a mapping, found", ""),
    "no YAML": ("site: juwels\nsteps: {a: [}\n", "2: cannot be read as YAML:", ""),
    "a tab": ("site: juwels\nsteps:\n\ta: 1\n", "3: cannot be read as YAML:", "indent with blanks"),
    "no site": (STEP.removeprefix("site: juwels\n"), "1: site: this key is missing", "site: local"),
    "no steps": ("site: juwels\n", "1: steps: this key is missing", ""),
    "empty steps": ("site: juwels\nsteps: {}\n", "2: steps: dictionary should have at least 1 item", ""),
    "steps as a list": ("site: juwels\nsteps:\n- on: cluster\n", "2: steps: must be a mapping, found", ""),
    "a step without content": ("site: juwels\nsteps:\n  a:\n", "3: steps.a: must be a mapping, found nothing", ""),
    "a step twice": (STEP + "  train:\n    on: x\n", "7: found key 'train' twice, first on line 3", ""),
    "an unknown key": (with_head("acount: x"), "1: acount: unknown key; did you mean 'account'?", ""),
    "an unknown key of a step": (with_keys("node: 2"), "7: steps.train.node: unknown key; did you mean 'nodes'?", ""),
    "Slurm's own word": (with_keys("ntasks: 2"), "7: steps.train.ntasks: unknown key; did you mean 'tasks'?", ""),
    "an unknown key of a component": (
        together(A, "b: {on: booster, gpu: 1, run: x}"),
        "7: steps.both.together.b.gpu: unknown key; did you mean 'gpus'?",
        "",
    ),
    "a token": (
        with_keys("quantum: {seconds: 2, token: DEV-1}"),
        "7: steps.train.quantum.token: unknown key; did you mean 'token_file'?",
        "",
    ),
    "no module": (STEP.replace("    on: cluster\n", ""), "3: steps.train.on: this key is missing", ""),
    "no time": (STEP.replace("    time: 10m\n", ""), "3: steps.train.time: this key is missing", ""),
    "nothing to run": (STEP.replace("    run: python train.py\n", ""), "3: steps.train.run: this key is missing", ""),
    "an empty command": (STEP.replace("python train.py", '" "'), "6: steps.train.run: is empty", ""),
    "a command that is no text": (
        STEP.replace("python train.py", "true"),
        "6: steps.train.run: must be a string, found True; write it in quotes",
        "",
    ),
    "a command with a colon": (
        STEP.replace("python train.py", "echo a: b"),
        "6: cannot be read as YAML: mapping values are not allowed here; quote text that has ': ' in it",
        "check the indentation",
    ),
    "the only step after another": (
        with_keys("after: prepar"),
        "7: steps.train.after: there is no step 'prepar'; this is the only one",
        "",
    ),
    "a venv and a container": (
        with_keys("venv: ~/v", "container: a.sif"),
        "7: steps.train.venv: a container has its own Python; leave venv or container out",
        "",
    ),
    "a command as a list": (STEP.replace("python train.py", "[a, b]"), "6: steps.train.run: must be a string", "found"),
    "a name with a blank": (with_head("name: my flow"), "1: name: a name has up to 64 letters, digits, - and _", ""),
    "a step's name with a dot": (STEP.replace("train:", "a.b:"), "3: steps.a.b: a name has", "found 'a.b'"),
    "a step's name that breaks a shell": (STEP.replace("train:", "$(rm):"), "3: steps.$(rm): a name has", "'$(rm)'"),
    "a step's name that looks like an option": (STEP.replace("train:", "-x:"), "3: steps.-x: a name has", "no -"),
    "an account with an option": (with_head('account: "x --qos=y"'), "1: account: must be one word", ""),
    "an account with a line break": (with_head('account: "x\\n#SBATCH"'), "1: account: must be one word", ""),
    "a stage that YAML takes for a number": (with_head("stage: 24.10"), "1: stage: must be text", "in quotes"),
    "a partition with a comma": (with_keys("partition: a,b"), "7: steps.train.partition: must be one word", ""),
    "a venv of two lines": (with_head('venv: "a\\nb"'), "1: venv: must be one line", ""),
    "a control character": (with_head('venv: "a\\eb"'), "1: venv: holds a control character", ""),
    "time without a unit": (STEP.replace("10m", "30"), "5: steps.train.time: say the unit of 30", "30m or 30s"),
    "time as text without a unit": (STEP.replace("10m", '"30"'), "5: steps.train.time: say the unit of 30", ""),
    "no time at all": (STEP.replace("10m", "0m"), "5: steps.train.time: must be a time above 0", "1-12:00:00"),
    "a time of words": (STEP.replace("10m", "two hours"), "5: steps.train.time: must be a time above 0", "'two hours'"),
    "time without end": (STEP.replace("10m", "UNLIMITED"), "5: steps.train.time: must be a time above 0", ""),
    "years": (STEP.replace("10m", "900d"), "5: steps.train.time: is longer than a year", ""),
    "no node": (with_keys("nodes: 0"), "7: steps.train.nodes: must be greater than or equal to 1, found 0", ""),
    "half a node": (with_keys("nodes: 1.5"), "7: steps.train.nodes: must be a whole number, found 1.5", ""),
    "nodes as text": (with_keys('nodes: "2"'), "7: steps.train.nodes: must be a whole number, found '2'", ""),
    "GPUs below 0": (with_keys("gpus: -1"), "7: steps.train.gpus: must be greater than or equal to 0, found -1", ""),
    "GPUs by type": (with_keys("gpus: a100:4"), "7: steps.train.gpus: must be a whole number, found 'a100:4'", ""),
    "tasks that no nodes share evenly": (
        with_keys("nodes: 3", "tasks: 8"),
        "8: steps.train.tasks: 8 tasks cannot be spread evenly over 3 nodes",
        "ask for 6 or 9",
    ),
    "fewer tasks than nodes": (with_keys("nodes: 4", "tasks: 2"), "8: steps.train.tasks: 2 tasks", "ask for 4"),
    "memory without a unit": (with_keys("memory: 64"), "7: steps.train.memory: must be an amount", "64GB"),
    "no memory": (with_keys("memory: 0GB"), "7: steps.train.memory: must be an amount of memory", ""),
    "needs of words": (with_keys("needs: torch 2.1"), "7: steps.train.needs: write needs as", "'torch 2.1'"),
    "a need twice": (with_keys("needs: torch, torch>=2"), "7: steps.train.needs: 'torch' is needed twice", ""),
    "needs as a mapping": (with_keys("needs: {torch: 2}"), "7: steps.train.needs: write needs as", ""),
    "an unknown launcher": (with_keys("launch: mpirun"), "7: steps.train.launch: must be 'srun' or 'torchrun'", ""),
    "mpi of words": (with_keys("mpi: pmix"), "7: steps.train.mpi: must be true or false, found 'pmix'", ""),
    "srun by hand": (
        STEP.replace("python", "srun -n 4 python"),
        "6: steps.train.run: hqml starts the program",
        "tasks",
    ),
    "sbatch": (STEP.replace("python train.py", "sbatch job.sh"), "6: steps.train.run: hqml submits the step", ""),
    "torchrun by hand": (STEP.replace("python", "torchrun"), "6: steps.train.run: write launch: torchrun", ""),
    "torchrun and python": (with_keys("launch: torchrun"), "6: steps.train.run: with launch: torchrun", "'python' out"),
    "torchrun twice": (
        with_keys("launch: torchrun").replace("python", "torchrun"),
        "6: steps.train.run: with launch: torchrun this begins with the script",
        "leave 'torchrun' out",
    ),
    "torchrun and a function": (
        with_keys("launch: torchrun").replace("python train.py", "{python: 'train:main'}"),
        "6: steps.train.run: torchrun starts a script",
        "",
    ),
    "torchrun and two lines": (
        with_keys("launch: torchrun").replace("python train.py", '"a.py\\nb.py"'),
        "6: steps.train.run: with launch: torchrun this is one line",
        "",
    ),
    "torchrun and MPI": (
        with_keys("launch: torchrun", "mpi: true").replace("python ", ""),
        "8: steps.train.mpi: workers of torchrun are no ranks of MPI",
        "",
    ),
    "more workers than GPUs": (
        with_keys("launch: torchrun", "nodes: 2", "gpus: 4", "tasks: 16").replace("python ", ""),
        "10: steps.train.tasks: torchrun starts a worker for each GPU, 8 in all, not 16",
        "leave tasks out",
    ),
    "an entry without a function": (
        STEP.replace("python train.py", "{python: train.py}"),
        "6: steps.train.run.python: must be a module and a function such as 'prepare:main'",
        "",
    ),
    "an entry of keywords": (
        STEP.replace("python train.py", "{python: 'a:import'}"),
        "6: steps.train.run.python: must be a module and a function",
        "",
    ),
    "an argument that Python cannot name": (
        STEP.replace("python train.py", "{python: 'a:b', arguments: {learning-rate: 1}}"),
        "6: steps.train.run.arguments.learning-rate: is no name of a Python argument",
        "",
    ),
    "an argument without end": (
        STEP.replace("python train.py", "{python: 'a:b', arguments: {x: [.inf]}}"),
        "6: steps.train.run.arguments.x: must be plain values, found inf",
        "",
    ),
    "a secret argument": (
        STEP.replace("python train.py", "{python: 'a:b', arguments: {api_key: abc}}"),
        "6: steps.train.run.arguments.api_key: a secret belongs into no script",
        "mode 600",
    ),
    "a token in the environment": (
        with_head("environment:", "  HF_TOKEN: hf_abc"),
        "2: environment.HF_TOKEN: a secret belongs into no script",
        "$(cat FILE)",
    ),
    "the annealer's token": (
        with_keys("environment: {DWAVE_API_TOKEN: DEV-123}"),
        "7: steps.train.environment.DWAVE_API_TOKEN: a token belongs into no script",
        "quantum: {token_file: FILE}",
    ),
    "the annealer's endpoint": (
        with_keys("environment: {DWAVE_API_ENDPOINT: 'http://x'}"),
        "7: steps.train.environment.DWAVE_API_ENDPOINT: write it as quantum: {endpoint: ...}",
        "",
    ),
    "a password in an address": (
        with_head("environment: {HTTPS_PROXY: 'http://me:pw@proxy:8080'}"),
        "1: environment.HTTPS_PROXY: an address with a password",
        "mode 600",
    ),
    "a token in a command": (
        STEP.replace("python", "HF_TOKEN=hf_abc python"),
        "6: steps.train.run: HF_TOKEN: a secret belongs into no script",
        "",
    ),
    "a token in the setup": (
        with_head("setup:", "- ulimit -c 0", "- export API_KEY='abc'"),
        "3: setup[1]: API_KEY: a secret belongs into no script",
        "",
    ),
    "Slurm's variable": (with_keys("environment: {SLURM_CPUS: 1}"), "7: steps.train.environment.SLURM_CPUS:", "Slurm"),
    "our variable": (
        with_keys("environment: {HQML_RUN: x}"),
        "7: steps.train.environment.HQML_RUN:",
        "belongs to hqml",
    ),
    "the shell's variable": (with_head("environment: {UID: 0}"), "1: environment.UID: UID belongs to the shell", ""),
    "the modules' variable": (
        with_head("environment: {PATH: /opt/bin}"),
        "1: environment.PATH: would replace what the modules say",
        "export PATH=FOLDER:$PATH",
    ),
    "no variable": (with_head("environment: {a-b: 1}"), "1: environment.a-b: a variable's name has", "'a-b'"),
    "a variable without a value": (with_head("environment: {A: }"), "1: environment.A: must be text", "''"),
    "a variable with a list": (with_head("environment: {A: [1]}"), "1: environment.A: must be text", "[1]"),
    "an environment of lines": (with_head("environment: [A=1]"), "1: environment: must be a mapping", ""),
    "an unknown step before": (
        with_keys("after: trian") + "  train2:\n    on: cluster\n    time: 1h\n    run: x\n",
        "7: steps.train.after: there is no step 'trian'; did you mean 'train2'?",
        "",
    ),
    "after itself": (with_keys("after: [train]"), "7: steps.train.after: a step cannot come after itself", ""),
    "after a step twice": (
        "site: x\nsteps:\n  a: {on: c, time: 1h, run: x}\n  b: {on: c, time: 1h, run: x, after: [a, a]}\n",
        "4: steps.b.after: 'a' is there twice",
        "",
    ),
    "after a component": (
        together(A, "b: {on: booster, run: x}") + "  last: {on: cluster, time: 1h, run: x, after: b}\n",
        "8: steps.last.after: 'b' is a component of the step 'both'",
        "come after that",
    ),
    "a cycle": (
        "site: x\nsteps:\n  z: {on: c, time: 1h, run: x, after: c}\n  a: {on: c, time: 1h, run: x, after: c}\n"
        "  b: {on: c, time: 1h, run: x, after: a}\n  c: {on: c, time: 1h, run: x, after: b}\n",
        "4: steps.a.after: steps wait for each other: a after c after b after a",
        "",
    ),
    "a sweep of nothing": (with_keys("sweep: {}"), "7: steps.train.sweep: dictionary should have at least 1 item", ""),
    "a variable without values": (
        with_keys("sweep: {seed: []}"),
        "7: steps.train.sweep.seed: must have at least 1",
        "",
    ),
    "one value": (with_keys("sweep: {seed: 3}"), "7: steps.train.sweep.seed: must be a list, found 3", ""),
    "a value that is a list": (with_keys("sweep: {seed: [[1]]}"), "7: steps.train.sweep.seed[0]: must be text", ""),
    "Slurm's array": (with_keys("sweep: 0-9"), "7: steps.train.sweep: must be a mapping, found '0-9'", ""),
    "a sweep over the shell's variable": (with_keys("sweep: {SECONDS: [1, 2]}"), "7: steps.train.sweep.SECONDS:", ""),
    "a sweep over what modules say": (
        with_keys("sweep: {PATH: [1, 2]}"),
        "7: steps.train.sweep.PATH: would replace what the modules say",
        "",
    ),
    "a sweep over libraries": (
        with_keys("sweep: [{LD_LIBRARY_PATH: a}]"),
        "7: steps.train.sweep[0].LD_LIBRARY_PATH: would replace what the modules say",
        "",
    ),
    "a sweep over secrets": (
        with_keys("sweep: {HF_TOKEN: [a, b]}"),
        "7: steps.train.sweep.HF_TOKEN: a secret belongs into no script",
        "",
    ),
    "a sweep over the environment": (
        with_keys("sweep: {seed: [1, 2]}", "environment: {seed: 3}"),
        "7: steps.train.sweep.seed: seed is in the environment as well",
        "",
    ),
    "tasks of other variables": (
        with_keys("sweep:", "- {a: 1, b: 1}", "- {a: 2}"),
        "9: steps.train.sweep[1]: all tasks give the same variables; the first gives a, b, this one a",
        "",
    ),
    "the same task twice": (
        with_keys("sweep:", "- {a: 1, b: x}", "- {b: x, a: '1'}"),
        "9: steps.train.sweep[1]: tasks 0 and 1 are the same: b=x, a=1",
        "leave one out",
    ),
    "the same value twice": (with_keys("sweep: {a: [1, 1]}"), "7: steps.train.sweep: tasks 0 and 1 are the same", ""),
    "a sweep without end": (
        with_keys(*["sweep:", *(f"  {one}: {list(range(50))}" for one in "abcd")]),
        "7: steps.train.sweep: 6250000 tasks are more than 100000",
        "",
    ),
    "a limit without a sweep": (with_keys("at_once: 4"), "7: steps.train.at_once: limits the tasks of a sweep", ""),
    "a warning before the start": (
        with_keys("checkpoint: {before: 20m}"),
        "7: steps.train.checkpoint.before: a warning 20m before the end comes before the start",
        "the step's time is 10m",
    ),
    "a usual warning before the start": (
        with_keys("checkpoint: true").replace("10m", "60s"),
        "7: steps.train.checkpoint: a warning 1m before the end",
        "",
    ),
    "a warning that Slurm cannot give": (
        with_keys("checkpoint: {before: 1d}"),
        "7: steps.train.checkpoint.before: Slurm warns at most 65535 seconds",
        "",
    ),
    "an unknown signal": (
        with_keys("checkpoint: {signal: KILL}"),
        "7: steps.train.checkpoint.signal: must be USR1 or USR2, the signals that Slurm hands on",
        "found 'KILL'",
    ),
    "a signal that ends the job": (
        with_keys("checkpoint: {signal: TERM}"),
        "7: steps.train.checkpoint.signal: must be USR1 or USR2, the signals that Slurm hands on",
        "found 'TERM'",
    ),
    "a signal that srun keeps": (
        with_keys("checkpoint: {signal: INT}"),
        "7: steps.train.checkpoint.signal: must be USR1 or USR2, the signals that Slurm hands on",
        "found 'INT'",
    ),
    "QPU time of several tasks": (
        with_keys("quantum: {seconds: 2}", "tasks: 4").replace("cluster", "quantum"),
        "7: steps.train.quantum: each of its 4 tasks would use so much QPU time; ask for one task",
        "",
    ),
    "QPU time of several nodes": (
        with_keys("quantum: {seconds: 2}", "nodes: 2").replace("cluster", "quantum"),
        "7: steps.train.quantum: each of its 2 tasks would use so much QPU time",
        "",
    ),
    "QPU time of several workers": (
        with_keys("quantum: {seconds: 2}", "gpus: 4", "launch: torchrun").replace("python train.py", "train.py"),
        "7: steps.train.quantum: each of its 4 tasks would use so much QPU time",
        "on one node without GPUs",
    ),
    "an argument of no sweep": (
        STEP.replace("python train.py", "{python: 'train:main', arguments: {out: $HOME}}"),
        "6: steps.train.run.arguments.out: no sweep of this step has HOME",
        "os.environ",
    ),
    "an argument of another sweep": (
        with_keys("sweep: {seed: [1, 2]}").replace("python train.py", "{python: 'train:main', arguments: {s: $sed}}"),
        "6: steps.train.run.arguments.s: no sweep of this step has sed",
        "did you mean 'seed'?",
    ),
    "a number that is text as well": (
        with_keys("sweep: [{x: 1, y: 1}, {x: '1', y: 2}]"),
        "7: steps.train.sweep[1]: x is 1 with quotes in one task, and without in another",
        "",
    ),
    "a checkpoint of words": (with_keys("checkpoint: always"), "7: steps.train.checkpoint: must be true, or", ""),
    "one at the same time": (together(A), "5: steps.both.together: needs two components or more", "step itself"),
    "a key that components have": (
        together(A, "b: {on: booster, run: x}") + "    nodes: 2\n",
        "8: steps.both.nodes: each component of together says this for itself",
        "move it there",
    ),
    "a time for each": (
        together(A, "b: {on: booster, run: x, time: 1h}"),
        "7: steps.both.together.b.time: unknown key",
        "there are:",
    ),
    "a sweep at the same time": (
        together(A, "b: {on: booster, run: x}") + "    sweep: {a: [1]}\n",
        "8: steps.both.sweep: Slurm has no arrays of jobs that run together",
        "a step for each value",
    ),
    "no QPU time": (
        with_keys("quantum: {seconds: 0}"),
        "7: steps.train.quantum.seconds: QPU time must be a finite number of seconds above 0, found 0",
        "",
    ),
    "no budget": (with_keys("quantum: {licences: 1}"), "7: steps.train.quantum.seconds: this key is missing", ""),
    "a gateway without a scheme": (
        with_keys("quantum: {seconds: 1, endpoint: 'gateway:8080'}"),
        "7: steps.train.quantum.endpoint: must be an address that begins with http:// or https://",
        "",
    ),
    "a gateway with a password": (
        with_keys("quantum: {seconds: 1, endpoint: 'http://me@gateway'}"),
        "7: steps.train.quantum.endpoint: must not say a user or a password",
        "",
    ),
    "an image on the network": (
        with_keys("container: 'docker://python'"),
        "7: steps.train.container: must be a file",
        "apptainer pull docker://python",
    ),
    "an image without a name": (
        with_keys("container: {binds: [/data]}"),
        "7: steps.train.container.image: this key",
        "",
    ),
    "folders in one text": (
        with_keys("container: {image: a.sif, binds: '/a,/b'}"),
        "7: steps.train.container.binds: must be one folder",
        "",
    ),
}


def refusal(tmp_path: Path, text: str) -> str:
    path = tmp_path / "wf.yaml"
    path.write_text(text)
    with pytest.raises(FormatError) as caught:
        open_workflow(path)
    return str(caught.value).removeprefix(str(path))


@pytest.mark.parametrize("case", WRONG)
def test_one_line_says_where_and_what(case: str, tmp_path: Path) -> None:
    text, begins, says = WRONG[case]
    told = refusal(tmp_path, text)
    assert told.startswith(f":{begins}")
    assert says in told
    assert "\n" not in told
    assert len(told) < 400


def test_there_are_enough_of_them() -> None:
    assert len(WRONG) == 126
    assert len({begins for _, begins, _ in WRONG.values()}) > 100


@pytest.mark.parametrize("text", [STEP, with_keys("after: []"), together(A, "b: {on: booster, run: x}")])
def test_what_they_are_made_of_is_right(text: str, tmp_path: Path) -> None:
    path = tmp_path / "wf.yaml"
    path.write_text(text)
    open_workflow(path)


def test_no_secret_is_in_a_message(tmp_path: Path) -> None:
    for key in ("environment: {DWAVE_API_TOKEN: DEV-s3cret}", "quantum: {seconds: 1, token: DEV-s3cret}"):
        assert "s3cret" not in refusal(tmp_path, with_keys(key))
    assert "s3cret" not in refusal(tmp_path, STEP.replace("python", "HF_TOKEN=s3cret python"))


def test_a_file_whose_name_is_none_says_what_to_add(tmp_path: Path) -> None:
    path = tmp_path / "my flow.yaml"
    path.write_text(STEP)
    with pytest.raises(FormatError, match=r"my flow\.yaml:1: name: the file's name .* add a line such as name: train"):
        open_workflow(path)
    path.write_text(with_head("name: flow"))
    assert open_workflow(path)[0].name == "flow"


GOOD = """\
site: juwels
name: flow
account: a1
stage: "2024"
venv: ~/v
environment: {A: 1}
setup: [ulimit -c 0]
exclude: ["*.tif"]
steps:
  prepare: {on: cluster, time: 10m, needs: "python>=3.10, mpi", run: python p.py}
  train:
    after: prepare
    on: booster
    nodes: 2
    tasks: 8
    gpus: 4
    memory: 64GB
    time: "0-12:00:00"
    launch: torchrun
    run: train.py
    checkpoint: {before: 2m, signal: USR1, requeues: 5}
  sweep: {after: prepare, on: cluster, time: 20m, sweep: {s: [10, 20]}, at_once: 4, run: "echo $s"}
  both:
    after: [train, sweep]
    time: 30m
    together:
      ranks: {on: cluster, mpi: true, run: {python: "a:b", arguments: {x: 1}}}
      annealer: {on: quantum, quantum: {seconds: 2}, container: {image: a.sif, binds: [/d]}, run: b}
"""

HOSTILE: list[Any] = [
    None, True, False, 0, -1, 1, 10**30, 1.5, float("nan"), float("inf"), "", " ", "\x00", "a\nb", "$(x)", "é", "{x}",
    "9" * 400, "1-1-1", "::", ":", "~", "a" * 5000, [], [None], [[]], [1], ["a", "a"], {}, {"": 1}, {"a": None},
    {"python": 1}, {"{k}": 1}, {"seconds": "x"}, {"sweep": {}}, {"together": {}},
]  # fmt: skip


def places_in(content: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    return [place, *(one for key, value in inner for one in places_in(value, (*place, key)))]


EXAMPLES = 100

CONTENT = read_yaml(GOOD, "good.yaml")[0]  # PyYAML by itself takes the key `on` for true
PLACES = [one for one in places_in(CONTENT) if one]


def mutated(content: Any, place: tuple[Any, ...], how: str, value: Any) -> None:
    """Replace, rename or leave out what stands at a place."""
    for key in place[:-1]:
        content = content[key]
    if how == "replace":
        content[place[-1]] = value
    elif how == "rename" and isinstance(content, dict):
        content[value if isinstance(value, str) else str(value)] = content.pop(place[-1])
    else:
        content.pop(place[-1])


@settings(max_examples=EXAMPLES)
@given(
    st.sampled_from(PLACES),
    st.sampled_from(["replace", "rename", "leave out"]),
    st.one_of(st.sampled_from(HOSTILE), st.text(max_size=20), st.integers(), st.floats()),
)
def test_a_wrong_value_is_never_a_traceback(tmp_path: Path, place: tuple[Any, ...], how: str, value: Any) -> None:
    content = copy.deepcopy(CONTENT)
    mutated(content, place, how, value)
    path = tmp_path / "wf.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    read_or_refused(path)


@settings(max_examples=EXAMPLES)
@given(st.data())
def test_a_damaged_file_is_never_a_traceback(tmp_path: Path, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(GOOD)))
    end = data.draw(st.integers(start, min(len(GOOD), start + 30)))
    inserted = data.draw(st.text(st.sampled_from(" \n:-{}[]'\"#&*!|>%@$a1,~"), max_size=4))
    path = tmp_path / "wf.yaml"
    path.write_text(GOOD[:start] + inserted + GOOD[end:])
    read_or_refused(path)


def read_or_refused(path: Path) -> None:
    told = f"{path}:1: nothing is wrong"
    try:
        workflow, places = open_workflow(path)
        warnings(workflow, JUWELS)
        check(workflow, JUWELS, places)
    except FormatError as error:
        told = " ".join(str(error).split())  # as commands print it: a key can hold a line break
    assert re.fullmatch(rf"{re.escape(str(path))}:\d+: .+", told)


@pytest.mark.parametrize("text", [GOOD, yaml.safe_dump(CONTENT, sort_keys=False)])
def test_the_file_that_is_damaged_is_right(text: str, tmp_path: Path) -> None:
    path = tmp_path / "wf.yaml"
    path.write_text(text)
    workflow, places = open_workflow(path)
    check(workflow, JUWELS, places)
    assert [step.name for step in workflow.steps] == ["prepare", "train", "sweep", "both"]
