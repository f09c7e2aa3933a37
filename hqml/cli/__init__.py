"""The `hqml` command. Only this package prints and exits.

Exit status: 0, 1 (failed), 2 (bad input: one line on stderr says what and how to mend it), 130 (Ctrl-C).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from hqml.cli import (
    backends,
    compare,
    container,
    fit,
    job,
    kernel,
    map,
    model,
    node,
    predict,
    search,
    site,
    solve,
    train,
)
from hqml.cli.failures import reported
from hqml.cli.ranks import as_rank, rank_of

_EPILOG = "Exit status: 0, 1 when the work failed, 2 when the input is bad (one line on stderr says how to mend it)."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line, that of the process unless `arguments` are given, and return its exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)

    def run() -> None:
        # Not hqml.main(): click would print failures itself, over several lines.
        try:
            with hqml.make_context("hqml", list(given), obj=tuple(given)) as context:
                hqml.invoke(context)
        except click.exceptions.Exit:  # --help and --version end this way
            pass
        except _GroupAlone as alone:
            click.echo(alone.ctx.get_help())

    def work() -> int:
        return reported(run, debug="--debug" in given)

    rank = rank_of(given)
    return work() if rank is None else as_rank(rank, work)


def _print_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from hqml.samples import version

        click.echo(f"hqml {version()}")
        context.exit()


_GroupAlone: Any = getattr(click.exceptions, "NoArgsIsHelpError", ())
"""What click raises of a group alone, such as `hqml job`; before 8.2 it showed the help itself."""

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


@click.group(context_settings=_CONTEXT, invoke_without_command=True, epilog=_EPILOG)
@click.option("--debug", is_flag=True, help="Show the traceback of a failure.")
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show the version."
)
@click.pass_context
def hqml(context: click.Context, /, debug: bool) -> None:
    """Write a machine-learning optimisation once, run it on any module of a modular supercomputer.

    \b
    Example:
      hqml solve gka1a.qubo.gz --backend cpu --reads 200 --seed 0
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


for _room in (backends, solve, fit, predict, train, search, model, map, compare, node, job, site, kernel, container):
    hqml.add_command(_room.command)
