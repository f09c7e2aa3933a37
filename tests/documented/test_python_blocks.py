"""Python that stands in pages: all of it can be read and has names that exist; what needs no more than hqml is run."""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import pytest
from doc_pages import ROOT, Page, pages
from sklearn.datasets import load_breast_cancer

RUN = (
    ROOT / "README.md",
    *(ROOT / "docs" / name for name in ("backends.md", "dl/onnx.md", "dl/training.md", "notebooks.md", "onnx.md")),
    *sorted((ROOT / "docs" / "estimators").glob("*.md")),
)

BLOCKS = [(page.name, number, code) for page in pages() for number, code in enumerate(page.blocks("python"), 1)]


def named(tree: ast.AST) -> Iterator[tuple[str, ...]]:
    """What the code takes of hqml: ("hqml.svm", "QuboSVC") of an import, ("hqml", "dl", "train") of an attribute."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name,) for alias in node.names)
        elif isinstance(node, ast.Attribute) and (names := _chain(node)) and names[0] == "hqml":
            yield names


def _chain(node: ast.expr) -> tuple[str, ...] | None:
    if isinstance(node, ast.Name):
        return (node.id,)
    before = _chain(node.value) if isinstance(node, ast.Attribute) else None
    return (*before, node.attr) if before and isinstance(node, ast.Attribute) else None


def found(names: tuple[str, ...]) -> Any:
    thing = importlib.import_module(names[0])
    for place, name in enumerate(names[1:], 1):
        if not hasattr(thing, name):
            importlib.import_module(".".join(names[: place + 1]))
        thing = getattr(thing, name)
    return thing


@pytest.mark.parametrize(("page", "number", "code"), BLOCKS, ids=[f"{page}-{number}" for page, number, _ in BLOCKS])
def test_names_that_it_takes_are_there(page: str, number: int, code: str) -> None:
    for names in named(ast.parse(code)):
        if names[0].partition(".")[0] != "hqml":
            pytest.importorskip(names[0], reason=f"{names[0]} is missing, which {page} uses")
        found(names)


@pytest.mark.parametrize("path", [path for path in RUN if Page(path).blocks("python")], ids=lambda path: path.stem)
def test_it_runs_as_it_stands(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From its first block on. Where a page speaks of X and y without making them they are any data of two classes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    X, y = load_breast_cancer(return_X_y=True)
    known = {"X": X[:120], "y": y[:120]}
    blocks = Page(path).blocks("python")
    for library in {names[0].partition(".")[0] for code in blocks for names in named(ast.parse(code))} - {"hqml"}:
        pytest.importorskip(library, reason=f"{library} is missing, which {path.name} uses")
    for code in blocks:
        exec(compile(code, str(path), "exec"), known)
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")


OURS = [point for point in entry_points(group="hqml.backends") if point.dist is not None and point.dist.name == "hqml"]


@pytest.mark.parametrize("point", OURS, ids=lambda point: point.name)
def test_the_page_of_backends_has_every_option(point: EntryPoint) -> None:
    pytest.importorskip("dwave.system", reason="dwave-system is missing: pip install 'hqml[dwave]'")
    backend = point.load()
    names = {*inspect.signature(backend).parameters, *inspect.signature(backend.sample).parameters}
    text = Page(ROOT / "docs" / "backends.md").text
    assert [name for name in names - {"self", "qubos", "options", "progress"} if f"`{name}`" not in text] == []
