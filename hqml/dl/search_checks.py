"""The space of a search: each of its keys is one of the task, and takes the values that it names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from hqml.dl.dotted import place_of, put
from hqml.errors import FormatError, HqmlError, ParameterError
from hqml.specs import Places, validated
from hqml.specs.places import Place

if TYPE_CHECKING:
    from hqml.dl.checks import Trouble
    from hqml.dl.spec import RangeSpec, SearchSpec, Task

_FIXED = ("name", "run", "tracking", "search")
"""Keys that are the same in all trials."""

_TRIED = 50
"""Choices of a key that are looked at."""


def search_troubles(task: Task) -> Iterator[Trouble]:
    """All that is wrong with the search of a task which is fine itself, each with its place."""
    search = task.search
    if search is None:
        return
    if not search.space:
        yield ("search", "space"), "is empty; name a key and its values, e.g. optimizer.rate: {low: 1e-5, high: 0.1}"
    for key, values in search.space.items():
        place = ("search", "space", key)
        if key.split(".")[0] in _FIXED:
            yield place, f"{key.split('.')[0]} is the same in all trials; search over another key"
        elif isinstance(values, list):
            yield from _choices(task, place, key, values)
        else:
            yield from _range(task, place, key, values)
    yield from _engine(search)


def _choices(task: Task, place: Place, key: str, values: Sequence[Any]) -> Iterator[Trouble]:
    if not values:
        yield place, "names no values"
    for index, value in enumerate(values[:_TRIED]):
        if value in values[:index] and type(value) is type(values[values.index(value)]):
            yield (*place, index), f"{value!r} is there twice; leave one out"
        if wrong := _refused(task, key, value):
            yield (*place, index), wrong
            return


def _range(task: Task, place: Place, key: str, values: RangeSpec) -> Iterator[Trouble]:
    low, high, step = values.low, values.high, values.step
    if not low < high:
        yield (*place, "high"), f"must be above low, which is {low:g}, found {high:g}"
    elif values.log and low <= 0:
        yield (*place, "low"), f"must be above 0 where log is true, found {low:g}"
    elif values.log and step is not None:
        yield (*place, "step"), "does not go with log: true; leave one out"
    elif step is not None and not 0 < step <= high - low:
        yield (*place, "step"), f"must be above 0 and at most high - low = {high - low:g}, found {step:g}"
    else:
        for end, value in (("low", low), ("high", high)):
            if wrong := _refused(task, key, value):
                yield (*place, end), wrong
                return


def _engine(search: SearchSpec) -> Iterator[Trouble]:
    if search.engine == "qubo":
        from hqml.registry import constructor_options

        try:
            constructor_options(search.backend)
        except LookupError as error:
            yield ("search", "backend"), str(error)
        except HqmlError:
            return  # it is there, and does not work on this machine
    elif search.backend != type(search).model_fields["backend"].default:
        yield ("search", "backend"), f"is of engine qubo, not of {search.engine}; leave it out"


class _Trial(Places):
    """The places of a trial, which has no file."""

    def error(self, place: Place, message: str) -> FormatError:
        """Without a place."""
        return FormatError(message)


def _refused(task: Task, key: str, value: Any) -> str | None:
    """What is wrong with a trial that has this value; None: nothing."""
    from hqml.dl.checks import check
    from hqml.dl.spec import Task as TaskSpec

    content = task.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"search"})
    places = _Trial("", {(): 1})
    try:
        content = put(content, place_of(key), value)
        check(validated(content, places, TaskSpec), places)
    except (FormatError, ParameterError) as error:
        return f"{key} cannot be {value!r}: {error}"
    return None
