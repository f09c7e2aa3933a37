"""Turn bad parameters and bad data into errors of ours, one clear line each."""

from __future__ import annotations

import numbers
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sklearn.utils import check_random_state

from hqml.errors import DataError, ParameterError


class DataTypeError(DataError, TypeError):
    """The input has a type that no number can be made of; scikit-learn raises TypeError here."""


@contextmanager
def data_errors() -> Iterator[None]:
    """Give scikit-learn's complaints about data our type; the text stays."""
    try:
        yield
    except TypeError as error:
        raise DataTypeError(str(error)) from error
    except ValueError as error:
        raise DataError(str(error)) from error


def seed_of(random_state: Any) -> int:
    """One whole number that stands for a random_state: itself, or one drawn from a generator or from chance."""
    try:
        generator = check_random_state(random_state)
    except ValueError as error:
        raise ParameterError(f"random_state cannot be used: {error}") from error
    if isinstance(random_state, numbers.Integral):
        return int(random_state)
    return int(generator.randint(2**31 - 1))
