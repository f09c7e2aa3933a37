"""What commands say, short enough for one line."""

from __future__ import annotations

from hqml.hpc.said import last_line, one_line, some_of


def test_a_long_answer_is_cut() -> None:
    assert one_line(" a\n\tb \n") == "a b"
    assert one_line("x " * 400) == f"{'x ' * 150}..."


def test_the_last_line_that_says_anything_counts() -> None:
    assert last_line("banner\nno  such folder\n\n  \n") == "no such folder"
    assert last_line(" \n") == ""


def test_of_many_names_some_are_told() -> None:
    assert some_of(["a", "b"]) == "a, b"
    assert some_of(list("abcdef")) == "a, b, c, d and 2 more"
