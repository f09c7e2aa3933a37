"""Targets: models and tables in files."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from fuzzing import archives
from fuzzing.target import Run
from fuzzing.watching import ROOT

SHARED = ROOT.parent / "shared" / "data"

TEXTS = (".mc", ".qubo", ".coo", ".mc.gz", ".qubo.gz", ".coo.gz")
BINARIES = (".bqm", ".npz", ".npy")


def texts(work: Path) -> Run:
    return _models(work, TEXTS)


def binaries(work: Path) -> Run:
    return _models(work, BINARIES)


def _models(work: Path, suffixes: tuple[str, ...]) -> Run:
    """The first byte chooses the suffix; text for .gz is packed, or cut off where the byte is above 127."""
    import hqml
    from hqml.io import read

    def run(data: bytes) -> None:
        if not data:
            return
        suffix = suffixes[data[0] % len(suffixes)]
        content = data[1:]
        if suffix.endswith(".gz"):
            content = gzip.compress(content, 1)[: None if data[0] < 128 else -5]
        elif suffix == ".npz":
            content = archives.closed(content)
        path = work / f"model{suffix}"
        path.write_bytes(content)
        qubo = read(path).qubo
        if qubo.num_variables <= 50:
            hqml.sample(qubo, "cpu", reads=1, num_sweeps=1, seed=0)

    return run


def of_texts(work: Path) -> Mapping[str, bytes]:
    own = {
        "mc": b"\0" + b"3 2\n1 2 1\n2 3 -1.5\n",
        "qubo": b"\1" + b"3 2\n1 1 4\n1 3 -2\n",
        "coo": b"\2" + b"# vartype=SPIN\n0 0 1.0\n0 7 -1\n",
        "cut.gz": b"\xc0" + b"2 1\n1 2 1\n",
    }
    for place, name in enumerate(("pm1d_80_0.mc.gz", "gka1a.qubo.gz")):
        if (SHARED / "qubo" / name).exists():
            text = gzip.decompress((SHARED / "qubo" / name).read_bytes())
            own[name] = bytes([place]) + text[:3000]
    return own


def of_binaries(work: Path) -> Mapping[str, bytes]:
    """One file of each form, as hqml writes them, and those of scipy and numpy."""
    import dimod
    import scipy.sparse

    import hqml
    from hqml.io import write
    from hqml.problems.svm_dual import svm_dual

    matrix = np.array([[1.0, -2.0], [-2.0, 3.0]])
    dense = hqml.DenseQubo(matrix)
    gram = svm_dual(matrix @ matrix.T, np.array([1, -1]))
    labelled = dimod.BinaryQuadraticModel({"a": 1.0, "b": -1.0}, {"ab": 2.0}, 0.5, "SPIN")
    files: dict[str, object] = {"a.npz": dense, "b.npz": dense.to_sparse(), "c.npz": gram, "d.npy": matrix}
    found = {}
    for name, model in {**files, "e.bqm": labelled, "f.npz": labelled}.items():
        write(work / name, model)
        content = (work / name).read_bytes()
        place = BINARIES.index(Path(name).suffix)
        found[name] = bytes([place]) + (archives.opened(content) if place == 1 else content)
    stream = io.BytesIO()
    scipy.sparse.save_npz(stream, scipy.sparse.csr_array(matrix), compressed=False)
    return found | {"scipy": b"\1" + archives.opened(stream.getvalue()), "old": b"\0" + _old(labelled)}


def _old(model: object) -> bytes:
    with model.to_file(version=1) as file:  # type: ignore[attr-defined]
        return bytes(file.read())


KINDS: Mapping[int, Callable[[bytes], bytes]] = {
    0: lambda data: data,
    1: archives.closed,
    2: lambda data: gzip.compress(data, 1),
    3: lambda data: archives.closed(data, zipfile.ZIP_DEFLATED),
}
"""Of tables: as they are, npz, gzipped, npz compressed."""


def tables(work: Path) -> Run:
    from hqml.tables import read_table

    def run(data: bytes) -> None:
        if len(data) < 2:
            return
        path = work / "table"
        path.write_bytes(KINDS[data[0] % len(KINDS)](data[2:]))
        label = ("class", None, "1", "label", "y")[data[1] % 5]
        features = None if data[1] < 128 else ["0", "1"]
        table = read_table(path, label=label, features=features)
        if table.y is not None:
            table.labels()

    return run


def of_tables(work: Path) -> Mapping[str, bytes]:
    found = {
        "csv": b"\0\0a,b,class\n1,2,x\n3.5,-4e2,y\n",
        "semicolon": b'\0\0a;"b;c";class\n1;2;"x"\n',
        "blanks": b"\0\2" + b"1 2 3\n4 5 6\n",
        "libsvm": b"\0\1" + b"+1 1:0.5 3:2 # a\n-1 2:1\n",
        "gz": b"\2\0a,class\n1,2\n",
        "pandas": b"\0\2" + b"0,1,2\n1,2,3\n",
    }
    stream = io.BytesIO()
    np.savez(stream, X=np.eye(2), y=np.array([1, 2]))
    found |= {
        "npz": b"\1\1" + archives.opened(stream.getvalue()),
        "zipped": b"\3\1" + archives.opened(stream.getvalue()),
    }
    for name in ("sonar.csv", "svmguide1", "sat.tst"):
        if (SHARED / "ml" / name).exists():
            found[name] = b"\0\1" + (SHARED / "ml" / name).read_bytes()[:1500]
    try:
        import pandas
    except ImportError:
        return found
    pandas.DataFrame({"a": [1.0, 2.0], "class": ["x", "y"]}).to_parquet(work / "seed.parquet")
    return found | {"parquet": b"\0\0" + (work / "seed.parquet").read_bytes()}
