"""What the folder of a run remembers of its tracking: which run it is, and what the tool has not taken yet."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hqml.dl.tracking.events import Event
from hqml.dl.tracking.tools import Place
from hqml.errors import FormatError
from hqml.files import keep
from hqml.secrets import scrubbed
from hqml.untrusted import read_json


@dataclass(frozen=True)
class Memory:
    """The files of a folder; without a folder, nothing.

    Attributes:
        folder: of the results.
    """

    folder: Path | None

    @property
    def waiting(self) -> Path | None:
        """The file of events that the tool has not taken, oldest first."""
        return None if self.folder is None else self.folder / "tracking_waiting.jsonl"

    @property
    def _run_file(self) -> Path | None:
        return None if self.folder is None else self.folder / "tracking.json"

    def run(self, place: Place | None = None) -> tuple[Place, str] | None:
        """The run of this folder, and where it is.

        Args:
            place: where it has to be; None: wherever it is.

        Raises:
            FormatError: the file is damaged.
        """
        if self._run_file is None or not self._run_file.exists():
            return None
        try:
            content = read_json(self._run_file.read_bytes())
            run = str(content.pop("run"))
            found = Place(**content)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise FormatError(
                f"{self._run_file}: is damaged ({error}); remove it, and tracking begins a new run"
            ) from error
        return (found, run) if place is None or found == _without_password(place) else None

    def remember(self, place: Place, run: str) -> None:
        """Note which run it is; the password of an address is not noted.

        Raises:
            FormatError: the folder cannot be written.
        """
        if self._run_file is not None:
            keep(self._run_file, (json.dumps({**vars(_without_password(place)), "run": run}) + "\n").encode())

    def path_of(self, path: Path) -> str:
        """How an event names a file: by its place in the folder, which may be moved before the event is sent."""
        if self.folder is not None and path.absolute().is_relative_to(self.folder.absolute()):
            return str(path.absolute().relative_to(self.folder.absolute()))
        return str(path.absolute())

    def placed(self, event: Event) -> Event:
        """An event with the path of its file as it is now."""
        if self.folder is None or "path" not in event.content:
            return event
        return replace(event, content={**event.content, "path": str(self.folder / event.content["path"])})

    def events(self) -> list[Event]:
        """What waits from an earlier process; a line that a crash has cut off is left out."""
        if self.waiting is None or not self.waiting.exists():
            return []
        found = []
        for line in self.waiting.read_bytes().splitlines():
            try:
                found.append(Event.of_line(line))
            except (ValueError, TypeError):
                continue
        return found

    def add(self, event: Event) -> None:
        """Put an event at the end of those that wait."""
        if self.waiting is not None:
            with open(self.waiting, "a") as file:
                file.write(event.line() + "\n")

    def put(self, events: Sequence[Event]) -> None:
        """These wait, and no others."""
        if self.waiting is None:
            return
        if events:
            keep(self.waiting, "".join(f"{event.line()}\n" for event in events).encode())
        else:
            self.waiting.unlink(missing_ok=True)


def _without_password(place: Place) -> Place:
    uri = None if place.uri is None else scrubbed(place.uri)
    return Place(place.tool, uri, place.experiment, place.title, place.offline)
