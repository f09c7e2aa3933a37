"""Find backends: plug-ins announce them as entry points of the group "hqml.backends"."""

from __future__ import annotations

import difflib
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from typing import Any

from hqml.backend import Backend, Capabilities
from hqml.display import first_line
from hqml.errors import BackendConflict, BackendError, BackendUnavailable, HqmlError, OptionError, UnknownBackend

GROUP = "hqml.backends"

SERVICES = "hqml.services"
"""What plug-ins bring for commands to run, such as the quantum node of `hqml node`."""


@dataclass(frozen=True)
class BackendInfo:
    """A line of `hqml backends`: one registered name and whether it can be used here."""

    name: str
    available: bool
    reason: str
    kind: str | None = None
    max_variables: int | None = None
    metered: bool | None = None


def load_backend(name: str, **options: Any) -> Backend:
    """Load the backend registered under `name`.

    Args:
        name: one of `available_backends()`, or two of them, "outer:inner", where the outer one runs others inside.
        options: keyword arguments of the backend's constructor.

    Raises:
        UnknownBackend: nobody registers the name; the message lists those there are.
        BackendConflict: two plug-ins register it.
        BackendUnavailable: it cannot be imported or built; the message says what would mend it.
        OptionError: its constructor takes no such option.
    """
    registered, inside = _parted(name)
    return _build(name, _points_of(registered), {**inside, **options})


def constructor_options(name: str) -> frozenset[str]:
    """What the constructor of a registered backend takes, such as `device` on "gpu". Builds nothing.

    Raises:
        UnknownBackend, BackendConflict, BackendUnavailable: as for `load_backend`.
    """
    registered, inside = _parted(name)
    own = _constructor_parameters(registered) - set(inside)
    return own | constructor_options(inside["inner"]) if inside else own


def sample_parameters(name: str) -> Mapping[str, inspect.Parameter] | None:
    """What `sample` of a registered backend takes. Builds nothing: None where its entry point names no class.

    Raises:
        UnknownBackend, BackendConflict, BackendUnavailable: as for `load_backend`.
    """
    registered, _ = _parted(name)
    made_by = _import(_only(registered, _points_of(registered)))
    method = getattr(made_by, "sample", None)
    return inspect.signature(method).parameters if isinstance(made_by, type) and callable(method) else None


def available_backends() -> list[BackendInfo]:
    """Every registered name, in alphabetical order. A broken plug-in is a line with its reason, never an exception."""
    return [_describe(name, points) for name, points in sorted(_registered().items())]


def load_service(name: str) -> Any:
    """Load what a command runs and a plug-in brings, such as "node".

    Raises:
        BackendUnavailable: it is missing or cannot be imported; the message says what would mend it.
    """
    points = {point.value: point for point in entry_points(group=SERVICES) if point.name == name}
    if not points:
        raise BackendUnavailable(f"no service is called {name!r} here; reinstall hqml")
    point = next(iter(points.values()))
    try:
        return _import(point)()
    except ImportError as missing:  # it may import its libraries as late as here
        raise BackendUnavailable(_what_mends(point, missing)) from missing


def _parted(name: str) -> tuple[str, dict[str, str]]:
    """The registered name in "outer" or "outer:inner", and the option by which the outer backend is told of the inner.

    Raises:
        UnknownBackend: the outer one takes no option `inner`, so it runs no other backend.
    """
    outer, colon, inner = str(name).partition(":")
    if not colon or name in _registered():
        return name, {}
    if "inner" not in _constructor_parameters(outer):
        raise UnknownBackend(
            f"no backend is called {name!r}: {outer!r} runs no other backend inside; say {inner!r} alone"
        )
    return outer, {"inner": inner}


def _constructor_parameters(name: str) -> frozenset[str]:
    parameters = inspect.signature(_import(_only(name, _points_of(name)))).parameters.values()
    return frozenset(one.name for one in parameters if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY))


def _points_of(name: str) -> list[EntryPoint]:
    found = _registered()
    if name not in found:
        known = {one.lower(): one for one in found}  # GPU is meant as gpu
        close = difflib.get_close_matches(str(name).lower(), known, n=1)
        hint = f"; did you mean {known[close[0]]!r}?" if close else "."
        raise UnknownBackend(f"no backend is called {name!r}{hint} There are: {', '.join(sorted(found)) or 'none'}")
    return found[name]


def _registered() -> dict[str, list[EntryPoint]]:
    """Entry points by name. The same object found on two paths (an editable install) counts once."""
    found: dict[str, list[EntryPoint]] = {}
    for point in _entry_points(tuple(sys.path)):
        same_name = found.setdefault(point.name, [])
        if all(point.value != other.value for other in same_name):
            same_name.append(point)
    return found


@lru_cache(maxsize=1)
def _entry_points(_path: tuple[str, ...]) -> EntryPoints:
    """Read every installed distribution's entry points: 4 ms, so only where the search path has changed."""
    return entry_points(group=GROUP)


def _describe(name: str, points: list[EntryPoint]) -> BackendInfo:
    try:
        backend = _build(name, points, {})
        capabilities = backend.capabilities
        backend.close()
    except BackendError as error:
        return BackendInfo(name, available=False, reason=str(error))
    except Exception as error:  # its own property or close() may fail as well
        reason = f"backend {name!r} ({points[0].value}) is broken: {_named(error)}"
        return BackendInfo(name, available=False, reason=reason)
    return BackendInfo(
        name,
        available=True,
        reason="",
        kind=capabilities.kind,
        max_variables=capabilities.max_variables,
        metered=capabilities.metered,
    )


def _build(name: str, points: list[EntryPoint], options: dict[str, Any]) -> Backend:
    point = _only(name, points)
    factory = _import(point)
    try:
        backend: Backend = factory(**options)
        whole = isinstance(backend, Backend) and isinstance(backend.capabilities, Capabilities)
    except HqmlError:
        raise
    except ImportError as missing:  # a backend may import its library as late as here
        raise BackendUnavailable(_what_mends(point, missing)) from missing
    except TypeError as error:
        if options:
            raise OptionError(f"backend {name!r} cannot be built with {sorted(options)}: {error}") from error
        raise BackendUnavailable(f"backend {name!r} ({point.value}) is broken: {error}") from error
    except Exception as error:
        raise BackendUnavailable(f"backend {name!r} ({point.value}) is broken: {_named(error)}") from error
    if not whole:
        raise BackendUnavailable(
            f"backend {name!r} ({point.value}) is broken: it has not all of sample, estimate, close, capabilities"
        )
    return backend


def _only(name: str, points: list[EntryPoint]) -> EntryPoint:
    if len(points) > 1:
        owners = " and ".join(f"{point.value} ({_owner(point)})" for point in points)
        raise BackendConflict(f"backend {name!r} is registered twice, by {owners}; uninstall one of them")
    return points[0]


def _import(point: EntryPoint) -> Callable[..., Any]:
    try:
        return point.load()  # type: ignore[no-any-return]
    except ImportError as missing:
        raise BackendUnavailable(_what_mends(point, missing)) from missing
    except Exception as error:
        broken = f"{_kind(point)} {point.name!r} ({point.value}) is broken: {_named(error)}"
        raise BackendUnavailable(broken) from error


def _what_mends(point: EntryPoint, missing: ImportError) -> str:
    """Say which `pip install` brings a missing module: the extra that requires it, else the module by name."""
    if not isinstance(missing, ModuleNotFoundError) or missing.name is None:
        return f"{_kind(point)} {point.name!r} ({point.value}) is broken: {_named(missing)}"
    if point.dist is not None and missing.name.split(".")[0] == point.module.split(".")[0]:
        own = f"its own module {missing.name!r} is missing"
        return f"{_kind(point)} {point.name!r} is broken: {own}; reinstall {_owner(point)}"
    extra = _extra_with(missing.name, point)
    what = f"'{_owner(point)}[{extra}]'" if extra else missing.name.split(".")[0]
    return f"{_kind(point)} {point.name!r} needs {missing.name!r}, which is not installed; run: pip install {what}"


def _extra_with(module: str, point: EntryPoint) -> str | None:
    """The extra of the plug-in's distribution that brings a module.

    It is the one the entry point names in brackets, else the one that requires a distribution called like the module,
    else one called like the backend: a module and its distribution need not share their name.
    """
    if point.extras:
        return point.extras[0]
    if point.dist is None:
        return None
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    likely = {canonicalize_name(module), canonicalize_name(module.split(".")[0])}
    extras = [str(extra) for extra in point.dist.metadata.get_all("Provides-Extra") or ()]
    optional = [
        (canonicalize_name(requirement.name), marker)
        for requirement in map(Requirement, point.dist.requires or ())
        if (marker := requirement.marker) is not None and not marker.evaluate({"extra": ""})
    ]
    brought = {extra: [name for name, marker in optional if marker.evaluate({"extra": extra})] for extra in extras}
    bringing = [extra for extra, names in brought.items() if likely & set(names)]
    if bringing:  # an extra such as "all" brings it too, and much besides
        return min(bringing, key=lambda extra: len(brought[extra]))
    return point.name if point.name in extras else None


def _kind(point: EntryPoint) -> str:
    return "service" if point.group == SERVICES else "backend"


def _owner(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.module.split(".")[0]


def _named(error: BaseException) -> str:
    """Its name, and what it says."""
    name, told = type(error).__name__, first_line(error)
    return name if told == name else f"{name}: {told}"
