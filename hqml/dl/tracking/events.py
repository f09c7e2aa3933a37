"""What a tool is told, one event at a time; as a line of text it crosses to another process, or waits on disk."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

from hqml.untrusted import read_json

Kind: TypeAlias = Literal["parameters", "metrics", "model", "end"]


@dataclass(frozen=True)
class Event:
    """One thing that happened in a run.

    Attributes:
        kind: parameters: `values`, {name: text}; metrics: `values`, {name: number}, and `step`; model: `path`, `name`
            and `values`, {name: text}, that its version is marked with; end: `status`.
        content: by these names.
        time: when, in seconds since 1970.
    """

    kind: Kind
    content: Mapping[str, Any]
    time: float = field(default_factory=time.time)

    def line(self) -> str:
        """The event as JSON on one line, with Python's NaN and Infinity."""
        return json.dumps(asdict(self))

    @classmethod
    def of_line(cls, line: str | bytes) -> Event:
        """
        Raises:
            ValueError, TypeError: it is none.
        """
        return cls(**read_json(line))


class Tool(Protocol):
    """One run of a tracking tool.

    Attributes:
        run: its identity, by which it is gone on with.
    """

    @property
    def run(self) -> str: ...

    def tell(self, event: Event) -> str:
        """Pass an event on; of a model, where it is found again, else "".

        Raises:
            HqmlError: it is wrong in itself, and will not be taken later either.
            ServiceError: the tool does not take it now.
        """
        ...

    def close(self) -> None:
        """Let go of connections; the run goes on, unless it was told its end."""
        ...
