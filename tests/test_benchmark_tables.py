"""Tables of benchmarks/: what is written as Markdown for people and as JSON for programs says the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"
NAMES = sorted(path.stem for path in (FOLDER / "results").glob("*.md"))

pytestmark = pytest.mark.skipif(not NAMES, reason=f"the benchmarks are missing: {FOLDER}")


@pytest.fixture(scope="module")
def common(module_at: Callable[[Path], ModuleType]) -> ModuleType:
    return module_at(FOLDER / "common.py")


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def test_columns_of_one_name_are_all_kept(common: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common, "RESULTS", tmp_path)
    common.Table("t", "Title", ["set", "iris", "votes", "wine", "votes"], [["mean", 0.5, 3, 12345.678, None]]).save()
    assert json.loads((tmp_path / "t.json").read_text())["rows"] == [
        {"set": "mean", "iris": 0.5, "iris: votes": 3, "wine": 12345.678, "wine: votes": None}
    ]
    assert (tmp_path / "t.md").read_text().splitlines()[2:5] == [
        "| set | iris | votes | wine | votes |",
        "|---|---|---|---|---|",
        "| mean | 0.5 | 3 | 12345.7 | None |",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_table_says_what_its_json_says(common: ModuleType, name: str) -> None:
    header, _, *lines = [
        line for line in (FOLDER / "results" / f"{name}.md").read_text().splitlines() if line.startswith("|")
    ]
    found = json.loads((FOLDER / "results" / f"{name}.json").read_text())
    assert lines
    assert [list(row) for row in found["rows"]] == [common.keys(cells(header))] * len(lines)
    assert [[common._shown(value) for value in row.values()] for row in found["rows"]] == [*map(cells, lines)]
    assert f"_{found['machine']}_" in (FOLDER / "results" / f"{name}.md").read_text()
