"""What the system cannot give is refused in one line, by what hqml knows of the site or by Slurm itself."""

from __future__ import annotations

import pytest
import yaml
from miniature.runs import Run

pytestmark = pytest.mark.slurm


def test_slurm_would_take_what_fits(run: Run) -> None:
    run.write(
        """
        one: {on: cluster, nodes: 2, tasks: 4, time: 1h, run: "true"}
        two:
          time: 10m
          together:
            a: {on: cluster, run: "true"}
            b: {on: booster, gpus: 4, run: "true"}
            c: {on: quantum, quantum: {seconds: 1}, run: "true"}
        """
    )
    assert "Slurm would take them" in run.hqml("job", "check", "work.yaml").stdout
    assert not run.queue()


@pytest.mark.parametrize(
    ("asks", "line", "told"),
    [
        ("nodes: 3, time: 1h", 4, "nodes"),
        ("time: 3h", 4, "at most 2h"),
        ("gpus: 1, time: 1h", 4, "no GPU"),
        ("tasks: 100, time: 1h", 4, "100"),
    ],
)
def test_the_site_file_tells_what_is_too_large(run: Run, asks: str, line: int, told: str) -> None:
    run.write(f'big: {{on: cluster, {asks}, run: "true"}}')
    [said] = run.hqml("job", "check", "work.yaml", status=2).stderr.splitlines()
    assert f"work.yaml:{line}: " in said
    assert told in said


@pytest.mark.parametrize(
    ("asks", "told"),
    [
        ("nodes: 3, time: 1h", "Node count specification invalid"),
        ("time: 30h", "time limit"),
        ("partition: gone, time: 1h", "partition"),
    ],
)
def test_slurm_tells_what_a_site_file_does_not_know(run: Run, asks: str, told: str) -> None:
    known = run.system.layout.home / ".config" / "hqml" / "sites" / "miniature.yaml"
    site = yaml.safe_load(known.read_text())
    [partition] = site["modules"][0]["partitions"]
    site["modules"][0]["partitions"] = [{**partition, "nodes": 9, "time": "90h"}, {**partition, "name": "gone"}]
    (run.folder / "stale.yaml").write_text(yaml.safe_dump(site))
    run.write(f'big: {{on: cluster, {asks}, run: "true"}}', site=str(run.folder / "stale.yaml"))
    [said] = run.hqml("job", "check", "work.yaml", "--test-only", status=2).stderr.splitlines()
    assert told in said
    assert "big" in said


def test_a_need_that_a_stage_has_not_is_told_with_the_stage_that_has_it(run: Run) -> None:
    run.write('one: {on: booster, gpus: 1, time: 1h, needs: torch, run: "true"}', head='stage: "2023"')
    [said] = run.hqml("job", "check", "work.yaml", status=2).stderr.splitlines()
    assert "not available in Stages/2023: torch" in said
    assert "2024" in said
