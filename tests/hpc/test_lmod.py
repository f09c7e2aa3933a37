"""The real Lmod, and a tree of modules such as JSC's: stages, beneath them compilers, then MPIs, then packages."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from hqml.errors import HostError
from hqml.hpc.host import LocalHost
from hqml.hpc.needs import read_needs
from hqml.hpc.site import Package, Site, Software, Source, Stage
from hqml.hpc.software.modules import resolve
from hqml.hpc.software.report import report
from hqml.hpc.software.shell import check_loads, try_loads
from hqml.hpc.software.system import Live, live_software, with_live

LMOD = Path("/usr/share/lmod/lmod/init/bash")
MODULECMD = shutil.which("modulecmd.tcl", path="/usr/lib/x86_64-linux-gnu:/usr/lib:/usr/share/Modules/libexec")

pytestmark = pytest.mark.skipif(not LMOD.exists(), reason=f"Lmod is not installed (apt-get install lmod): no {LMOD}")

TREE = {
    # path: what the modulefile does; {root} is the tree's folder
    "core/Stages/2024": """
        add_property("lmod", "sticky")
        whatis("Description: the software of 2024")
        prepend_path("MODULEPATH", "{root}/2024/core")""",
    "core/Stages/2022": 'prepend_path("MODULEPATH", "{root}/2022/core")',
    "2024/core/GCC/12.3.0": """
        family("compiler")
        load("GCCcore/.12.3.0")
        prepend_path("MODULEPATH", "{root}/2024/gcc")""",
    "2024/core/GCCcore/.12.3.0": 'prepend_path("MODULEPATH", "{root}/2024/gcccore")',
    "2024/core/NVHPC/23.7-CUDA-12": 'family("compiler")\nprepend_path("MODULEPATH", "{root}/2024/nvhpc")',
    "2024/core/CUDA/12": 'setenv("CUDA_HOME", "/cuda-12")',
    "2024/gcccore/Python/3.11.3": 'setenv("PYTHON_IS", "3.11.3")',
    "2024/gcc/OpenMPI/4.1.5": """
        family("mpi")
        depends_on("CUDA/12")
        prepend_path("MODULEPATH", "{root}/2024/gcc-openmpi")""",
    "2024/gcc/ParaStationMPI/5.9.2-1": 'family("mpi")\nprepend_path("MODULEPATH", "{root}/2024/gcc-psmpi")',
    "2024/gcc/Broken/1.0": "this is no Lua (",
    "2024/nvhpc/OpenMPI/4.1.5": 'family("mpi")\nprepend_path("MODULEPATH", "{root}/2024/nvhpc-openmpi")',
    "2024/gcc-openmpi/PyTorch/2.0.1": 'setenv("TORCH_IS", "2.0.1")',
    "2024/gcc-openmpi/PyTorch/2.1.2": 'depends_on("Python/3.11.3")\nsetenv("TORCH_IS", "2.1.2")',
    "2022/core/GCC/11.2.0": 'family("compiler")\nprepend_path("MODULEPATH", "{root}/2022/gcc")',
    "2022/gcc/Horovod/0.25.0": "",
    "project/Ocean/6.8.0": 'prepend_path("MODULEPATH", "{root}/project-ocean")',
    "project-ocean/Solvers/1.0": "",
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("software")
    for name, does in TREE.items():
        path = root / f"{name}.lua"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(does.replace("{root}", str(root)))
    return root


@pytest.fixture(scope="module")
def software(tree: Path) -> Software:
    """How a site file would say that Lmod is to be had here."""
    setup = (
        "export LMOD_SYSTEM_DEFAULT_MODULES= MODULEPATH=",
        f". {LMOD}",
        f"module use {tree / 'core'}",
    )
    return Software(setup=setup, purge="module --force purge")


@pytest.fixture(scope="module")
def live(software: Software) -> Live:
    return live_software(LocalHost(), software)


@pytest.fixture(scope="module")
def site(live: Live) -> Site:
    return with_live(Site("here", "Here", "none", (), {}), live)


def loaded(software: Software, *load: str) -> tuple[str, ...]:
    [trial] = try_loads(LocalHost(), software, [((), load)])
    assert trial.loads, trial
    return trial.loaded


def test_the_tree_is_listed_with_the_ways_through_it(live: Live) -> None:
    assert live.system.startswith("Lmod ")
    new, old = live.software.stages
    assert (new.name, new.load, new.purpose) == ("2024", ("Stages/2024",), "the software of 2024")
    assert (old.name, old.load) == ("2022", ("Stages/2022",))
    assert [(one.version, one.load) for one in new.packages if one.provides == "torch"] == [
        ("2.1.2", ("GCC/12.3.0", "OpenMPI/4.1.5", "PyTorch/2.1.2")),
        ("2.0.1", ("GCC/12.3.0", "OpenMPI/4.1.5", "PyTorch/2.0.1")),
    ]
    assert [one.load for one in new.packages if one.provides == "mpi"] == [
        ("GCC/12.3.0", "OpenMPI/4.1.5"),
        ("NVHPC/23.7-CUDA-12", "OpenMPI/4.1.5"),
        ("GCC/12.3.0", "ParaStationMPI/5.9.2-1"),
    ]
    assert [one.load for one in old.packages if one.provides == "horovod"] == [("GCC/11.2.0", "Horovod/0.25.0")]


def test_every_listed_sequence_loads_but_for_the_broken_one(site: Site) -> None:
    failed = [one for one in check_loads(site, LocalHost()) if not one.trial.loads]
    assert [one.package.provides for one in failed] == ["broken"]
    assert "syntax error" in failed[0].trial.said


@pytest.mark.parametrize(
    ("needs", "torch"),
    [("torch>=2.1, cuda, mpi", "2.1.2"), ("torch<2.1, python>=3.11", "2.0.1"), ("mpi, torch, gcc", "2.1.2")],
)
def test_what_is_resolved_loads_in_a_job_shell(site: Site, software: Software, needs: str, torch: str) -> None:
    found = resolve(site, read_needs(needs), kind="booster")
    assert not found.missing
    script = "\n".join([*software.setup, software.purge, f"module load {' '.join(found.load)}", 'echo "$TORCH_IS"'])
    ended = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout.strip() == torch
    assert set(found.load) <= set(loaded(software, *found.load))


def test_what_clashes_really_does(site: Site, software: Software) -> None:
    """Lmod says 0, and has silently put one compiler into the place of the other."""
    [missing] = resolve(site, read_needs("nvhpc, torch"), kind="booster").missing
    assert missing.message.startswith(
        "not together with nvhpc in Stages/2024: torch (NVHPC/23.7-CUDA-12 against GCC/12"
    )
    sequence = ("Stages/2024", "NVHPC/23.7-CUDA-12", "GCC/12.3.0", "OpenMPI/4.1.5")
    [trial] = try_loads(LocalHost(), software, [((), sequence)])
    assert trial.status == 0
    assert not trial.loads
    assert trial.lacks == ("NVHPC/23.7-CUDA-12",)


def test_a_package_that_is_missing_is_named_with_the_stage_that_has_it(site: Site) -> None:
    [missing] = resolve(site, read_needs("horovod"), kind="booster").missing
    assert missing.message.startswith("not available in Stages/2024: horovod; nearest: 2022 (0.25.0); else a venv")


def test_stages_that_are_sticky_do_not_leak_into_the_listing(software: Software, live: Live) -> None:
    """As on JSC's login nodes, where a stage is loaded from the start."""
    started = (*software.setup, "module load Stages/2024 GCC")
    again = live_software(LocalHost(), Software(setup=started, purge=software.purge))
    assert again.software.stages == live.software.stages
    [trial] = try_loads(LocalHost(), Software(setup=started, purge=software.purge), [((), ("Stages/2022", "GCC"))])
    assert trial.loaded == ("Stages/2022", "GCC/11.2.0")


def test_folders_of_a_stage_are_used(tree: Path, software: Software) -> None:
    stages = (
        Stage("ours", (Package("ocean", "6.8.0", ("Ocean/6.8.0",), "page"),), "page", use=(str(tree / "project"),)),
        Stage("old", (), "page", ("Stages/2022",)),
    )
    known = Software(stages, software.setup, software.purge)
    live = live_software(LocalHost(), known)
    assert [one.name for one in live.software.stages] == ["ours", "old", "2024"]
    own = [one.load for one in live.software.stages[0].packages if one.provides in ("dwave-ocean-sdk", "solvers")]
    assert own == [("Ocean/6.8.0",), ("Ocean/6.8.0", "Solvers/1.0")]
    assert not [one for one in live.software.stages[1].packages if one.provides == "solvers"]
    [checked] = check_loads(Site("x", "X", "none", (), {}, software=known), LocalHost())
    assert checked.trial.loads


def test_a_site_file_that_is_out_of_date_is_told(tree: Path, software: Software, live: Live) -> None:
    packages = (
        Package("torch", "2.1.2", ("GCC/12.3.0", "OpenMPI/4.1.5", "PyTorch/2.1.2"), "page"),
        Package("horovod", "0.28.1", ("GCC/12.3.0", "Horovod/0.28.1"), "page"),
        Package("gcc", "12", ("GCC",), "page"),
    )
    stages = (Stage("2024", packages, "page", ("Stages/2024",)),)
    site = Site("x", "X", "none", (), {"page": Source("", "", "")}, software=Software(stages, software.setup))
    checked = {one.package.provides: one.trial for one in check_loads(site, LocalHost())}
    assert [name for name, trial in checked.items() if not trial.loads] == ["horovod"]
    assert 'unknown: "Horovod/0.28.1"' in checked["horovod"].said
    found = report(site, read_needs("torch, horovod"), "booster", live=live)
    assert [row.live for row in found.rows] == ["2.1.2", ""]
    assert found.notes == (f"{live.system}: Stages/2024 has no Horovod/0.28.1",)


def test_a_modulefile_that_ends_the_shell_fails_alone(software: Software, tree: Path) -> None:
    path = tree / "core" / "Exits" / "1.lua"
    path.parent.mkdir(exist_ok=True)
    path.write_text('execute{cmd="exit 3", modeA={"load"}}')
    ended, fine = try_loads(LocalHost(), software, [((), ("Exits/1",)), ((), ("Stages/2024",))])
    path.unlink()
    assert not ended.loads
    assert fine.loads


def test_a_shell_without_modules_is_told() -> None:
    with pytest.raises(HostError, match="this machine has no module system"):
        live_software(LocalHost(), Software(setup=("unset -f module",)))


def test_environment_modules_are_listed_and_load(tmp_path: Path) -> None:
    if MODULECMD is None:
        pytest.skip("Environment Modules are not installed (apt-get install environment-modules)")
    for name in ("GCC/12.3.0", "GCC/11.3.0", "CUDA/12.1.1", "PyTorch/2.1.2-foss-2023a-CUDA-12.1.1", "Broken/1.0"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("#%Module1.0\n" + ("nonsense" if "Broken" in name else f"setenv {path.parent.name} 1\n"))
    setup = (
        "unset LMOD_CMD LMOD_DIR MODULEPATH",
        f'module() {{ eval "$({MODULECMD} bash "$@")"; }}',
        f"module use {tmp_path}",
    )
    software = Software(setup=setup)
    live = live_software(LocalHost(), software)
    assert live.system.startswith("Environment Modules ")
    site = with_live(Site("x", "X", "none", (), {}), live)
    assert resolve(site, read_needs("torch, cuda"), kind="booster").load == (
        "PyTorch/2.1.2-foss-2023a-CUDA-12.1.1",
        "CUDA/12.1.1",
    )
    failed = [one for one in check_loads(site, LocalHost()) if not one.trial.loads]
    assert [one.package.provides for one in failed] == ["broken"]
    assert "nonsense" in failed[0].trial.said
