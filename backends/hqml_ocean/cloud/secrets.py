"""Keep tokens out of log records: Ocean's client writes its configuration and headers at level DEBUG and TRACE."""

from __future__ import annotations

import logging
import re
import traceback

from hqml.secrets import HIDDEN

NAMED = re.compile(r"""((?:X-Auth-Token|\btoken)['"]?\s*[:=]\s*['"])([^'"]+)""", re.IGNORECASE)
"""A token beside its name, as the client prints headers and configurations: so it is hidden before it is known, while
the configuration is read."""

_LOGGERS = ("dwave", "urllib3", "requests", "httpx", "httpcore")


class Redaction(logging.Filter):
    """Replaces secrets in whatever is logged."""

    def __init__(self) -> None:
        super().__init__()
        self._secrets: set[str] = set()

    def add(self, secret: str) -> None:
        self._secrets.add(secret)

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if (clean := self.cleaned(text)) != text:
            record.msg, record.args = clean, None
        if record.exc_info:
            told = "".join(traceback.format_exception(*record.exc_info))
            if self.cleaned(told) != told:  # handlers would format the exception again
                record.exc_info, record.exc_text = None, self.cleaned(told)
        return True

    def cleaned(self, text: str) -> str:
        """The text without any secret that is known, or that stands beside its name."""
        for secret in tuple(self._secrets):
            text = text.replace(secret, HIDDEN)
        return NAMED.sub(rf"\1{HIDDEN}", text)


_redaction = Redaction()
"""One for the process: a secret that was used once stays hidden."""


def guard() -> None:
    """Let no token into the log records of Ocean's client, and of what it speaks through.

    A filter acts on the logger it is on, not on those below, so each one has it; those of the client exist once it is
    imported, which is lazy.
    """
    from dwave.cloud import Client, api  # noqa: F401 - their loggers are made when they are imported

    for name in list(logging.root.manager.loggerDict):
        if name.split(".")[0] in _LOGGERS:
            logging.getLogger(name).addFilter(_redaction)


def hide(secret: str) -> None:
    """Keep a secret out of log records, wherever in them it is."""
    _redaction.add(secret)


def cleaned(text: str) -> str:
    """The text without any secret that is known, or that stands beside its name."""
    return _redaction.cleaned(text)
