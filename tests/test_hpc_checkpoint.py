"""The Python side of checkpoints: a signal is noticed, the state saved, the program ends to be started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from hqml.hpc import checkpoint as module
from hqml.hpc.checkpoint import Checkpoint
from hqml.hpc.run import UNFINISHED


def test_the_signal_is_noticed_and_nothing_else_happens() -> None:
    with Checkpoint() as checkpoint:
        assert not checkpoint.asked
        os.kill(os.getpid(), signal.SIGUSR1)
        assert checkpoint.asked


@pytest.mark.parametrize("name", ["USR2", "SIGUSR2", "usr2"])
def test_the_environment_names_the_signal(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HQML_CHECKPOINT_SIGNAL", name)
    with Checkpoint() as checkpoint:
        os.kill(os.getpid(), signal.SIGUSR2)
        assert checkpoint.asked


def test_a_name_of_no_signal_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HQML_CHECKPOINT_SIGNAL", "USR9")
    with pytest.raises(ValueError, match="must be a signal such as USR1, found 'USR9'"):
        Checkpoint()


@pytest.mark.parametrize("before", [signal.SIG_IGN, signal.default_int_handler])
def test_the_handler_of_before_is_back_at_the_end(before: signal.Handlers) -> None:
    old = signal.signal(signal.SIGUSR1, before)
    try:
        with pytest.raises(ZeroDivisionError), Checkpoint():
            raise ZeroDivisionError
        assert signal.getsignal(signal.SIGUSR1) is before
    finally:
        signal.signal(signal.SIGUSR1, old)


def test_stop_ends_the_program_as_unfinished() -> None:
    with pytest.raises(SystemExit) as ended, Checkpoint() as checkpoint:
        checkpoint.stop()
    assert ended.value.code == UNFINISHED == module.UNFINISHED == 75


def test_the_folder_is_that_of_the_step_and_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HQML_CHECKPOINT", str(tmp_path / "a" / "b"))
    assert Checkpoint().folder == tmp_path / "a" / "b"
    assert (tmp_path / "a" / "b").is_dir()
    monkeypatch.delenv("HQML_CHECKPOINT")
    monkeypatch.chdir(tmp_path)
    assert Checkpoint().folder == Path("checkpoints")


def test_another_thread_may_ask_but_not_enter() -> None:
    found: list[object] = []

    def enter() -> None:
        try:
            with Checkpoint():
                pass
        except RuntimeError as error:
            found.append(str(error))

    with Checkpoint() as checkpoint:
        os.kill(os.getpid(), signal.SIGUSR1)
        for work in (enter, lambda: found.append(checkpoint.asked)):
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
    assert found == ["enter Checkpoint() in the main thread, where Python sees to signals", True]


PROGRAM = """\
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from checkpoint import Checkpoint
with Checkpoint() as checkpoint:
    file = checkpoint.folder / "epoch"
    for epoch in range(int(file.read_text()) if file.exists() else 0, 3):
        print(epoch, flush=True)
        os.kill(os.getpid(), signal.SIGUSR1)
        if checkpoint.asked and epoch < 2:
            file.write_text(str(epoch + 1))
            checkpoint.stop()
"""


def test_a_program_goes_on_where_it_was_stopped_with_the_file_alone(tmp_path: Path) -> None:
    """On a node without hqml: the module, copied, needs nothing besides Python."""
    (tmp_path / "checkpoint.py").write_text(Path(module.__file__).read_text())
    environment = {"PATH": os.environ["PATH"], "HQML_CHECKPOINT": str(tmp_path / "state")}
    command = [sys.executable, "-I", "-c", PROGRAM, str(tmp_path)]
    ended = [subprocess.run(command, env=environment, capture_output=True, text=True, check=False) for _ in range(3)]
    assert [(one.returncode, one.stdout.strip()) for one in ended] == [(75, "0"), (75, "1"), (0, "2")]
