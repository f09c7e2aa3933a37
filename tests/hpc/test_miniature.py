"""The miniature system itself: nothing of it outlives who has started it, and nothing of the machine is changed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from miniature.system import missing

pytestmark = pytest.mark.slurm

PROGRAM = Path(__file__).with_name("miniature")
PATIENCE = 60.0


@contextmanager
def _started(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A system with a job that runs; the process that holds it, and the folder of the system."""
    if reason := missing():
        pytest.skip(reason)
    job = f"sbatch --wrap \"srun sh -c 'touch {tmp_path}/runs; sleep 300'\""
    script = f'echo "${{SLURM_CONF%/*}}" > {tmp_path}/folder; {job}; exec sleep 300'
    process = subprocess.Popen(
        [sys.executable, str(PROGRAM), "--", "sh", "-c", script],
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    try:
        until = time.monotonic() + PATIENCE
        while not (tmp_path / "runs").exists():
            assert time.monotonic() < until
            assert process.poll() is None
            time.sleep(0.05)
        yield process, Path((tmp_path / "folder").read_text().strip())
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _processes_of(folder: Path) -> list[str]:
    """Processes whose command line or environment names the folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            told = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in told:
            found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda one: one.name)
def test_nothing_outlives_the_process_that_has_started_it(tmp_path: Path, number: signal.Signals) -> None:
    with _started(tmp_path) as (process, folder):
        assert len(_processes_of(folder)) > 8
        os.kill(process.pid, number) if number == signal.SIGKILL else os.killpg(process.pid, number)
        process.wait(PATIENCE)
        os.killpg(process.pid, signal.SIGKILL) if number == signal.SIGKILL else None  # the command, which is the user's
        until = time.monotonic() + PATIENCE
        while folder.exists() or _processes_of(folder):
            assert time.monotonic() < until, _processes_of(folder)
            time.sleep(0.05)


def test_the_program_gives_the_status_of_the_command() -> None:
    if reason := missing():
        pytest.skip(reason)
    ended = subprocess.run(
        [sys.executable, str(PROGRAM), "--", "sh", "-c", "sinfo -h | wc -l; exit 7"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (ended.returncode, ended.stdout.strip()) == (7, "3"), ended.stderr


def test_without_a_command_it_says_how_it_is_used() -> None:
    ended = subprocess.run([sys.executable, str(PROGRAM)], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert ended.stderr.startswith("usage: ")
