"""What a newcomer reads is so: programs and commands of the pages run in order, and print what the pages show."""

from __future__ import annotations

import contextlib
import io
import math
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest

from hqml.cli import main

DOCS = Path(__file__).resolve().parents[1] / "docs"
CONCEPTS = ("qubo", "seam", "twins", "time_to_solution")
TUTORIAL = ("svm", "gpu", "mpi", "annealer", "job")
PORT = "8400"
"""Of the node, as the pages say; a test takes a free one, since other tests run at the same time."""

HOME = "/home/me/tumours"
"""The reader's folder, as the pages say."""

VARYING = r"(?:\d+m )?\d[\d.]* ?s\b|\b(?:read|fit|total) \d[\d.e-]*|-\s+\d+\s+-|─+"
"""Times, numbers of jobs, and how wide a table is."""

pytestmark = pytest.mark.skipif(not DOCS.is_dir(), reason=f"the documentation is missing: {DOCS}")


@dataclass(frozen=True)
class Block:
    language: str
    text: str

    @property
    def file(self) -> str | None:
        """The file that it is to be saved as: its first line says so."""
        first = re.match(r"# ([\w-]+\.(?:py|yaml))\n", self.text)
        return first and first[1]


@dataclass
class Reader:
    """Does what pages say, in a folder.

    Attributes:
        folder: where the reader is.
        port: of the node.
        names: of the page's Python.
        told: variables that the page has exported.
        node: the quantum node that a page has started.
    """

    folder: Path
    port: str
    names: dict[str, object] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)
    node: subprocess.Popen[str] | None = None

    def read(self, path: Path) -> None:
        self.names, self.told = {}, {}
        for block, shown in pairwise([*blocks(path), Block("", "")]):
            if block.language == "text":
                continue
            expected = shown.text if shown.language == "text" else None
            said = self.do(block, refused=bool(re.match(r"hqml: (?!warning|hint)", expected or "")))
            if expected is not None:
                assert_alike(said, expected)

    def do(self, block: Block, *, refused: bool = False) -> str:
        """What it prints. Where the page shows a refusal, its last command has to end with status 2."""
        text = block.text.replace(PORT, self.port)
        if block.file is not None:
            (self.folder / block.file).write_text(text)
            return ""
        if block.language == "python":
            with contextlib.redirect_stdout(io.StringIO()) as out:
                exec(compile(text, "a block of the page", "exec"), self.names)
            return out.getvalue()
        assert block.language == "", f"nobody does a block in {block.language}"
        said = ""
        for line in text.strip().splitlines():
            status, printed = self.command(line)
            assert status == (2 if refused else 0), f"{line}\n{printed}"
            said += printed
        return said.replace(str(self.folder), HOME).replace(self.port, PORT)

    def command(self, line: str) -> tuple[int, str]:
        """Exit status and all that it prints. Commands of hqml run in this process, unless they start others."""
        words = shlex.split(line)
        if words[0] == "export":
            self.told |= dict(pair.split("=", 1) for pair in words[1:])
            return 0, ""
        if words[:3] == ["hqml", "node", "serve"]:
            return 0, self.serve(words)
        if words[0] == "hqml" and (words[1:3] != ["job", "submit"] or "--dry-run" in words):
            return self.here(words[1:])
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=200,
            check=False,
        )
        return done.returncode, done.stdout

    def here(self, words: list[str]) -> tuple[int, str]:
        out = io.StringIO()
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            for name, value in self.told.items():
                patch.setenv(name, value)
            status = main(words)
        return status, out.getvalue()

    def serve(self, words: list[str]) -> str:
        """Start the node, unless it serves already; gives the line that it prints."""
        if self.node is not None:
            return ""
        self.node = subprocess.Popen(words, cwd=self.folder, env=self.environment(), stdout=subprocess.PIPE, text=True)
        assert self.node.stdout is not None
        line = self.node.stdout.readline()
        assert self.port in line
        return line

    def environment(self) -> dict[str, str]:
        """The terminal's, with the commands of this environment found first."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return {**os.environ, **self.told, "PATH": path}

    def close(self) -> None:
        if self.node is not None:
            self.node.terminate()
            self.node.communicate()


def blocks(path: Path) -> list[Block]:
    found = re.findall(r"^```(\w*)\n(.*?)^```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [Block(*one) for one in found]


def page(name: str) -> Path:
    return DOCS / "tutorial" / f"{name}.md"


def assert_alike(said: str, expected: str) -> None:
    """The same words, and numbers that agree to a hundredth; what varies from run to run is left out."""
    found, wanted = (re.sub(VARYING, "#", text).split() for text in (said, expected))
    assert len(found) == len(wanted), f"{said}\nis not what the page shows:\n{expected}"
    for one, other in zip(found, wanted, strict=True):
        assert one == other or close(one, other), f"found {one}, the page shows {other}:\n{said}"


def close(one: str, other: str) -> bool:
    try:
        first, second = (float(re.sub(r"[,;:%()\[\]]", "", text)) for text in (one, other))
    except ValueError:
        return False
    return math.isclose(first, second, rel_tol=0.01, abs_tol=0.01)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]) -> Iterator[Reader]:
    """One reader of all pages, in one folder. Nothing of the user's own is read or written."""
    folder = tmp_path_factory.mktemp("tutorial")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("DWAVE_")]:
            patch.delenv(name)
        for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "HQML_CACHE_DIR"):
            patch.setenv(name, str(folder / "own" / name))
        patch.setenv("DWAVE_CONFIG_FILE", os.devnull)
        for name in ("NO_PROXY", "no_proxy"):
            patch.setenv(name, "127.0.0.1,localhost")
        for name in ("OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"):
            patch.setenv(name, "1")
        patch.setenv("TERM", "dumb")  # mpiexec gives its ranks a terminal, where tables have colours
        patch.setenv("PRTE_MCA_rmaps_default_mapping_policy", ":oversubscribe")
        patch.chdir(folder)
        found = Reader(folder, str(free_port()))
        yield found
        found.close()


@pytest.fixture
def tables(reader: Reader) -> None:
    """The tables that the first page writes, by the program of the last one that writes the same."""
    if not (reader.folder / "train.csv").exists():
        reader.do(next(block for block in blocks(page("job")) if block.file == "prepare.py"))
        reader.do(Block("", "python prepare.py"))


@pytest.mark.parametrize("name", CONCEPTS)
def test_the_programs_of_a_concept_print_what_it_shows(name: str, reader: Reader) -> None:
    reader.read(DOCS / "concepts" / f"{name}.md")


def test_a_first_svm(reader: Reader) -> None:
    reader.read(page("svm"))


@pytest.mark.usefixtures("tables")
def test_the_same_on_a_gpu(reader: Reader) -> None:
    pytest.importorskip("torch", reason="torch is missing: pip install 'hqml[torch]'")
    reader.read(page("gpu"))


@pytest.mark.mpi
@pytest.mark.slow
@pytest.mark.usefixtures("tables")
def test_the_same_over_ranks(reader: Reader) -> None:
    pytest.importorskip("mpi4py", reason="mpi4py is missing: pip install 'hqml[mpi]'")
    reader.read(page("mpi"))


@pytest.mark.slow
@pytest.mark.usefixtures("tables")
def test_the_same_by_an_annealer(reader: Reader) -> None:
    pytest.importorskip("dwave.system", reason="dwave-system is missing: pip install 'hqml[node]'")
    pytest.importorskip("uvicorn", reason="uvicorn is missing: pip install 'hqml[node]'")
    reader.read(page("annealer"))


@pytest.mark.slow
def test_all_of_it_as_a_job(reader: Reader) -> None:
    pytest.importorskip("torch", reason="torch is missing: pip install 'hqml[torch]'")
    pytest.importorskip("uvicorn", reason="uvicorn is missing: pip install 'hqml[node]'")
    pytest.importorskip("pydantic", reason="pydantic is missing: pip install 'hqml[hpc]'")
    reader.do(next(block for block in blocks(page("annealer")) if "hqml node serve" in block.text))
    reader.read(page("job"))


def test_each_page_leads_to_the_next() -> None:
    assert {path.stem for path in (DOCS / "tutorial").glob("*.md")} == set(TUTORIAL)
    for name, following in pairwise(TUTORIAL):
        assert f"]({following}.md)" in page(name).read_text(encoding="utf-8")[-200:], name
