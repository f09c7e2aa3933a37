"""What is wrong with a file of a workflow or a site, each with its place; of all the first in the file is told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from hqml.hpc.workflow import Component, Step
from hqml.specs.places import Place, Places

Trouble: TypeAlias = tuple[Place, str]
"""The place of a value, and what is wrong with it."""


def raise_first(places: Places, troubles: Iterable[Trouble]) -> None:
    """Tell the trouble that stands first in the file, if there is one.

    Raises:
        FormatError: there is one.
    """
    found = sorted(troubles, key=lambda trouble: places.line(trouble[0]))
    if found:
        raise places.error(*found[0])


def place_of(step: Step, component: Component) -> Place:
    """Where the keys of a component stand: in its step, or within `together`."""
    return ("steps", step.name, *(("together", component.name) if step.together else ()))
