"""Small files under the names that the pages use, made when a command first reads them."""

from __future__ import annotations

import csv
import gzip
import importlib.metadata
import re
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from doc_pages import ROOT, Page
from sklearn.datasets import load_breast_cancer, load_iris

from hqml.cli import main

EXAMPLES = {
    "docs/dl/head.md": "head",
    "examples/head/README.md": "head",
    "examples/msa/README.md": "msa",
}
"""The folder that commands of a page are run in, which the page says by `cd` or by lying there."""


def begin(page: Page) -> None:
    """Copy the example that a page is about into the current folder."""
    if page.name in EXAMPLES:
        shutil.copytree(ROOT / "examples" / EXAMPLES[page.name], ".", dirs_exist_ok=True)


def provide(words: Iterable[str], page: Page) -> None:
    """Make those files of the current folder that are named here and are not there."""
    for word in words:
        if Path(word).exists():
            continue
        if word in _FILES:
            _FILES[word](Path(word))
        elif word.endswith(".yaml") and (text := _of_page(word, page)):
            Path(word).write_text(text)
            provide(re.findall(r"[\w.]+", text), page)


def _of_page(name: str, page: Page) -> str | None:
    """The block of YAML that says it is this file, else the page's first one."""
    blocks = page.blocks("yaml")
    return next((text for text in blocks if text.startswith(f"# {name}\n")), blocks[0] if blocks else None)


def _graph(path: Path) -> None:
    rng = np.random.default_rng(0)
    edges = [(i, j) for i in range(1, 13) for j in range(i + 1, 13) if rng.random() < 0.5]
    lines = [f"12 {len(edges)}", *(f"{i} {j} 1" for i, j in edges)]
    path.write_bytes(gzip.compress("\n".join(lines).encode()))


def _table(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def _tumours(path: Path) -> None:
    data = load_breast_cancer()
    rows = [[*x[:6], "mine" if y else "rock"] for x, y in zip(data.data[:60], data.target[:60], strict=True)]
    _table(path, ["a", "b", "c", "d", "e", "f", "class"], rows)


def _soils(path: Path) -> None:
    data = load_iris()
    _table(path, ["a", "b", "c", "soil"], [[*x[:3], int(y)] for x, y in zip(data.data, data.target, strict=True)][:100])


def _flowers(*labels: str) -> Callable[[Path], None]:
    """Iris: three measures, and what labels are wanted: the name of the species, or the fourth measure."""

    def write(path: Path) -> None:
        data = load_iris()
        last = {"species": data.target_names[data.target], "target": data.data[:, 3]}
        rows = [[*x[:3], *(last[label][n] for label in labels)] for n, x in enumerate(data.data)]
        _table(path, ["length", "width", "petal", *labels], rows[::3])

    return write


def _landsat_rows(path: Path) -> None:
    """As in the Statlog set: 36 numbers and the class, blanks between them, no header."""
    rng = np.random.default_rng(0)
    soils = rng.integers(0, 2, 80)
    pixels = 80 + 10 * soils[:, None] + rng.integers(0, 12, (80, 36))
    path.write_text("".join(f"{' '.join(map(str, x))} {4 + 3 * y}\n" for x, y in zip(pixels, soils, strict=True)))


def _landsat_model(path: Path) -> None:
    _landsat_rows(Path("rows.trn"))
    assert main(["fit", "rows.trn", "--label", "-1", "--out", str(path), "--seed", "0"]) == 0


def _scene(path: Path) -> None:
    import rasterio
    from rasterio.transform import Affine

    pixels = np.random.default_rng(1).integers(80, 100, (4, 9, 11)).astype(np.uint8)
    where = {"crs": "EPSG:32632", "transform": Affine(30, 0, 300000, 0, -30, 5600000)}
    with rasterio.open(path, "w", driver="GTiff", count=4, height=9, width=11, dtype="uint8", **where) as file:
        file.write(pixels)


def _tiles(path: Path) -> None:
    import h5py

    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    images = rng.normal(size=(60, 2, 8, 8)).astype("f4") + labels[:, None, None, None]
    with h5py.File(path, "w") as file:
        file.update({"images": images, "labels": labels})


def _specification(path: Path) -> None:
    """That of docs/dl/README.md, whose tiles lie beside it; the network is as narrow as can be."""
    _tiles(Path("tiles.h5"))
    text = Page(ROOT / "docs" / "dl" / "README.md").blocks("yaml")[0]
    path.write_text(text.replace("depth: 18", "depth: 18, width: 4"))


def _workflow(path: Path) -> None:
    path.write_text(Page(ROOT / "docs" / "hpc" / "README.md").blocks("yaml")[0])


def _wheel(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    (path.parent / f"hqml-{importlib.metadata.version('hqml')}-py3-none-any.whl").write_bytes(b"a wheel")


_FILES: dict[str, Callable[[Path], None]] = {
    "G1.mc.gz": _graph,
    "G22.mc.gz": _graph,
    "dist/hqml-*.whl": _wheel,
    "hqml.sif": Path.touch,
    "iris.csv": _flowers("species"),
    "landsat.csv": _soils,
    "landsat_test.csv": _soils,
    "landsat.skops": _landsat_model,
    "landsat.yaml": _workflow,
    "new.csv": _flowers(),
    "new.h5": _tiles,
    "sat.trn": _landsat_rows,
    "scene.tif": _scene,
    "soils.yaml": _specification,
    "sonar.csv": _tumours,
    "table.csv": _flowers("target"),
    "train.npz": lambda path: np.savez(path, x=np.eye(3)),
}
