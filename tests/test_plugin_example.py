"""The plug-in of docs/plugins.md, as its author and its users meet it: built, installed, tested, found by name."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("hatchling", reason="hatchling is missing, which builds the plug-in: pip install 'hqml[release]'")

ROOT = Path(__file__).resolve().parents[1]
PLUGIN = ROOT / "examples" / "plugin"
GUIDE = ROOT / "docs" / "plugins.md"

PETERSEN = [edge for i in range(5) for edge in ((i, (i + 1) % 5), (i, i + 5), (i + 5, (i + 2) % 5 + 5))]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which the plug-in is installed from a copy, without any network."""
    copy, target = tmp_path_factory.mktemp("source") / "plugin", tmp_path_factory.mktemp("installed")
    shutil.copytree(PLUGIN, copy, ignore=shutil.ignore_patterns("__pycache__", ".*", "dist"))
    quietly = ["--quiet", "--disable-pip-version-check", "--no-index", "--no-deps", "--no-build-isolation"]
    run(sys.executable, "-m", "pip", "install", *quietly, "--target", str(target), str(copy))
    return target


def run(*command: str, **variables: str) -> str:
    """What a command prints; it must end well."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, env={**os.environ, **variables})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def hqml(installed: Path, *words: str) -> Any:
    """What the command says where the plug-in is installed."""
    return json.loads(run(sys.executable, "-m", "hqml.cli", *words, "--json", PYTHONPATH=str(installed)))


def test_it_is_installed_with_its_types_and_its_name(installed: Path) -> None:
    assert (installed / "hqml_highs" / "py.typed").is_file()
    [points] = installed.glob("hqml_highs-*.dist-info/entry_points.txt")
    assert points.read_text().split() == ["[hqml.backends]", "highs", "=", "hqml_highs:HighsBackend"]


def test_its_own_tests_pass_on_what_is_installed(installed: Path, tmp_path: Path) -> None:
    # Without the sources beside them, so that it is the installed package that is tested.
    shutil.copytree(PLUGIN / "tests", tmp_path / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PLUGIN / "pyproject.toml", tmp_path)
    told = run(
        *(sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)),
        *("-c", str(tmp_path / "pyproject.toml"), str(tmp_path / "tests")),
        PYTHONPATH=str(installed),
    )
    found = re.search(r"(\d+) passed(?:, (\d+) skipped)?", told)
    assert found is not None, told
    assert int(found[1]) >= 80
    # The Gram form is not claimed, there is no largest model, and no time is metered.
    assert int(found[2] or 0) == 3, told


def test_it_is_a_line_of_the_backends(installed: Path) -> None:
    [line] = [one for one in hqml(installed, "backends") if one["name"] == "highs"]
    assert line == {
        "name": "highs",
        "available": True,
        "reason": "",
        "kind": "cpu",
        "max_variables": None,
        "metered": False,
    }


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the Petersen graph, whose maximum cut has 12 edges: three have to go before it is bipartite."""
    file = tmp_path_factory.mktemp("graph") / "petersen.mc"
    file.write_text(f"10 {len(PETERSEN)}\n" + "".join(f"{a + 1} {b + 1} 1\n" for a, b in PETERSEN))
    return file


def test_a_user_proves_a_maximum_cut_by_its_name(installed: Path, graph: Path) -> None:
    said = hqml(installed, "solve", str(graph), "--backend", "highs")
    assert (said["cut"], said["gap"], said["backend"]) == (12, 0, "highs")


def test_a_published_optimum_is_proven(installed: Path, shared_data: Path) -> None:
    said = hqml(installed, "solve", str(shared_data / "qubo" / "bqp50-1.qubo.gz"), "--backend", "highs")
    assert (said["energy"], said["gap"]) == (-2098, 0)


def test_it_is_compared_with_another_backend(installed: Path, graph: Path, tmp_path: Path) -> None:
    study = ["--backends", "highs,cpu", "--target", "best", "--seeds", "1", "--store", str(tmp_path / "store")]
    rows = hqml(installed, "compare", str(graph), *study, "--report", str(tmp_path / "out.html"))
    assert [row["solver"] for row in rows] == ["highs", "cpu"]
    assert (tmp_path / "out.html").is_file()


def test_the_lines_of_its_readme_print_what_they_say(installed: Path) -> None:
    [block] = re.findall(r"```python\n(.*?)```", (PLUGIN / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    told = run(sys.executable, "-W", "error", "-c", block, PYTHONPATH=str(installed))
    assert told.strip() == block.strip().rpartition("# ")[2]


def test_the_guide_shows_files_that_there_are() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    shown = re.findall(r"\{literalinclude\} (\S+)", text) + re.findall(r"\((\.\./examples/plugin/[^)#]*)\)", text)
    assert len(shown) >= 10
    assert [name for name in shown if not (GUIDE.parent / name).is_file()] == []
