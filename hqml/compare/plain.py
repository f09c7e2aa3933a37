"""Plain data: what JSON has a word for, and nothing that gives access to something."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from hqml.secrets import without_secrets


def as_plain(value: Any) -> Any:
    """As JSON has it; None for what it has no word for."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(name): as_plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [as_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, bool | int | float | str) else None


def plain_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Without secrets; an object by the name of its class."""
    own = without_secrets(options)
    plain = {name: as_plain(value) for name, value in own.items()}
    return {
        name: type(value).__name__ if plain[name] is None and value is not None else plain[name]
        for name, value in own.items()
    }
