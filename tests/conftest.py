"""What more than one test file needs, and a guard against tests that silently stop running."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# No property fails because the machine is busy: hypothesis's older versions have a time limit in CI too. And no folder
# need be new for each example.
hypothesis.settings.register_profile(
    "unhurried",
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.function_scoped_fixture],
)
hypothesis.settings.load_profile("unhurried")

# For `make mutants`: quick, the same for every mutant, and without a search for the smallest example.
hypothesis.settings.register_profile(
    "mutants",
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=15,
    phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
    suppress_health_check=list(hypothesis.HealthCheck),
)

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
BROWSER_FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]

_passed = 0


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of published benchmark data beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip(f"the benchmark data is missing: {SHARED}")
    return SHARED


@pytest.fixture(scope="session")
def module_at() -> Callable[[Path], ModuleType]:
    """Imports a file that no package holds, and that pytest's import mode does not make importable."""

    def load(path: Path) -> ModuleType:
        spec = importlib.util.spec_from_file_location(f"of_tests_{path.stem}", path)
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)  # where dataclasses look for it
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture(scope="session")
def compare_cases(module_at: Callable[[Path], ModuleType]) -> ModuleType:
    return module_at(Path(__file__).with_name("compare_cases.py"))


@pytest.fixture(scope="session")
def golden() -> Callable[[Path, str], str]:
    """What a file says that somebody has read and found right; HQML_GOLDEN=write writes the present text there."""

    def read(path: Path, present: str) -> str:
        if os.environ.get("HQML_GOLDEN") == "write":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(present)
            pytest.fail(f"{path} is written; look at git diff")
        return path.read_text()

    return read


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """Gives a port of loopback at which nothing listens."""

    def found() -> int:
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            return int(one.getsockname()[1])

    return found


@pytest.fixture
def cold_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """A study's process before its first cell, where a start in a fresh process takes half a second."""
    from hqml.compare import cold_start, warm_up

    for name in ("_measured", "_embedded", "_refused"):
        monkeypatch.setattr(warm_up, name, {})
    monkeypatch.setattr(cold_start, "_known", {})
    monkeypatch.setattr(cold_start, "_in_fresh_process", lambda asked, solver: 0.5)


@pytest.fixture(scope="module")  # not longer: while it is open, playwright's loop runs, and asyncio allows no other
def browser() -> Iterator[Browser]:
    """Debian's Chromium, which asks nothing of the net by itself."""
    api = pytest.importorskip("playwright.sync_api", reason="no browser to drive: pip install 'hqml[browser]'")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("Chromium is missing: apt-get install chromium")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=BROWSER_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def no_other_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the machine is set up for, a test talks to its own quantum node, past any proxy."""
    for name in list(os.environ):
        if name.startswith("DWAVE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    monkeypatch.setenv("DWAVE_CONFIG_FILE", os.devnull)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--least", type=int, default=0, help="Fail unless at least so many tests have passed.")
    parser.addoption("--installed", action="store_true", help="Fail unless hqml comes from site-packages.")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Make Ctrl-C work, and hold --installed to its promise that the tests meet the built wheel."""
    # A shell starts what it puts into the background with SIGINT ignored; tests of Ctrl-C would wait for ever.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if session.config.getoption("--installed"):
        import hqml

        home = Path(hqml.__file__).resolve()
        if "site-packages" not in home.parts:
            pytest.exit(f"expected the installed hqml, found {home}", returncode=1)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    global _passed
    _passed += report.when == "call" and report.passed


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workerinput"):  # one of several processes; the first counts what all have passed
        return
    least = session.config.getoption("--least")
    if _passed < least and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    least = config.getoption("--least")
    if _passed < least:
        terminalreporter.write_line(f"expected at least {least} tests to pass, found {_passed}", red=True)
