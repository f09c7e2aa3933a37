"""Bad input: each is one clear line, an HqmlError through the API and exit status 2 through the command."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hqml
from hqml.cli import main
from hqml.errors import HqmlError
from hqml.model_file import load_model
from hqml.svm import QuboSVC, QuboSVCEnsemble
from hqml.tables import read_table

GOOD_TABLE = b"u,v,kind\n0,0,a\n0,1,a\n1,0,b\n1,1,b\n"
GOOD_MODEL = b"2 2\n1 1 -1\n1 2 1\n"


@dataclass(frozen=True)
class Case:
    """One bad input.

    Attributes:
        says: a fragment that the message must hold.
        file: content of the file `name`, None where there is none.
        name: of the file.
        words: the command line; FILE and DIR stand for the file and its folder. None: the command cannot say it.
        api: what raises; it is given the file. None: only the command can say it.
    """

    says: str
    file: bytes | None = None
    name: str = "x"
    words: str | None = None
    api: Callable[[Path], Any] | None = None


def npz(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=True, **arrays)
    return stream.getvalue()


def table(says: str, content: bytes, name: str = "t.csv", label: str | None = "kind") -> Case:
    words = "fit FILE --out DIR/m.skops" + (f" --label {label}" if label else "")
    return Case(says, content, name, words, lambda path: read_table(path, label=label))


def model(says: str, content: bytes, name: str = "m.qubo") -> Case:
    return Case(says, content, name, "solve FILE", lambda path: hqml.io.read(path))


def solving(says: str, words: str, api: Callable[[Path], Any] | None = None) -> Case:
    return Case(says, GOOD_MODEL, "m.qubo", f"solve FILE {words}", api)


def fitting(says: str, words: str, api: Callable[[Path], Any] | None = None) -> Case:
    return Case(says, GOOD_TABLE, "t.csv", f"fit FILE --label kind --out DIR/m.skops {words}", api)


def predicting(says: str, content: bytes) -> Case:
    return Case(says, content, "m.skops", "predict FILE FILE", load_model)


def array(says: str, matrix: Any) -> Case:
    return Case(says, api=lambda _: hqml.sample(matrix, "cpu", reads=1, seed=0))


X, Y = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array(["a", "a", "b", "b"])


def sampled(**arguments: Any) -> Callable[[Path], Any]:
    return lambda path: hqml.sample(hqml.io.read(path), **{"backend": "cpu", "reads": 1, "seed": 0, **arguments})


def trained(**parameters: Any) -> Callable[[Path], Any]:
    return lambda _: QuboSVC(**{"reads": 2, "random_state": 0, **parameters}).fit(X, Y)


def sliced(**parameters: Any) -> Callable[[Path], Any]:
    return lambda _: QuboSVCEnsemble(QuboSVC(reads=2), **{"slice_size": 2, **parameters}).fit(X, Y)


CASES = {
    # Tables
    "empty file": table("the file is empty", b""),
    "blank file": table("the file is blank", b"\n  \n"),
    "header alone": table(":1: there is a header but no row", b"u,v,kind\n"),
    "short row": table(":3: found 2 cells where the first line has 3", b"u,v,kind\n1,2,a\n3,b\n"),
    "long row": table(":2: found 4 cells where the first line has 3", b"u,v,kind\n1,2,3,a\n"),
    "text in a number column": table(":3: column 'v' holds 'two', which is no number", b"u,v,kind\n1,1,a\n1,two,b\n"),
    "decimal comma": table("write decimals with a point", b"u;v;kind\n1,5;2;a\n1;2;b\n"),
    "digits with underscores": table("holds '1_0'", b"u,v,kind\n1_0,2,a\n"),
    "empty cell": table(":2: column 'u' is empty", b"u,v,kind\n,2,a\n1,2,b\n"),
    "nan cell": table(":3: column 'v' holds nan", b"u,v,kind\n1,2,a\n1,nan,b\n"),
    "infinite cell": table(":2: column 'u' holds inf", b"u,v,kind\ninf,2,a\n1,2,b\n"),
    "empty label": table(":2: the label is empty", b"u,v,kind\n1,2,\n1,2,b\n"),
    "repeated column": table("column name 'u' stands more than once", b"u,u,kind\n1,2,a\n"),
    "nameless column": table("column 1 has no name", b",u,kind\n0,1,a\n1,2,b\n"),
    "label alone": table("no column beside the label", b"kind\na\nb\n"),
    "misspelt label": table("did you mean 'kind'? its columns are: u, v, kind", GOOD_TABLE, label="kin"),
    "unknown label": table("its columns are: u, v, kind", GOOD_TABLE, label="zzz"),
    "label by name without a header": table("from 1 to 3, or -1 for the last; found 'kind'", b"1 2 3\n4 5 6\n"),
    "label beyond the columns": table("from 1 to 3, or -1 for the last; found '4'", b"1 2 3\n4 5 6\n", label="4"),
    "open quote": table("close or double the quotes", b'u,v,kind\n1,"2,a\n3,4,b\n'),
    "latin-1 text": table(":2: byte 0xe4 is no UTF-8", b"u,v,kind\n1,2,\xe4\n"),
    "utf-16 text": table("is UTF-16 text", "u,v,kind\n1,2,a\n".encode("utf-16")),
    "binary file": table("neither text nor npz nor parquet", b"\x00\x01\x02\x03"),
    "broken gzip": table("the gzip file is broken or cut short", gzip.compress(GOOD_TABLE)[:-9], "t.csv.gz"),
    "broken parquet": table("t.parquet", b"PAR1 and nonsense", "t.parquet"),
    "libsvm: text for a value": table(":2: is no line `label index:value", b"1 1:2\n0 1:x\n", label=None),
    "libsvm: falling indices": table(":1: is no line `label index:value", b"1 2:2 1:1\n0 1:1\n", label=None),
    "libsvm: nan": table("row 2, feature 1 is nan", b"1 1:2\n0 1:nan\n", label=None),
    "libsvm: label by name": table("whose label comes first", b"1 1:2\n0 1:1\n"),
    "libsvm: vast index": table("do not fit", b"1 1:2\n0 2000000000:1\n", label=None),
    "npz: without X": table("has no array 'X'; it holds: Z", npz(Z=X, y=Y), "t.npz", None),
    "npz: without the label": table("has no array 'kind'; it holds: X, y", npz(X=X, y=Y), "t.npz"),
    "npz: X is flat": table("found float64 of shape (4,)", npz(X=X[:, 0], y=Y), "t.npz", None),
    "npz: lengths differ": table("X has 4 rows, y has shape (3,)", npz(X=X, y=Y[:3]), "t.npz", None),
    "npz: nan": table("row 1, feature 1 is nan", npz(X=X * np.nan, y=Y), "t.npz", None),
    "npz: objects": table("holds Python objects", npz(X=X.astype(object), y=Y), "t.npz", None),
    "npz: cut short": table("broken or cut short", npz(X=X, y=Y)[:200], "t.npz", None),
    "one array": table("numpy.savez(file, X=..., y=...)", b"\x93NUMPY\x01\x00", "t.npy", None),
    "no such table": Case(
        "there is no such file", None, "none.csv", "fit FILE --label k --out DIR/m", lambda path: read_table(path)
    ),
    "a folder as table": Case(
        "cannot be read", None, "", "fit DIR --label k --out DIR/m", lambda path: read_table(path.parent)
    ),
    # Models to solve
    "model: no such file": Case(
        "there is no such file", None, "none.mc", "solve FILE", lambda path: hqml.io.read(path)
    ),
    "model: unknown suffix": model("expected a suffix of", b"1 1\n", "m.xyz"),
    "model: empty": model("the file is empty", b""),
    "model: no header": model(":1: expected 'n m'", b"hello\n"),
    "model: index out of range": model(":2: expected", b"2 1\n1 3 1\n"),
    "model: too few lines": model("found 1", b"2 2\n1 2 1\n"),
    "model: repeated entry": model(":3: expected", b"2 2\n1 2 1\n2 1 1\n"),
    "model: text for a value": model(":2: expected", b"2 1\n1 2 one\n"),
    "model: nan": model("finite", b"2 1\n1 2 nan\n"),
    "model: loop in a graph": model("two different vertices", b"2 1\n1 1 1\n", "m.mc"),
    "model: no gzip": model("m.mc.gz", b"2 1\n1 2 1\n", "m.mc.gz"),
    "model: no BQM": model("BinaryQuadraticModel.to_file", b"nonsense", "m.bqm"),
    "model: no npy": model("m.npy", b"nonsense", "m.npy"),
    # Parameters of solve
    "unknown backend": solving("did you mean 'neal'", "--backend neall", sampled(backend="neall")),
    "unknown backend option": solving("takes no option colour", "--option colour=1", sampled(colour=1)),
    "option without a value": solving("write it as name=value", "--option colour"),
    "no reads": solving("0", "--reads 0", sampled(reads=0)),
    "reads that are no number": solving("many", "--reads many", sampled(reads="many")),
    "negative seed": solving("-1", "--seed -1", sampled(seed=-1)),
    "no time": solving("0", "--time-limit 0", sampled(time_limit=0)),
    "endless time": solving("nan", "--time-limit nan", sampled(time_limit=float("nan"))),
    "no sweeps": solving("0", "--num-sweeps 0", sampled(num_sweeps=0)),
    "samples to an unknown suffix": solving("must end in .npz, .csv, .json", "--out DIR/s.txt"),
    "samples into no folder": solving("there is no folder", "--out DIR/none/s.csv"),
    "samples onto a folder": solving("it is a folder", "--out DIR.csv"),
    # Arrays
    "array: not square": array("must be square", np.ones((2, 3))),
    "array: empty": array("is empty", np.ones((0, 0))),
    "array: nan": array("NaN", np.full((2, 2), np.nan)),
    "array: infinite": array("not finite", np.full((2, 2), np.inf)),
    "array: complex": array("is complex", np.ones((2, 2), complex)),
    "array: text": array("must hold real numbers", np.array([["a", "b"], ["c", "d"]])),
    "array: a word": array("says no QUBO", "word"),
    "labels: one class": Case(
        "one class only",
        b"u,kind\n1,a\n2,a\n",
        "t.csv",
        "fit FILE --label kind --out DIR/m",
        lambda _: QuboSVC().fit(X, ["a"] * 4),
    ),
    "labels: not as many as rows": Case("samples", api=lambda _: QuboSVC().fit(X, Y[:3])),
    "features: nan": Case("NaN", api=lambda _: QuboSVC().fit(X * np.nan, Y)),
    "features: flat": Case("2D", api=lambda _: QuboSVC().fit(X[:, 0], Y)),
    # Parameters of fit
    "fit: kernel": fitting("rbff", "--kernel rbff", trained(kernel="rbff")),
    "fit: gamma": fitting("gamma", "--gamma wide", trained(gamma="wide")),
    "fit: negative gamma": fitting("gamma", "--gamma -1", trained(gamma=-1)),
    "fit: C": fitting("C must be a finite number above 0", "--C -2", trained(C=-2)),
    "fit: no bits": fitting("n_bits must be a whole number of at least 1", "--n-bits 0", trained(n_bits=0)),
    "fit: base": fitting("base must be a finite number above 0", "--base 0", trained(base=0)),
    "fit: xi": fitting("xi must be a finite number", "--xi nan", trained(xi=float("nan"))),
    "fit: aggregate": fitting("median", "--aggregate median", trained(aggregate="median")),
    "fit: bias": fitting("five", "--bias five", trained(bias="five")),
    "fit: class weight": fitting("class=weight", "--class-weight heavy"),
    "fit: slice of one": fitting("slice_size", "--estimator svc-ensemble --slice-size 1", sliced(slice_size=1)),
    "fit: no slices": fitting("n_slices", "--estimator svc-ensemble --n-slices 0", sliced(n_slices=0)),
    "fit: sampling": fitting("all", "--estimator svc-ensemble --sampling all", sliced(sampling="all")),
    "fit: a class nobody has": fitting("no row is of class 'z'; column 'kind' holds: a, b", "--classes a,z"),
    "fit: label not said": Case("--label", b"1 2\n3 4\n", "t.dat", "fit FILE --out DIR/m"),
    "fit: model into no folder": fitting("there is no folder", "--out DIR/none/m.skops"),
    # Models to predict with
    "predict: no such model": Case("there is no such model", None, "m.skops", "predict FILE FILE", load_model),
    "predict: a table as model": predicting("is not a model file", GOOD_TABLE),
    "predict: a pickle": predicting("is not a model file", b"\x80\x04N."),
    "predict: another zip": predicting("is not a sound model file", npz(X=X)),
    "predict: predictions to no csv": Case("must end in .csv", b"", "m.skops", "predict FILE FILE --out DIR/p.txt"),
    # Command lines
    "unknown command": Case("No such command 'slove'", words="slove x"),
    "unknown option": Case("No such option", words="solve x --sed 3"),
    "missing argument": Case("Missing argument 'FILE'", words="solve"),
    "missing option": Case("Missing option '--out'", words="fit x"),
    "too many arguments": Case("unexpected extra argument", words="backends x"),
}

THROUGH_THE_API = [name for name, case in CASES.items() if case.api is not None]
THROUGH_THE_COMMAND = [name for name, case in CASES.items() if case.words is not None]
IN_A_PROCESS = ["short row", "model: index out of range", "unknown backend", "unknown option", "predict: a pickle"]


def test_the_corpus_is_as_large_as_promised() -> None:
    assert len(CASES) >= 60
    assert len(THROUGH_THE_API) >= 60
    assert len(THROUGH_THE_COMMAND) >= 60


def prepared(case: Case, folder: Path) -> Path:
    path = folder / (case.name or "x")
    if case.file is not None:
        path.write_bytes(case.file)
    return path


def command_line(case: Case, folder: Path) -> list[str]:
    path = prepared(case, folder)
    assert case.words is not None
    if "DIR.csv" in case.words:
        folder.with_suffix(".csv").mkdir()
    return [word.replace("FILE", str(path)).replace("DIR", str(folder)) for word in case.words.split()]


def check_line(line: str, case: Case) -> None:
    assert case.says in line
    assert "\n" not in line
    assert "Traceback" not in line


@pytest.mark.parametrize("name", THROUGH_THE_API)
def test_the_api_raises_one_clear_line(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    assert case.api is not None
    with pytest.raises(HqmlError) as caught:
        case.api(prepared(case, tmp_path))
    # What scikit-learn says of an array has more lines; its first is the clear one.
    check_line(str(caught.value).splitlines()[0], case)


@pytest.mark.parametrize("name", THROUGH_THE_COMMAND)
def test_the_command_says_one_line_and_ends_with_status_2(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    words = command_line(CASES[name], folder)
    before = sorted(os.listdir(folder))
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("hqml: ")
    assert err.endswith("\n")
    check_line(err[:-1], CASES[name])
    assert sorted(os.listdir(folder)) == before, "nothing is left behind"


@pytest.mark.parametrize("name", IN_A_PROCESS)
def test_a_process_ends_the_same_way(name: str, tmp_path: Path) -> None:
    line = [sys.executable, "-m", "hqml.cli", *command_line(CASES[name], tmp_path)]
    run = subprocess.run(line, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (2, "")
    check_line(run.stderr[:-1], CASES[name])
