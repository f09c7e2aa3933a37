"""The draft of a site file from a real Slurm: the miniature system, which `python tests/hpc/miniature` starts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("yaml", reason="pyyaml is missing: pip install 'hqml[hpc]'")
pytest.importorskip("pydantic", reason="pydantic is missing: pip install 'hqml[hpc]'")

from hqml.hpc.sites.file import read_site

MINIATURE = Path(__file__).with_name("miniature")


@pytest.mark.slurm
def test_the_draft_of_a_real_system_is_a_site_with_its_modules(tmp_path: Path) -> None:
    out = tmp_path / "mine.yaml"
    command = [
        sys.executable,
        str(MINIATURE),
        "--",
        sys.executable,
        "-m",
        "hqml.cli",
        "site",
        "probe",
        "--out",
        str(out),
    ]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if "no miniature system here" in ended.stderr:
        pytest.skip(ended.stderr.strip())
    assert (ended.returncode, ended.stderr) == (0, "")
    site = read_site(out)
    assert {one.kind: [queue.name for queue in one.partitions] for one in site.modules} == {
        "cluster": ["dc-cpu"],
        "booster": ["booster"],
        "quantum": ["quantum"],
    }
    assert site.partition("booster").node.gpus == 4
    assert site.partition("cluster").seconds == 7200
    quantum = site.module("quantum").quantum
    assert quantum is not None
    assert quantum.licence == "qpu"
    assert site.sources["slurm"].title.startswith("scontrol on ")
