"""Options without the ones that give access to something."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

_NAMES = r"(?:token(?!i[sz])|secret|passw|api_?key|credential|authorization)"
_SECRET = re.compile(_NAMES, re.IGNORECASE)
_ASSIGNED = re.compile(rf"(\w*{_NAMES}\w*=)(?:\"[^\"]*\"|'[^']*'|['\"]?[^\s'\"&]+)", re.IGNORECASE)
"""token=..., of a command line or of the query of an address."""

_IN_ADDRESS = re.compile(r"//[^/?#\s]+@")

_SHORTEST = 6
"""Characters of a value that is looked for in texts: a shorter one is part of too many words."""

HIDDEN = "(hidden)"


def without_secrets(options: Mapping[str, Any]) -> dict[str, Any]:
    """Drop options whose name says that they are secret, at any depth, and what is secret in addresses."""
    return {name: _open(value) for name, value in options.items() if not _SECRET.search(str(name))}


def _open(value: Any) -> Any:
    if isinstance(value, Mapping):
        return without_secrets(value)
    if isinstance(value, list | tuple):
        return [_open(one) for one in value]
    return _without_assigned(value) if isinstance(value, str) else value


def scrubbed(text: str, options: Mapping[str, Any] | None = None) -> str:
    """A text without the secrets that can be in it: those of the options, and those of the environment.

    Args:
        text: an error, a warning, a command line.
        options: of a backend, with the secrets.
    """
    for secret in sorted({*_secrets(options or {}), *_secrets(os.environ)}, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return _without_assigned(text)


def _without_assigned(text: str) -> str:
    """Without user names and passwords in addresses, and whatever is assigned to a name that says so; however short."""
    return _ASSIGNED.sub(rf"\g<1>{HIDDEN}", _IN_ADDRESS.sub("//", text))


def _secrets(value: Any, *, secret: bool = False) -> Iterator[str]:
    """Values whose name, or that of what they are in, says that they are secret, at any depth."""
    if isinstance(value, Mapping):
        for name, one in value.items():
            yield from _secrets(one, secret=secret or bool(_SECRET.search(str(name))))
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _secrets(one, secret=secret)
    elif secret and len(str(value)) >= _SHORTEST:
        yield str(value)
