"""A command whose help lists its options under several headings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click


class Sectioned(click.Command):
    """A command with its options in sections; those that no section names come first, as "Options".

    Args:
        sections: {heading: names of parameters}, in the order of the help.
    """

    def __init__(self, *arguments: Any, sections: Mapping[str, Sequence[str]], **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self._sections = sections

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        placed = {name: heading for heading, names in self._sections.items() for name in names}
        records: dict[str, list[tuple[str, str]]] = {"Options": [], **{heading: [] for heading in self._sections}}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if record is not None:
                records[placed.get(parameter.name or "", "Options")].append(record)
        for heading, lines in records.items():
            if lines:
                with formatter.section(heading):
                    formatter.write_dl(lines)
