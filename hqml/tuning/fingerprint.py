"""Values, estimators and data in words that are the same in every process: by these a search knows its own results.

Functions and objects that cannot be imported or pickled are told by what they are made of: a lambda by its code and
what it encloses. What cannot be told even so (a lock, a class made within a function) gets a name that nothing else
has, in this process or another: then a journal is refused rather than taken for that of another search.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import itertools
import numbers
import os
import sys
import types
import uuid
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import joblib  # type: ignore[import-untyped]
import numpy as np
from sklearn.base import BaseEstimator

_PROCESS = uuid.uuid4().hex
_numbers = itertools.count()
_names: dict[int, tuple[Callable[[], Any], str]] = {}
"""By id: the value that has it, while it lives, and its name."""

_Outer = tuple[int, ...]
"""Ids of the values that a value is in: what contains itself, as a function that calls itself, is told by its depth."""


def told(value: Any) -> str:
    """Say a value so that equal ones, in this process or another, are told alike and others are not."""
    return _told(value, ())


def told_parameter(name: str, value: Any) -> str:
    """As `told`; of backend_options, which may hold tokens, only a digest."""
    return _told_parameter(name, value, ())


def hashed(value: Any) -> str:
    """A digest of anything: of what it pickles to, or of what it is made of if it cannot be pickled."""
    return _hashed(value, ())


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _told(value: Any, outer: _Outer) -> str:
    if isinstance(value, np.generic) and not isinstance(plain := value.item(), np.generic):
        value = plain
    if value is None or (isinstance(value, str | bytes | bool | numbers.Number) and not isinstance(value, np.generic)):
        return repr(value)
    if id(value) in outer:
        return f"<{len(outer) - outer.index(id(value))} up>"
    inner = (*outer, id(value))
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        return _told_container(value, inner)
    if inspect.isclass(value):
        return _name(value) if _importable(value) else f"{_name(value)}:{_apart(value)}"
    if callable(value) and _importable(value):
        return _name(value)
    if isinstance(value, types.FunctionType | types.MethodType | types.BuiltinFunctionType | types.CodeType):
        return f"{_name(value)}:{_contents(value, inner)}"
    if isinstance(value, BaseEstimator) or callable(getattr(value, "get_params", None)):
        parameters = value.get_params(deep=False)
        inside = [f"{name}={_told_parameter(name, parameters[name], inner)}" for name in sorted(parameters)]
        return f"{_told(type(value), inner)}({', '.join(inside)})"
    return f"{_name(type(value))}:{_hashed(value, outer)}"


def _told_parameter(name: Any, value: Any, outer: _Outer) -> str:
    words = _told(value, outer)
    return digest(words) if isinstance(name, str) and name.endswith("backend_options") else words


def _told_container(value: Any, inner: _Outer) -> str:
    if isinstance(value, Mapping):
        entries = [f"{_told(key, inner)}: {_told_parameter(key, entry, inner)}" for key, entry in value.items()]
        return f"{{{', '.join(sorted(entries))}}}"
    entries = [_told(entry, inner) for entry in value]
    if isinstance(value, set | frozenset):
        return f"{{{', '.join(sorted(entries))}}}"
    return f"[{', '.join(entries)}]" if isinstance(value, list) else f"({', '.join(entries)})"


def _name(value: Any) -> str:
    return f"{getattr(value, '__module__', None)}.{getattr(value, '__qualname__', type(value).__qualname__)}"


def _importable(value: Any) -> bool:
    found = sys.modules.get(getattr(value, "__module__", None) or "")
    for part in getattr(value, "__qualname__", "").split("."):
        found = getattr(found, part, None)
    return found is value


def _contents(value: Any, inner: _Outer) -> str:
    """A digest of a function's code and all that it takes with it, of a method's function and object."""
    if isinstance(value, types.CodeType):
        parts: Iterable[Any] = (value.co_code, value.co_names, value.co_consts)
    elif isinstance(value, types.FunctionType):
        enclosed = [_enclosed(cell) for cell in value.__closure__ or ()]
        parts = (value.__code__, value.__defaults__, value.__kwdefaults__, enclosed)
    else:
        parts = (getattr(value, "__func__", None), value.__self__)
    return digest(" ".join(_told(part, inner) for part in parts))


def _enclosed(cell: types.CellType) -> tuple[Any, ...]:
    try:
        return (cell.cell_contents,)
    except ValueError:  # a name that has no value yet
        return ()


def _hashed(value: Any, outer: _Outer) -> str:
    try:
        return str(joblib.hash(value))
    except Exception:  # whatever a class's own pickling raises
        return _taken_apart(value, (*outer, id(value)))


def _taken_apart(value: Any, inner: _Outer) -> str:
    """A digest of the parts that pickle would store, each told in its own way."""
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        return digest(_told_container(value, inner))
    if isinstance(value, functools.partial):
        return digest(_told((value.func, value.args, value.keywords), inner))
    try:
        parts = value.__reduce_ex__(4)
    except Exception:  # whatever a class's own pickling raises
        return _apart(value)
    if isinstance(parts, str):  # the name of something that cannot be imported
        return _apart(value)
    return digest(_told([list(part) if hasattr(part, "__next__") else part for part in parts], inner))


def _apart(value: Any) -> str:
    """A name for this value alone."""
    reference, name = _names.get(id(value), (None, ""))
    if reference is None or reference() is not value:
        name = f"{_PROCESS}-{os.getpid()}-{next(_numbers)}"  # a forked process has the identifier of its parent
        _names[id(value)] = (_reference(value), name)
    return name


def _reference(value: Any) -> Callable[[], Any]:
    try:
        return weakref.ref(value)
    except TypeError:  # kept for good, so that nothing else gets its id
        return lambda: value
