"""Compare what the modules have trained, on one page: report.html. Runs on the cluster, last of all.

The page is that of `hqml compare`, with two tables in front: where each step ran, and how the network does beside.
"""

from __future__ import annotations

import html
import json
import os
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from study import READS, SEEDS, STORE, problem, solvers

from hqml.compare import Comparison, run
from hqml.hpc.run import STATE, read_manifest


def main(out: str = "report.html") -> int:
    """Write the page; returns the number of trainings that failed."""
    chosen = list(solvers().values())
    found = run(problem(tuned=True), chosen, seeds=SEEDS, reads=READS, store=STORE, name="On a modular supercomputer")
    found.report(out)
    tables = table("What it gave", ("machine", "trained by", "AUROC on the test rows"), machines(found))
    if folder := os.environ.get("HQML_RUN"):
        headings = ("step", "modules (partitions)", "nodes", "tasks", "from", "to", "seconds")
        tables = table("Where it ran", headings, steps(folder)) + tables
    page = Path(out).read_text()
    Path(out).write_text(page.replace("<main>", f"<main>{tables}", 1))
    print(*found.words, f"{out}: open it in a browser", sep="\n")
    return sum(outcome.status == "failed" for outcome in found.outcomes)


def machines(found: Comparison) -> Iterable[Sequence[str]]:
    """The network, and the mean of the seeds of each other machine."""
    network = Path("data/network.json")
    if network.exists():
        told = json.loads(network.read_text())
        yield "small network", f"booster: {told['processes']} processes, {told['device']}", f"{told['auroc']:.3f}"
    for name in dict.fromkeys(outcome.solver for outcome in found.outcomes):
        own = [outcome for outcome in found.outcomes if outcome.solver == name]
        scores = [float(outcome.scores["auroc"] or 0) for outcome in own if outcome.scores]
        what = (name, "cluster: scikit-learn") if own[0].reference else ("ensemble of QUBO-based SVMs", name)
        yield *what, f"{sum(scores) / len(scores):.3f}" if scores else "failed"


def steps(folder: str) -> Iterable[Sequence[str]]:
    """What each step asked for and when it ran; of an array from its first task to its last."""
    for job in read_manifest(folder).jobs:
        files = [one for one in Path(folder, STATE).glob(f"{job.step}*") if one.name.partition(".")[0] == job.step]
        ended = [file.read_text().split() for file in files]
        places = ", ".join(f"{part.kind} ({part.partition})" if part.partition else part.kind for part in job.parts)
        nodes, tasks = (sum(getattr(part, what) for part in job.parts) for what in ("nodes", "tasks"))
        row = [job.step, places, str(nodes), f"{tasks} in each of {job.tasks} jobs" if job.tasks else str(tasks)]
        if not ended:
            yield [*row, "", "", "runs, and writes this"]
            continue
        begin, end = min(int(start) for _, start, _ in ended), max(int(last) for *_, last in ended)
        yield [*row, *(time.strftime("%H:%M:%S", time.localtime(one)) for one in (begin, end)), str(end - begin)]


def table(title: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A section of the page, in its style."""
    head = "".join(f'<th scope="col" style="padding: .35rem .6rem">{html.escape(one)}' for one in headings)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(one)}" for one in row) for row in rows)
    rows_shown = f'<div class="box"><table><thead><tr>{head}</thead><tbody>{body}</table></div>'
    return f"<section><h2>{title}</h2>{rows_shown}</section>"


if __name__ == "__main__":
    sys.exit(main())
