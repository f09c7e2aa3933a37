"""Opening a study in an Optuna storage: a file, or a database that others may be making at the same moment."""

from __future__ import annotations

import os
import re
import time
from typing import Any

from hqml.errors import FormatError

_TRIES = 6
"""A database that several processes make at once fails in all but one of them; so often it is opened ..."""

_FIRST_WAIT = 0.2
"""... with so many seconds before the second time, and twice as many before each later one."""


def opened(library: Any, storage: str | os.PathLike[str], study_name: str, *, direction: str = "maximize") -> Any:
    """Open a study of `storage` (URL of a database, or path of a file), or make it.

    Raises:
        FormatError: it cannot be opened.
    """
    place = os.fspath(storage)
    tries = _TRIES if "://" in place else 1
    for number in range(tries):
        try:
            return _study(library, place, study_name, direction)
        except Exception as error:  # whatever a database, a file system or SQLAlchemy raises
            said = _without_password(str(error))
            if number == tries - 1 or isinstance(error, ImportError):
                break
        time.sleep(_FIRST_WAIT * 2**number)
    # Not raised from the error, which may show the password.
    raise FormatError(
        f"storage {_without_password(place)!r} cannot be opened: {said}; "
        "give the path of a file, or a URL such as sqlite:///search.db"
    )


def _study(library: Any, place: str, study_name: str, direction: str) -> Any:
    kept: Any = place
    if "://" not in place:
        kept = library.storages.JournalStorage(library.storages.journal.JournalFileBackend(place))
    # Its own sampler is never asked; the default one would warn of what it cannot do.
    sampler = library.samplers.RandomSampler(seed=0)
    return library.create_study(
        storage=kept, study_name=study_name, direction=direction, load_if_exists=True, sampler=sampler
    )


def _without_password(text: str) -> str:
    """The text, without who logs in at the URLs in it; a password may have the characters / and @ itself."""
    return re.sub(r"://[^\s:/@]*(:\S*)?@", "://", text)
