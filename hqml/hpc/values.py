"""Values that workflow files and site files share: from what is written to what is meant, or one line of what is wrong.

Messages are those of `hqml.specs`, which says the place before them.
"""

from __future__ import annotations

import re
from typing import Any

from hqml.errors import ParameterError
from hqml.hpc.quoting import as_text
from hqml.hpc.shell_names import instead_of
from hqml.options import is_finite
from hqml.secrets import has_password

WORD = re.compile(r"[A-Za-z0-9_.+=:,/@%~-]+")
"""What stands in a command line as it is: modules of software, options."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]*", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]")
_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]*)://[^\s\"'<>\\$`]+", re.ASCII)


def word(text: str) -> str:
    """An account, a partition, a module of the machine: what may stand in a line of #SBATCH.

    Raises:
        ParameterError: it cannot, as for all values here.
    """
    if not _NAME.fullmatch(text):
        raise ParameterError(f"must be one word of letters, digits and . _ - + @, found {text!r:.60}")
    return text


def shell_word(text: str) -> str:
    """A word of a command line that needs no quotes: GCC/12.3.0, --cpu-bind=none."""
    if not WORD.fullmatch(text):
        raise ParameterError(f"must be one word of letters, digits and _.+=:,/@%~-, found {text!r:.60}")
    return text


def line(text: str) -> str:
    """Text without line breaks."""
    if "\n" in text:
        raise ParameterError("must be one line")
    return plain_text(text)


def plain_text(text: str) -> str:
    """Text that is not empty and that a terminal can show."""
    if not text.strip():
        raise ParameterError("is empty")
    check_characters(text)
    return text.strip()


def check_characters(text: str) -> None:
    """Refuse what a terminal cannot show."""
    if _CONTROL.search(text):
        raise ParameterError("holds a control character; write plain text")


def unquoted(value: Any) -> Any:
    """`stage: 2024` is meant as "2024"; of 24.10, which is 24.1, nobody can tell."""
    if isinstance(value, float):
        raise ParameterError(f"must be text; write it in quotes, e.g. '{value}': a number may have lost a 0 at its end")
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def scalar(value: Any) -> Any:
    """A value that a variable of the shell can have."""
    if isinstance(value, str):
        check_characters(value)
    elif not isinstance(value, int | float) or not is_finite(value):
        shown = "nothing; write '' for an empty one" if value is None else repr(value)[:60]
        raise ParameterError(f"must be text, a number, true or false, found {shown}")
    return value


def environment_value(value: Any) -> str:
    """The text of a variable: true, not True."""
    text = as_text(scalar(value))
    if has_password(text):
        raise ParameterError(f"an address with a password; {instead_of('NAME')}")
    return text


def address(text: str, *schemes: str) -> str:
    """An address without anything that gives access to it.

    Args:
        text: of it.
        schemes: that it may have; without any, all.
    """
    found = _ADDRESS.fullmatch(text)
    if not found or (schemes and found[1] not in schemes):
        begins = " or ".join(f"{one}://" for one in schemes) or "a scheme such as https://"
        raise ParameterError(f"must be an address that begins with {begins}, found {text!r:.60}")
    if "@" in text.split("/")[2]:
        raise ParameterError("must not say a user or a password; the token comes from token_file")
    return text


def gateway(text: str) -> str:
    """The address of a quantum service."""
    return address(text, "http", "https")
