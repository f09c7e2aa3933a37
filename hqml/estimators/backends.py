"""What an estimator has to know of its backend before it uses it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from hqml.backend import Capabilities
from hqml.dispatch import AnyBackend, opened
from hqml.errors import BackendError, ParameterError


def capabilities_of(backend: AnyBackend, options: Mapping[str, Any] | None) -> Capabilities:
    """What a backend can take, however it is given.

    Args:
        backend: as for `hqml.sample`.
        options: an estimator's `backend_options`; of a named backend some are for its constructor.

    Raises:
        BackendError: no such backend, or it cannot be loaded here.
        ParameterError: it is no backend at all.
    """
    found, _ = opened(backend, dict(options or {}))
    try:
        return found.capabilities
    finally:
        if isinstance(backend, str):
            found.close()


def seedable(backend: Any, options: Any) -> bool:
    """Whether the same seed gives the same samples; False where the backend cannot be used, which `fit` will tell."""
    try:
        if isinstance(backend, str):
            return _seedable_by_name(backend, tuple(sorted((options or {}).items())))
        return capabilities_of(backend, None).seedable
    except (BackendError, ParameterError, TypeError, AttributeError):  # the last two: options that are no options
        return False


@lru_cache(maxsize=64)
def _seedable_by_name(name: str, options: tuple[tuple[str, Any], ...]) -> bool:
    # Cached, since scikit-learn asks for tags at every check of its input.
    return capabilities_of(name, dict(options)).seedable
