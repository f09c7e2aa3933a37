"""Which modules cannot be loaded together: they begin with different compilers or MPIs, or are two versions of one.

Lmod would silently replace the first of them by the second, Environment Modules refuse the second.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from hqml.hpc.software.names import implementation

_COMPILERS = {
    "gcc": "gcc",
    "gcc-native": "gcc",  # as Cray calls the one of the operating system
    "nvhpc": "nvhpc",
    "intel": "intel",
    "intel-compilers": "intel",
    "intel-oneapi-compilers": "intel",
    "iccifort": "intel",
    "aocc": "aocc",
}
_ENVIRONMENTS = ("prgenv-", "cpe")
"""Cray's, which load a compiler: PrgEnv-gnu; and cpeGNU, as the EasyBuild toolchains of LUMI are called."""

_TOOLCHAINS = {
    "gfbf": ("gcc", ""),
    "gompi": ("gcc", "openmpi"),
    "foss": ("gcc", "openmpi"),
    "gomkl": ("gcc", "openmpi"),
    "iimkl": ("intel", ""),
    "iimpi": ("intel", "impi"),
    "intel": ("intel", "impi"),
}
"""Compiler and MPI of EasyBuild's toolchains."""

_GCC_OF = {
    "2020a": "9.3.0",
    "2020b": "10.2.0",
    "2021a": "10.3.0",
    "2021b": "11.2.0",
    "2022a": "11.3.0",
    "2022b": "12.2.0",
    "2023a": "12.3.0",
    "2023b": "13.2.0",
    "2024a": "13.3.0",
    "2025a": "14.2.0",
}
"""GCC of EasyBuild's common toolchains: docs.easybuild.io/common-toolchains (to 2022a), then gompi-*.eb of
easybuild-easyconfigs; read 2026-11-26. Their MPIs are left out, because sites change those."""


@dataclass(frozen=True)
class Clash:
    """Two modules that do not go together."""

    first: str
    second: str

    def __str__(self) -> str:
        return f"{self.first} against {self.second}"


Traits = Mapping[str, tuple[str, str]]
"""What a load sequence fixes: for "compiler", "mpi" or the name of a module the value, and the module that says so."""


@lru_cache(maxsize=10_000)
def traits(load: tuple[str, ...]) -> Traits:
    """What a sequence of modules fixes for all that are loaded with it."""
    fixed: dict[str, tuple[str, str]] = {}
    for module in load:
        for name, version in _named(module):
            for key, value in _traits(name, version):
                fixed.setdefault(key, (value, module))
    return fixed


def clash(first: Traits, second: Traits) -> Clash | None:
    """What keeps two sequences from being loaded together; None: nothing that their names tell."""
    for key, (value, module) in second.items():
        if key in first and not _same(first[key][0], value):
            return Clash(first[key][1], module)
    return None


def module_name(module: str) -> str:
    """The name in the argument of `module load`: what is before a number, or before the last slash where none is."""
    parts = module.split("/")
    numbers = [at for at, part in enumerate(parts) if at and re.match(r"[.vV]?\d", part)]
    return "/".join(parts[: numbers[0]] if numbers else parts[:-1]) or module


def _named(module: str) -> Iterator[tuple[str, str]]:
    """The module itself, and those that its version names: PyTorch/2.1.2-foss-2023a-CUDA-12.1.1 has three."""
    name = module_name(module)
    version = module[len(name) + 1 :].lstrip(".")  # .12.3.0 is a hidden 12.3.0
    inside = re.findall(r"-([A-Za-z][A-Za-z_]*(?:-[A-Za-z][A-Za-z_]*)*)-(\d[\w.]*)", f"-{version}")
    yield name.rpartition("/")[2].lower(), re.split(r"-(?=[A-Za-z])", version)[0]
    yield from ((other.lower(), number) for other, number in inside)


def _traits(name: str, version: str) -> Iterator[tuple[str, str]]:
    if version:
        yield f"module {name}", version
    if version in _GCC_OF and name in _TOOLCHAINS:
        compiler, mpi = _TOOLCHAINS[name]
        yield "version of gcc", _GCC_OF[version]  # Intel's compilers have one beneath them
        yield "compiler", compiler
        if mpi:
            yield "mpi", mpi
    elif name in _COMPILERS:
        yield "compiler", _COMPILERS[name]
    if name in ("gcc", "gcccore") and version:
        yield "version of gcc", version
    if mpi := implementation(name):
        yield "mpi", mpi
    for prefix in _ENVIRONMENTS:
        if name.startswith(prefix):
            yield "environment", name.removeprefix(prefix)


def _same(first: str, second: str) -> bool:
    """Whether two versions may be one: CUDA/12 is what another module calls CUDA-12.1.1."""
    short, long = sorted((first, second), key=len)
    return long == short or long.startswith((f"{short}.", f"{short}-"))
