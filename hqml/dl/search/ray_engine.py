"""Trials by Ray Tune, which starts processes on all nodes of its cluster itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hqml.dl.run import train
from hqml.dl.search.alone import alone
from hqml.dl.search.found import Found, Trial, best_of
from hqml.dl.search.space import best_task, with_values
from hqml.dl.spec import RangeSpec, SearchSpec, Task
from hqml.errors import HqmlError, ParameterError
from hqml.libraries import library


def search_by_ray(task: Task, spec: SearchSpec, folder: Path, base: Path) -> Found:
    """Try values drawn by Ray Tune, ended early by its median rule.

    Ray's own files are in `folder`/ray. `parameters` of the search are those of ray.tune.TuneConfig, and `resources` of
    a trial, e.g. {cpu: 1, gpu: 0.5}. A cluster that RAY_ADDRESS names is used; else Ray starts one on this machine.

    Raises:
        LibraryMissing: Ray is not installed.
        ParameterError: the search has a step that Ray's distributions lack, or parameters that it does not take.
    """
    from hqml.dl.search.searching import direction_of

    tune = library("ray.tune", "a search of engine ray", "ray")
    figure, direction = spec.figure or "loss", direction_of(spec)
    parameters = dict(spec.parameters)
    resources = parameters.pop("resources", {"cpu": 1})
    trainable = tune.with_resources(_trainable(task, figure, base.resolve()), resources)
    mode = "min" if direction == "minimize" else "max"
    if spec.prune:
        parameters.setdefault("scheduler", tune.schedulers.MedianStoppingRule(time_attr="epoch", grace_period=2))
    try:
        config = tune.TuneConfig(metric=figure, mode=mode, num_samples=spec.trials, **parameters)
    except TypeError as error:
        raise ParameterError(f"search: parameters: {error}") from error
    space = {key: _drawn(values, tune) for key, values in spec.space.items()}
    where = tune.RunConfig(name="ray", storage_path=str(folder.resolve()), verbose=0)
    results = tune.Tuner(trainable, param_space=space, tune_config=config, run_config=where).fit()
    trials = [_trial(number, one, figure, mode) for number, one in enumerate(results)]
    best = best_of(trials, direction)
    return Found(best_task(task, best.values) if best else None, figure, direction, tuple(trials))


def _trainable(task: Task, figure: str, base: Path) -> Any:
    """A function that Ray runs in its own processes; the task travels as text."""
    text, place = task.model_dump_json(by_alias=True, exclude_unset=True), str(base)

    def trained(values: Mapping[str, Any]) -> None:
        from ray import tune

        def told(progress: Any) -> None:
            if progress.ended is not None:
                tune.report({**progress.ended.validation, "epoch": progress.ended.number})

        one = with_values(Task.model_validate_json(text), values)
        fitted = train(one, None, base=place, report=told, group=alone(one, Path(place))).fitted
        if figure not in fitted.history[-1].validation:
            raise HqmlError(f"there is no figure {figure!r} of the validation data")

    return trained


def _drawn(values: RangeSpec | list[Any], tune: Any) -> Any:
    if isinstance(values, list):
        return tune.choice(values)
    low, high, step = values.low, values.high, values.step
    if isinstance(low, int) and isinstance(high, int):
        # Ray leaves the upper end out.
        return tune.lograndint(low, high + 1) if values.log else tune.qrandint(low, high, step or 1)
    if step is not None:
        return tune.quniform(low, high, step)
    return tune.loguniform(low, high) if values.log else tune.uniform(low, high)


def _trial(number: int, result: Any, figure: str, mode: str) -> Trial:
    """Ray's trial: what it reached in its best epoch."""
    values = dict(result.config or {})
    if result.error is not None:
        return Trial(number, values, None, "failed", error=str(result.error).strip().splitlines()[-1])
    frame = result.metrics_dataframe
    reached = frame[figure].min() if mode == "min" else frame[figure].max()
    return Trial(number, values, float(reached), "complete", float(result.metrics["time_total_s"]))
