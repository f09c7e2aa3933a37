"""One process of a mutation run: tests are collected once, and each mutant is judged in a fork.

    judge.py map CALLS                              which test calls which function, and how long it takes
    judge.py judge CALLS NAMES VERDICTS SECONDS     a verdict on each of the named mutants

The folder is mutants/; which tests, says [tool.mutmut] in pyproject.toml. run.py calls this.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from mutmut.configuration import config
from mutmut.mutation import trampoline


class Map:
    """Notes which of mutmut's functions each test calls, how long it takes, and which fail among mutants at all."""

    def __init__(self) -> None:
        self.called: set[str] = set()
        self.tests: dict[str, list[str]] = defaultdict(list)
        self.seconds: dict[str, float] = {}
        self.failing: set[str] = set()
        trampoline.record_trampoline_hit = lambda name, caller=None: self.called.add(name)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Any:
        self.called.clear()
        started = time.perf_counter()
        result = yield
        self.seconds[item.nodeid] = time.perf_counter() - started
        for name in self.called:
            self.tests[name].append(item.nodeid)
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:  # where a warning points, for one: mutmut adds frames
            self.failing.add(report.nodeid)

    def calls(self) -> dict[str, list[tuple[float, str]]]:
        """Of each function the tests that call it, the quickest first, with their seconds."""
        return {
            name: sorted((self.seconds[test], test) for test in set(tests) - self.failing)
            for name, tests in self.tests.items()
        }


class Judge:
    """Instead of running the collected tests, runs for each mutant those of its function, in a fork."""

    def __init__(self, calls: dict[str, list[tuple[float, str]]], names: list[str], out: Path, seconds: float) -> None:
        self.calls, self.names, self.out, self.seconds = calls, names, out, seconds

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = {item.nodeid: item for item in session.items}
        with self.out.open("a") as out:
            for name in self.names:
                tests, seconds = self.chosen(name)
                verdict = self.verdict(name, [items[test] for test in tests], seconds) if tests else "uncalled"
                print(json.dumps({"name": name, "verdict": verdict, "tests": len(tests)}), file=out, flush=True)
        return True

    def chosen(self, name: str) -> tuple[list[str], float]:
        """Tests of its function that together take the given time, at least one, and that time."""
        tests: list[str] = []
        total = 0.0
        for seconds, test in self.calls.get(name.rpartition("__mutmut_")[0], ()):
            if tests and total + seconds > self.seconds:
                break
            tests.append(test)
            total += seconds
        return tests, total

    def verdict(self, name: str, items: list[pytest.Item], seconds: float) -> str:
        child = os.fork()
        if not child:
            os.environ["MUTANT_UNDER_TEST"] = name
            run_and_leave(items)
        until = time.monotonic() + 20 + 6 * seconds
        while time.monotonic() < until:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return "killed" if status else "survived"
            time.sleep(0.005)
        os.kill(child, 9)
        os.waitpid(child, 0)
        return "endless"


def run_and_leave(items: list[pytest.Item]) -> None:
    """In the fork: the tests one by one, until one fails; the exit status says whether."""
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)
    os.dup2(null, 2)

    class Watch:
        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
            if report.failed:
                os._exit(1)

    items[0].config.pluginmanager.register(Watch())
    try:
        for item, following in zip(items, [*items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        os._exit(0)
    finally:  # pytest's own exceptions, which end a session
        os._exit(1)


def run_pytest(plugin: object) -> int:
    said = config()
    options = ["--rootdir=.", "-q", "--tb=no", "--timeout=0", *said.pytest_add_cli_args]
    return int(pytest.main([*options, *said.pytest_add_cli_args_test_selection], plugins=[plugin]))


def main(what: str, calls: str, *rest: str) -> None:
    if what == "map":
        found = Map()
        if run_pytest(found) not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            sys.exit("the tests cannot be run; nothing is known of who calls what")
        print("left out, since mutmut's frames make it fail:", *sorted(found.failing), sep="\n  ")
        Path(calls).write_text(json.dumps(found.calls()))
    else:
        names, out, seconds = rest
        tests = json.loads(Path(calls).read_text())
        run_pytest(Judge(tests, json.loads(Path(names).read_text()), Path(out), float(seconds)))


if __name__ == "__main__":
    main(*sys.argv[1:])
