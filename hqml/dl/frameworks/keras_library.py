"""Keras, imported when first needed, on torch unless something else was chosen."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from hqml.libraries import library


def keras() -> Any:
    """The library.

    Keras reads its backend when it is imported: of KERAS_BACKEND, or of a file that it has written itself, with
    TensorFlow in it. Where that is not installed, it takes torch, which hqml[dl] brings.

    Raises:
        LibraryMissing: it is not installed.
    """
    if find_spec("tensorflow") is None:
        os.environ.setdefault("KERAS_BACKEND", "torch")
    return library("keras", "a task of framework keras", "keras")


@contextmanager
def quiet() -> Iterator[None]:
    """Without what Keras, its backend and numpy think of each other: warnings that no user can do anything about."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="__array__ implementation", category=DeprecationWarning)
        warnings.filterwarnings("ignore", module=r"keras\.|torch\.")
        yield
