"""`hqml node`: serve a quantum node, or ask one how it stands."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from hqml.cli import show
from hqml.cli.failures import OK, say
from hqml.cli.options import json_option, positive

_FAULTS = "HQML_NODE_FAULTS"


@click.group("node", short_help="Serve a quantum node, or ask one how it stands.")
def command() -> None:
    """Serve a quantum node, or ask one how it stands.

    A node speaks D-Wave's Solver API (SAPI), so that Ocean and the backends `qpu` and `hybrid` use it like the cloud.
    """


def _shape(context: click.Context, parameter: click.Parameter, text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        return tuple(int(size) for size in text.split(","))
    except ValueError:
        raise click.BadParameter(f"found {text!r}, write whole numbers with commas, e.g. 16 or 12,4") from None


@command.command("serve", short_help="Serve a quantum node.")
@click.option("--port", type=click.IntRange(0, 65535), default=8400, show_default=True, help="0 takes a free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option(
    "--tokens",
    required=True,
    metavar="FILE",
    help="One token a line, optionally followed by its budget in QPU seconds; # starts a comment.",
)
@click.option(
    "--topology", default="pegasus", show_default=True, help="Chip to simulate: chimera, pegasus, zephyr or zephyr15."
)
@click.option("--shape", callback=_shape, metavar="SIZES", help="Of a smaller chip, e.g. 4 for a pegasus P4.")
@click.option("--yield", "qubit_yield", type=float, default=0.99, show_default=True, help="Share of working qubits.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Tells which do not work.")
@click.option(
    "--journal",
    metavar="FILE",
    help="Where accepted jobs are kept (SQLite), :memory: for nowhere.  [default: in the user's folder of states]",
)
@click.option("--keep-days", type=positive, default=30.0, show_default=True, help="Then an answer is removed.")
@click.option("--certfile", metavar="FILE", help="Certificate, PEM: serve by TLS.")
@click.option("--keyfile", metavar="FILE", help="Its key, PEM.")
@click.option(
    "--forward", is_flag=True, help="Pass jobs on to the service that Ocean's configuration names, with its token."
)
@click.option("--profile", metavar="NAME", help="Section of Ocean's configuration file to forward with.")
@click.option("--inject-faults", is_flag=True, help=f"For tests: let go wrong what {_FAULTS} (JSON) says.")
@json_option
def serve(as_json: bool, inject_faults: bool, **settings: Any) -> None:
    """Serve a quantum node until Ctrl-C or SIGTERM.

    The node solves problems by hqml on this machine, on the graph and within the limits of a real chip; with --forward
    it is the gateway to a real service, whose token stays here. Prints one line with the endpoint. A job is on disk
    before it is accepted: a node that starts again with the same journal runs what was waiting and answers what was
    done.

    \b
    Example:
      hqml node serve --port 8400 --topology pegasus --tokens tokens.txt
      export DWAVE_API_ENDPOINT=http://127.0.0.1:8400/sapi/v2/ DWAVE_API_TOKEN=...   # in another terminal
      dwave ping; hqml solve model.qubo --backend qpu --max-qpu-seconds 1
    """
    from hqml.registry import load_service

    def ready(endpoint: str) -> None:
        if as_json:
            show.as_json({"endpoint": endpoint})
        else:
            click.echo(f"export DWAVE_API_ENDPOINT={endpoint}")

    if not load_service("node").serve(ready, faults=_faults(inject_faults), **settings):
        # Python would wait for the threads of a job that is under way. It is in the journal, and will run again.
        say("a job is under way; a node with this journal will run it again")
        sys.stdout.flush()
        os._exit(OK)


@command.command("status", short_help="Ask a node how it stands.")
@json_option
def status(as_json: bool) -> None:
    """Ask the node of DWAVE_API_ENDPOINT for its solvers, its queue, and what is left of DWAVE_API_TOKEN's budget.

    \b
    Example:
      hqml node status --json
    """
    from hqml.registry import load_service

    found: dict[str, Any] = load_service("node").status()
    if as_json:
        show.as_json(found)
        return
    show.as_pairs(found["endpoint"], {"account": found["account"], "budget": _budget(found["budget"])})
    _rows("Solvers", ("name", "category", "status", "waiting"), found["solvers"])
    _rows("Own jobs in the queue", ("position", "id", "label", "solver", "status"), found["queue"])
    click.echo(f"jobs of others: {found['others']}")


def _rows(title: str, names: Sequence[str], found: Sequence[Mapping[str, Any]]) -> None:
    show.as_rows(title, names, [[one[name] for name in names] for one in found])


def _budget(budget: Mapping[str, float | None]) -> str:
    used = f"{budget['used']:.6g} QPU seconds used, {budget['reserved']:.6g} reserved"
    if budget["granted"] is None:
        return f"{used}, no limit"
    return f"{used}, {budget['left']:.6g} of {budget['granted']:g} left"


def _faults(wanted: bool) -> str | None:
    """The faults of the environment, if they are wanted: nobody is to meet them by accident."""
    given = os.environ.get(_FAULTS)
    if wanted and given is None:
        raise click.UsageError(f"--inject-faults needs the variable {_FAULTS}: a JSON list of faults")
    if given is not None and not wanted:
        raise click.UsageError(f"{_FAULTS} is set; unset it, or give --inject-faults")
    return given
