"""Options without the ones that give access to something."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_SECRET = re.compile(r"token|secret|passw|api_?key|credential|authorization", re.IGNORECASE)
_IN_ADDRESS = re.compile(r"//[^/@\s]+@")


def without_secrets(options: Mapping[str, Any]) -> dict[str, Any]:
    """Drop options whose name says that they are secret, at any depth, and user names and passwords in addresses."""
    return {name: _open(value) for name, value in options.items() if not _SECRET.search(str(name))}


def _open(value: Any) -> Any:
    if isinstance(value, Mapping):
        return without_secrets(value)
    if isinstance(value, list | tuple):
        return [_open(one) for one in value]
    return _IN_ADDRESS.sub("//", value) if isinstance(value, str) else value
