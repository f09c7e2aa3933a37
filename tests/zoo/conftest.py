"""Tests that train the zoo: `make zoo` runs them, `make test` does not. Their table goes to out/zoo/table.md."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
TABLE = HERE.parents[1] / "out" / "zoo" / "table.md"
COLUMNS = ("model", "dataset", "figure", "value", "goal", "baseline", "ONNX error", "seconds")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave these tests out unless they are named."""
    named = any(
        HERE in (found := Path(one.partition("::")[0]).resolve()).parents or found == HERE for one in config.args
    )
    return None if named else True


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Models this small gain nothing from more, and two test processes would take each other's cores."""
    torch = pytest.importorskip("torch", reason="the zoo is trained with torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print and write what the models have reached; reports come here from all processes of pytest-xdist."""
    reports = [one for kind in ("passed", "failed") for one in terminalreporter.getreports(kind)]
    rows = sorted(row for one in reports if one.when == "call" for name, row in one.user_properties if name == "zoo")
    if not rows:
        return
    table = "\n".join(_line(row) for row in (COLUMNS, ["---"] * len(COLUMNS), *rows))
    TABLE.parent.mkdir(parents=True, exist_ok=True)
    TABLE.write_text(table + "\n", encoding="utf-8")
    terminalreporter.write_sep("=", f"zoo: {len(rows)} models ({TABLE})")
    terminalreporter.write_line(table)


def _line(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"
