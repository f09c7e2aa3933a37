"""Every command of the pages is run here, in a scratch folder with stand-in files, or by whom elsewhere.py says.

What it says of hqml is parsed in any case, so that no page has a subcommand or an option that is not there.
"""

from __future__ import annotations

import glob
import os
import re
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path

import click
import pytest
from doc_pages import ROOT, Command, Page, pages
from elsewhere import CI, TABLE, Elsewhere, elsewhere

if not (ROOT / CI).is_file():
    pytest.skip(f"{CI} is missing: these tests are for a checkout", allow_module_level=True)
pytest.importorskip("pydantic", reason="pydantic is missing: pip install 'hqml[hpc]'")
pytest.importorskip("h5py", reason="h5py is missing: pip install 'hqml[dl]'")
pytest.importorskip("torch", reason="torch is missing: pip install 'hqml[dl]'")
pytest.importorskip("rasterio", reason="rasterio is missing: pip install 'hqml[geo]'")
pytest.importorskip("pandas", reason="pandas is missing: pip install 'hqml[compare]'")

from parsing import parsed
from stand_ins import begin, provide

from hqml.cli import main

PAGES = pages()
COMMANDS = [command for page in PAGES for command in page.commands()]
WITH_HQML = [page for page in PAGES if any(command.words[0] == "hqml" for command in page.commands())]

SHORTER = {
    "hqml compare G22.mc.gz --backends cpu,neal,tabu --target 99% --report *": "--seeds 1 --reads 3",
    "hqml compare *": "--estimate",
    "hqml search *": "--trials 1 --set epochs=1",
    "hqml train * --site *": "--dry-run",
    "hqml train *": "--set epochs=1",
    "hqml kernel install*": "--no-check",
}
"""Options that are added where a command would take long, or want a site."""


def text_of(command: Command) -> str:
    return f"{command.page}: {command.text}"


@pytest.mark.parametrize("command", [one for one in COMMANDS if one.hqml is not None], ids=text_of)
def test_hqml_has_the_subcommand_and_its_options(command: Command) -> None:
    try:
        parsed(command)
    except click.UsageError as error:
        pytest.fail(f"{text_of(command)}: {error.format_message()}")


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_other_service: None) -> Path:
    """An empty folder that is the home as well, for what commands write there; embeddings are kept where they are."""
    caches = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    for name in [name for name in os.environ if name.startswith(("JUPYTER_", "XDG_", "SLURM_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CACHE_HOME", caches)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def is_here(command: Command) -> bool:
    """Whether it is run here."""
    return command.words[0] == "hqml" and not elsewhere(command) and parsed(command)


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_HQML, ids=lambda page: page.name)
def test_the_commands_of_a_page_do_what_they_say(page: Page, scratch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begin(page)
    for command in filter(is_here, page.commands()):
        words = command.hqml or []
        provide(words, page)
        words = [file for word in words for file in (glob.glob(word) or [os.path.expanduser(word)])]
        longer = next((more for pattern, more in SHORTER.items() if fnmatchcase(command.text, pattern)), "")
        status = main([*words, *longer.split()])
        assert status == 0, f"{text_of(command)} {longer}\n{capsys.readouterr().err}"


def test_every_command_is_run_here_or_the_table_says_by_whom() -> None:
    whole = [one for one in COMMANDS if one.in_block or (parsed(one) if one.hqml else not one.is_pattern)]
    lost = [text_of(one) for one in whole if not (elsewhere(one) or is_here(one))]
    assert not lost, "say in elsewhere.py who runs them"


@pytest.mark.parametrize("entry", TABLE, ids=lambda entry: entry.commands[0])
def test_the_table_has_nothing_that_no_page_has_any_more(entry: Elsewhere) -> None:
    for pattern in entry.commands:
        one = Elsewhere(entry.who, (pattern,), entry.pages)
        assert any(one.has(command) for command in COMMANDS), f"no page has {pattern!r}"


@pytest.mark.parametrize("entry", TABLE, ids=lambda entry: entry.commands[0])
def test_who_runs_a_command_is_there(entry: Elsewhere) -> None:
    if entry.who == CI:
        assert (ROOT / CI).is_file()
    elif not entry.who.startswith(("needs ", "by hand: ")):
        file, _, name = entry.who.partition("::")
        assert f"def {name}" in (ROOT / file).read_text()


def test_targets_of_make_are_there_and_in_ci_where_the_table_says_so() -> None:
    makefile = (ROOT / "Makefile").read_text()
    ci = (ROOT / CI).read_text()
    for command in COMMANDS:
        if command.words[0] == "make":
            target = command.words[1]
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), text_of(command)
            entry = elsewhere(command)
            assert entry is None or entry.who != CI or f"make {target}" in ci, text_of(command)


def test_extras_that_pages_install_are_there() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    found = [(page.name, names) for page in PAGES for names in re.findall(r"hqml\[([\w,-]+)\]", page.text)]
    assert [(page, names) for page, names in found if not set(names.split(",")) <= set(extras)] == []


def test_scripts_that_pages_run_are_there() -> None:
    for command in COMMANDS:
        for word in command.words:
            if word.endswith(".py") and word.startswith(("benchmarks/", "examples/", "tests/", "docs/")):
                assert (ROOT / word).is_file(), text_of(command)
