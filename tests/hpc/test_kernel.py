"""Kernels that `hqml kernel install` wrote, started by Jupyter: by its client, by nbclient, and in JupyterLab."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest

from hqml.cli import main

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

jupyter_client = pytest.importorskip("jupyter_client", reason="no Jupyter: pip install 'hqml[notebook]'")
pytest.importorskip("ipykernel", reason="no ipykernel: pip install 'hqml[notebook]'")

# jupyter_client and its tools warn of one another's ways.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

LMOD = Path("/usr/share/lmod/lmod/init/bash")
SOLVE = """\
import hqml, numpy as np
samples = hqml.sample(np.array([[-1.0, 2.0], [0.0, -1.0]]), backend="neal", reads=10, seed=0)
print("lowest energy", samples.first.energy)"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders of Jupyter that are the test's own."""
    for name in [name for name in os.environ if name.startswith(("JUPYTER", "IPYTHON"))]:
        monkeypatch.delenv(name)
    for name in ("XDG_DATA_HOME", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    return tmp_path


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site whose software is a tree of Lmod modules, one of which is this Python."""
    if not LMOD.exists():
        pytest.skip(f"Lmod is not installed (apt-get install lmod): no {LMOD}")
    stage, python = tmp_path / "software" / "Stages" / "1.lua", tmp_path / "inner" / "Python" / "3.11.lua"
    for path, does in (
        (stage, f'prepend_path("MODULEPATH", "{tmp_path / "inner"}")'),
        (python, f'prepend_path("PATH", "{Path(sys.executable).parent}")\nsetenv("OF_THE_MODULE", "a value")'),
    ):
        path.parent.mkdir(parents=True)
        path.write_text(does)
    file = tmp_path / "mine.yaml"
    file.write_text(f"""\
title: Mine
scheduler: none
sources:
  here: {{title: this test, url: "file:///", date: 2026-11-26}}
modules:
  - name: cluster
    kind: cluster
    title: cluster
    source: here
    nodes: {{one: {{cores: 1}}}}
    partitions: [{{name: all, nodes: 1, time: 1h, node: one}}]
software:
  source: here
  setup: ["export LMOD_SYSTEM_DEFAULT_MODULES= MODULEPATH=", ". {LMOD}", "module use {tmp_path / "software"}"]
  purge: module --force purge
  stages:
    - name: one
      source: here
      load: [Stages/1]
      packages: [{{provides: python, version: "3.11", load: [Python/3.11]}}]
""")
    return file


def install(*arguments: str) -> None:
    assert main(["kernel", "install", *arguments]) == 0


def run(client: Any, code: str) -> str:
    """Run a cell, and give what it printed; or the name of its error."""
    said: list[str] = []

    def hear(message: dict[str, Any]) -> None:
        content = message["content"]
        said.append(content.get("text") or content.get("ename") or "")

    client.execute_interactive(code, timeout=60, output_hook=hear)
    return "".join(said).strip()


def test_a_kernel_is_python_itself_and_heeds_interrupt_restart_and_shutdown(home: Path) -> None:
    install("--site", "local", "--name", "mine", "--env", "OMP_NUM_THREADS=3")
    manager = jupyter_client.KernelManager(kernel_name="mine")
    manager.start_kernel(cwd=str(home))
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        number = run(client, "import os; print(os.getpid(), os.environ['OMP_NUM_THREADS'])")
        assert number == f"{manager.provisioner.pid} 3"  # no shell is between Jupyter and it
        client.execute("import time; kept = 5; print('sleeping'); time.sleep(60)")
        while client.get_iopub_msg(timeout=30)["content"].get("text") != "sleeping\n":
            pass
        manager.interrupt_kernel()
        assert client.get_shell_msg(timeout=30)["content"]["ename"] == "KeyboardInterrupt"
        assert run(client, "print(kept)") == "5"
        manager.restart_kernel()
        client.wait_for_ready(timeout=60)
        assert run(client, "print(kept)") == "NameError"
        process = int(run(client, "import os; print(os.getpid())"))
    finally:
        client.stop_channels()
        manager.shutdown_kernel()
    assert not Path(f"/proc/{process}").exists()


def test_a_notebook_runs_on_top_of_the_modules_of_a_site(home: Path, site: Path) -> None:
    nbclient = pytest.importorskip("nbclient", reason="no nbclient: pip install 'hqml[notebook]'")
    import nbformat

    install("--site", str(site), "--name", "modules")
    cells = [SOLVE, "import os; print(os.environ['OF_THE_MODULE'], os.environ['LOADEDMODULES'])"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(one) for one in cells])
    nbclient.NotebookClient(notebook, kernel_name="modules", timeout=60).execute(cwd=str(home))
    said = ["".join(output.get("text", "") for output in cell.outputs).strip() for cell in notebook.cells]
    assert said == ["lowest energy -1.0", "a value Stages/1:Python/3.11"]


def test_a_python_without_ipykernel_is_found_when_the_kernel_is_installed(
    home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home / "bare"], check=True)
    arguments = ["kernel", "install", "--site", "local", "--venv", str(home / "bare"), "--name", "bare"]
    assert main(arguments) == 2
    err = capfd.readouterr().err
    assert f"{home}/bare/bin/python has no ipykernel: python -m pip install ipykernel" in err
    assert err.count("\n") == 1
    assert main([*arguments, "--no-check"]) == 0
    script = home / "XDG_DATA_HOME" / "jupyter" / "kernels" / "bare" / "kernel.sh"
    started = subprocess.run([script, "nowhere.json"], capture_output=True, text=True, check=False)
    assert started.returncode == 1
    assert started.stderr.startswith(f"hqml kernel bare: {home}/bare/bin/python has no ipykernel")


@pytest.fixture
def lab(home: Path, capfd: pytest.CaptureFixture[str], free_port: Callable[[], int]) -> Iterator[tuple[str, str]]:
    """A JupyterLab of the test's own: its address and token."""
    pytest.importorskip("jupyterlab", reason="no JupyterLab: pip install 'hqml[notebook]'")
    config = home / "JUPYTER_CONFIG_DIR" / "labconfig" / "page_config.json"
    config.parent.mkdir(parents=True)
    # It would look for news, and ask whether it may.
    config.write_text(json.dumps({"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}))
    port = free_port()
    token, address = secrets.token_hex(16), f"http://127.0.0.1:{port}"
    (home / "work").mkdir()
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1"]
    command += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={home / 'work'}"]
    log = home / "lab.log"
    with log.open("w") as file:
        environment = {**os.environ, "JUPYTER_TOKEN": token}
        process = subprocess.Popen(command, env=environment, stdout=file, stderr=subprocess.STDOUT)
    try:
        wait_for(f"{address}/api/status", token, process, log)
        yield address, token
    finally:
        process.terminate()
        process.wait(20)


def wait_for(address: str, token: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        try:
            with urlopen(Request(address, headers={"Authorization": f"token {token}"}), timeout=5):
                return
        except (URLError, OSError):
            time.sleep(0.1)
    raise AssertionError(log.read_text())


@pytest.fixture
def page(browser: Browser) -> Page:
    return browser.new_page(viewport={"width": 1280, "height": 800})


@pytest.mark.browser
def test_jupyterlab_offers_the_kernel_and_runs_a_cell_with_it(
    page: Page, lab: tuple[str, str], home: Path, site: Path
) -> None:
    address, token = lab
    install("--site", str(site), "--display-name", "hqml on my modules")
    cell = {"cell_type": "code", "id": "one", "metadata": {}, "outputs": [], "execution_count": None, "source": SOLVE}
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (home / "work" / "first.ipynb").write_text(json.dumps(notebook))
    page.goto(f"{address}/lab/tree/first.ipynb?token={token}")
    dialog = page.locator(".jp-Dialog", has_text="Select Kernel")
    dialog.locator("select").select_option(label="hqml on my modules", timeout=60_000)
    dialog.get_by_role("button", name=re.compile("^Select")).click()
    # Before it is there, JupyterLab would drop what it is told to run.
    page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for(timeout=60_000)
    page.locator(".jp-Notebook .jp-CodeCell .cm-content").first.click()
    page.keyboard.press("Shift+Enter")
    output = page.locator(".jp-Notebook .jp-OutputArea-output", has_text="lowest energy")
    output.wait_for(timeout=30_000)
    assert output.inner_text().strip() == "lowest energy -1.0"
    assert page.locator(".jp-KernelName").inner_text() == "hqml on my modules"
