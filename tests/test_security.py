"""What SECURITY.md says of the source is so everywhere in it, and the tests that it names are there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import hqml

ROOT = Path(__file__).resolve().parents[1]
HOME = Path(hqml.__file__).parent
BACKENDS = ROOT / "backends" if HOME == ROOT / "hqml" else HOME.parent
SOURCES = [*HOME.rglob("*.py"), *(path for one in BACKENDS.glob("hqml_*") for path in one.rglob("*.py"))]
SECURITY = (ROOT / "SECURITY.md").read_text(encoding="utf-8")

PICKLING = "hqml/testing/conformance.py"
"""Pickles what it has pickled itself, to see that backends and models can be."""

REFUSED = {
    *("eval", "exec", "compile", "os.system", "os.popen", "pickle.load", "pickle.loads", "pickle.Unpickler"),
    *("joblib.load", "marshal.load", "marshal.loads", "shelve.open", "pandas.read_pickle", "pd.read_pickle"),
    *("yaml.load", "yaml.full_load", "yaml.unsafe_load", "tempfile.mktemp", "ssl._create_unverified_context"),
}
"""Calls that run what they are given, or trust it."""

UNPICKLING = {"pickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle"}
"""Modules whose functions would run what they read, under whatever name they are imported."""

NEEDED = {"np.load": ("allow_pickle", False), "torch.load": ("weights_only", True)}
"""Calls that are safe by an argument, which stands there whatever the default is."""


def nodes() -> Iterator[tuple[str, ast.AST]]:
    """All of the source: file and node."""
    for path in SOURCES:
        place = path.relative_to(HOME.parent if path.is_relative_to(HOME) else BACKENDS).as_posix()
        yield from ((place, node) for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


NODES = list(nodes())
CALLS = [(f"{place}:{one.lineno}", ast.unparse(one.func), one) for place, one in NODES if isinstance(one, ast.Call)]
"""Where, what, and the call itself."""


def argument(call: ast.Call, name: str) -> object:
    return next((ast.literal_eval(one.value) for one in call.keywords if one.arg == name), None)


def test_the_whole_source_is_looked_through() -> None:
    assert len(SOURCES) > 500
    assert {"hqml", "hqml_cpu", "hqml_mpi", "hqml_ocean", "hqml_torch"} == {
        where.partition("/")[0] for where, *_ in CALLS
    }


def test_nothing_is_called_that_runs_what_it_reads() -> None:
    assert [(w, name) for w, name, _ in CALLS if name in REFUSED and not w.startswith(PICKLING)] == []


def test_nothing_imports_what_unpickles() -> None:
    names = [(place, alias.name) for place, one in NODES if isinstance(one, ast.Import) for alias in one.names]
    names += [(place, one.module or "") for place, one in NODES if isinstance(one, ast.ImportFrom)]
    assert {place for place, name in names if name.partition(".")[0] in UNPICKLING} == {PICKLING}


def test_no_command_goes_through_a_shell() -> None:
    assert [where for where, _, call in CALLS if any(one.arg == "shell" for one in call.keywords)] == []


@pytest.mark.parametrize(("name", "needed"), NEEDED.items())
def test_a_reader_is_told_to_run_nothing(name: str, needed: tuple[str, bool]) -> None:
    found = [(where, argument(call, needed[0])) for where, called, call in CALLS if called == name]
    assert found
    assert [where for where, value in found if value is not needed[1]] == []


def test_certificates_are_checked_unless_ocean_says_otherwise() -> None:
    found = {where for where, _, call in CALLS for one in call.keywords if one.arg == "verify"}
    assert {where.partition(":")[0] for where in found} == {"hqml_ocean/node/upstream.py"}  # its permissive_ssl


def test_no_option_of_ssh_skips_the_check_of_a_host() -> None:
    assert [path for path in SOURCES if "StrictHostKeyChecking" in path.read_text(encoding="utf-8")] == []


def test_the_tests_that_it_names_are_there() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)`", SECURITY)
    assert len(named) > 10
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_the_bounds_that_it_names_are_those_of_the_project() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    named = re.findall(r"(skops|torch|keras) before ([\d.]+)[,.;]", SECURITY.partition("## Dependencies")[2])
    assert len(named) == 3
    for name, version in named:
        assert f'"{name}>={version}"' in project
