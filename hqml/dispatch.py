"""The one road from a model to its samples: check, convert, ask the backend, hand back."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any, TypeAlias, TypeVar, overload

import dimod
from dimod.core.sampler import Sampler

from hqml import progress
from hqml.adapters import SamplerBackend, fitted
from hqml.backend import Backend
from hqml.bounds import Bound, lower_bound
from hqml.errors import BackendError, BudgetExceeded, OptionError, ParameterError
from hqml.options import finite_number, no_less, whole_number
from hqml.problems import Problem, ProblemOf
from hqml.qubo import GramQubo, Qubo, as_qubo
from hqml.registry import constructor_options, load_backend, sample_parameters

AnyBackend: TypeAlias = "str | Backend | Sampler"
Answer = TypeVar("Answer")

EXACT_UP_TO = 16
"""Variables up to which enumeration (65,536 states, milliseconds) is chosen over a heuristic."""


BOUND_UP_TO = 300
"""Points up to which a Gram model's bound is proven without being asked for: 30 ms, about as long as sampling takes."""


@dataclass(frozen=True)
class Choice:
    """The backend `choose_backend` would take, and why."""

    name: str
    reason: str


@overload
def sample(
    model: list[Any] | tuple[Any, ...],
    backend: AnyBackend = ...,
    *,
    reads: int = ...,
    seed: int | None = ...,
    time_limit: float | None = ...,
    max_qpu_seconds: float | None = ...,
    bound: bool | None = ...,
    **options: Any,
) -> list[dimod.SampleSet]: ...
@overload
def sample(
    model: Any,
    backend: AnyBackend = ...,
    *,
    reads: int = ...,
    seed: int | None = ...,
    time_limit: float | None = ...,
    max_qpu_seconds: float | None = ...,
    bound: bool | None = ...,
    **options: Any,
) -> dimod.SampleSet: ...
def sample(
    model: Any,
    backend: AnyBackend = "cpu",
    *,
    reads: int = 100,
    seed: int | None = None,
    time_limit: float | None = None,
    max_qpu_seconds: float | None = None,
    bound: bool | None = None,
    **options: Any,
) -> dimod.SampleSet | list[dimod.SampleSet]:
    """Look for low energies of a model, or of each model of a list (one batch: on many backends one launch).

    Args:
        model: whatever `hqml.qubo.as_qubo` takes, or a list of such.
        backend: a registered name, a Backend, or any dimod.Sampler.
        reads: samples wanted of each model.
        seed: makes the run repeatable on a seedable backend.
        time_limit: seconds for the whole call; what was found by then comes back.
        max_qpu_seconds: metered time granted to this call. Metered hardware does not run without it.
        bound: prove a lower bound of each Gram model's energy first (see `hqml.bounds`): `info` then has "bound", and
            "gap", how far the lowest energy is from it relatively. `time_limit` does not count it. None does so up to
            300 points, where no time_limit is given.
        options: the backend's own, e.g. num_sweeps=, beta_range=, threads= on "cpu". Of a backend that is given by
            name, those of its constructor as well, e.g. device= on "gpu".

    Returns:
        dimod.SampleSet, binary, lowest energy first, energies in float64; a list of them for a list of models.

    Raises:
        ModelError: the model is malformed.
        ParameterError: reads, seed, time_limit or max_qpu_seconds is out of range, or a bound is asked for a model that
            is not in Gram form.
        BackendError: the backend is unknown, unavailable, cannot take the model, takes no such option, or does not give
            one SampleSet a model.
    """
    started = perf_counter()
    _check_parameters(reads, seed, time_limit, max_qpu_seconds, bound)
    batch = isinstance(model, list | tuple)
    qubos = [as_qubo(one) for one in (model if batch else [model])]
    _check_before_building(backend, options)
    bounds = [_bound(qubo, bound, time_limit) for qubo in qubos]
    started += sum(proven.seconds for proven in bounds if proven)
    found, options = opened(backend, options)
    try:
        name = _name(backend)
        prepared = fitted(found, name, qubos)
        _check_options(_parameters(found), backend, options)
        _grant(
            found, name, prepared, max_qpu_seconds, {"reads": reads, "time_limit": time_limit, "seed": seed, **options}
        )
        offered = {"progress": progress.current(), "max_qpu_seconds": max_qpu_seconds}
        extra = {key: value for key, value in offered.items() if value is not None and _takes(found, key)}
        built = perf_counter() - started
        results = found.sample(prepared, reads=reads, seed=seed, time_limit=time_limit, **options, **extra)
    finally:
        if isinstance(backend, str):  # made here, so closed here
            found.close()
    total = perf_counter() - started
    _check_results(results, name, len(prepared))
    for result in results:
        result.info["timing"].update({"build": built, "total": total})
    for result, proven in zip(results, bounds, strict=True):
        if proven is not None:
            _tell_bound(result, proven)
    return results if batch else results[0]


def _check_results(results: Any, name: str, models: int) -> None:
    """Tell the author of a plug-in what is amiss; else it would be an error here, about something else.

    Raises:
        BackendError: they are not a list of one SampleSet a model, packed as every backend must.
    """
    packed = isinstance(results, list) and all(
        isinstance(one, dimod.SampleSet) and "timing" in one.info for one in results
    )
    if not packed or len(results) != models:
        raise BackendError(
            f"backend {name!r} is broken: its sample() must give a list of one SampleSet a model, each made by "
            "hqml.samples.to_sampleset"
        )


def _tell_bound(result: dimod.SampleSet, proven: Bound) -> None:
    """In its `info`. A backend may have proven a better one."""
    best = replace(proven, value=max(proven.value, result.info.get("bound", proven.value)))
    result.info.update(bound=best.value, gap=best.gap(float(result.record.energy.min())))
    result.info["timing"]["bound"] = proven.seconds


def _bound(qubo: Qubo, wanted: bool | None, time_limit: float | None) -> Bound | None:
    if not isinstance(qubo, GramQubo):
        if wanted:
            raise ParameterError(f"bound=True is for a GramQubo, found a {type(qubo).__name__}; leave it out")
        return None
    if wanted is None:
        wanted = time_limit is None and qubo.num_points <= BOUND_UP_TO
    return lower_bound(qubo) if wanted else None


@overload
def solve(problem: ProblemOf[Answer], backend: AnyBackend = ..., **arguments: Any) -> Answer: ...
@overload
def solve(problem: Sequence[ProblemOf[Answer]], backend: AnyBackend = ..., **arguments: Any) -> list[Answer]: ...
@overload
def solve(problem: list[Any] | tuple[Any, ...], backend: AnyBackend = ..., **arguments: Any) -> list[Any]: ...
@overload
def solve(problem: object, backend: AnyBackend = ..., **arguments: Any) -> dict[Any, int]: ...
def solve(problem: Any, backend: AnyBackend = "cpu", **arguments: Any) -> Any:
    """Solve a problem, or each of a list, and decode the best sample.

    Args:
        problem: a Problem, any model that `sample` takes, or a list of such.
        backend: as for `sample`.
        arguments: as for `sample`.

    Returns:
        `problem.decode(best sample)`; for a plain model the best sample itself, {label: 0 or 1}. A list of
        these for a list.
    """
    samples = sample(problem, backend, **arguments)
    if isinstance(samples, list):
        return [_best(one, found) for one, found in zip(problem, samples, strict=True)]
    return _best(problem, samples)


def _best(problem: Any, samples: dimod.SampleSet) -> Any:
    best: Mapping[Any, int] = {name: int(value) for name, value in samples.first.sample.items()}
    return problem.decode(best) if isinstance(problem, Problem) else best


def choose_backend(model: Any) -> Choice:
    """Say which backend suits a model, without running anything. Metered hardware is never chosen."""
    qubo = as_qubo(model)
    if qubo.form == "gram" and not isinstance(qubo, GramQubo):
        return Choice("mpi", f"{qubo.num_variables} variables in a Gram form whose rows are spread over ranks")
    if qubo.num_variables <= EXACT_UP_TO and _is_free("exact"):
        return Choice("exact", f"{qubo.num_variables} variables are enumerated at once: the result is proven optimal")
    return Choice("cpu", f"{qubo.num_variables} variables in {qubo.form} form: annealed here, repeatable by seed")


def _is_free(name: str) -> bool:
    """Whether a backend can be used here and costs nothing. Asks it alone: others may have to ask a service."""
    try:
        backend = load_backend(name)
        metered = backend.capabilities.metered
        backend.close()
    except BackendError:
        return False
    return not metered


def opened(backend: AnyBackend, options: dict[str, Any]) -> tuple[Backend, dict[str, Any]]:
    """The backend, and those of the options that are for its `sample`: a named backend is built with the others."""
    if isinstance(backend, str):
        building = constructor_options(backend) if options else frozenset()
        made = load_backend(backend, **{name: options[name] for name in options if name in building})
        return made, {name: options[name] for name in options if name not in building}
    if isinstance(backend, type):  # a class has the methods of its instances, and would pass for one below
        raise ParameterError(f"backend must be an instance, found the class; write {backend.__name__}(...)")
    if isinstance(backend, Backend):
        return backend, options
    if isinstance(backend, Sampler):
        return SamplerBackend(backend), options
    raise ParameterError(
        f"backend must be a name, a Backend or a dimod.Sampler, found {type(backend).__name__}; see `hqml backends`"
    )


def _name(given: AnyBackend) -> str:
    return given if isinstance(given, str) else type(given).__name__


def _check_parameters(reads: Any, seed: Any, time_limit: Any, max_qpu_seconds: Any, bound: Any) -> None:
    whole_number("reads", reads)
    if seed is not None and whole_number("seed", seed, least=0) >= 2**63:
        raise ParameterError(f"seed must be below 2**63, found {seed!r}")
    for name, value in (("time_limit", time_limit), ("max_qpu_seconds", max_qpu_seconds)):
        if value is not None:
            finite_number(name, value, above=0, unit="seconds")
    if bound is not None and not isinstance(bound, bool):
        raise ParameterError(f"bound must be true, false or none, found {bound!r}")


def _parameters(backend: Backend) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(backend.sample).parameters


def _takes(backend: Backend, option: str) -> bool:
    return option in _parameters(backend)


def _check_before_building(backend: AnyBackend, options: Mapping[str, Any]) -> None:
    """The options of a named backend: a slip in `device=` is not to be told as a missing accelerator."""
    if isinstance(backend, str) and options and (known := sample_parameters(backend)) is not None:
        _check_options(known, backend, options)


def _check_options(known: Mapping[str, inspect.Parameter], given: AnyBackend, options: Mapping[str, Any]) -> None:
    if not options or any(parameter.kind is parameter.VAR_KEYWORD for parameter in known.values()):
        return
    building = constructor_options(given) if isinstance(given, str) else frozenset()
    if unknown := sorted(set(options) - set(known) - building):
        own = sorted(
            (building | set(known)) - {"self", "qubos", "reads", "seed", "time_limit", "progress", "max_qpu_seconds"}
        )
        takes = ", ".join(own) or "none"
        raise OptionError(f"backend {_name(given)!r} takes no option {', '.join(unknown)}; it takes: {takes}")


def _grant(
    backend: Backend,
    name: str,
    qubos: Sequence[Qubo],
    granted: float | None,
    arguments: dict[str, Any],
) -> None:
    """Let metered hardware run only within what the caller granted.

    Raises:
        BudgetExceeded: nothing was granted, or the estimate is above it. Nothing has been submitted then.
    """
    if not backend.capabilities.metered:
        return
    takes = inspect.signature(backend.estimate).parameters
    for name_of in ("time_limit", "seed"):  # few backends need them beforehand
        if name_of not in takes:
            del arguments[name_of]
    needed = backend.estimate(qubos, **arguments).qpu_seconds
    if math.isnan(needed):
        raise BudgetExceeded(
            f"backend {name!r} cannot tell what it would take, so that no grant covers it; nothing was submitted. "
            "Use the backends 'qpu' or 'hybrid'"
        )
    if granted is None:
        about = f"e.g. max_qpu_seconds={no_less(needed)} (estimate)"
        raise BudgetExceeded(f"backend {name!r} is metered; grant it time, {about}")
    if needed > granted:
        raise BudgetExceeded(
            f"backend {name!r} would take about {no_less(needed)} s of metered time, max_qpu_seconds is {granted:.3g}; "
            "nothing was submitted. Grant more, or ask for fewer reads or models"
        )
