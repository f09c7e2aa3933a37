"""The gallery: every example runs as a newcomer runs it, and the gallery's page shows what it prints."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DEMO = "landsat_demo.py"  # `make demo` runs it, and tests/test_landsat_demo.py reads its data
EXAMPLES = sorted(path for path in (ROOT / "examples").glob("*.py") if path.name != DEMO)


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs_without_a_warning_and_prints_its_table(example: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(example)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "COLUMNS": "110"},
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    assert len(done.stdout.splitlines()) >= 3


def test_the_gallery_shows_every_example() -> None:
    page = (ROOT / "docs" / "gallery.md").read_text()
    assert len(EXAMPLES) >= 8
    assert [path.name for path in EXAMPLES if f"(../examples/{path.name})" not in page] == []
