"""Optional libraries that are not there, or do not work."""

from __future__ import annotations

from pathlib import Path

import pytest

from hqml.errors import LibraryMissing
from hqml.libraries import check_libraries, library


def test_one_that_is_there_is_given() -> None:
    assert library("json", "a test", "test").loads("[1]") == [1]
    check_libraries(("json", "os.path"), "a test", "test")


def test_one_that_is_missing_is_named_with_the_extra_that_brings_it() -> None:
    with pytest.raises(
        LibraryMissing, match=r"^a test needs not_there, which cannot be imported; run: .*'hqml\[dl\]'$"
    ):
        check_libraries(("json", "not_there"), "a test", "dl")


def test_one_that_is_broken_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hqml_test_broken.py").write_text("raise ImportError('libcudart.so.12: no such file\\nand more')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(LibraryMissing, match=r"cannot be imported \(libcudart\.so\.12: no such file\); run: pip"):
        library("hqml_test_broken", "training", "dl")
