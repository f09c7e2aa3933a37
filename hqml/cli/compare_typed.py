"""What is typed after `hqml compare`, read."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hqml.cli.options import named_values, value_of
from hqml.errors import ParameterError

if TYPE_CHECKING:
    from hqml.compare.budget import Budget
    from hqml.compare.study import Solver


def seeds(context: click.Context, parameter: click.Parameter, text: str) -> list[int]:
    """Read a number of seeds, or the seeds with commas between them."""
    from hqml.compare.study import first_seeds

    try:
        found = [int(one) for one in text.split(",") if one.strip()]
        if found and min(found) >= 0 and ("," in text or found[0] > 0):
            return found if "," in text else first_seeds(found[0])
    except ParameterError as error:
        raise click.BadParameter(str(error)) from error
    except ValueError:
        pass
    raise click.BadParameter(f"found {text!r}, write how many, or the seeds with commas between them, e.g. 0,1,2")


def grid(context: click.Context, parameter: click.Parameter, pairs: Sequence[str]) -> dict[str, list[Any]]:
    """Read `NAME=VALUE,VALUE` pairs."""
    found: dict[str, list[Any]] = {}
    for pair in pairs:
        name, equals, values = pair.partition("=")
        if not equals or not all(one.strip() for one in values.split(",")):
            raise click.BadParameter(f"found {pair!r}, write it as NAME=VALUE,VALUE, e.g. slice_size=20,40")
        found[name.strip().replace("-", "_")] = [value_of(one.strip()) for one in values.split(",")]
    return found


def solvers(context: click.Context, parameter: click.Parameter, texts: Sequence[str]) -> list[dict[str, Any]]:
    """Read `BACKEND NAME=VALUE ...`; the names `reads` and `name` are the solver's own, others are the backend's."""
    found = []
    for text in texts:
        try:
            backend, *pairs = shlex.split(text)
        except ValueError:
            from hqml.secrets import scrubbed

            wanted = "write a backend and its options, e.g. 'cpu num_sweeps=100'"
            raise click.BadParameter(f"found {scrubbed(text)!r}, {wanted}") from None
        options = named_values(pairs)
        own: dict[str, Any] = {one: options.pop(one) for one in ("reads", "name") if one in options}
        found.append({"backend": backend, "options": options, **own})
    return found


def chosen(backends: str | None, solvers: Sequence[dict[str, Any]]) -> tuple[Solver, ...]:
    """The solvers: backends by their names, and those that `solvers` has read; "cpu" where neither is given."""
    from hqml.compare.study import Solver
    from hqml.compare.study_file import check_backend
    from hqml.options import whole_number

    names = "cpu" if backends is None and not solvers else backends or ""
    found = [Solver(name.strip()) for name in names.split(",") if name.strip()]
    for one in solvers:
        reads = None if one.get("reads") is None else whole_number("reads", one["reads"])
        found.append(Solver(one["backend"], one["options"], str(one.get("name", "")), reads))
    for solver in found:
        check_backend(solver.backend_name)
    return tuple(found)


def target(text: str) -> float | str:
    """A number, where it reads as one."""
    try:
        return float(text)
    except ValueError:
        return text


def limited(limit: Budget, written: Sequence[str]) -> Budget:
    """The budget of the study's file, and in its place what the command says."""
    from hqml.durations import limits

    return replace(limit, **limits(written)) if written else limit


def store_of(problems: Sequence[str], store: str | None) -> Path:
    """Where cells are kept: as given, else in the current folder, whatever is written where."""
    from hqml.compare.problems import stem_of

    return Path(f"{stem_of(problems[0])}.compare" if store is None else store)
