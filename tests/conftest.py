"""What more than one test file needs, and a guard against tests that silently stop running."""

from __future__ import annotations

import importlib.util
import os
import signal
from pathlib import Path
from types import ModuleType

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"

_passed = 0


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of published benchmark data beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip(f"the benchmark data is missing: {SHARED}")
    return SHARED


@pytest.fixture(scope="session")
def compare_cases() -> ModuleType:
    """The module `compare_cases` beside this file, which pytest's import mode does not make importable."""
    spec = importlib.util.spec_from_file_location("compare_cases", Path(__file__).with_name("compare_cases.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
