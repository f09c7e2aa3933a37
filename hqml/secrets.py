"""What gives access to something: told by names of options, variables and files, and left out or hidden."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

WORDS = "token|secret|passw|api[_-]?key|credential|authorization|^sshpass$|_pwd$|_pat$"
"""Regular expression, of Python as of bash, for names whose value gives access; PWD, OLDPWD and PATH are none."""

_WORDS = WORDS.replace("token", "token(?!i[sz])").replace("^", r"\b").replace("$", "(?==)")
_SECRET = re.compile(WORDS, re.IGNORECASE)
_COUNTED = re.compile(r"tokeni[sz]|(?:max|min|num|n|new)_(?:new_)?tokens", re.IGNORECASE)
"""Tokens of language models, as in TOKENIZERS_PARALLELISM: they open nothing."""

_ARGUMENT = re.compile(r"(?:^|_)(?:token|secret|password|passwd|pwd|api_?key|credentials?)$", re.IGNORECASE)

_ASSIGNED = re.compile(rf"(\w*(?:{_WORDS})\w*=)(?:\"[^\"]*\"|'[^']*'|['\"]?[^\s'\"&]+)", re.IGNORECASE)
"""token=..., of a command line or of the query of an address."""

_FILES = re.compile(
    r"\.env|\.netrc|\.pgpass|dwave\.conf|id_(?:rsa|dsa|ecdsa|ed25519)(?:_sk)?|(?:token|secret|password|credential)s?\.json|"
    r"(?:\.?[\w-]*[._-])?(?:token|secret|password|credential)s?(?:\.(?:txt|ya?ml|toml|ini|conf|env))?|.*\.key",
    re.IGNORECASE,
)
"""added_tokens.json and special_tokens_map.json are of language models."""

_LIKELY_FILES = re.compile(
    r"(?:.*[._-])?(?:tokens?|secrets?|passwords?|credentials?)(?:[._-].*)?|.*\.(?:pem|key)", re.IGNORECASE
)

_PASSWORD = re.compile(r"//[^/?#\s:@]+:[^/?#\s@]+@")

_IN_ADDRESS = re.compile(r"//[^/?#\s]+@")

_SHORTEST = 6
"""Characters of a value that is looked for in texts: a shorter one is part of too many words."""

HIDDEN = "(hidden)"


def is_secret_name(name: str) -> bool:
    """Whether the name of an option or a variable says that its value gives access to something."""
    return _SECRET.search(_COUNTED.sub("", name)) is not None


def is_secret_argument(name: str) -> bool:
    """Whether an argument of a function is a secret itself; token_type and token_file are none."""
    return _ARGUMENT.search(name) is not None


def is_secret_file(name: str, *, private: bool = False) -> bool:
    """Whether the name of a file says that it holds secrets.

    Args:
        name: without its folder.
        private: nobody but the owner may read it, so that less tells.
    """
    return bool(_FILES.fullmatch(name) or (private and _LIKELY_FILES.fullmatch(name)))


def has_password(text: str) -> bool:
    """Whether an address in the text says a user and a password."""
    return _PASSWORD.search(text) is not None


def without_secrets(options: Mapping[str, Any]) -> dict[str, Any]:
    """Drop options whose name says that they are secret, at any depth, and what is secret in addresses."""
    return {name: _open(value) for name, value in options.items() if not is_secret_name(str(name))}


def _open(value: Any) -> Any:
    if isinstance(value, Mapping):
        return without_secrets(value)
    if isinstance(value, list | tuple):
        return [_open(one) for one in value]
    return _without_assigned(value) if isinstance(value, str) else value


class Discreet(dict[str, Any]):
    """Options that print without what gives access to something; otherwise a dict as any."""

    def __repr__(self) -> str:
        told = without_secrets(self)
        return repr({name: told.get(name, HIDDEN) for name in self})


def discreet(options: Any) -> Any:
    """The options themselves where nothing in them is secret."""
    if not isinstance(options, Mapping) or without_secrets(options) == _listed(options):
        return options
    return Discreet(options)


def _listed(value: Any) -> Any:
    """With lists for tuples, as `without_secrets` has them."""
    if isinstance(value, Mapping):
        return {name: _listed(one) for name, one in value.items()}
    return [_listed(one) for one in value] if isinstance(value, list | tuple) else value


def scrubbed(text: str, options: Mapping[str, Any] | None = None) -> str:
    """A text without the secrets that can be in it: those of the options, and those of the environment.

    Args:
        text: an error, a warning, a command line.
        options: of a backend, with the secrets.
    """
    for secret in sorted({*_secrets(options or {}), *_secrets(os.environ)}, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return _without_assigned(text)


def cleaned(value: Any) -> Any:
    """Plain data without what is secret by its name, and without the values of the environment's secrets."""
    if isinstance(value, Mapping):
        return {name: cleaned(one) for name, one in value.items() if not is_secret_name(str(name))}
    if isinstance(value, list | tuple):
        return [cleaned(one) for one in value]
    return scrubbed(value) if isinstance(value, str) else value


def _without_assigned(text: str) -> str:
    """Without user names and passwords in addresses, and whatever is assigned to a name that says so; however short."""
    return _ASSIGNED.sub(rf"\g<1>{HIDDEN}", _IN_ADDRESS.sub("//", text))


def _secrets(value: Any, *, secret: bool = False) -> Iterator[str]:
    """Values whose name, or that of what they are in, says that they are secret, at any depth."""
    if isinstance(value, Mapping):
        for name, one in value.items():
            yield from _secrets(one, secret=secret or is_secret_name(str(name)))
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _secrets(one, secret=secret)
    elif secret and len(str(value)) >= _SHORTEST:
        yield str(value)
