"""The notebooks of the documentation, as they are stored.

They are executed by `make docs`, where an exception fails the build; so nothing is executed here.
"""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[1] / "docs" / "notebooks"
NOTEBOOKS = sorted(path.stem for path in FOLDER.glob("*.ipynb"))

every_notebook = pytest.mark.parametrize("name", NOTEBOOKS)


def read(name: str) -> dict[str, Any]:
    book: dict[str, Any] = json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))
    return book


def cells(name: str, kind: str) -> list[str]:
    """The texts of all cells of a kind."""
    return ["".join(cell["source"]) for cell in read(name)["cells"] if cell["cell_type"] == kind]


def python(code: str) -> str:
    """A cell without IPython's commands."""
    return "".join(line for line in code.splitlines(keepends=True) if not line.startswith("%"))


def test_there_are_three() -> None:
    assert NOTEBOOKS == ["annealer_against_gpu", "deep_features", "quantum_svm"]


@every_notebook
def test_it_follows_the_format(name: str) -> None:
    nbformat = pytest.importorskip("nbformat", reason="the format is checked by nbformat: pip install 'hqml[notebook]'")
    nbformat.validate(read(name))


@every_notebook
def test_nothing_of_a_run_is_stored(name: str) -> None:
    book = read(name)
    assert book["metadata"] == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in book["cells"]:
        assert cell["metadata"] == {}
        assert cell.get("outputs", []) == []
        assert cell.get("execution_count") is None


@every_notebook
def test_each_cell_has_an_id_of_its_own(name: str) -> None:
    ids = [cell["id"] for cell in read(name)["cells"]]
    assert len(ids) == len(set(ids))


@every_notebook
def test_it_begins_with_a_title_and_the_extras_that_it_needs(name: str) -> None:
    first = cells(name, "markdown")[0]
    assert read(name)["cells"][0]["cell_type"] == "markdown"
    assert re.match(r"# \w.+\n\n\w", first)
    [extras] = re.findall(r"Needs `pip install 'hqml\[([a-z,]+)\]'`", first)
    assert "notebook" in extras.split(",")


@every_notebook
def test_it_ends_with_what_it_does_not_show(name: str) -> None:
    assert "## What this shows, and what not" in cells(name, "markdown")[-1]


@every_notebook
def test_its_code_is_python(name: str) -> None:
    for code in cells(name, "code"):
        assert code.strip()
        ast.parse(python(code))


@every_notebook
def test_text_stands_before_each_step(name: str) -> None:
    """Two cells of code follow each other at most."""
    kinds = "".join(cell["cell_type"][0] for cell in read(name)["cells"])
    assert "ccc" not in kinds


@every_notebook
def test_its_links_lead_to_files(name: str) -> None:
    targets = re.findall(r"\]\(([^)#]+)", "\n".join(cells(name, "markdown")))
    assert targets
    for target in targets:
        assert (FOLDER / target).is_file(), target
