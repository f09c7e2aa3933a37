"""Ask a host again and again, though it does not answer now and then: a busy Slurm, a network that is away."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from hqml.errors import HostError

Found = TypeVar("Found")


@dataclass
class Patience:
    """How long a host may give no answer.

    Attributes:
        tell: is told once, when it begins to give none.
        longest: seconds.
        since: second, by the monotonic clock, since which there is no answer.
    """

    tell: Callable[[str], None]
    longest: float = 600.0
    since: float | None = None

    def ask(self, question: Callable[[], Found]) -> Found | None:
        """The answer to a question; None: there is none for now.

        Raises:
            HostError: there has been none for too long.
        """
        try:
            found = question()
        except HostError as error:
            if self.since is None:
                self.since = time.monotonic()
                self.tell(f"{error}; asked again for {self.longest / 60:g} minutes")
            elif time.monotonic() - self.since > self.longest:
                raise
            return None
        self.since = None
        return found
