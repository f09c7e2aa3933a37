"""What sites call the software that needs name: PyTorch is torch, psmpi is mpi; and what no wheel can bring."""

from __future__ import annotations

import re
from dataclasses import dataclass

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version


@dataclass(frozen=True)
class Known:
    """Software that sites call otherwise than needs do, or that a venv cannot hold.

    Attributes:
        need: what needs call it.
        modules: what sites call it, lower case; the one that most have first.
        reason: why these and no others.
        only_site: why pip cannot bring it; "" where a wheel in a venv does.
    """

    need: str
    modules: tuple[str, ...]
    reason: str
    only_site: str = ""


_MPIS = (
    ("openmpi",),
    ("psmpi", "parastationmpi"),
    ("impi", "intelmpi", "intel-mpi"),
    ("cray-mpich",),
    ("mpich",),
    ("mvapich2",),
)
"""Implementations of MPI, each with all its names: a need that names one is not met by another. Programs are built
for one, and what spans several modules of a machine may work with one alone."""

KNOWN: tuple[Known, ...] = (
    Known(
        "python",
        ("python", "cray-python", "python3"),
        "not Anaconda3 or Miniforge3: their versions are those of the distribution",
        "a venv has the interpreter that made it",
    ),
    Known("torch", ("pytorch", "torch", "pytorch-bundle"), "the bundle of EasyBuild has PyTorch's version"),
    Known("tensorflow", ("tensorflow",), "bundles of sites that have it have versions of their own"),
    Known("horovod", ("horovod",), "a wheel is built where it is installed, against the torch that is there"),
    Known("dwave-ocean-sdk", ("dwave", "dwave-ocean-sdk", "dwave-ocean", "ocean"), "JSC's DWave has Ocean's version"),
    Known(
        "mpi",
        tuple(name for names in _MPIS for name in names),
        "versions are those of the implementation: mpi>=5 means nothing unless it is known which one",
        "it must fit the site's network and scheduler",
    ),
    Known(
        "cuda",
        ("cuda", "cudatoolkit"),
        "not NVHPC, which has a CUDA inside: its version is another one",
        "its driver is the site's; a wheel such as torch's brings its own libraries",
    ),
    Known(
        "rocm",
        ("rocm",),
        "not amd, a compiler of Cray's",
        "its driver is the site's; a wheel such as torch's brings its own libraries",
    ),
    Known("gcc", ("gcc", "gcc-native"), "not GCCcore, which cannot be compiled with alone", "pip brings no compiler"),
    Known("nvhpc", ("nvhpc",), "NVIDIA's compilers", "pip brings no compiler"),
    Known(
        "apptainer", ("apptainer", "singularity", "singularityce"), "read the same images", "only the site installs it"
    ),
)

_NEEDS = {module: known.need for known in KNOWN for module in (*known.modules, known.need)}
_ORDER = {module: at for known in KNOWN for at, module in enumerate(known.modules)}
_IMPLEMENTATIONS = {name: names[0] for names in _MPIS for name in names}
_ONLY_SITE = {known.need: known.only_site for known in KNOWN}


def need_name(name: str) -> str:
    """What needs call software, from a module's name, or from another name that users give it, e.g. "pytorch"."""
    plain = canonicalize_name(name.rpartition("/")[2])
    return _NEEDS.get(plain, plain)


def implementation(name: str) -> str:
    """Which of several implementations a need or a module names, by one of its names: "psmpi" of "ParaStationMPI".

    "" where it names none: `mpi` is met by any.
    """
    return _IMPLEMENTATIONS.get(canonicalize_name(name.rpartition("/")[2]), "")


def modules_of(need: str) -> tuple[str, ...]:
    """What sites call the software that a need of `KNOWN` names, lower case."""
    return next(one.modules for one in KNOWN if one.need == need)


def preference(module: str) -> int:
    """What modules that provide the same are sorted by, the one that most sites have first."""
    return _ORDER.get(module.rpartition("/")[2].lower(), len(_ORDER))


def only_site(need: str) -> str:
    """Why pip cannot bring what a need names; "" where it can."""
    return _ONLY_SITE.get(need_name(need), "")


def version_number(version: str) -> str:
    """The number in the version of a module: "2.1.2" of "2.1.2-foss-2023a-CUDA-12.1.1"; without one the version."""
    if _readable(version):
        return version
    found = re.match(r"[vV.]?(\d+(?:\.\d+)*)", version)
    return found.group(1) if found else version


def newness(version: str) -> Version:
    """What versions are sorted by; one without a number is the oldest."""
    number = version_number(version)
    return Version(number) if _readable(number) else Version("0.dev0")


def _readable(version: str) -> bool:
    try:
        Version(version)
    except InvalidVersion:
        return False
    return True
