"""Reading training data: every kind of file gives the same table, and says by itself what kind it is."""

from __future__ import annotations

import contextlib
import gzip
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hqml.errors import DataError, FormatError, LibraryMissing
from hqml.tables import as_labels, read_table

X = np.array([[1.5, -2.0], [0.0, 4.0], [3.0, 1e-3]])
Y = ["a", "b", "a"]


def text(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    return path


CSV = "u,v,class\n1.5,-2,a\n0,4,b\n3,1e-3,a\n"


@pytest.mark.parametrize(
    "content",
    [
        CSV,
        CSV.replace(",", ";"),
        CSV.replace(",", "\t"),
        CSV.replace(",", ", "),
        CSV.replace("\n", "\r\n"),
        "\ufeff" + CSV,
        '"u","v","class"\n"1.5","-2","a"\n"0","4","b"\n"3","1e-3","a"\n',
        CSV.replace("\n", "\n\n"),
        CSV.rstrip("\n"),
        "u v class\n1.5 -2 a\n0 4 b\n3 1e-3 a\n",
    ],
    ids=["comma", "semicolon", "tab", "blanks", "crlf", "bom", "quoted", "blank lines", "no last line end", "columns"],
)
def test_a_table_with_a_header_is_read_whatever_separates_its_cells(tmp_path: Path, content: str) -> None:
    table = read_table(text(tmp_path / "t.csv", content), label="class")
    np.testing.assert_array_equal(table.X, X)
    assert table.X.dtype == np.float64
    assert table.labels().tolist() == Y
    assert (table.features, table.label) == (("u", "v"), "class")


def test_the_label_may_be_any_column(tmp_path: Path) -> None:
    table = read_table(text(tmp_path / "t.csv", CSV), label="class", features=["v"])
    assert table.X.tolist() == [[-2.0], [4.0], [1e-3]]


def test_a_quoted_separator_belongs_to_the_cell(tmp_path: Path) -> None:
    table = read_table(text(tmp_path / "t.csv", 'u,class\n1,"a, b"\n2,c\n'), label="class")
    assert table.labels().tolist() == ["a, b", "c"]


@pytest.mark.parametrize("label", ["3", "-1"])
@pytest.mark.parametrize("separator", [" ", ",", "\t"])
def test_without_a_header_columns_are_counted_from_one(tmp_path: Path, label: str, separator: str) -> None:
    content = "1.5 -2 7\n0 4 4\n3 1e-3 7\n".replace(" ", separator)
    table = read_table(text(tmp_path / "t.dat", content), label=label)
    np.testing.assert_array_equal(table.X, X)
    assert table.labels().tolist() == [7, 4, 7]
    assert (table.features, table.label) == (("1", "2"), "3")


def test_a_first_row_of_numbers_and_a_class_is_data_not_a_header(tmp_path: Path) -> None:
    table = read_table(text(tmp_path / "iris.data", "5.1,3.5,setosa\n4.9,3.0,setosa\n6.3,3.3,virginica\n"), label="-1")
    assert len(table.X) == 3


def test_the_header_that_pandas_writes_for_an_array_is_a_header(tmp_path: Path) -> None:
    table = read_table(text(tmp_path / "t.csv", "0,1,2\n1.5,-2,7\n0,4,4\n"), label="2")
    assert table.features == ("0", "1")
    assert table.X.tolist() == [[1.5, -2.0], [0.0, 4.0]]


def test_text_may_be_gzipped(tmp_path: Path) -> None:
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(CSV.encode()))
    np.testing.assert_array_equal(read_table(path, label="class").X, X)


@pytest.mark.parametrize("start", [0, 1])
def test_libsvm_text_is_known_by_its_content_and_leaves_zeros_out(tmp_path: Path, start: int) -> None:
    content = f"+1 {start}:1.5 {start + 1}:-2 # a note\n-1 {start + 1}:4\n+1 {start}:3 {start + 1}:1e-3\n"
    table = read_table(text(tmp_path / "no_suffix", content))
    np.testing.assert_array_equal(table.X, X)
    assert table.labels().tolist() == [1, -1, 1]
    assert table.features == (str(start), str(start + 1))


def test_libsvm_text_for_a_model_has_as_many_features_as_the_model(tmp_path: Path) -> None:
    path = text(tmp_path / "t", "1 2:4\n0 1:1\n")
    table = read_table(path, features=["1", "2", "3"])
    assert table.X.tolist() == [[0, 4, 0], [1, 0, 0]]
    from_zero = read_table(path, features=["0", "1", "2"])
    assert from_zero.X.tolist() == [[0, 0, 4], [0, 1, 0]]


def test_libsvm_text_with_an_index_of_a_billion_costs_no_memory(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="1 rows of 152463965 features do not fit"):
        read_table(text(tmp_path / "t.svm", "-1 152463965:51\n"))


def test_a_damaged_npz_is_told(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", X=np.eye(2), y=np.array(["a", "b"]))
    whole = (tmp_path / "t.npz").read_bytes()
    np.savez(tmp_path / "words.npz", X=np.eye(2), y=np.full(2, 0x7FFFFFFF, np.uint32).view("U1"))
    with pytest.raises(FormatError, match=r"words\.npz: y is damaged"):
        read_table(tmp_path / "words.npz")
    for place in range(0, len(whole), 3):
        (tmp_path / "t.npz").write_bytes(whole[:place] + b"(" + whole[place + 1 :])
        with contextlib.suppress(FormatError):
            read_table(tmp_path / "t.npz")


def test_npz_holds_x_and_y_and_other_labels_by_name(tmp_path: Path) -> None:
    path = tmp_path / "t.npz"
    np.savez(path, X=X.astype(np.float32), y=np.array(Y), other=np.array([[1.0], [2.0], [1.0]]))
    assert read_table(path).labels().tolist() == Y
    assert read_table(path, label="other").labels().tolist() == [1, 2, 1]


def test_parquet_is_a_table_like_the_others(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas", reason="parquet needs pandas: pip install 'hqml[tables]'")
    pytest.importorskip("pyarrow", reason="parquet needs pyarrow: pip install 'hqml[tables]'")
    path = tmp_path / "t.parquet"
    pandas.DataFrame({"u": X[:, 0], "v": X[:, 1], "class": Y}).to_parquet(path)
    table = read_table(path, label="class")
    np.testing.assert_array_equal(table.X, X)
    assert table.labels().tolist() == Y
    pandas.DataFrame({"u": [1.0, None], "class": Y[:2]}).to_parquet(path)
    with pytest.raises(FormatError, match="row 2, column 'u' is empty"):
        read_table(path, label="class")


def test_parquet_without_its_libraries_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    (tmp_path / "t.parquet").write_bytes(b"PAR1 and so on")
    with pytest.raises(LibraryMissing, match=r"pip install 'hqml\[tables\]'"):
        read_table(tmp_path / "t.parquet", label="class")


class TestColumnsOfAModel:
    def test_are_found_by_name_in_any_order_and_others_are_not_looked_at(self, tmp_path: Path) -> None:
        path = text(tmp_path / "t.csv", "note,v,u\nnot a number,2,1\n,4,3\n")
        assert read_table(path, features=["u", "v"]).X.tolist() == [[1, 2], [3, 4]]

    def test_that_are_missing_are_named(self, tmp_path: Path) -> None:
        path = text(tmp_path / "t.csv", CSV)
        with pytest.raises(FormatError, match="is without 2 columns the model needs: w, x; found: u, v, class"):
            read_table(path, features=["u", "w", "x"])

    def test_are_taken_by_place_where_the_file_has_no_header(self, tmp_path: Path) -> None:
        path = text(tmp_path / "t.dat", "1 2 7\n3 4 4\n")
        assert read_table(path, label="-1", features=["u", "v"]).X.tolist() == [[1, 2], [3, 4]]
        assert read_table(path, features=["1", "2"]).X.tolist() == [[1, 2], [3, 4]]
        with pytest.raises(FormatError, match="the model takes 2 columns, found 3"):
            read_table(path, features=["u", "v"])

    def test_are_taken_by_place_where_only_the_file_has_names(self, tmp_path: Path) -> None:
        table = read_table(text(tmp_path / "t.csv", CSV), label="class", features=["1", "2"])
        np.testing.assert_array_equal(table.X, X)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["4", "7"], [4, 7]),
        ([4.0, 7.0], [4, 7]),
        (["4.0", "7"], [4, 7]),
        (["0.5", "1"], [0.5, 1.0]),
        (["4", "x"], ["4", "x"]),
        ([True, False], [1, 0]),
        ([b"a", b"b"], ["a", "b"]),
        ([1e300, 0.0], [1e300, 0.0]),
    ],
)
def test_a_class_is_the_same_whatever_the_file_writes_it_like(given: list[object], expected: list[object]) -> None:
    assert as_labels(given).tolist() == expected


def test_a_file_that_is_not_there_may_be_a_link_to_nothing(tmp_path: Path) -> None:
    (tmp_path / "t.csv").symlink_to("purged.csv")
    with pytest.raises(FormatError, match=r"t.csv: there is no such file; it is a link to purged.csv, which is not"):
        read_table(tmp_path / "t.csv")
    with pytest.raises(FormatError, match=r"s.csv: there is no such file; did you mean t.csv\?$"):
        read_table(tmp_path / "s.csv")


def test_rows_of_some_classes_can_be_taken(tmp_path: Path) -> None:
    table = read_table(text(tmp_path / "t.dat", "1 4\n2 7\n3 5\n"), label="-1")
    chosen = table.of_classes(["7", " 4"])
    assert (chosen.X.ravel().tolist(), chosen.labels().tolist()) == ([1, 2], [4, 7])
    with pytest.raises(DataError, match="no row is of class '6'; column '2' holds: 4, 5, 7"):
        table.of_classes(["6"])


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.tuples(finite, finite, st.sampled_from(["a", "b c", 'quo"te'])), min_size=1, max_size=8))
@settings(max_examples=40)
def test_what_pandas_writes_is_read_back_to_the_last_bit(tmp_path: Path, rows: list[tuple[float, float, str]]) -> None:
    pandas = pytest.importorskip("pandas", reason="the other implementation is pandas: pip install 'hqml[tables]'")
    frame = pandas.DataFrame(rows, columns=["u", "v", "class"])
    frame.to_csv(tmp_path / "t.csv", index=False)
    table = read_table(tmp_path / "t.csv", label="class")
    np.testing.assert_array_equal(table.X, frame[["u", "v"]].to_numpy())
    assert table.labels().tolist() == frame["class"].tolist()


@pytest.mark.parametrize(
    ("name", "label", "shape", "counts"),
    [
        ("sonar.csv", "class", (208, 60), {"M": 111, "R": 97}),
        ("ionosphere.csv", "class", (351, 33), {"b": 126, "g": 225}),
        ("pima.csv", "class", (768, 8), {"tested_negative": 500, "tested_positive": 268}),
        ("sat.trn", "-1", (4435, 36), {1: 1072, 2: 479, 3: 961, 4: 415, 5: 470, 7: 1038}),
        ("sat.tst", "37", (2000, 36), {1: 461, 2: 224, 3: 397, 4: 211, 5: 237, 7: 470}),
        ("svmguide1", None, (3089, 4), {0: 1089, 1: 2000}),
        ("svmguide1.t", "label", (4000, 4), {0: 2000, 1: 2000}),
    ],
)
def test_published_sets_have_their_published_sizes_and_classes(
    shared_data: Path, name: str, label: str | None, shape: tuple[int, int], counts: dict[object, int]
) -> None:
    table = read_table(shared_data / "ml" / name, label=label)
    assert table.X.shape == shape
    found, sizes = np.unique(table.labels(), return_counts=True)
    assert dict(zip(found.tolist(), sizes.tolist(), strict=True)) == counts
