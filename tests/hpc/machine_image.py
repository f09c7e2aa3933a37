"""A base image without a hub: the Python that runs the tests, with the packages of hqml, and what it needs of this
machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

from hqml.hpc.containers.pins import installed_pins

TOOLS = ("bash", "cat", "mkdir", "sha256sum", "sleep")
_UNUSED = ("test", "tests", "idlelib", "site-packages", "__pycache__", "lib2to3", "turtledemo", "tkinter")


def small(folder: Path) -> None:
    """A shell and a few tools."""
    (folder / "bin").mkdir(parents=True)
    found = [Path(str(shutil.which(name))) for name in TOOLS]
    for tool in found:
        shutil.copy(tool, folder / "bin" / tool.name)
    (folder / "bin" / "sh").symlink_to("bash")
    _copy_libraries(found, folder)


def with_python(folder: Path, *packages: str) -> None:
    """The same with Python, and with packages and what they need."""
    small(folder)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    (folder / "usr" / "bin").mkdir(parents=True)
    python = Path(os.path.realpath(sys.executable))
    shutil.copy(python, folder / "usr" / "bin" / version)
    (folder / "usr" / "bin" / "python3").symlink_to(version)
    library, here = folder / "usr" / "lib" / version, Path(sys.base_prefix) / "lib" / version
    _copy_tree(here, library, shutil.ignore_patterns(*_UNUSED))
    site = library / "site-packages"
    for name in installed_pins(packages):
        _copy_package(name, site)
    objects = [
        python,
        *here.glob("lib-dynload/*.so"),
        *site.glob("zmq/backend/**/*.so"),
        *site.glob("llvmlite/**/*.so"),
    ]
    _copy_libraries(objects, folder)


def _copy_package(name: str, site: Path) -> None:
    """Folders and files of a distribution; a link costs nothing."""
    found = distribution(name)
    home = Path(str(found.locate_file(""))).resolve()
    for top in {file.parts[0] for file in found.files or () if file.parts[0] not in ("..", "__pycache__")}:
        source = home / top
        if source.is_dir():
            _copy_tree(source, site / top, shutil.ignore_patterns("__pycache__", "tests"))
        elif source.is_file():
            site.mkdir(parents=True, exist_ok=True)
            _link(source, site / top)


def _copy_tree(source: Path, target: Path, ignore: object) -> None:
    shutil.copytree(source, target, ignore=ignore, copy_function=_link, dirs_exist_ok=True)  # type: ignore[arg-type]


def _link(source: str | Path, target: str | Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or it is there
        shutil.copy2(source, target)


def _copy_libraries(programs: list[Path], folder: Path) -> None:
    """Shared libraries of this machine, each where the loader looks without being told."""
    said = subprocess.run(["ldd", *programs], capture_output=True, text=True, check=False).stdout
    for line in said.splitlines():
        path = next((word for word in line.split() if word.startswith("/") and not word.endswith(":")), None)
        if path is None or not os.path.isfile(path) or "site-packages" in path or str(folder) in path:
            continue
        where = folder / (path[1:] if "/ld-" in path else f"lib/{Path(path).name}")
        where.parent.mkdir(parents=True, exist_ok=True)
        if not where.exists():
            shutil.copy(os.path.realpath(path), where)
