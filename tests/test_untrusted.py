"""Readers of other libraries, made to say all that can go wrong."""

from __future__ import annotations

import contextlib
import json

import dimod
import numpy as np
import pytest

from hqml.untrusted import check_text, read_bqm, read_json


class TestJson:
    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("nonsense", "Expecting value"),
            (b"\xff", "utf-8"),
            (b'["\xed\xa0\x80"]', "utf-8"),
            ("[" * 200_000, "nested too deeply"),
            (b'{"a":' * 200_000, "nested too deeply"),
            (r'["\ud800"]', "surrogates not allowed"),
            ('["\ud800"]', "surrogates not allowed"),
            (rb'{"\uDFFF": 1}', "surrogates not allowed"),
            ("1" * 5000, "digits"),
        ],
    )
    def test_what_cannot_be_used_is_a_value_error(self, text: str | bytes, reason: str) -> None:
        with pytest.raises(ValueError, match=reason):
            read_json(text)

    @pytest.mark.parametrize("value", [{"a": [1, 2.5, None, True, "é"]}, "\U0001f600", r"\ud800", []])
    def test_what_json_writes_is_read(self, value: object) -> None:
        for text in (json.dumps(value), json.dumps(value, ensure_ascii=False)):
            assert read_json(text) == read_json(text.encode()) == value


class TestText:
    @pytest.mark.parametrize("number", [0x110000, 0x7FFFFFFF, 0xD800])
    @pytest.mark.parametrize("shape", [(), (2,)])
    def test_numbers_that_are_no_letters_are_told(self, number: int, shape: tuple[int, ...]) -> None:
        array = np.full(shape, "ab")
        check_text(array.astype(">U2"))
        array.reshape(-1).view(np.uint32)[1] = number
        for one in (array, array.byteswap().view(">U2")):
            with pytest.raises(ValueError, match="letters"):
                check_text(one)

    def test_other_arrays_are_left_alone(self) -> None:
        for array in (np.zeros(3), np.array([""]), np.array([], dtype="U3"), np.array([b"\xff"])):
            check_text(array)


class TestBqm:
    @pytest.mark.parametrize("version", [1, 2])
    def test_no_byte_of_a_file_can_end_the_interpreter(self, version: int) -> None:
        model = dimod.BinaryQuadraticModel({"a": 1.0, "b": -1.0}, {"ab": 2.0, "bc": 1.0}, 0.5, "SPIN")
        with model.to_file(version=version) as file:
            whole = file.read()
        assert read_bqm(whole) == model
        for place in range(len(whole)):
            for value in (b"\0", b"\x7f", b"\xff"):
                with contextlib.suppress(ValueError):
                    read_bqm(whole[:place] + value + whole[place + 1 :])
            with contextlib.suppress(ValueError):
                read_bqm(whole[:place])
