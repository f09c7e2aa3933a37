"""The tables of the page."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hqml.compare.bootstrap import Estimate
from hqml.compare.columns import COLUMNS, Row
from hqml.compare.page.tables import DataTable, Entry, data_table, timed
from hqml.compare.verdicts import OF_TIME

if TYPE_CHECKING:
    from hqml.compare.comparison import Comparison

METRICS = {
    "tts": "time to solution, reads alone [s]",
    "tts_total": "time to solution with overheads [s]",
    "ert": "time to target [s]",
    "energy": "best value of a call",
    "balanced_accuracy": "balanced accuracy",
    "auroc": "AUROC",
}
"""What a verdict is about."""

_OF_BOTH = {
    "seconds": "a call [s]",
    "reads_per_second": "reads per second",
    "joules": "energy used [J]",
    "qpu_access": "QPU access [s]",
    "chain_length": "longest chain",
    "chain_breaks": "broken chains",
}
_OF_QUBO = {
    "success": "success of a read",
    **{name: METRICS[name] for name in ("tts", "tts_total", "ert")},
    "residual": "residual energy",
    "gap": "gap to bound",
    "sampling": "of it sampling [s]",
}
_OF_LEARNING = {
    "balanced_accuracy": "balanced accuracy",
    "twin_balanced_accuracy": "of the twin",
    "auroc": "AUROC",
    "twin_auroc": "AUROC of the twin",
    "accuracy": "accuracy",
    "auprc": "AUPRC",
    "fit": "training [s]",
    "predict": "prediction [s]",
}
_BRIEF = frozenset(
    ("success", "tts", "tts_total", "ert", "balanced_accuracy", "twin_balanced_accuracy", "auroc", "fit")
)
_ELSEWHERE = frozenset(
    (
        "kind",
        "backend",
        "reference",
        "error",
        "parameters",
        "options",
        "energy",
        "target",
        "qubos",
        "stand_in",
        "host",
        "version",
    )
)
_CELL_COLUMNS = tuple(name for name in COLUMNS if name not in _ELSEWHERE)
"""Of the table of all cells; the rest is in the other tables, and in what `Comparison.save` writes."""


def verdicts(comparison: Comparison) -> DataTable:
    """Who is best at what, or why nobody is named."""
    rows = []
    for one in comparison.verdicts:
        value = one.value
        if one.metric == "energy":
            value = signed(value, comparison.goals[one.problem].sign)
        tied = "" if one.winner else ", ".join(one.tied)
        left_out = ", ".join(one.modelled)
        shown = timed(value) if one.metric in OF_TIME else value
        rows.append((one.problem, METRICS[one.metric], one.winner or "no winner", shown, tied, one.note, left_out))
    headings = ["problem", "by", "best", "figure of the best, or first", "open between", "why", "modelled, left out"]
    return _filled("verdicts", headings, rows)


def summaries(comparison: Comparison, *, brief: bool = False) -> list[tuple[str, DataTable]]:
    """One for the QUBO problems, one for those of learning, where there are any; `brief` has the main figures alone."""
    rows, found = comparison.summary_rows(), []
    for kind, title, figures in (("qubo", "QUBO problems", _OF_QUBO), ("learning", "Learning problems", _OF_LEARNING)):
        own = [row for row in rows if row["kind"] == kind]
        shown = {name: figures[name] for name in figures if name in _BRIEF} if brief else {**figures, **_OF_BOTH}
        if own:
            found.append((title, _summary(comparison, f"summary-{kind}", own, shown, brief=brief)))
    return found


def _summary(
    comparison: Comparison, name: str, rows: Sequence[Row], figures: Mapping[str, str], *, brief: bool
) -> DataTable:
    qubo = name.endswith("qubo")
    of_values = ["best value", "of a call"][: 1 if brief else 2] if qubo else []
    headings = ["problem", "solver", *figures.values(), *of_values]
    filled = []
    for row in rows:
        problem, solver = row["problem"], row["solver"]
        estimates = comparison.estimates[problem, solver]
        shown = solver + (" (stand-in)" if row["stand_in"] else "")
        values = []
        if qubo:
            energy = estimates.get("energy")
            values = [row["value"], signed(energy, comparison.goals[problem].sign) if energy else None]
        cells = (row["done"], row["failed"], row["variables"] or None)
        own = values[: len(of_values)]
        filled.append((problem, shown, *(estimates.get(figure) for figure in figures), *own, *cells))
    return _filled(name, [*headings, "cells", "failed", "variables"], filled)


def signed(estimate: Estimate, sign: int) -> Estimate:
    """An energy in the problem's own convention."""
    if sign == 1:
        return estimate
    return Estimate(-estimate.value, -estimate.high, -estimate.low, estimate.bound)


def paired_tests(comparison: Comparison) -> DataTable:
    """All of them, with both p values after Holm's correction."""
    rows = [
        (
            *(one.problem, one.metric.replace("_", " "), one.first, one.second, one.n),
            *(Estimate(one.difference, one.low, one.high), one.p, one.p_holm, one.wilcoxon, one.wilcoxon_holm),
            one.note,
        )
        for one in comparison.tests
    ]
    t_test, wilcoxon = "corrected t-test: p", "Wilcoxon: p"
    headings = ["problem", "score", "first", "second", "pairs", "difference"]
    return _filled("paired-tests", [*headings, t_test, "p (Holm)", wilcoxon, "Wilcoxon: p (Holm)", "note"], rows)


def failures(comparison: Comparison) -> DataTable:
    """Each error once, with where it happened."""
    found: dict[tuple[str, str], list[tuple[str, int]]] = {}
    for one in comparison.outcomes:
        if one.status == "failed":
            found.setdefault((one.solver, one.error), []).append((one.problem, one.seed))
    rows = [
        (solver, len(cells), ", ".join(dict.fromkeys(problem for problem, _ in cells)), error)
        for (solver, error), cells in found.items()
    ]
    return data_table("failures", ["solver", "cells", "problems", "error"], rows)


def cells(comparison: Comparison) -> DataTable:
    """A row a cell, as `Comparison.table` has it but for long texts."""
    rows = [[_plain(row[name]) for name in _CELL_COLUMNS] for row in map(_sized, comparison.rows())]
    return _filled("cells", [name.replace("_", " ") for name in _CELL_COLUMNS], rows)


def _plain(value: Any) -> Any:
    """Six digits that need no key beside them: a large study has many cells."""
    return Entry(f"{value:.6g}", numeric=True) if isinstance(value, float) and math.isfinite(value) else value


def _sized(row: Row) -> Row:
    """A problem that is not learnt has no rows of data, rather than none of them."""
    return row if row["kind"] == "learning" else {**row, "train_rows": None, "test_rows": None}


def targets(comparison: Comparison) -> DataTable:
    """What a read has to reach, in the problems' own convention."""
    rows = [
        (
            *(name, goal.rule, *(_own(goal.sign, value) for value in (goal.target, goal.best, goal.bound))),
            *(goal.proven, ", ".join(goal.seen_by), goal.trouble),
        )
        for name, goal in comparison.goals.items()
    ]
    headings = ["problem", "rule", "target", "best value", "proven bound", "best is proven", "best was first seen by"]
    return _filled("targets", [*headings, "note"], rows)


def _own(sign: int, energy: float | None) -> float | None:
    return None if energy is None else sign * energy


def machines(comparison: Comparison) -> DataTable:
    """Versions, processors, devices: a row each, a column a machine."""
    found = [_flat(one) for one in comparison.provenance["machines"]]
    names = dict.fromkeys(name for one in found for name in one)
    headings = ["entry", *(f"machine {n + 1}" if len(found) > 1 else "machine" for n in range(len(found)))]
    rows = [(name, *(one.get(name) for one in found)) for name in names]
    return data_table("machines", headings, rows if found else [])


def runs(comparison: Comparison) -> DataTable:
    """Options and schedule of each solver on each problem."""
    rows = [
        (
            *(one["problem"], one["solver"], one["backend"], _pairs(one["options"]), _pairs(one["parameters"])),
            *(_pairs(one["schedule"]), _pairs(one["embedding"]), one["stand_in"]),
        )
        for one in comparison.provenance["runs"]
    ]
    headings = ["problem", "solver", "backend", "options", "parameters", "schedule", "chip", "stands in for"]
    return _filled("runs", headings, rows)


def _flat(machine: Mapping[str, Any]) -> dict[str, Any]:
    """Entries of inner dictionaries as entries, lists as texts."""
    flat: dict[str, Any] = {}
    for name, value in machine.items():
        if isinstance(value, Mapping):
            flat |= {str(inner): str(one) for inner, one in value.items()}
        elif isinstance(value, list | tuple):
            flat[name] = ", ".join(map(str, value))
        else:
            flat[name.replace("_gib", " [GiB]")] = "" if value is None else str(value)
    return flat


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={_brief(value)}" for name, value in values.items() if value is not None)


def _brief(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_brief, value))}]"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _filled(name: str, headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> DataTable:
    """Without the columns that nothing stands in."""
    table = data_table(name, headings, [tuple(row) for row in rows])
    used = [place for place in range(len(headings)) if any(row[place].key != "" for row in table.rows)]
    return DataTable(name, [headings[n] for n in used], [[row[n] for n in used] for row in table.rows])
