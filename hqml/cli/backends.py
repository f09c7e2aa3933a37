"""`hqml backends`: what can be run here, and what would mend the rest."""

from __future__ import annotations

from dataclasses import asdict

import click

from hqml.cli import show
from hqml.cli.options import json_option


@click.command("backends", short_help="List the backends.")
@json_option
def command(as_json: bool) -> None:
    """List the backends, and say of each that is not available what would mend it.

    \b
    Example:
      hqml backends --json
    """
    from hqml.registry import available_backends

    found = available_backends()
    if as_json:
        show.as_json([asdict(one) for one in found])
        return
    header = ("name", "available", "kind", "largest model", "metered")
    rows = [
        (one.name, one.available, one.kind, _largest(one.max_variables, one.available), one.metered) for one in found
    ]
    show.as_rows("Backends", header, rows)
    alike: dict[str, list[str]] = {}
    for one in found:
        if one.reason:
            alike.setdefault(one.reason, []).append(one.name)
    for reason, names in alike.items():
        click.echo(reason if reason.startswith(f"backend {names[0]!r}") else f"{', '.join(names)}: {reason}")


def _largest(variables: int | None, available: bool) -> str | None:
    if not available:
        return None
    return "as memory allows" if variables is None else f"{variables} variables"
