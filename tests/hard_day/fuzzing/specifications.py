"""Targets: what users write by hand: sites, workflows, studies, tasks with --set, and the small grammars in them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from fuzzing.mutators import lines, trees
from fuzzing.target import Run
from fuzzing.watching import ROOT

_trees = trees(
    yaml.safe_load,
    lambda tree: yaml.safe_dump(tree, sort_keys=False, allow_unicode=True).encode("utf-8", "surrogatepass"),
    raw=0.0,
)


def mutate(data: bytes, most: int, seed: int) -> bytes:
    """As a tree, or as lines of text."""
    return (_trees if seed % 2 else lines)(data, most, seed // 2)


def sites(work: Path) -> Run:
    from hqml.hpc.sites.file import read_site

    return _written(work / "site.yaml", read_site)


def of_sites(work: Path) -> Mapping[str, bytes]:
    return _files((ROOT / "hqml/hpc/sites").glob("*.yaml"))


def workflows(work: Path) -> Run:
    """Read, checked and rendered; nothing is submitted."""
    from hqml.cli.job_files import checked
    from hqml.hpc.scripts.rendering import render

    def run(path: Path) -> None:
        workflow, site, _ = checked(str(path), None)
        render(workflow, site)

    return _written(work / "workflow.yaml", run)


def of_workflows(work: Path) -> Mapping[str, bytes]:
    names = ("tests/golden/hpc/workflow.yaml", "examples/msa/workflow.yaml", "examples/head/workflow.yaml")
    from hqml.hpc.workflows import file

    head = str(file.__doc__).partition("\n\n")[2].partition("\n\nAll keys")[0]
    own = "\n".join(line[4:] for line in head.splitlines()).replace("site: juwels\n", "site: local\n")
    return _files(ROOT / name for name in names) | {"docs": own.encode()}


def studies(work: Path) -> Run:
    from hqml.compare.study_file import read_study

    (work / "g.mc").write_text("3 2\n1 2 1\n2 3 1\n")
    (work / "t.csv").write_text("a,b,class\n" + "".join(f"{n},{n % 3},{n % 2}\n" for n in range(12)))
    return _written(work / "study.yaml", read_study)


def of_studies(work: Path) -> Mapping[str, bytes]:
    own = b"""name: a study
seeds: [0, 1]
reads: 10
target: 99%
budget: {seconds: 2h, qpu_seconds: 10}
problems:
  - {file: g.mc, best: 2, target: 99%, skip: [qpu], name: a graph}
  - data: t.csv
    test: t.csv
    label: class
    classes: ["0", "1"]
    estimator: svc-ensemble
    parameters: {gamma: 0.1}
    grid: {slice_size: [4, 6]}
    references: []
    scale: false
solvers:
  - cpu
  - {backend: neal, options: {num_sweeps: 200}, reads: 50, name: short neal}
  - {backend: tabu, grid: {num_restarts: [0, 10]}}
"""
    return {"own": own, **_files([ROOT / "benchmarks/study/study.yaml"])}


def tasks(work: Path) -> Run:
    """What stands after a line `--set` are pairs, one a line."""
    from hqml.dl.defaults import completed
    from hqml.dl.spec_file import read_task

    def run(data: bytes) -> None:
        text, _, rest = data.partition(b"\n--set\n")
        pairs = rest.decode("utf-8", "replace").split("\n") if rest else []
        path = work / "task.yaml"
        path.write_bytes(text)
        completed(read_task(path, pairs), work)

    return run


def of_tasks(work: Path) -> Mapping[str, bytes]:
    pairs = b"\n--set\noptimizer.rate=1e-3\nmodel.hidden=[4, 4]\ndata.batch=8"
    return {name: content + pairs for name, content in _files((ROOT / "examples").glob("*/*.yaml")).items()}


def grammars(work: Path) -> Run:
    """Short texts that stand in files and after options."""
    from hqml.cli.options import value_of
    from hqml.dl.dotted import overridden, read_pair
    from hqml.durations import in_seconds, limits
    from hqml.hpc.amounts import gigabytes, shown_time, slurm_time, wall_seconds, written_time
    from hqml.hpc.needs import read_needs
    from hqml.specs import Places

    def amounts(text: str) -> None:
        seconds = wall_seconds(text)
        assert 0 < seconds < math.inf
        assert all((slurm_time(seconds), shown_time(seconds), written_time(seconds)))

    def durations(text: str) -> None:
        assert 0 < in_seconds(text) < math.inf

    def needs(text: str) -> None:
        for need in read_needs(text):
            need.met_by("1.2.3")
            need.met_by(text)

    def budgets(text: str) -> None:
        assert all(0 < value < math.inf for value in limits(text.split("\n")).values())

    def pairs(text: str) -> None:
        overridden({"optimizer": "adam", "model": {"family": "mlp"}}, Places("f", {}), text.split("\n"))

    readers: tuple[Callable[[str], Any], ...] = (
        amounts,
        durations,
        needs,
        budgets,
        pairs,
        read_pair,
        gigabytes,
        value_of,
    )

    def run(data: bytes) -> None:
        if data:
            readers[data[0] % len(readers)](data[1:].decode("utf-8", "surrogateescape"))

    return run


def of_grammars(work: Path) -> Mapping[str, bytes]:
    texts = (
        *("1-12:00:00", "90s", "torch>=2.1,<3, cuda, mpi", "10m,qpu=2s", "optimizer.rate=1e-3\nmodel=resnet"),
        *("search.space.model.hidden={low: 1, high: 4}", "1.5TB", "[1, 'a', {2: None}]"),
    )
    return {f"{place}": bytes([place]) + text.encode() for place, text in enumerate(texts)}


def _written(path: Path, read: Callable[[Path], object]) -> Run:
    def run(data: bytes) -> None:
        path.write_bytes(data)
        read(path)

    return run


def _files(paths: Any) -> dict[str, bytes]:
    return {f"{path.parent.name}-{path.name}": path.read_bytes() for path in paths}
