"""Checks of parameters, shared by dispatch, backends and estimators: the value, or one line of what is wrong."""

from __future__ import annotations

import difflib
import math
import numbers
from collections.abc import Iterable, Sequence
from typing import Any

from hqml.errors import ParameterError


def whole_number(name: str, value: Any, *, least: int = 1) -> int:
    """The value of a parameter that counts something; numpy's integers will do.

    Raises:
        ParameterError: it is not a whole number, or below `least`.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or int(value) < least:
        raise ParameterError(f"{name} must be a whole number of at least {least}, found {value!r}")
    return int(value)


def finite_number(
    name: str, value: Any, *, least: float = -math.inf, above: float = -math.inf, unit: str = ""
) -> float:
    """The value of a parameter that measures something.

    Raises:
        ParameterError: it is not a finite number, below `least`, or not more than `above`.
    """
    if not _is_real(value) or not is_finite(value) or value < least or value <= above:
        of = f" of {unit}" if unit else ""
        bounds = f" above {above:g}" if above > -math.inf else f" of at least {least:g}" if least > -math.inf else ""
        raise ParameterError(f"{name} must be a finite number{of}{bounds}, found {value!r:.60}")
    return float(value)


def is_finite(value: Any) -> bool:
    """As `math.isfinite`, which fails on a whole number that float64 does not reach."""
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def no_less(value: float) -> str:
    """A number in three digits, rounded up: whoever grants what is written grants enough."""
    return f"{value * 1.005:.3g}" if float(f"{value:.3g}") < value else f"{value:.3g}"


def one_of(name: str, value: Any, choices: Sequence[str]) -> str:
    """The value of a parameter that names a choice.

    Raises:
        ParameterError: it is none of the choices.
    """
    if not isinstance(value, str) or value not in choices:
        raise ParameterError(f"{name} must be one of {', '.join(map(repr, choices))}, found {value!r}")
    return value


def unlike(name: str, known: Iterable[str]) -> str:
    """The end of a message on a name that is not known: the one that was meant, if it is clear, else all there are."""
    names = [str(one) for one in known]
    near = difflib.get_close_matches(str(name), names, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are: {', '.join(names) or 'none'}"


def inverse_temperatures(beta_range: Any) -> tuple[float, float]:
    """The hot and the cold end of `beta_range=`, in units of 1 / energy.

    Raises:
        ParameterError: not two numbers above 0, the hot end (the smaller) first.
    """
    try:
        hot, cold = beta_range
    except (TypeError, ValueError):
        hot = cold = None
    if not (_is_real(hot) and _is_real(cold) and 0 < float(hot) <= float(cold) < math.inf):
        raise ParameterError(
            f"beta_range must be two inverse temperatures (hot, cold) with 0 < hot <= cold, found {beta_range!r}"
        )
    return float(hot), float(cold)


def _is_real(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
