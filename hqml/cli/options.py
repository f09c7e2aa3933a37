"""Options that several commands share."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for a program to read.")

positive = click.FloatRange(min=0, min_open=True)
"""A number of seconds, or another quantity above 0."""


def run_options(command: Command) -> Command:
    """The options of everything that runs on a backend."""
    for option in reversed(
        [
            click.option(
                "--backend", default="cpu", show_default=True, help="Where to run; `hqml backends` lists them."
            ),
            click.option(
                "--reads",
                type=click.IntRange(min=1),
                default=100,
                show_default=True,
                help="Samples to draw of a model.",
            ),
            click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Makes the run repeatable."),
            click.option(
                "--time-limit", type=positive, metavar="SECONDS", help="Stop then, with the best found so far."
            ),
            click.option(
                "--max-qpu-seconds",
                type=positive,
                metavar="SECONDS",
                help="Metered time granted; none is used without it.",
            ),
            click.option("--num-sweeps", type=click.IntRange(min=1), help="Sweeps a read, of annealing backends."),
            click.option(
                "--option",
                "options",
                multiple=True,
                metavar="NAME=VALUE",
                callback=_backend_options,
                help="Another option of the backend; may be given again.",
            ),
        ]
    ):
        command = option(command)
    return command


def backend_options(options: Mapping[str, Any], num_sweeps: int | None) -> dict[str, Any]:
    """What goes to the backend by name."""
    return {**options, **({} if num_sweeps is None else {"num_sweeps": num_sweeps})}


def _backend_options(context: click.Context, parameter: click.Parameter, pairs: Sequence[str]) -> dict[str, Any]:
    return named_values(pairs)


def named_values(pairs: Sequence[str]) -> dict[str, Any]:
    """Read `name=value` pairs; a value is a number, a list, true, false, none, or else text.

    Raises:
        BadParameter: a pair is none.
    """
    options: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or not name.isidentifier():
            raise click.BadParameter(f"found {pair!r}, write it as name=value, e.g. threads=2")
        options[name] = value_of(value.strip())
    return options


def value_of(text: str) -> Any:
    """A number, a list, true, false or none where it reads as one; else the text."""
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
