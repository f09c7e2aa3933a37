"""Tests that need Slurm, Lmod, sshd, Apptainer or JupyterLab: `make test-hpc` runs them, `make test` does not."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))  # pytest's import mode does not make the package beside this file importable

from miniature.runs import Run  # noqa: E402
from miniature.system import Miniature, miniature, missing  # noqa: E402


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave these tests out unless they are named."""
    named = any(
        HERE in (found := Path(one.partition("::")[0]).resolve()).parents or found == HERE for one in config.args
    )
    return None if named else True


@pytest.fixture(scope="session", name="system")
def running_system() -> Iterator[Miniature]:
    """The miniature modular system, one for all tests."""
    if reason := missing():
        pytest.skip(reason)
    with miniature() as system:
        yield system


@pytest.fixture
def run(system: Miniature, tmp_path: Path) -> Iterator[Run]:
    """A folder for a workflow of that system; what it leaves in the queue is cancelled."""
    found = Run(system, tmp_path)
    yield found
    system.asked("scancel", "--user=root")
    found.wait(lambda: not found.queue())
