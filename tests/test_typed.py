"""The types that hqml ships (PEP 561): a program of a user, checked by mypy --strict against what is installed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mypy", reason="mypy is missing: pip install mypy")

PROGRAM = """
from collections.abc import Sequence

import dimod
import numpy as np

import hqml
from hqml.errors import HqmlError
from hqml.problems.max_cut import MaxCut
from hqml.svm import QuboSVC


class Own:
    @property
    def capabilities(self) -> hqml.Capabilities:
        return hqml.Capabilities(kind="cpu")

    def sample(
        self, qubos: Sequence[hqml.Qubo], *, reads: int = 100, seed: int | None = None, time_limit: float | None = None
    ) -> list[dimod.SampleSet]:
        return [hqml.sample(one, "cpu", reads=reads, seed=seed) for one in qubos]

    def estimate(self, qubos: Sequence[hqml.Qubo], *, reads: int = 100) -> hqml.Usage:
        return hqml.Usage(seconds=0.0)

    def close(self) -> None: ...


backend: hqml.Backend = Own()
matrix = np.eye(3)
reveal_type(hqml.sample(matrix, "cpu", reads=10, seed=0))
reveal_type(hqml.sample([matrix, matrix], backend))
reveal_type(hqml.solve(matrix))
reveal_type(hqml.solve(MaxCut(matrix)))
reveal_type(hqml.solve([MaxCut(matrix)]))
reveal_type(hqml.available_backends()[0].max_variables)
reveal_type(QuboSVC(gamma=0.1).fit(matrix, [0, 1, 1]))
try:
    hqml.load_backend("cpu").close()
except HqmlError as error:
    print(error)
"""

WRONG = """
import hqml

hqml.sample([[1.0]], "cpu", reads="many")
"""


def checked(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "program.py").write_text(program)
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", "cache", "--config-file", "", "program.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of both programs, so that the second is checked by what mypy has kept of the first."""
    return tmp_path_factory.mktemp("typed")


def test_a_program_of_a_user_passes_and_knows_what_it_gets(folder: Path) -> None:
    done = checked(PROGRAM, folder)
    revealed = re.findall(r'Revealed type is "(.*)"', done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    samples, cut = "dimod.sampleset.SampleSet", "tuple[frozenset[int], frozenset[int]]"
    assert revealed == [
        *(samples, f"list[{samples}]"),
        *("dict[Any, int]", cut, f"list[{cut}]"),
        *("int | None", "hqml.svm.qubo_svc.QuboSVC"),
    ]


def test_a_wrong_argument_is_told(folder: Path) -> None:
    done = checked(WRONG, folder)
    assert done.returncode == 1
    assert done.stdout.startswith("program.py:4: error: ")
