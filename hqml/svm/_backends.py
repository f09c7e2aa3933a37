"""What an estimator has to know of its backend before it uses it."""

from __future__ import annotations

from functools import cache
from typing import Any

from dimod.core.sampler import Sampler

from hqml.adapters import SamplerBackend
from hqml.backend import Backend, Capabilities
from hqml.dispatch import AnyBackend
from hqml.errors import BackendError, ParameterError
from hqml.registry import load_backend


def capabilities_of(backend: AnyBackend) -> Capabilities:
    """What a backend can take, however it is given.

    Raises:
        BackendError: no such backend, or it cannot be loaded here.
        ParameterError: it is no backend at all.
    """
    if isinstance(backend, str):
        opened = load_backend(backend)
        try:
            return opened.capabilities
        finally:
            opened.close()
    if isinstance(backend, Backend):
        return backend.capabilities
    if isinstance(backend, Sampler):
        return SamplerBackend(backend).capabilities
    raise ParameterError(f"backend must be a name, a Backend or a dimod.Sampler, found {type(backend).__name__}")


def seedable(backend: Any) -> bool:
    """Whether the same seed gives the same samples; False where the backend cannot be used, which `fit` will tell."""
    try:
        return _seedable_by_name(backend) if isinstance(backend, str) else capabilities_of(backend).seedable
    except (BackendError, ParameterError):
        return False


@cache
def _seedable_by_name(name: str) -> bool:
    # Cached, since scikit-learn asks for tags at every check of its input.
    return capabilities_of(name).seedable
