"""The module tree, hierarchical as JSC's: Stages/2024 -> GCC -> MPICH -> what was built with them.

Its modules put on PATH what is there anyway: the Python of these tests with all that is installed in it, and MPICH,
which `make test-hpc` puts beside it, as Slurm of Debian cannot start Open MPI.
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
MPICH = Path(os.environ.get("HQML_MPICH", ROOT / "build" / "mpich"))
PYTHON_BIN = Path(sys.executable).parent


def software() -> dict[str, tuple[str, tuple[str, ...], str]]:
    """Versions, what must be loaded first, and the text of its module, by the name of the module."""
    return {
        "GCC": ("12.3.0", (), ""),
        "Python": (".".join(map(str, sys.version_info[:3])), ("GCC",), f'prepend_path("PATH", "{PYTHON_BIN}")\n'),
        "MPICH": (mpich_version() or "0", ("GCC",), _MPICH.format(root=MPICH)),
        "PyTorch": (version_of("torch"), ("GCC", "MPICH"), f'prepend_path("PATH", "{PYTHON_BIN}")\n'),
        "Ocean": (version_of("dwave-system"), ("GCC", "MPICH"), f'prepend_path("PATH", "{PYTHON_BIN}")\n'),
    }


_MPICH = """\
prepend_path("PATH", "{root}/bin")
prepend_path("LD_LIBRARY_PATH", "{root}/lib")
setenv("MPI4PY_LIBMPI", "{root}/lib/libmpi.so.12")
setenv("MPIR_CVAR_CH4_NETMOD", "ofi")
setenv("FI_PROVIDER", "tcp")
"""
"""mpi4py's wheel is built for both MPIs, and takes the library that it is told. Addresses of UCX, which MPICH prefers,
are longer than PMI-2 of Slurm 22.05 takes: ranks then wait for each other in MPI_Init for ever, now and then."""


def version_of(package: str) -> str:
    """Without the part behind a plus, which is about the build."""
    try:
        return version(package).partition("+")[0]
    except PackageNotFoundError:
        return "0"


def mpich_version() -> str | None:
    """Of the MPICH in MPICH; None: there is none."""
    found = sorted(MPICH.glob("lib/python*/site-packages/mpich-*.dist-info"))
    return found[0].name.removeprefix("mpich-").removesuffix(".dist-info") if found else None


def load(name: str) -> tuple[str, ...]:
    """What `module load` takes for one of them, in order, behind the stage."""
    known = software()
    return tuple(f"{one}/{known[one][0]}" for one in (*known[name][1], name))


def write_modules(folder: Path) -> None:
    """Write the tree: `module use FOLDER; module load Stages/2024` is where it begins. Stages/2023 has no PyTorch."""
    for stage, without in (("2024", ()), ("2023", ("PyTorch", "Ocean"))):
        root = folder.parent / f"stage-{stage}"
        _module(folder / "Stages" / f"{stage}.lua", f'prepend_path("MODULEPATH", "{root}/core")\n', f"stage {stage}")
        for name, (number, first, text) in software().items():
            if name in without:
                continue
            level = {0: "core", 1: "GCC", 2: "MPICH"}[len(first)]
            below = f'prepend_path("MODULEPATH", "{root}/{name}")\n' if name in ("GCC", "MPICH") else ""
            _module(root / level / name / f"{number}.lua", text + below, f"{name} {number}")


def _module(path: Path, text: str, about: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'help([[{about}]])\nwhatis("Description: {about}, of the miniature system")\n{text}')
