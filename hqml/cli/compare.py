"""`hqml compare`: problems and backends in, a table and a report out."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

import click

from hqml.catalogue import CLASSIFIERS
from hqml.cli import compare_shown, compare_typed, show
from hqml.cli.estimators import SECTIONS, classifier_options, own_parameters, refuse_options_of_others
from hqml.cli.failures import Stopped
from hqml.cli.options import json_option
from hqml.cli.sections import Sectioned

if TYPE_CHECKING:
    from hqml.compare.budget import Budget
    from hqml.compare.store import Store
    from hqml.compare.study import Problem, Study

_OF_DATA = ("label", "classes", "estimator", "test", "grid", "no_scale")

_OF_STUDY = ("name", "backends", "solvers", "target", "seeds", "reads")
"""What a study file says itself, as it does _OF_DATA and the estimator's options."""

_SECTIONS: dict[str, Sequence[str]] = {
    "What is compared": _OF_STUDY,
    "What becomes of it": ("report", "out", "store", "budget", "estimate", "as_json"),
    "Only data": _OF_DATA,
    **{name: SECTIONS[name] for name in SECTIONS if name not in ("Where and how long", "Only svr")},
}


@click.command("compare", cls=Sectioned, sections=_SECTIONS, short_help="Compare backends, with one report.")
@click.argument("problems", nargs=-1, required=True, metavar="PROBLEM...")
@click.option("--name", metavar="TITLE", help="Title of the report.")
@click.option("--backends", metavar="A,B,...", help="Backends with their defaults.  [default: cpu]")
@click.option(
    "--solver",
    "solvers",
    multiple=True,
    metavar="'BACKEND NAME=VALUE ...'",
    callback=compare_typed.solvers,
    help="A backend with options, and reads= or name= of its own; may be given again.",
)
@click.option(
    "--target", metavar="best|VALUE|SHARE%", default="best", show_default=True, help="What a read must reach."
)
@click.option(
    "--seeds", callback=compare_typed.seeds, default="10", show_default=True, help="How many, or which: 0,1,2."
)
@click.option("--reads", type=click.IntRange(min=1), default=100, show_default=True, help="Samples to draw of a model.")
@click.option("--report", metavar="FILE.html", help="Write one page with all figures.")
@click.option("--out", metavar="FILE", help="Write the table as .parquet or .csv with all else as .json beside it.")
@click.option("--store", metavar="DIR", help="Where cells are kept.  [default: PROBLEM.compare in the current folder]")
@click.option(
    "--budget",
    multiple=True,
    metavar="TIME,qpu=TIME",
    help="Begin no cell that would end later; metered time of the whole study, none without it. E.g. 10m,qpu=2s.",
)
@click.option("--estimate", is_flag=True, help="Show what it would take, and run nothing.")
@json_option
@click.option("--label", metavar="COLUMN", help="The label column: its name, or without a header its number.")
@click.option("--classes", metavar="A,B,...", help="The rows of these classes only.")
@click.option("--estimator", type=click.Choice(CLASSIFIERS), default="svc", show_default=True)
@click.option("--test", metavar="FILE", help="Rows to be scored on; else a third is split off for each seed.")
@click.option(
    "--grid",
    multiple=True,
    metavar="NAME=V,V,...",
    callback=compare_typed.grid,
    help="Values of a parameter of the estimator, each a problem of its own; may be given again.",
)
@click.option("--no-scale", is_flag=True, help="Take the features as they are; else each is standardised.")
@classifier_options
@click.pass_context
def command(
    context: click.Context,
    /,
    problems: Sequence[str],
    report: str | None,
    out: str | None,
    store: str | None,
    budget: Sequence[str],
    estimate: bool,
    as_json: bool,
    **parameters: Any,
) -> None:
    """Solve each PROBLEM on several backends with several seeds, and say what is quickest and best, if anything is.

    PROBLEM is a model (.mc, .qubo, .coo, .npz, .npy, .bqm), a table of data as `hqml fit` takes it, or a study of
    several in YAML (docs/compare.md). Each cell (a problem, a solver, a seed) is kept as it ends: the same command goes
    on where it was stopped, also in several processes at once, on ranks of mpiexec or srun. What is missing is
    estimated first. A backend that fails is a row with its error. Needs pip install 'hqml[compare]' for files.

    \b
    Examples:
      hqml compare G22.mc.gz --backends cpu,neal,tabu --target 99% --report out.html
      hqml compare sonar.csv --label class --estimator svc-ensemble --grid slice_size=20,40 --backends cpu,neal
      hqml compare study.yaml --budget 30m,qpu=5s --report out.html --out out.parquet
    """
    from hqml.compare.comparison import Comparison
    from hqml.compare.runner import plan, run_study
    from hqml.compare.store import Store
    from hqml.errors import BackendError

    started = perf_counter()
    compare_shown.check_outputs(report, out)
    study, limit = _study(context, problems, parameters)
    study = replace(study, command=_command(context, study))
    limit = compare_typed.limited(limit, budget)
    kept = Store(compare_typed.store_of(problems, store))
    ahead = plan(study, kept)
    if estimate:
        compare_shown.estimate(ahead, kept.path, as_json=as_json)
        return
    compare_shown.tell_plan(ahead, kept.path)
    with compare_shown.progress(ahead) as on_cell:
        try:
            outcomes = run_study(study, kept, budget=limit.after(perf_counter() - started), on_cell=on_cell)
        except KeyboardInterrupt as stopped:
            raise _stopped(study, kept, report, out, stopped) from stopped
    compare_shown.tell_open(study, outcomes)
    comparison = Comparison(study.describe(), outcomes)
    compare_shown.write(comparison, report, out)
    if as_json:
        show.as_json(comparison.rows())
        compare_shown.tell_failures(outcomes)
    else:
        compare_shown.tables(comparison)
    if outcomes and all(one.status == "failed" for one in outcomes):
        raise BackendError("every cell failed")


def _stopped(study: Study, store: Store, report: str | None, out: str | None, stopped: KeyboardInterrupt) -> Stopped:
    """Write what there is, and say how to go on."""
    from hqml.compare.comparison import Comparison

    cells = study.cells()
    outcomes = store.outcomes(cells)
    if outcomes:
        compare_shown.write(Comparison(study.describe(), outcomes), report, out)
    left = f". {stopped}" if str(stopped) else ""
    return Stopped(
        f"interrupted: {len(outcomes)} of {len(cells)} cells are kept in {store.path}; the same command goes on{left}"
    )


def _study(context: click.Context, problems: Sequence[str], parameters: dict[str, Any]) -> tuple[Study, Budget]:
    from hqml.compare.budget import Budget
    from hqml.compare.problems import kind_of
    from hqml.compare.study import Study
    from hqml.compare.study_file import read_study

    kinds = [kind_of(one) for one in problems]
    if "study" in kinds:
        if len(problems) > 1:
            raise click.UsageError(f"{problems[kinds.index('study')]} is a study, which is compared alone", context)
        _refuse(context, "study", "a study file says it itself; change it there, or drop")
        return read_study(problems[0])
    if "data" not in kinds:
        _refuse(context, "data", "no PROBLEM is a table of data; drop")
    refuse_options_of_others(context, parameters["estimator"])
    found = [one for path, kind in zip(problems, kinds, strict=True) for one in _problems(path, kind, parameters)]
    study = Study(
        tuple(found),
        compare_typed.chosen(parameters["backends"], parameters["solvers"]),
        tuple(parameters["seeds"]),
        reads=parameters["reads"],
        target=compare_typed.target(parameters["target"]),
        name=parameters["name"] or "Comparison",
    )
    return study, Budget()


def _refuse(context: click.Context, whole: str, reason: str) -> None:
    """Options that would be without effect are a mistake: of data, and with a study file those of the study too."""
    from hqml.catalogue import KINDS

    of_data = {*_OF_DATA, *(option for kind in CLASSIFIERS for option in KINDS[kind].options)}
    for option in context.command.params:
        owned = option.name in of_data or (whole == "study" and option.name in _OF_STUDY)
        given = context.get_parameter_source(option.name or "") is click.core.ParameterSource.COMMANDLINE
        if owned and given:
            raise click.UsageError(f"{reason} {option.opts[0]}", context)


def _problems(path: str, kind: str, parameters: dict[str, Any]) -> list[Problem]:
    from hqml.compare.problems import held_out, labelled, learning_problem, qubo_problem
    from hqml.compare.study import grid_points

    if kind == "qubo":
        return [qubo_problem(path)]
    label, classes = parameters["label"], parameters["classes"] and parameters["classes"].split(",")
    table = labelled(path, label, classes)
    test = None if parameters["test"] is None else held_out(parameters["test"], label, classes, table)
    own = own_parameters(parameters["estimator"], parameters)
    return [
        learning_problem(
            table,
            parameters["estimator"],
            test=test,
            parameters=own,
            varied=varied,
            scale=not parameters["no_scale"],
            source=path,
        )
        for varied in grid_points(parameters["grid"])
    ]


def _command(context: click.Context, study: Study) -> str:
    """The command line that repeats it, without tokens."""
    from hqml.secrets import scrubbed

    words = [str(one) for one in context.find_root().obj or ()]
    for solver in study.solvers:
        words = [scrubbed(one, solver.options) for one in words]
    return shlex.join(["hqml", *words]) if words else ""
