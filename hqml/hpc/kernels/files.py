"""Kernels in Jupyter's folders: written whole, listed, tried, removed. Jupyter itself is not needed for it."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hqml.errors import FormatError, ParameterError
from hqml.files import replacing
from hqml.hpc import apptainer
from hqml.hpc.host import Host, LocalHost
from hqml.hpc.kernels.kernel import Kernel, script, specification
from hqml.hpc.said import last_line
from hqml.hpc.site import Site
from hqml.options import unlike
from hqml.untrusted import read_json

SCRIPT, SPECIFICATION, LOGO = "kernel.sh", "kernel.json", "logo-svg.svg"

_CHECK_SECONDS = 120.0
"""Loading a long list of modules from a busy file system takes its time."""

_DRAWING = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64">
  <rect width="64" height="64" rx="12" fill="#1b3a5c"/>
  <path d="M12 12h17v17h-17z M35 12h17v17h-17z M12 35h17v17h-17z" fill="#7fb2e5"/>
  <circle cx="43.5" cy="43.5" r="8.5" fill="#f5b942"/>
</svg>
"""
"""Modules of a machine, one of them another kind."""


@dataclass(frozen=True)
class Installed:
    """A kernel that hqml wrote.

    Attributes:
        name: of its folder.
        folder: where it is.
        display_name: as JupyterLab shows it.
        written: what it was made from: "version", "site", "on", "stage", "load", "venv", "container".
    """

    name: str
    folder: Path
    display_name: str
    written: dict[str, Any]


def kernels_folder(prefix: str | os.PathLike[str] | None = None) -> Path:
    """Where Jupyter looks for kernels: below a prefix, or the user's own.

    As jupyter_core.paths.jupyter_data_dir, version 5: JUPYTER_DATA_DIR, else ~/Library/Jupyter on macOS, else
    XDG_DATA_HOME or ~/.local/share.
    """
    if prefix is not None:
        return Path(prefix).expanduser().absolute() / "share" / "jupyter" / "kernels"
    given = os.environ.get("JUPYTER_DATA_DIR")
    if given:
        return Path(given).expanduser().absolute() / "kernels"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Jupyter" / "kernels"
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data).absolute() / "jupyter" / "kernels"


def install(kernel: Kernel, folder: Path) -> Installed:
    """Write a kernel into a folder of kernels; one of its name that hqml wrote is replaced.

    Raises:
        FormatError: somebody else's kernel has the name, or the folder cannot be written to.
    """
    place = folder / kernel.name
    if os.path.lexists(place) and _read(place) is None:
        raise FormatError(f"{place} is there, and hqml did not write it; choose another --name")
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FormatError(f"cannot make {place}: {error.strerror}; name a folder with --prefix") from error
    content = specification(kernel, str(place / SCRIPT))
    _write(place / SCRIPT, script(kernel), executable=True)
    _write(place / LOGO, _DRAWING)
    # Last: without it Jupyter sees no kernel.
    _write(place / SPECIFICATION, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return Installed(kernel.name, place, kernel.display_name, content["metadata"]["hqml"])


def installed(folder: Path) -> list[Installed]:
    """The kernels of a folder that hqml wrote, by name."""
    try:
        places = sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [found for place in places if (found := _read(place)) is not None]


def remove(name: str, folder: Path) -> Path:
    """Remove a kernel that hqml wrote. Files that somebody else put beside its own stay.

    Raises:
        ParameterError: there is none of this name, or hqml did not write it.
    """
    known = {one.name: one for one in installed(folder)}
    if name not in known:
        if (folder / name).exists() and name not in ("", ".", ".."):
            raise ParameterError(f"{folder / name} was not written by hqml; see `jupyter kernelspec remove`")
        raise ParameterError(f"there is no kernel {name!r} of hqml in {folder}{unlike(name, known)}")
    place = known[name].folder
    for file in (SPECIFICATION, SCRIPT, LOGO):
        (place / file).unlink(missing_ok=True)
    if not any(place.iterdir()):
        place.rmdir()
    return place


def can_check(kernel: Kernel, site: Site) -> bool:
    """Whether this machine has what the kernel starts in: its own, or the module system, or apptainer."""
    if site.scheduler == "none":
        return True
    if kernel.container is not None:
        return apptainer.found() is not None
    return any(name in os.environ for name in ("LMOD_CMD", "MODULESHOME"))


def check(kernel: Kernel, host: Host | None = None) -> None:
    """Do all that the kernel does but start it.

    Raises:
        ParameterError: it would not start; the message says why.
        HostError: there is no bash, or it took too long.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / SCRIPT
        path.write_text(script(kernel), encoding="utf-8")
        answer = (host or LocalHost()).run(["bash", str(path), "--check"], timeout=_CHECK_SECONDS)
    if answer.status:
        told = last_line(answer.err) or f"kernel.sh ends with {answer.status}"
        raise ParameterError(f"{told} (--no-check installs it all the same)")


def _read(place: Path) -> Installed | None:
    """A kernel that hqml wrote; None where it is another's."""
    if place.is_symlink():
        return None
    try:
        content = read_json((place / SPECIFICATION).read_bytes())
        written = content["metadata"]["hqml"]
        return Installed(place.name, place, str(content["display_name"]), dict(written))
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _write(path: Path, text: str, *, executable: bool = False) -> None:
    with replacing(path) as file:
        file.write(text.encode())
        if executable:
            mode = os.fstat(file.fileno()).st_mode
            os.fchmod(file.fileno(), mode | (mode & 0o444) >> 2)
