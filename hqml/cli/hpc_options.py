"""Options that `hqml kernel` and `hqml container` share."""

from __future__ import annotations

from collections.abc import Sequence

import click


def variables(context: click.Context, parameter: click.Parameter, pairs: Sequence[str]) -> dict[str, str]:
    """Read NAME=VALUE pairs; values are texts."""
    values: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise click.BadParameter("write it as NAME=VALUE, e.g. OMP_NUM_THREADS=8")  # not shown: it may be a secret
        if name in values:
            raise click.BadParameter(f"{name} is there twice; leave one out")
        values[name] = value
    return values
