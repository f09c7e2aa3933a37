"""The real Apptainer: images that hqml defines are built, hold what they say, and run; also as a kernel of Jupyter."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from hqml.cli import main

HERE = Path(__file__).parent
SOLVE = (
    "import hqml, numpy as np; "
    "print(hqml.sample(np.array([[-1.0, 2.0], [0.0, -1.0]]), backend='neal', reads=10, seed=0).first.energy)"
)


@pytest.fixture(scope="module")
def machine_image(module_at: Callable[[Path], ModuleType]) -> ModuleType:
    return module_at(HERE / "machine_image.py")


@pytest.fixture(scope="module", autouse=True)
def _apptainer() -> Iterator[None]:
    """An apptainer on the PATH: that of the machine, or one from Debian's packages in build/."""
    if shutil.which("apptainer"):
        yield
        return
    folder = HERE.parents[1] / "build" / "apptainer"
    program = folder / "bin" / "apptainer"
    if not program.exists() or subprocess.run([program, "--version"], capture_output=True, check=False).returncode:
        shutil.rmtree(folder, ignore_errors=True)
        command = ["bash", str(HERE / "get_apptainer.sh"), str(folder)]
        got = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
        if got.returncode:
            pytest.skip(f"Apptainer cannot be had: {got.stderr.strip()[-300:]}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(program.parent), prepend=":")
        yield


@pytest.fixture(scope="module")
def small(machine_image: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("small") / "root"
    machine_image.small(folder)
    return folder


@pytest.fixture(scope="module")
def image(machine_image: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image, as a folder, whose base has what hqml needs; hqml itself is installed by its definition."""
    for needed in ("ipykernel", "jupyter_client"):
        pytest.importorskip(needed, reason=f"no {needed}: pip install 'hqml[notebook]'")
    folder = tmp_path_factory.mktemp("image")
    machine_image.with_python(folder / "root", "hqml", "ipykernel", "pip")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder)]
    subprocess.run([*pip, str(HERE.parents[1])], check=True, capture_output=True)
    (folder / "points.csv").write_text("1,2\n")
    wheel = next(folder.glob("hqml-*.whl"))
    base = ["--bootstrap", "localimage", "--base", str(folder / "root"), "--wheel", str(wheel)]
    also = ["--needs", "ipykernel", "--data", f"{folder / 'points.csv'}", "--env", "OMP_NUM_THREADS=3"]
    assert main(["container", "render", *base, *also, "--out", str(folder / "hqml.def")]) == 0
    assert main(["container", "build", str(folder / "hqml.def"), "--out", str(folder / "hqml")]) == 0
    return folder / "hqml"


def inside(image: Path, *command: str) -> str:
    ran = subprocess.run(["apptainer", "exec", image, *command], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


def test_an_image_has_hqml_its_data_and_its_environment(image: Path) -> None:
    assert inside(image, "python3", "-c", SOLVE) == "-1.0"
    assert inside(image, "cat", "/data/points.csv") == "1,2"
    assert inside(image, "bash", "-c", "echo $OMP_NUM_THREADS $PYTHONNOUSERSITE") == "3 1"
    ran = subprocess.run(["apptainer", "run", image, "--version"], capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("hqml ")


def test_an_image_says_what_it_was_built_from(image: Path) -> None:
    labels = json.loads(
        subprocess.run(
            ["apptainer", "inspect", "--json", "--labels", image], capture_output=True, text=True, check=True
        ).stdout
    )["data"]["attributes"]["labels"]
    digest = hashlib.sha256(b"1,2\n").hexdigest()
    assert labels["hqml.sha256:/data/points.csv"] == digest
    assert "numpy==" in labels["hqml.pins"]
    record = json.loads(image.with_name("hqml.json").read_text())
    assert record["files"]["points.csv"] == digest
    assert record["built_by"].startswith("apptainer version")
    assert record["definition"]["text"][1] == "Bootstrap: localimage"


def test_a_kernel_runs_in_the_image_and_can_be_interrupted(
    image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import jupyter_client

    for name in ("XDG_DATA_HOME", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    assert main(["kernel", "install", "--site", "local", "--name", "inside", "--container", str(image)]) == 0
    manager = jupyter_client.KernelManager(kernel_name="inside")
    manager.start_kernel(cwd=str(tmp_path))
    process = manager.provisioner.pid
    client = manager.client()
    client.start_channels()
    said: list[str] = []
    try:
        client.wait_for_ready(timeout=60)
        hear = {"output_hook": lambda message: said.append(message["content"].get("text", "")), "timeout": 60}
        client.execute_interactive(f"import os; print(os.environ['APPTAINER_NAME']); {SOLVE}", **hear)
        client.execute("import time; print('sleeping'); time.sleep(60)")
        while client.get_iopub_msg(timeout=30)["content"].get("text") != "sleeping\n":
            pass
        manager.interrupt_kernel()
        assert client.get_shell_msg(timeout=30)["content"]["ename"] == "KeyboardInterrupt"
    finally:
        client.stop_channels()
        manager.shutdown_kernel()
    assert "".join(said).split() == ["hqml", "-1.0"]
    assert not Path(f"/proc/{process}").exists()


def test_steps_of_a_workflow_run_in_the_image(image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "share").mkdir()
    (tmp_path / "share" / "points.csv").write_text("5,6\n")
    (tmp_path / "program.py").write_text("""\
import hqml
def main(out):
    with open(out, "w") as file:
        file.write(hqml.__file__ + open("/more/points.csv").read())
""")
    (tmp_path / "inside.yaml").write_text(f"""\
site: local
steps:
  solve:
    on: cluster
    time: 2m
    container: {image}
    run: hqml --version >"version of hqml" && cat /data/points.csv
  read:
    after: solve
    on: cluster
    time: 2m
    container: {{image: {image}, binds: ["{tmp_path / "share"}:/more"]}}
    run: {{python: "program:main", arguments: {{out: "a file"}}}}
""")
    assert main(["job", "submit", "inside.yaml"]) == 0
    assert (tmp_path / "version of hqml").read_text().startswith("hqml ")
    home, _, read = (tmp_path / "a file").read_text().partition("__init__.py")
    assert home.startswith("/opt/hqml/venv/")
    assert read == "5,6\n"


def test_data_that_has_changed_since_is_noticed(image: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    definition = image.with_name("hqml.def").read_text()
    base = image.with_name("root")
    wheel = next(image.parent.glob("hqml-*.whl"))
    (tmp_path / "points.csv").write_text("3,4\n")
    moved = definition.replace("From: root", f"From: {base}").replace(f"    {wheel.name} ", f"    {wheel} ")
    (tmp_path / "hqml.def").write_text(moved)
    assert main(["container", "build", str(tmp_path / "hqml.def"), "--out", str(tmp_path / "hqml")]) == 1
    assert "/data/points.csv: FAILED" in capfd.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hqml.def", "points.csv"]


def test_any_definition_is_built_into_one_file(small: Path, tmp_path: Path) -> None:
    (tmp_path / "points.csv").write_text("1,2\n")
    (tmp_path / "other.def").write_text(f"Bootstrap: localimage\nFrom: {small}\n\n%files\n    points.csv /points.csv\n")
    assert main(["container", "build", str(tmp_path / "other.def"), "--out", str(tmp_path / "other.sif")]) == 0
    assert inside(tmp_path / "other.sif", "cat", "/points.csv") == "1,2"
    record = json.loads((tmp_path / "other.sif.json").read_text())
    assert record["sha256"] == hashlib.sha256((tmp_path / "other.sif").read_bytes()).hexdigest()
    assert record["files"] == {"points.csv": hashlib.sha256(b"1,2\n").hexdigest()}


def test_a_build_that_is_interrupted_leaves_nothing(small: Path, tmp_path: Path) -> None:
    (tmp_path / "slow.def").write_text(f"Bootstrap: localimage\nFrom: {small}\n\n%post\n    echo begun\n    sleep 60\n")
    (tmp_path / "scratch").mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "hqml.cli", "container", "build", "slow.def", "--out", "slow.sif"],
        cwd=tmp_path,
        env={**os.environ, "APPTAINER_TMPDIR": str(tmp_path / "scratch")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    while "begun" not in process.stdout.readline():
        assert process.poll() is None
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=50)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "hqml: interrupted; nothing was written"
    assert time.monotonic() - started < 40
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scratch", "slow.def"]
    assert list((tmp_path / "scratch").iterdir()) == []
