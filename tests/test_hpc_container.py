"""Definitions of images as text, what is refused, and what `hqml container build` makes of an apptainer's doings."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hqml.cli import main
from hqml.errors import FormatError, ParameterError
from hqml.hpc.containers.container import BOOTSTRAPS, define, notes
from hqml.hpc.containers.definition import text
from hqml.hpc.containers.pins import installed_pins, read_pins
from hqml.hpc.needs import read_needs
from hqml.hpc.sites.file import load_site
from hqml.samples import version

pytest.importorskip("yaml", reason="sites need PyYAML: pip install 'hqml[hpc]'")
pytest.importorskip("pydantic", reason="sites need pydantic: pip install 'hqml[hpc]'")

GOLDEN = Path(__file__).parent / "golden" / "container"
BASE = f"python:3.12.8-slim@sha256:{'0123456789abcdef' * 4}"
PINS = "click==8.5.1\nnumpy==2.4.6  # of the array\nTorch==2.13.0\nmpi4py==4.1.2\n\nhorovod==0.28.1\npackaging==26.4\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "pins.txt").write_text(PINS)
    (tmp_path / "also.txt").write_text("horovod==0.28.1\n")
    (tmp_path / "train.csv").write_text("1,2\n")
    (tmp_path / f"hqml-{version()}-py3-none-any.whl").write_bytes(b"a wheel")
    return tmp_path


GOLDENS = {
    "docker": lambda: define(
        needs=read_needs("torch>=2.1, mpi, python>=3.11"),
        extras=["torch"],
        base=BASE,
        constraints="pins.txt",
        requirements="also.txt",
        data=["train.csv", "train.csv:/opt/data/again.csv"],
        environment={"TEXT": 'it\'s "5" $HOME'},
        site=load_site("juwels"),
        on="booster",
    ),
    "localimage": lambda: define(
        bootstrap="localimage",
        base="images/site.sif",
        wheel=f"hqml-{version()}-py3-none-any.whl",
        constraints="pins.txt",
        needs=read_needs("cuda"),
    ),
    "debootstrap": lambda: define(bootstrap="debootstrap", mirror="http://mirror/debian", constraints="pins.txt"),
    "docker-archive": lambda: define(bootstrap="docker-archive", base="/images/python.tar", constraints="pins.txt"),
}


@pytest.mark.parametrize("name", GOLDENS)
def test_the_definition_is_the_one_that_was_read_and_found_right(
    name: str, folder: Path, golden: Callable[[Path, str], str]
) -> None:
    written = text(GOLDENS[name]()).replace(version(), "VERSION")
    assert written == golden(GOLDEN / f"{name}.def", written)


@pytest.mark.parametrize("name", GOLDENS)
@pytest.mark.parametrize("section", ["environment", "post", "test", "runscript"])
def test_its_sections_are_shell(name: str, section: str, folder: Path) -> None:
    _, found, rest = text(GOLDENS[name]()).partition(f"\n%{section}\n")
    assert found
    lines = rest.partition("\n%")[0]
    assert subprocess.run(["bash", "-n"], input=lines, capture_output=True, text=True, check=False).stderr == ""


def test_goldens_have_all_sorts_of_base() -> None:
    assert set(GOLDENS) == set(BOOTSTRAPS)


def test_values_reach_the_image_as_they_were_given(folder: Path) -> None:
    _, _, rest = text(GOLDENS["docker"]()).partition("\n%environment\n")
    shell = rest.partition("\n%")[0] + '\nprintf "%s" "$TEXT"'
    assert subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=True).stdout == 'it\'s "5" $HOME'


def test_versions_are_those_that_are_installed_here(folder: Path) -> None:
    from importlib.metadata import version as installed

    definition = define(needs=read_needs("numpy>=2"))
    assert definition.pins["numpy"] == installed("numpy")
    assert "hqml" not in definition.pins
    assert definition.install == (f"hqml=={version()}", f"numpy=={installed('numpy')}")
    assert all("+" not in pin for pin in installed_pins(["hqml"]).values())
    with pytest.raises(ParameterError, match="no-such-thing is not installed here"):
        define(needs=read_needs("no-such-thing"))


def test_paths_in_or_below_the_definitions_folder_move_with_it(folder: Path) -> None:
    (folder / "images").mkdir()
    below = define(data=["train.csv"], constraints="pins.txt", folder=folder)
    beside = define(data=["train.csv"], constraints="pins.txt", folder=folder / "images")
    assert below.data[0].source == "train.csv"
    assert beside.data[0].source == str(folder / "train.csv")
    assert below.data[0].digest == hashlib.sha256(b"1,2\n").hexdigest()


def test_what_to_know_before_building_is_said(folder: Path) -> None:
    lumi = load_site("lumi")
    said = list(notes(define(needs=read_needs("torch, mpi"), constraints="pins.txt", site=lumi, on="booster"), lumi))
    assert [line.split()[0] for line in said] == ["the", "hqml", "GPUs", "pip's"]
    assert list(notes(GOLDENS["localimage"](), None)) == []


BAD = {
    "--extras troch": "hqml has no extra 'troch'; did you mean 'torch'?",
    "--needs torch>>2": "found 'torch>>2'",
    "--needs torch>=3": "torch>=3 is needed, and the version to install is 2.13.0",
    "--needs cuda": "pip brings no cuda (its driver is the site's",
    "--needs rocm": "name a --base that has it",
    "--needs mpi>=4": "which version of mpi pip brings is not known; leave >=4 out",
    "--needs scipy": "no version of scipy is known",
    "--bootstrap dokcer": "bootstrap must be one of 'docker'",
    "--bootstrap localimage": "localimage needs the path of a --base",
    "--bootstrap debootstrap": "debootstrap needs a --mirror",
    "--bootstrap debootstrap --mirror http://u:p@x/": "without a password",
    "--bootstrap debootstrap --mirror http://x --base bo\nom": "a release of Debian such as bookworm",
    "--mirror http://x": "nothing else takes one",
    "--base python": "name an exact --base",
    "--base python:latest": "name an exact --base",
    "--base python:slim": "name an exact --base",
    "--base python@sha256:12": "name an exact --base",
    "--base python:3.12\n%post": "name an exact --base",
    "--bootstrap localimage --base a;b": "which a definition cannot say",
    "--data nowhere.csv": "nowhere.csv: there is no such file",
    "--data .": "there is no such file",
    "--data train.csv:inside": "write FILE:/FOLDER/NAME",
    "--data train.csv:/a/../b": "write FILE:/FOLDER/NAME",
    "--data train.csv:/": "write FILE:/FOLDER/NAME",
    "--data train.csv:/a\nb": "write FILE:/FOLDER/NAME",
    "--data $(x).csv": "which a definition cannot say",
    "--data {{x}}.csv": "which a definition cannot say",
    "--data train.csv --data train.csv": "two files go to /data/train.csv",
    "--wheel train.csv": "--wheel is a file such as hqml-",
    "--wheel hqml-9-py3-none-any.whl": "there is no such file",
    "--requirements nowhere.txt": "nowhere.txt: cannot be read",
    "--requirements loose.txt": "loose.txt:2: an image is to be the same when it is built again; write scipy==VERSION",
    "--requirements wild.txt": "wild.txt:1: an image is to be the same",
    "--requirements odd.txt": "odd.txt:1: write name==version",
    "--requirements other.txt": "two versions of numpy",
    "--requirements twice.txt": "twice.txt:2: numpy is there with another version as well",
    "--requirements conditional.txt": "conditional.txt:1: write name==version without conditions",
    "--env DWAVE_API_TOKEN=abcdefgh": "DWAVE_API_TOKEN looks secret",
    "--env A": "write it as NAME=VALUE",
    "--env A={{x}}": "A has {{ in it",
    "--base {{x}}@sha256:0": "name an exact --base",
    "--env A=a\n%post": "A must be one line of text",
    "--site juwls": "no site 'juwls'",
    "--on booster": "--on names a module of a --site",
    "--out nowhere/hqml.def": "there is no folder",
}


@pytest.mark.parametrize("written", BAD)
def test_bad_input_is_one_line_and_nothing_is_written(
    written: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, lines in {
        "loose.txt": "numpy==2.4.6\nscipy>=1",
        "wild.txt": "numpy==2.*",
        "odd.txt": "--index-url http://x",
        "other.txt": "numpy==2.4.5",
        "twice.txt": "numpy==2.4.6\nnumpy==2.4.5",
        "conditional.txt": "numpy==2.4.6; python_version < '3.12'",
        "$(x).csv": "",
        "{{x}}.csv": "",
    }.items():
        (folder / name).write_text(lines)
    out = [] if "--out" in written else ["--out", "hqml.def"]
    assert main(["container", "render", "--constraints", "pins.txt", *out, *written.split(" ")]) == 2
    err = capsys.readouterr().err
    assert BAD[written] in err
    assert err.count("\n") == 1
    assert "abcdefgh" not in err
    assert not (folder / "hqml.def").exists()


def test_a_file_of_versions_is_read(folder: Path) -> None:
    assert read_pins("pins.txt")["torch"] == "2.13.0"
    (folder / "binary.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(FormatError, match=r"binary\.txt: cannot be read"):
        read_pins("binary.txt")


@pytest.fixture
def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program called apptainer that does what the definition says behind "# does: "."""
    program = folder / "bin" / "apptainer"
    program.parent.mkdir()
    program.write_text(
        "#!/bin/bash\n"
        '[ "$1" = --version ] && { echo apptainer version 1.2.3; exit; }\n'
        'definition=${*: -1} image=${*: -2:1}\necho "$*" "$PWD" "${DWAVE_API_TOKEN:-none}"\n'
        'mkdir "$APPTAINER_TMPDIR/left"\n'
        'eval "$(sed -n \'s/^# does: //p\' "$definition")"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("APPTAINER_TMPDIR", str(folder / "scratch"))
    monkeypatch.setenv("DWAVE_API_TOKEN", "DEV-0123456789abcdef")
    (folder / "scratch").mkdir()
    return folder


def definition(folder: Path, does: str) -> str:
    (folder / "definitions").mkdir(exist_ok=True)
    (folder / "definitions" / "points.csv").write_text("1,2\n")
    (folder / "definitions" / "a.def").write_text(f"Bootstrap: scratch\n# does: {does}\n\n%files\n    points.csv /x\n")
    return "definitions/a.def"


def left(folder: Path) -> set[str]:
    """What is there beside what the test itself has written."""
    own = {"bin", "scratch", "definitions", "pins.txt", "also.txt", "train.csv", f"hqml-{version()}-py3-none-any.whl"}
    assert list((folder / "scratch").iterdir()) == []
    return {path.name for path in folder.iterdir()} - own


def test_an_image_is_built_in_the_definitions_folder_and_recorded(
    stand_in: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source = definition(stand_in, 'echo image >"$image"')
    assert main(["container", "build", source, "--out", "a.sif", "--fakeroot"]) == 0
    out = capfd.readouterr().out
    assert out.startswith(f"build --fakeroot {stand_in}/.a.sif.")
    assert f"{stand_in}/definitions/a.def {stand_in}/definitions none" in out
    assert (stand_in / "a.sif").read_text() == "image\n"
    record = json.loads((stand_in / "a.sif.json").read_text())
    assert record["sha256"] == hashlib.sha256(b"image\n").hexdigest()
    assert record["files"] == {"points.csv": hashlib.sha256(b"1,2\n").hexdigest()}
    assert record["built_by"] == "apptainer version 1.2.3"
    assert "DEV-" not in json.dumps(record)
    assert left(stand_in) == {"a.sif", "a.sif.json"}


def test_a_folder_is_built_as_a_sandbox_and_replaced_only_by_force(
    stand_in: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source = definition(stand_in, 'mkdir -p "$image/bin"; touch "$image/bin/x"; chmod 555 "$image/bin"')
    assert main(["container", "build", source, "--out", "image"]) == 0
    assert capfd.readouterr().out.startswith("build --sandbox ")
    assert main(["container", "build", source, "--out", "image"]) == 2
    assert "is there already; name another file, or replace it with --force" in capfd.readouterr().err
    assert main(["container", "build", source, "--out", "image", "--force"]) == 0
    assert left(stand_in) == {"image", "image.json"}
    os.chmod(stand_in / "image" / "bin", 0o755)


@pytest.mark.parametrize(
    ("does", "told"), [('touch "$image"; exit 7', "failed with status 7"), (":", "has written no image")]
)
def test_a_build_that_fails_leaves_nothing(
    stand_in: Path, does: str, told: str, capfd: pytest.CaptureFixture[str]
) -> None:
    (stand_in / "a.sif").write_text("the old one")
    assert main(["container", "build", definition(stand_in, does), "--out", "a.sif", "--force"]) == 1
    err = capfd.readouterr().err
    assert told in err
    assert err.count("\n") == 1
    assert (stand_in / "a.sif").read_text() == "the old one"
    assert left(stand_in) == {"a.sif"}


def test_ctrl_c_ends_the_build_and_all_that_it_started(stand_in: Path) -> None:
    source = definition(stand_in, 'touch "$image"; sleep 60 & echo "begun $!"; wait')
    command = [sys.executable, "-m", "hqml.cli", "container", "build", source, "--out", "a.sif"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    while not (line := process.stdout.readline()).startswith("begun"):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err == "hqml: interrupted; nothing was written\n"
    assert left(stand_in) == set()
    assert not running(int(line.split()[1]))


def running(number: int) -> bool:
    """Whether a process still does something, a moment after it was told to end."""
    for _ in range(50):
        try:
            if Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] in "ZX":
                return False
        except OSError:
            return False
        time.sleep(0.1)
    return True


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["nowhere.def", "--out", "a.sif"], 2, "nowhere.def: cannot be read: No such file"),
        (["definitions/a.def", "--out", "nowhere/a.sif"], 2, "there is no folder"),
        (["definitions/a.def"], 2, "Missing option '--out'"),
    ],
)
def test_what_cannot_be_built_is_one_line(
    stand_in: Path, arguments: list[str], status: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    definition(stand_in, ":")
    assert main(["container", "build", *arguments]) == status
    err = capsys.readouterr().err
    assert told in err
    assert err.count("\n") == 1


def test_without_apptainer_it_is_said_how_to_get_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(folder))
    assert main(["container", "build", definition(folder, ":"), "--out", "a.sif"]) == 1
    err = capsys.readouterr().err
    assert "apptainer is not on the PATH; on a site load its module" in err
    assert err.count("\n") == 1
