"""The commands of docs/requirements.md, one requirement of the paper after the other."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is missing: pip install 'hqml[dl]'")
pytest.importorskip("mlflow", reason="mlflow is missing: pip install 'hqml[mlflow]'")
pytest.importorskip("dwave.system", reason="dwave-system is missing: pip install 'hqml[dwave]'")

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs" / "requirements.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"\*\*(RQ\d): .*?```\n(.*?)```", TEXT, re.DOTALL)
LONG = "benchmarks/"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the commands read, apart from the checkout, into which they would write."""
    place = tmp_path_factory.mktemp("requirements")
    shutil.copytree(ROOT / "examples", place / "examples")
    (place / "out" / "requirements").mkdir(parents=True)
    return place


def test_there_is_a_block_for_each_requirement() -> None:
    assert [name for name, _ in BLOCKS] == [f"RQ{number}" for number in range(1, 10)]


@pytest.mark.parametrize(("name", "block"), BLOCKS, ids=[name for name, _ in BLOCKS])
def test_its_commands_do_what_they_say(name: str, block: str, folder: Path) -> None:
    for line in block.strip().splitlines():
        first, *words = shlex.split(line)
        if words[0].startswith(LONG):
            assert (ROOT / words[0]).is_file()
            continue
        command = [sys.executable, "-m", "hqml.cli", *words] if first == "hqml" else [sys.executable, *words]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=250)
        assert done.returncode == 0, f"{line}\n{done.stderr}"
