"""The drawings of docs/benchmarks.md are those of the tables in benchmarks/results."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "docs" / "benchmark_plots.py"

pytestmark = pytest.mark.skipif(not SCRIPT.is_file(), reason=f"the documentation is missing: {SCRIPT}")


@pytest.fixture(scope="module")
def plots(module_at: Callable[[Path], ModuleType]) -> ModuleType:
    return module_at(SCRIPT)


def test_the_drawings_are_what_the_results_say(plots: ModuleType) -> None:
    drawings = plots.drawings()
    assert {path.name for path in plots.OUT.glob("*.svg")} == set(drawings)
    for name, svg in drawings.items():
        same = (plots.OUT / name).read_text(encoding="utf-8") == svg
        assert same, f"{name} is older than its table; run: python docs/benchmark_plots.py"


def test_each_value_of_a_table_is_a_mark_at_its_place(plots: ModuleType) -> None:
    svg = (plots.OUT / "gram.svg").read_text()
    rows: list[Any] = json.loads((ROOT / "benchmarks" / "results" / "gram.json").read_text())["rows"]
    marks = re.findall(r'cx="([\d.]+)"[^>]*><title>([^:]*): ([\d.e+-]+)', svg)
    assert [float(value) for _, _, value in marks] == [float(f"{row['CPU seconds']:.3g}") for row in rows]
    # Decades are as far apart as the ticks say: 1/990 of the seconds is three decades to the left.
    ours, theirs = (float(place) for place, _, _ in marks[:2])
    first, second = (float(place) for place in re.findall(r'x1="([\d.]+)"', svg)[:2])
    assert (theirs - ours) / (second - first) == pytest.approx(2.9955, abs=0.02)  # log10(989.6)


def test_the_page_shows_all_drawings_and_links_all_tables(plots: ModuleType) -> None:
    text = (ROOT / "docs" / "benchmarks.md").read_text()
    assert set(re.findall(r"\(benchmarks/(\w+\.svg)\)", text)) == set(plots.drawings())
    tables = {path.name for path in (ROOT / "benchmarks" / "results").glob("*.md")}
    assert set(re.findall(r"\(\.\./benchmarks/results/(\w+\.md)\)", text)) == tables
