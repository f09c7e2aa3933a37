"""What of a folder is not sent to another machine: history, caches, environments, and what others must not read."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hqml.hpc.run import LOGS, MANIFEST, STATE
from hqml.hpc.said import some_of
from hqml.hpc.workflow import Workflow
from hqml.secrets import is_secret_file

PATTERNS = (
    *(".git", ".hg", ".svn", "__pycache__/", "*.pyc", ".ipynb_checkpoints/", ".mypy_cache/", ".pytest_cache/"),
    *(".ruff_cache/", ".tox/", "node_modules/", ".DS_Store", ".rsync-partial/"),
    *("*.run/logs/", "*.run/state/", "*.run/checkpoints/", "/checkpoints/"),
)
"""Of rsync, for every folder. The lower ones are what runs have made here: they are none of another machine's."""

_OF_RUN = tuple(f"/{name}/" for name in (LOGS, STATE, "checkpoints"))
"""Of rsync, for the folder of a run itself."""

_LARGEST_SECRET = 16 * 1024
"""Bytes. Larger private files are data: programs that write a file whole often leave it with mode 600."""


@dataclass(frozen=True)
class LeftOut:
    """What is not sent.

    Attributes:
        patterns: of rsync.
        notes: a line each on what somebody may miss there.
    """

    patterns: tuple[str, ...]
    notes: tuple[str, ...]


def left_out(folder: str | os.PathLike[str]) -> LeftOut:
    """Look through a folder for what is not to be sent."""
    root = Path(folder)
    all_private = _umask() & 0o077 == 0o077
    environments, secret, private, links = [], [], [], []
    for entry in _entries(root):
        path = os.path.relpath(entry.path, root)
        if entry.is_symlink():
            links += [path] if _leaves(entry, root) else []
        elif entry.is_dir():
            environments += [path] if _is_environment(entry) else []
        elif is_secret_file(entry.name):
            secret.append(path)
        elif _is_private(entry, all_private):
            private.append(path)
    is_run = (root / MANIFEST).is_file()
    made_here = ["checkpoints"] if (root / "checkpoints").is_dir() and not is_run else []
    notes = (
        _note(environments, "not sent: virtual environments ({}); make one there, and name it under `venv:`"),
        _note(secret, "not sent, since they hold secrets by their names: {}; rename what holds none"),
        _note(private, "not sent, since only you may read them: {}; if they are no secrets, chmod go+r them"),
        _note(made_here, "not sent: {}, which runs have made here"),
        _note(links, "sent as links, whose targets outside of the folder must be there as well: {}"),
    )
    exact = (f"/{_exactly(path)}" for path in (*environments, *secret, *private))
    return LeftOut((*PATTERNS, *(_OF_RUN if is_run else ()), *exact), tuple(note for note in notes if note))


def token_files(workflow: Workflow) -> tuple[str, ...]:
    """Patterns of rsync for the files with tokens that a workflow names within its folder."""
    root = os.path.dirname(os.path.abspath(workflow.path))
    used = (one.quantum for step in workflow.steps for one in step.components)
    named = {os.path.join(root, os.path.expanduser(use.token_file)) for use in used if use and use.token_file}
    inside = (os.path.relpath(path, root) for path in sorted(named))
    return tuple(f"/{_exactly(path)}" for path in inside if not path.startswith(".."))


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """All below a folder, but what is in folders that are not sent anyway."""
    try:
        found = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:  # rsync will tell
        return
    for entry in found:
        yield entry
        skipped = f"{entry.name}/" in PATTERNS or entry.name in PATTERNS
        if entry.is_dir(follow_symlinks=False) and not skipped and not _is_environment(entry):
            yield from _entries(Path(entry.path))


def _is_environment(entry: os.DirEntry[str]) -> bool:
    return os.path.exists(os.path.join(entry.path, "pyvenv.cfg")) or os.path.isdir(
        os.path.join(entry.path, "conda-meta")
    )


def _is_private(entry: os.DirEntry[str], all_private: bool) -> bool:
    """Whether nobody else may read a small file that is no program, where that means something."""
    found = entry.stat(follow_symlinks=False)
    if not stat.S_ISREG(found.st_mode):
        return False
    small = found.st_mode & 0o177 == 0 and 0 < found.st_size <= _LARGEST_SECRET
    return small and (not all_private or is_secret_file(entry.name, private=True))


def _leaves(link: os.DirEntry[str], root: Path) -> bool:
    target = os.readlink(link.path)
    inside = os.path.normpath(os.path.join(os.path.dirname(link.path), target))
    return os.path.isabs(target) or not Path(inside).is_relative_to(os.path.normpath(root))


def _umask() -> int:
    """Of this process; there is no other way to learn it than to set it."""
    found = os.umask(0o077)
    os.umask(found)
    return found


def _exactly(path: str) -> str:
    """A pattern of rsync that nothing but this path fits; a backslash escapes only where there is a wildcard."""
    return re.sub(r"([\\*?\[])", r"\\\1", path) if re.search(r"[*?\[]", path) else path


def _note(paths: Sequence[str], words: str) -> str:
    return words.format(some_of(paths)) if paths else ""
