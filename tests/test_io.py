"""Files: published instances keep their values, what is written comes back, and a bad file says where and why."""

import gzip
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dimod
import numpy as np
import pytest
import scipy.sparse
from dimod.serialization import coo
from dwave.samplers import SteepestDescentSampler
from hypothesis import given
from hypothesis import strategies as st

from hqml.errors import FormatError, HqmlError, ModelTooLarge, ParameterError
from hqml.io import LoadedModel, read, write
from hqml.problems.max_cut import MaxCut
from hqml.qubo import DenseQubo, GramQubo, Qubo, SparseQubo

RNG = np.random.default_rng(0)


def some_states(n: int, reads: int = 20) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 2, (reads, n), dtype=np.int8)


def saved(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


class TestPublishedInstances:
    @pytest.mark.parametrize(
        ("name", "n", "edges", "form"),
        [
            ("G1", 800, 19176, "sparse"),
            ("G14", 800, 4694, "sparse"),
            ("G22", 2000, 19990, "sparse"),
            ("G32", 2000, 4000, "sparse"),
            ("G48", 3000, 6000, "sparse"),
            ("g05_100_0", 100, 2475, "dense"),
        ],
    )
    def test_a_graph_has_the_size_its_first_line_says(
        self, shared_data: Path, name: str, n: int, edges: int, form: str
    ) -> None:
        model = read(shared_data / "qubo" / f"{name}.mc.gz")
        assert model.kind == "max-cut"
        assert (model.qubo.num_variables, model.qubo.form) == (n, form)
        assert model.qubo.to_sparse().couplings.nnz == 2 * edges

    def test_the_checkerboard_cuts_every_edge_of_the_bipartite_torus(self, shared_data: Path) -> None:
        """G48: its proven maximum is 6000, all edges. Two-colour the graph by breadth-first search."""
        model = read(shared_data / "qubo" / "G48.mc.gz")
        assert model.graph is not None
        depth = scipy.sparse.csgraph.shortest_path(model.graph.weights, indices=0, unweighted=True)
        assert model.cut(depth % 2) == [6000]
        assert model.qubo.energies(depth % 2) == [-6000]

    @pytest.mark.parametrize(("name", "lowest"), [("gka1b", -133), ("bqp50-1", -2098), ("gka1a", -3414)])
    def test_the_lowest_energy_of_an_or_library_file_is_the_proven_one(
        self, shared_data: Path, name: str, lowest: int
    ) -> None:
        model = read(shared_data / "qubo" / f"{name}.qubo.gz")
        assert model.kind == "qubo"
        found = SteepestDescentSampler().sample(model.qubo.to_bqm(), num_reads=20_000, seed=1)
        best = found.record.sample[found.record.energy.argmin()]
        assert list(found.variables) == list(model.qubo.labels)
        assert model.qubo.energies(best) == [lowest]

    def test_an_or_library_file_is_the_symmetric_matrix_twice_off_the_diagonal(self, tmp_path: Path) -> None:
        model = read(saved(tmp_path / "a.qubo", "3 3\n1 1 -5\n1 2 3\n2 3 -1\n"))
        np.testing.assert_array_equal(model.qubo.energies([[1, 0, 0], [1, 1, 0], [0, 1, 1]]), [-5, 1, -2])

    def test_a_cut_is_the_weight_between_the_halves(self, tmp_path: Path) -> None:
        model = read(saved(tmp_path / "a.mc", "3 2\n1 2 3\n3 2 -1.5\n"))
        np.testing.assert_array_equal(model.cut([[1, 0, 0], [0, 1, 0], [1, 1, 1]]), [3, 1.5, 0])
        np.testing.assert_array_equal(model.qubo.energies([[1, 0, 0], [0, 1, 0], [1, 1, 1]]), [-3, -1.5, 0])

    def test_what_is_no_graph_has_no_cut(self, tmp_path: Path) -> None:
        with pytest.raises(ParameterError, match="only a graph"):
            read(saved(tmp_path / "a.qubo", "1 1\n1 1 1\n")).cut([1])


class TestText:
    @pytest.mark.parametrize(
        "content",
        [
            "2 1\n1 2 3\n",
            "2 1\r\n1 2 3\r\n",
            "2 1\n1 2 3",
            "\ufeff2 1\n1 2 3\n",
            "\n# a comment\n 2\t1 \n\n  1   2 3 # the only edge\n\n",
            "2 1\n2 1 3e0\n",
        ],
    )
    def test_line_ends_blanks_and_comments_do_not_matter(self, tmp_path: Path, content: str) -> None:
        assert read(saved(tmp_path / "a.mc", content)).cut([0, 1]) == [3]

    def test_a_graph_may_have_no_edges(self, tmp_path: Path) -> None:
        assert read(saved(tmp_path / "a.mc", "3 0\n")).cut([0, 1, 1]) == [0]

    @pytest.mark.parametrize("vartype", ["BINARY", "SPIN"])
    def test_coo_files_of_dimod_keep_every_energy(self, tmp_path: Path, vartype: str) -> None:
        linear, quadratic = {0: -1.0, 7: 2.0, 3: 0.5}, {(0, 7): 1.5, (7, 3): -2.0}
        bqm = dimod.BinaryQuadraticModel(linear, quadratic, 0.0, vartype)
        path = saved(tmp_path / "a.coo", coo.dumps(bqm, vartype_header=True))
        model = read(path)
        assert list(model.qubo.labels) == [0, 3, 7]
        states = some_states(3)
        expected = coo.loads(path.read_text()).energies((states if vartype == "BINARY" else 2 * states - 1, [0, 3, 7]))
        np.testing.assert_allclose(model.qubo.energies(states), expected)

    def test_repeated_entries_of_a_coo_file_add_up(self, tmp_path: Path) -> None:
        model = read(saved(tmp_path / "a.coo", "0 1 2\n1 0 3\n0 0 1\n0 0 1\n"))
        assert model.qubo.energies([1, 1]) == [7]

    def test_a_label_of_a_billion_costs_no_memory(self, tmp_path: Path) -> None:
        assert list(read(saved(tmp_path / "a.coo", "5 1000000000 1\n")).qubo.labels) == [5, 1_000_000_000]


FORMS: dict[str, Qubo] = {
    "dense": DenseQubo(RNG.normal(size=(5, 5)), linear=RNG.normal(size=5), offset=0.1),
    "dense float32": DenseQubo(RNG.normal(size=(5, 5)).astype(np.float32), labels=["a", "b", "", "é", "e f"]),
    "sparse": SparseQubo(
        scipy.sparse.random_array((9, 9), density=0.2, rng=1), linear=RNG.normal(size=9), offset=-1 / 3
    ),
    "sparse without couplings": SparseQubo(scipy.sparse.csr_array((3, 3)), linear=[0, 1, 0], labels=[9, -1, 5]),
    "gram": GramQubo(
        np.eye(3) + 0.1, [1.0, 2.5], linear=RNG.normal(size=(3, 2)), scale=[1, -1, 0.3], shift=0.7, offset=2
    ),
    "gram float32": GramQubo(np.eye(3, dtype=np.float32), [1.0], labels=["x", "y", "z"]),
}


class TestRoundTrips:
    @pytest.mark.parametrize("name", FORMS)
    def test_npz_keeps_the_form_and_everything_in_it(self, tmp_path: Path, name: str) -> None:
        qubo = FORMS[name]
        write(tmp_path / "a.npz", qubo)
        back: Any = read(tmp_path / "a.npz").qubo
        assert (back.form, back.offset, list(back.labels)) == (qubo.form, qubo.offset, list(qubo.labels))
        states = some_states(qubo.num_variables)
        np.testing.assert_allclose(back.energies(states), qubo.energies(states), rtol=1e-14, atol=1e-14)
        if "float32" in name:
            assert (back.matrix if back.form == "dense" else back.gram).dtype == np.float32

    @pytest.mark.parametrize("name", FORMS)
    def test_bqm_keeps_labels_and_energies(self, tmp_path: Path, name: str) -> None:
        qubo = FORMS[name]
        write(tmp_path / "a.bqm", qubo)
        back = read(tmp_path / "a.bqm").qubo
        assert list(back.labels) == list(qubo.labels)
        states = some_states(qubo.num_variables)
        np.testing.assert_allclose(back.energies(states), qubo.energies(states), rtol=1e-6, atol=1e-6)

    @pytest.mark.parametrize("suffix", [".qubo", ".qubo.gz", ".coo", ".coo.gz", ".npy", ".npz", ".bqm"])
    @given(seed=st.integers(0, 2**32), density=st.sampled_from([0.1, 0.5, 1.0]))
    def test_every_format_keeps_every_energy(
        self, tmp_path_factory: pytest.TempPathFactory, suffix: str, seed: int, density: float
    ) -> None:
        rng = np.random.default_rng(seed)
        n = int(rng.integers(1, 8))
        matrix = rng.normal(size=(n, n)) * 10.0 ** rng.integers(-9, 9) * (rng.random((n, n)) < density)
        path = tmp_path_factory.mktemp("io") / f"a{suffix}"
        write(path, matrix)
        back = read(path).qubo
        states = some_states(n)
        slack = 1e-14 * n * np.abs(matrix).sum()  # terms may cancel: rounding is that of the largest
        np.testing.assert_allclose(back.energies(states), DenseQubo(matrix).energies(states), rtol=0, atol=slack)

    @pytest.mark.parametrize("suffix", [".mc", ".mc.gz"])
    def test_a_graph_keeps_every_cut(self, tmp_path: Path, suffix: str) -> None:
        half = np.triu(RNG.integers(-3, 4, (9, 9)), 1)
        for graph in (MaxCut(half + half.T), MaxCut(scipy.sparse.csr_array(half + half.T))):
            write(tmp_path / f"a{suffix}", graph)
            back = read(tmp_path / f"a{suffix}")
            write(tmp_path / f"b{suffix}", back)
            states = some_states(9)
            expected = -graph.to_qubo().energies(states)
            np.testing.assert_array_equal(back.cut(states), expected)
            np.testing.assert_array_equal(read(tmp_path / f"b{suffix}").cut(states), expected)

    def test_dimod_reads_our_coo_and_bqm_files(self, tmp_path: Path) -> None:
        qubo = SparseQubo(
            scipy.sparse.coo_array(([1e-7, -3.25], ([0, 1], [2, 2])), shape=(4, 4)), linear=[0, 0, 1e9, 0]
        )
        write(tmp_path / "a.coo", qubo)
        write(tmp_path / "a.bqm", qubo)
        expected = qubo.to_bqm()
        assert coo.loads((tmp_path / "a.coo").read_text()) == expected
        assert dimod.BinaryQuadraticModel.from_file((tmp_path / "a.bqm").read_bytes()) == expected

    @pytest.mark.parametrize("vartype", ["SPIN", "BINARY"])
    def test_bqm_files_of_dimod_keep_every_energy(self, tmp_path: Path, vartype: str) -> None:
        bqm = dimod.BinaryQuadraticModel({"a": 1.0, ("b", 2): -1.0}, {("a", ("b", 2)): 0.5}, 3.0, vartype)
        with bqm.to_file() as file:
            back = read(saved(tmp_path / "a.bqm", file.read())).qubo
        assert list(back.labels) == ["a", ("b", 2)]
        states = some_states(2)
        given_states = states if vartype == "BINARY" else 2 * states - 1
        np.testing.assert_allclose(back.energies(states), bqm.energies((given_states, list(bqm.variables))))

    def test_a_plain_array_and_a_scipy_matrix_are_models(self, tmp_path: Path) -> None:
        matrix = np.array([[1.0, 2.0], [0.0, -3.0]])
        np.save(tmp_path / "a.npy", matrix)
        np.savez(tmp_path / "a.npz", anything=matrix)
        scipy.sparse.save_npz(tmp_path / "b.npz", scipy.sparse.csr_array(matrix))
        for name in ("a.npy", "a.npz", "b.npz"):
            assert read(tmp_path / name).qubo.energies([[1, 0], [1, 1]]).tolist() == [1, 0]

    def test_a_loaded_model_is_a_model(self, tmp_path: Path) -> None:
        write(tmp_path / "a.npz", read(saved(tmp_path / "a.qubo", "1 1\n1 1 4\n")))
        assert read(tmp_path / "a.npz").qubo.energies([1]) == [4]


def numpy_file(**arrays: Any) -> Callable[[Path], None]:
    return lambda path: np.savez(path, **arrays)


def text(content: str | bytes) -> Callable[[Path], None]:
    return lambda path: saved(path, content) and None


def cut_short(whole: Callable[[Path], None], share: float = 0.5) -> Callable[[Path], None]:
    def put(path: Path) -> None:
        whole(path)
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * share)])

    return put


def bqm_file(path: Path) -> None:
    write(path, np.arange(36.0).reshape(6, 6))


def bqm_file_with_stray_indices(path: Path) -> None:
    """dimod itself would crash the interpreter on it."""
    bqm_file(path)
    content = bytearray(path.read_bytes())
    content[-12:-8] = (10**6).to_bytes(4, "little")  # the neighbour of the last coupling: int32, then a float64
    path.write_bytes(content)


def bqm_file_without_variables(path: Path) -> None:
    with dimod.BinaryQuadraticModel("SPIN").to_file() as file:
        path.write_bytes(file.read())


def damaged_gzip(path: Path) -> None:
    content = bytearray(gzip.compress(b"2 1\n1 2 3\n" * 50))
    content[20] ^= 0xFF
    path.write_bytes(content)


def scipy_file(**wrong: Any) -> Callable[[Path], None]:
    """A matrix of scipy.sparse.save_npz with other arrays; of its indices scipy itself follows all that are there."""
    return numpy_file(
        **{"format": "csr", "shape": [2, 2], "data": [1.0, 2.0], "indices": [0, 1], "indptr": [0, 1, 2], **wrong}
    )


def open_header(path: Path) -> None:
    """numpy raises a TokenError of Python's own tokenizer on it."""
    np.save(path, np.eye(2))
    path.write_bytes(path.read_bytes().replace(b"}", b"(", 1))


NO_LETTERS = np.full(2, 0x7FFFFFFF, np.uint32).view("U1")
NAN_MATRIX = np.array([[np.nan]])
DENSE = {"form": "dense", "matrix": np.eye(2), "linear": np.zeros(2), "offset": 0.0}
SPARSE = {"form": "sparse", "row": [0], "column": [1], "value": [1.0], "linear": np.zeros(2), "offset": 0.0}

BAD: dict[str, tuple[str, Callable[[Path], object], str]] = {
    # what is wrong: name of the file, what is in it, the message after the path
    "no file": ("a.mc", lambda path: None, ": there is no such file"),
    "a folder": ("a.mc", Path.mkdir, ": expected a file, found a folder"),
    "no suffix": ("a", text("2 1\n1 2 3\n"), ": expected a suffix of .bqm, .coo, .*found none"),
    "unknown suffix": ("a.txt", text("2 1\n1 2 3\n"), ": expected a suffix of .*, found '.txt'"),
    "gz alone": ("a.gz", text("2 1\n1 2 3\n"), ": expected a suffix of .*, found '.gz'"),
    "empty": ("a.mc", text(""), ": the file is empty"),
    "blank": ("a.qubo", text(" \n\n"), ": the file is empty"),
    "comments alone": ("a.mc", text("# nothing\n"), ":1: expected 'n m'.*found ''"),
    "not UTF-8": ("a.mc", text(b"2 1\n1 2 \xff\n"), ": expected text, found byte 0xff"),
    "a picture": ("a.mc", text(b"\x89PNG\r\n\x1a\n\x00"), ": expected text, found byte 0x89"),
    "compressed, not said": ("a.mc", text(gzip.compress(b"2 1\n1 2 3\n")), ": .*compressed.*end in .gz"),
    "not compressed": ("a.mc.gz", text("2 1\n1 2 3\n"), ": the compressed data is damaged"),
    "gzip cut short": ("a.mc.gz", cut_short(text(gzip.compress(b"2 1\n1 2 3\n"))), ": .* damaged or cut short"),
    "gzip damaged": ("a.mc.gz", damaged_gzip, ": the compressed data is damaged"),
    "gzip empty": ("a.mc.gz", text(gzip.compress(b"")), ": the file is empty"),
    "no n": ("a.mc", text("1 2 3\n2 3 1\n"), ":1: expected 'n m'.*, found '1 2 3'"),
    "text for n": ("a.mc", text("n m\n"), ":1: expected 'n m'.*, found 'n m'"),
    "qbsolv": ("a.qubo", text("p qubo 0 4 4 0\n0 0 1\n"), ":1: expected 'n m'.*, found 'p qubo 0 4 4 0'"),
    "n negative": ("a.mc", text("-2 1\n1 2 3\n"), ":1: expected 1 to .*, found '-2 1'"),
    "n zero": ("a.mc", text("0 0\n"), ":1: expected 1 to"),
    "n enormous": ("a.mc", text("999999999999 0\n"), ":1: expected 1 to 10000000 variables"),
    "n beyond any": ("a.mc", text("9" * 5000 + " 0\n"), ":1: expected 'n m'"),
    "m negative": ("a.mc", text("2 -1\n1 2 3\n"), ":1: .*at least 0 entries, found '2 -1'"),
    "too few edges": ("a.mc", text("3 2\n1 2 3\n"), ": expected 2 lines 'i j weight' as line 1 says, found 1"),
    "no edges": ("a.mc", text("3 2\n"), ": expected 2 lines 'i j weight' as line 1 says, found 0"),
    "too many edges": ("a.mc", text("3 1\n1 2 3\n2 3 1\n"), ": expected 1 lines .*found 2"),
    "vertex 0": (
        "a.mc",
        text("3 2\n1 2 3\n0 1 1\n"),
        ":3: expected i j weight with i and j from 1 to 3, found '0 1 1'",
    ),
    "vertex n + 1": ("a.mc", text("3 1\n1 4 3\n"), ":2: expected .* from 1 to 3, found '1 4 3'"),
    "vertex -1": ("a.qubo", text("3 1\n1 -1 3\n"), ":2: expected i j value with i and j from 1 to 3"),
    "vertex 1.5": ("a.mc", text("3 1\n1 1.5 3\n"), ":2: expected .*whole numbers i and j, found '1 1.5 3'"),
    "vertex NaN": ("a.mc", text("3 1\nnan 1 3\n"), ":2: expected .*whole numbers"),
    "vertex 1e300": ("a.mc", text("3 1\n1e300 1 3\n"), ":2: expected .*whole numbers"),
    "loop": ("a.mc", text("3 1\n2 2 3\n"), ":2: expected i j weight with two different vertices, found '2 2 3'"),
    "edge twice": ("a.mc", text("3 2\n1 2 3\n1 2 3\n"), ":3: expected i j weight once for each pair, found '1 2 3'"),
    "edge there and back": ("a.mc", text("3 2\n1 2 3\n\n2 1 3\n"), ":4: expected .*once for each pair"),
    "entry twice": ("a.qubo", text("3 2\n2 2 3\n2 2 3\n"), ":3: expected .*once for each pair"),
    "weight NaN": ("a.mc", text("3 1\n1 2 nan\n"), ":2: expected .*finite value, found '1 2 nan'"),
    "weight infinite": ("a.qubo", text("3 1\n1 2 -inf\n"), ":2: expected .*finite value"),
    "weight too large": ("a.qubo", text("3 1\n1 2 1e999\n"), ":2: expected .*finite value"),
    "weight missing": ("a.mc", text("3 2\n1 2 3\n2 3\n"), ":3: expected 'i j weight', found '2 3'"),
    "weights missing": ("a.mc", text("3 2\n1 2\n2 3\n"), ":2: expected 'i j weight', found '1 2'"),
    "a word": (
        "a.mc",
        text("3 2\n# so far so good\n1 2 3\n2 three 1\n"),
        ":4: expected 'i j weight', found '2 three 1'",
    ),
    "a long line": ("a.mc", text("3 1\n" + "1 " * 500 + "\n"), r":2: expected 'i j weight', found '1 1 .*\.\.\.'"),
    "html": ("a.mc", text("<!DOCTYPE html>\n<html></html>\n"), ":1: expected 'n m'"),
    "digits with underscores": ("a.mc", text("3 1\n1 2 1_0\n"), ":2: expected 'i j weight', found '1 2 1_0'"),
    "coo empty": ("a.coo", text("# vartype=SPIN\n"), ": the file is empty: no line 'i j value'"),
    "coo header": ("a.coo", text("3 1\n0 1 3\n"), ":1: expected 'i j value', found '3 1'"),
    "coo negative": ("a.coo", text("0 1 2\n-1 0 3\n"), ":2: expected i j value with i and j from 0, found '-1 0 3'"),
    "coo vartype": ("a.coo", text("# vartype=TERNARY\n0 1 3\n"), ": expected '# vartype=BINARY' .*found TERNARY"),
    "coo two vartypes": ("a.coo", text("# vartype=SPIN\n# vartype=BINARY\n0 1 3\n"), ": .*found BINARY, SPIN"),
    "npz of text": ("a.npz", text("2 1\n1 2 3\n"), ": expected numpy arrays without Python objects"),
    "npz empty": ("a.npz", text(""), ": expected numpy arrays"),
    "npz cut short": ("a.npz", cut_short(numpy_file(**DENSE)), ": expected numpy arrays"),
    "npz without arrays": ("a.npz", numpy_file(), r": expected a model of hqml or one square array, found arrays \[\]"),
    "npz of objects": ("a.npz", numpy_file(a=np.array([None, {}])), ": expected numpy arrays without Python objects"),
    "npz of many": ("a.npz", numpy_file(a=np.eye(2), b=np.eye(2)), r": .*found arrays \['a', 'b'\]"),
    "npz not square": ("a.npz", numpy_file(a=np.zeros((2, 3))), ": matrix must be square"),
    "npz NaN": ("a.npz", numpy_file(a=NAN_MATRIX), ": matrix holds .*NaN"),
    "npz of words": ("a.npz", numpy_file(a=np.array([["x"]])), ": matrix must hold real numbers"),
    "npz unknown form": ("a.npz", numpy_file(**{**DENSE, "form": "cubic"}), ": expected the form .*found 'cubic'"),
    "npz lacking keys": (
        "a.npz",
        numpy_file(form="gram", gram=np.eye(2)),
        ": a gram model needs .*not found: .*weights",
    ),
    "npz labels": ("a.npz", numpy_file(**DENSE, labels=["a"]), ": found 1 labels for 2 variables"),
    "npz offset": ("a.npz", numpy_file(**{**DENSE, "offset": [1, 2]}), ": offset must be one number"),
    "npz row outside": ("a.npz", numpy_file(**{**SPARSE, "row": [5]}), ": row, column and value do not make a matrix"),
    "npz row long": ("a.npz", numpy_file(**{**SPARSE, "row": [0, 1]}), ": row, column and value do not make"),
    "npz row of words": ("a.npz", numpy_file(**{**SPARSE, "row": ["x"]}), ": row, column and value do not make"),
    "npz scipy damaged": ("a.npz", numpy_file(format="csr", shape=[2, 2], data=[1]), ": expected a matrix by scipy"),
    "npz scipy with stray indices": ("a.npz", scipy_file(indices=[0, 5]), ": expected a matrix by scipy"),
    "npz scipy with stray rows": ("a.npz", scipy_file(indptr=[0, 9, 2]), ": expected a matrix by scipy"),
    "npz scipy of a slip": (
        "a.npz",
        scipy_file(format="coo", shape=[10**12] * 2, row=[0], col=[0], data=[1.0]),
        ": .*at most 10000000 variables are read",
    ),
    "npz labels of no letters": ("a.npz", numpy_file(**DENSE, labels=NO_LETTERS), ": expected numpy arrays"),
    "npy with an open header": ("a.npy", open_header, ": expected numpy arrays"),
    "npy cut short": ("a.npy", cut_short(lambda path: np.save(path, np.eye(9))), ": expected numpy arrays"),
    "npy of a vector": ("a.npy", lambda path: np.save(path, np.ones(3)), ": matrix must be square"),
    "npy pickled": ("a.npy", lambda path: np.save(path, np.array([{}]), allow_pickle=True), ": expected numpy arrays"),
    "bqm of text": ("a.bqm", text("2 1\n1 2 3\n"), ": expected a file written by BinaryQuadraticModel.to_file, found"),
    "bqm empty": ("a.bqm", text(""), ": expected a file written by"),
    "bqm cut short": ("a.bqm", cut_short(bqm_file), ": the BQM file is damaged or cut short"),
    "bqm cut in its header": ("a.bqm", cut_short(bqm_file, 0.05), ": the BQM file is damaged or cut short"),
    "bqm with stray indices": (
        "a.bqm",
        bqm_file_with_stray_indices,
        ": the BQM file is damaged .*outside of the model",
    ),
    "bqm without variables": ("a.bqm", bqm_file_without_variables, ": the model is empty"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_says_where_and_what(tmp_path: Path, case: str) -> None:
    name, put, message = BAD[case]
    path = tmp_path / name
    put(path)
    with pytest.raises(FormatError) as caught:
        read(path)
    assert re.match(re.escape(str(path)) + message, str(caught.value))
    assert len(str(caught.value).splitlines()) == 1
    assert isinstance(caught.value, HqmlError)
    assert isinstance(caught.value, ValueError)


def test_a_path_may_be_a_string(tmp_path: Path) -> None:
    assert isinstance(read(str(saved(tmp_path / "a.mc", "2 1\n1 2 3\n"))), LoadedModel)


class TestWhatCannotBeWritten:
    @pytest.mark.parametrize(
        ("name", "model", "message"),
        [
            ("a.txt", np.eye(2), "expected a suffix"),
            ("a.mc", np.eye(2), "a .mc file holds a graph, found ndarray; write .qubo or .npz"),
            ("a.qubo", DenseQubo(np.eye(2), offset=1), "a .qubo file holds no offset, found 1; write .npz or .bqm"),
            ("a.qubo.gz", DenseQubo(np.eye(2), labels="ab"), "a .qubo file holds no labels, found 'a'"),
            ("a.npy", DenseQubo(np.eye(2), offset=1), "a .npy file holds no offset"),
            ("a.coo", DenseQubo(np.eye(2), labels="ab"), "labels in a .coo file are whole numbers from 0"),
            ("a.coo", DenseQubo(np.eye(2), labels=[-1, 1]), "labels in a .coo file are whole numbers from 0"),
            ("a.coo", DenseQubo(np.eye(2), labels=[0, (1, 2)]), "labels in a .coo file are whole numbers from 0"),
            ("a.npz", DenseQubo(np.eye(2), labels=[0, "a"]), "all whole numbers or all strings; write .bqm"),
            ("a.npz", DenseQubo(np.eye(2), labels=[(0, 1), (1, 1)]), "all whole numbers or all strings"),
            ("a.npz", DenseQubo(np.eye(2), labels=[(0, 1), "a"]), "all whole numbers or all strings"),
            ("a.npz", DenseQubo(np.eye(2), labels=[2**70, 1]), "all whole numbers or all strings"),
            ("nowhere/a.npz", np.eye(2), "there is no folder"),
        ],
    )
    def test_is_refused_and_leaves_no_file(self, tmp_path: Path, name: str, model: Any, message: str) -> None:
        with pytest.raises(FormatError, match=re.escape(message)):
            write(tmp_path / name, model)
        assert not (tmp_path / name).exists()

    def test_a_gram_model_too_large_for_a_matrix(self, tmp_path: Path) -> None:
        with pytest.raises(ModelTooLarge):
            write(tmp_path / "a.npy", GramQubo(np.eye(6000, dtype=np.float32), [1, 2, 4]))
