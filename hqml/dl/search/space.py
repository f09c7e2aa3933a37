"""From the space of a search to Optuna's distributions, and from a trial's values to its task."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hqml.dl.dotted import place_of, put
from hqml.dl.spec import RangeSpec, SearchSpec, Task


def distributions(search: SearchSpec, optuna: Any) -> dict[str, Any]:
    """What each key is drawn from."""
    return {key: _distribution(values, optuna.distributions) for key, values in search.space.items()}


def _distribution(values: RangeSpec | list[Any], kinds: Any) -> Any:
    if isinstance(values, list):
        return kinds.CategoricalDistribution([_word(value) for value in values])
    low, high, step = values.low, values.high, values.step
    if isinstance(low, int) and isinstance(high, int) and (step is None or isinstance(step, int)):
        return kinds.IntDistribution(low, high, log=values.log, step=step or 1)
    return kinds.FloatDistribution(float(low), float(high), log=values.log, step=step)


def _word(value: Any) -> Any:
    """A choice as Optuna takes it: lists are text."""
    return json.dumps(value) if isinstance(value, list) else value


def values_of(search: SearchSpec, drawn: Mapping[str, Any]) -> dict[str, Any]:
    """What Optuna has drawn, as the specification writes it."""
    found = {}
    for key, value in drawn.items():
        choices = search.space.get(key)
        lists = [one for one in choices if isinstance(one, list)] if isinstance(choices, list) else []
        found[key] = next((one for one in lists if _word(one) == value), value)
    return found


def with_values(task: Task, values: Mapping[str, Any]) -> Task:
    """The task of a trial: its values in place, on one process, without a search of its own and told to nobody."""
    left_out = {"search", "tracking", "distribution"}
    content = task.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude=left_out)
    for key, value in values.items():
        content = put(content, place_of(key), value)
    return Task.model_validate({**content, "distribution": "none"})


def best_task(task: Task, values: Mapping[str, Any]) -> Task:
    """The task with the best values in place, as one would train it."""
    content = task.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"search"})
    for key, value in values.items():
        content = put(content, place_of(key), value)
    return Task.model_validate(content)
