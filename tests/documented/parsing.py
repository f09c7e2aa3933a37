"""What hqml makes of the words of a command, without running it."""

from __future__ import annotations

import click
from doc_pages import Command

from hqml.cli import hqml


def parsed(command: Command) -> bool:
    """Whether the command stands there as a whole: in the middle of a text it may lack what it is about.

    Raises:
        click.UsageError: there is no such subcommand or option, or a command in a block lacks something.
    """
    room: click.Command = hqml
    words = [word for word in command.hqml or [] if word not in {"...", "--debug", "--version"}]
    while isinstance(room, click.Group) and words:
        name = words.pop(0)
        if name not in room.commands:
            raise click.UsageError(f"{name} is no command of {room.name}")
        room = room.commands[name]
    try:
        if isinstance(room, click.Group):
            raise click.MissingParameter("a command of the group")
        room.make_context(room.name, words)
    except click.MissingParameter:
        if command.in_block:
            raise
        return False
    return not command.is_pattern
