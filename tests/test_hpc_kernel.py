"""Kernels as text and files: what kernel.sh does, where it is written, and what is refused."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from hqml.cli import main
from hqml.errors import FormatError, ParameterError
from hqml.hpc.kernels.files import install, installed, kernels_folder, remove
from hqml.hpc.kernels.kernel import Kernel, plan, script, specification
from hqml.hpc.needs import read_needs
from hqml.hpc.sites.file import load_site
from hqml.hpc.workflow import Container
from hqml.samples import version

pytest.importorskip("yaml", reason="sites need PyYAML: pip install 'hqml[hpc]'")
pytest.importorskip("pydantic", reason="sites need pydantic: pip install 'hqml[hpc]'")

GOLDEN = Path(__file__).parent / "golden" / "kernel"
SHELLCHECK = shutil.which("shellcheck")

KERNELS = {
    "juwels-venv": plan(
        load_site("juwels"),
        needs=read_needs("torch, mpi"),
        on="booster",
        stage="2024",
        venv="~/venvs/hqml",
        environment={"OMP_NUM_THREADS": "12", "TEXT": 'it is "5", \\ and é'},
    ),
    "deep": plan(load_site("deep"), on="esb", name="esb", display_name='Das "ESB" — Ä'),
    "lumi-container": plan(
        load_site("lumi"),
        on="booster",
        container=Container("$PROJECT/my images/hqml.sif", ("/scratch:/data", "~/maps")),
        environment={"OMP_NUM_THREADS": "7"},
    ),
    "vega-container": plan(load_site("vega"), on="gpu", container=Container("/ceph/hqml.sif")),
    "local": plan(load_site("local"), venv="/opt/a b;c/venv"),
}


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JUPYTER_DATA_DIR", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def run(text: str, folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script in an empty environment beside the programs of `folder`/bin."""
    (folder / "kernel.sh").write_text(text)
    path = f"{folder / 'bin'}:/usr/bin:/bin"
    command = ["bash", str(folder / "kernel.sh"), *arguments]
    known = {"PATH": path, "HOME": str(folder), **environment}
    return subprocess.run(command, capture_output=True, text=True, env=known, timeout=30, check=False)


def program(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/bash\n{text}\n")
    path.chmod(0o755)


@pytest.mark.parametrize("name", KERNELS)
def test_the_script_is_the_one_that_was_read_and_found_right(name: str, golden: Callable[[Path, str], str]) -> None:
    text = script(KERNELS[name]).replace(f"hqml {version()},", "hqml VERSION,")
    assert text == golden(GOLDEN / f"{name}.sh", text)


@pytest.mark.parametrize("name", KERNELS)
def test_bash_and_shellcheck_have_nothing_to_say(name: str, tmp_path: Path) -> None:
    path = tmp_path / "kernel.sh"
    path.write_text(script(KERNELS[name]))
    assert subprocess.run(["bash", "-n", path], capture_output=True, check=False).stderr == b""
    if SHELLCHECK is not None:
        assert subprocess.run([SHELLCHECK, path], capture_output=True, text=True, check=False).stdout == ""


def test_modules_are_loaded_in_the_stage_before_the_environment(tmp_path: Path) -> None:
    said = tmp_path / "said"
    program(tmp_path / "bin", "module", f'echo "module $*" >>{said}')
    program(tmp_path / "venvs" / "hqml" / "bin", "activate", f"echo activate >>{said}")
    program(tmp_path / "bin", "python", f'echo "python $1 $2 $3 $4 $PYTHONPATH $OMP_NUM_THREADS" >>{said}; echo /venv')
    ran = run(script(KERNELS["juwels-venv"]), tmp_path, "a file.json", PYTHONPATH="/modules")
    assert ran.returncode == 0, ran.stderr
    lines = said.read_text().splitlines()
    assert lines[:3] == [
        "module --force purge",
        "module load Stages/2024 GCC/12.3.0 PyTorch/2.1.2 OpenMPI/4.1.5",
        "activate",
    ]
    assert lines[-1] == "python -m ipykernel_launcher -f a file.json /venv:/modules 12"


def test_values_reach_python_as_they_were_given(tmp_path: Path) -> None:
    kernel = Kernel("a", "a", "local", environment={"TEXT": 'it\'s $HOME `x` "y" \\ é'})
    program(tmp_path / "bin", "python", '[ "$1" = -c ] || printf "%s" "$TEXT"')
    assert run(script(kernel), tmp_path, "file").stdout == 'it\'s $HOME `x` "y" \\ é'


@pytest.mark.parametrize(
    ("programs", "told"),
    [
        ({}, "the command module is not known here; start Jupyter from a login shell of the site"),
        (
            {"module": "[ $1 != load ]"},
            "module load Stages/2024 GCC/12.3.0 PyTorch/2.1.2 OpenMPI/4.1.5 failed; the module system says why above",
        ),
        (
            {"module": ":"},
            "there is no virtual environment HOME/venvs/hqml; make it on top of the same modules",
        ),
    ],
)
def test_what_is_missing_is_one_line_in_the_kernels_log(tmp_path: Path, programs: Mapping[str, str], told: str) -> None:
    for name, text in programs.items():
        program(tmp_path / "bin", name, text)
    ran = run(script(KERNELS["juwels-venv"]), tmp_path, "file")
    assert ran.returncode == 1
    told = told.replace("HOME", str(tmp_path))
    assert ran.stderr.startswith(f"hqml kernel hqml-juwels-2024-booster: {told}")
    assert ran.stderr.count("\n") == 1


def test_a_python_without_ipykernel_is_named(tmp_path: Path) -> None:
    program(tmp_path / "bin", "python", "exit 1")
    ran = run(script(Kernel("a", "a", "local")), tmp_path, "file")
    assert ran.stderr.startswith(f"hqml kernel a: {tmp_path}/bin/python has no ipykernel: python -m pip install")


def test_a_container_sees_the_file_of_the_connection_and_no_python_of_the_host(tmp_path: Path) -> None:
    program(tmp_path / "bin", "apptainer", 'echo "${PYTHONPATH:-none}" "$@"')
    image = tmp_path / "my images" / "hqml.sif"
    image.parent.mkdir()
    image.touch()
    (tmp_path / "runtime").mkdir()
    text = script(KERNELS["lumi-container"])
    file = str(tmp_path / "runtime" / "kernel.json")
    ran = run(text, tmp_path, file, PROJECT=str(tmp_path), PYTHONPATH="/modules")
    options = f"--rocm --bind /scratch:/data --bind {tmp_path}/maps --bind {tmp_path}/runtime"
    assert ran.stdout.splitlines()[-1] == f"none exec {options} {image} python3 -m ipykernel_launcher -f {file}"


def test_a_container_that_is_missing_is_named(tmp_path: Path) -> None:
    text = script(KERNELS["vega-container"])
    program(tmp_path / "bin", "module", ":")
    program(tmp_path / "bin", "singularity", ":")
    assert run(text, tmp_path, "file").stderr.endswith(": there is no image /ceph/hqml.sif\n")


def test_jupyter_is_told_to_interrupt_by_signal_and_in_a_container_by_message() -> None:
    written = specification(KERNELS["local"], "/x/kernel.sh")
    assert written["argv"] == ["/x/kernel.sh", "{connection_file}"]
    assert written["interrupt_mode"] == "signal"
    assert specification(KERNELS["lumi-container"], "/x/kernel.sh")["interrupt_mode"] == "message"
    assert written["display_name"] == "hqml (This machine)"


def test_paths_hold_wherever_a_notebook_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert plan(load_site("local"), venv="venv").venv == str(tmp_path / "venv")
    container = plan(load_site("local"), container=Container("a.sif", ("data:/data", "$HOME"))).container
    assert container == Container(str(tmp_path / "a.sif"), (f"{tmp_path / 'data'}:/data", "$HOME"))


def test_kernels_are_installed_listed_replaced_and_removed(tmp_path: Path) -> None:
    folder = kernels_folder()
    assert folder == tmp_path / "share" / "jupyter" / "kernels"
    assert installed(folder) == []
    done = install(KERNELS["deep"], folder)
    assert os.access(done.folder / "kernel.sh", os.X_OK)
    assert json.loads((done.folder / "kernel.json").read_text())["display_name"] == 'Das "ESB" — Ä'
    assert (done.folder / "logo-svg.svg").read_text().startswith("<svg")
    install(KERNELS["deep"], folder)
    assert [one.name for one in installed(folder)] == ["esb"]
    assert installed(folder)[0].written["site"] == "deep"
    (done.folder / "notes.txt").touch()
    assert remove("esb", folder) == done.folder
    assert [path.name for path in done.folder.iterdir()] == ["notes.txt"]


def test_kernels_of_others_are_neither_replaced_nor_removed(tmp_path: Path) -> None:
    folder = kernels_folder()
    others = folder / "esb"
    others.mkdir(parents=True)
    (others / "kernel.json").write_text('{"argv": [], "display_name": "x"}')
    with pytest.raises(FormatError, match="hqml did not write it"):
        install(KERNELS["deep"], folder)
    with pytest.raises(ParameterError, match="was not written by hqml"):
        remove("esb", folder)
    install(KERNELS["local"], folder)
    (folder / "link").symlink_to(folder / "hqml-local")
    with pytest.raises(ParameterError, match="was not written by hqml"):
        remove("link", folder)
    assert (others / "kernel.json").exists()
    for hostile in ("../kernels/hqml-local", ".", "", "/"):
        with pytest.raises(ParameterError):
            remove(hostile, folder)
    assert [one.name for one in installed(folder)] == ["hqml-local"]


def test_jupyters_folders_are_those_of_jupyter_core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = pytest.importorskip("jupyter_core.paths", reason="no Jupyter: pip install 'hqml[notebook]'")
    for name, value in (("XDG_DATA_HOME", ""), ("XDG_DATA_HOME", str(tmp_path)), ("JUPYTER_DATA_DIR", str(tmp_path))):
        monkeypatch.setenv(name, value)
        assert str(kernels_folder()) == os.path.join(paths.jupyter_data_dir(), "kernels")
    assert kernels_folder("/usr/local") == Path("/usr/local/share/jupyter/kernels")


BAD = {
    "--stage 2034": "juwels has no stage '2034'; did you mean '2024'?",
    "--stage 2024 --needs horovod": "not available in Stages/2024: horovod",
    "--on quantumm": "juwels has no module 'quantumm'; did you mean 'quantum'?",
    "--needs torch>>2": "write needs as 'torch>=2.1, cuda, mpi'; found 'torch>>2'",
    "--site juwls": "no site 'juwls'",
    "--venv a --container b": "in a virtual environment or in a container; name one of them",
    "--bind /data": "--bind says what a --container sees; name one",
    "--container docker://x/y": "apptainer pull docker://x/y",
    "--container x.sif --bind a,b": "must be one folder",
    "--name a/b": "a kernel's name has letters, digits and . _ -; found 'a/b'",
    "--name é": "a kernel's name has letters",
    "--display-name a\nb": "a kernel's display name is one line of text, found 'a\\nb'",
    "--venv a\nb": "the virtual environment is named by one line of text",
    "--env DWAVE_API_TOKEN=abcdefgh": "DWAVE_API_TOKEN looks secret",
    "--env MY_PASSWORD=abcdefgh": "MY_PASSWORD looks secret",
    "--env URL=https://user:abcdefgh@host/": "URL looks secret",
    "--env PATH=/x": "PATH would replace what modules and environments say",
    "--env 1A=x": "a variable's name has letters, digits and _",
    "--env SLURM_JOB_ID=1": "SLURM_JOB_ID belongs to Slurm",
    "--env A=a\nb": "A must be one line of text",
    "--env A": "write it as NAME=VALUE",
    "--env A=1 --env A=2": "A is there twice",
    "--prefix /x --sys-prefix": "both say where; drop one of them",
    "--prefix /dev/null": "cannot make /dev/null/share/jupyter/kernels/hqml-juwels",
}


@pytest.mark.parametrize("written", BAD)
def test_bad_input_is_one_line_and_nothing_is_written(
    written: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["kernel", "install", "--site", "juwels", "--no-check", *written.split(" ")]) == 2
    err = capsys.readouterr().err
    assert BAD[written] in err
    assert err.count("\n") == 1
    assert "abcdefgh" not in err
    assert not (tmp_path / "share").exists()


def test_the_commands_say_what_they_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--site", "juwels", "--stage", "2024", "--on", "booster", "--needs", "torch", "--json"]
    assert main(["kernel", "install", *arguments]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["kernel"] == "hqml-juwels-2024-booster"
    assert said["checked"] is False
    assert said["load"] == ["Stages/2024", "GCC/12.3.0", "PyTorch/2.1.2"]
    assert main(["kernel", "list", "--json"]) == 0
    assert [one["kernel"] for one in json.loads(capsys.readouterr().out)] == ["hqml-juwels-2024-booster"]
    assert main(["kernel", "remove", "hqml-juwels-2024-boster"]) == 2
    assert "did you mean 'hqml-juwels-2024-booster'?" in capsys.readouterr().err
    assert main(["kernel", "remove", "hqml-juwels-2024-booster"]) == 0
    assert main(["kernel", "list"]) == 0
    assert "no kernel of hqml in" in capsys.readouterr().out


def test_secrets_of_the_environment_are_in_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DWAVE_API_TOKEN", "DEV-0123456789abcdef")
    assert main(["kernel", "install", "--site", "juwels"]) == 0
    [folder] = kernels_folder().iterdir()
    assert all("DEV-0123456789abcdef" not in path.read_text() for path in folder.iterdir())
