"""Options without the ones that give access to something."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

_SECRET = re.compile(r"token|secret|passw|api_?key|credential|authorization", re.IGNORECASE)
_IN_ADDRESS = re.compile(r"//[^/@\s]+@")

_SHORTEST = 6
"""Characters of a value that is looked for in texts: a shorter one is part of too many words."""

HIDDEN = "(hidden)"


def without_secrets(options: Mapping[str, Any]) -> dict[str, Any]:
    """Drop options whose name says that they are secret, at any depth, and user names and passwords in addresses."""
    return {name: _open(value) for name, value in options.items() if not _SECRET.search(str(name))}


def _open(value: Any) -> Any:
    if isinstance(value, Mapping):
        return without_secrets(value)
    if isinstance(value, list | tuple):
        return [_open(one) for one in value]
    return _IN_ADDRESS.sub("//", value) if isinstance(value, str) else value


def scrubbed(text: str, options: Mapping[str, Any] | None = None) -> str:
    """A text without the secrets that can be in it: those of the options, and those of the environment.

    Args:
        text: an error, a warning, a command line.
        options: of a backend, with the secrets.
    """
    for secret in sorted({*_secrets(options or {}), *_secrets(os.environ)}, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return _IN_ADDRESS.sub("//", text)


def _secrets(options: Mapping[str, Any]) -> Iterator[str]:
    """Values whose name says that they are secret, at any depth."""
    for name, value in options.items():
        if isinstance(value, Mapping):
            yield from _secrets(value)
        elif _SECRET.search(str(name)) and len(str(value)) >= _SHORTEST:
            yield str(value)
