"""YAML files: what is read, and the one line that says what is wrong and where."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

pytest.importorskip("yaml", reason="pyyaml is missing: pip install 'hqml[specs]'")
pytest.importorskip("pydantic", reason="pydantic is missing: pip install 'hqml[specs]'")

from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from hqml.errors import FormatError, LibraryMissing
from hqml.specs import open_spec, read_spec
from hqml.specs.model import Spec
from hqml.specs.nodes import read_yaml


class Circle(Spec):
    radius: Annotated[float, Field(gt=0)]


class Box(Spec):
    width: float
    height: float = 1


def shape(content: Any) -> str:
    return "<circle>" if isinstance(content, dict) and "radius" in content else "<box>"


class Drawing(Spec):
    name: str
    copies: int = 1
    colour: Literal["red", "green"] = "red"
    filled: bool = False
    shapes: list[Annotated[Annotated[Circle, Tag("<circle>")] | Annotated[Box, Tag("<box>")], Discriminator(shape)]] = (
        Field(default_factory=list)
    )
    options: dict[str, Any] = Field(default_factory=dict)


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "d.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_file_becomes_its_model(tmp_path: Path) -> None:
    text = """
# a comment
name: "two of a kind"
copies: 3
filled: true
shapes:
  - {radius: 1.5}
  - width: 2
options: {a: [1, x, null], "b": .5}
"""
    found = read_spec(written(tmp_path, text), Drawing)
    assert (found.name, found.copies, found.filled, found.colour) == ("two of a kind", 3, True, "red")
    assert found.shapes == [Circle(radius=1.5), Box(width=2)]
    assert found.options == {"a": [1, "x", None], "b": 0.5}


# Where and what, of a file d.yaml.
WRONG = {
    "empty": ("", "1: the file is empty"),
    "only a comment": ("# nothing\n", "1: the file is empty"),
    "a list": ("- a\n", "1: must be a mapping, found ['a']"),
    "plain text": ("hello\n", "1: must be a mapping, found 'hello'"),
    "no YAML": ("name: [a, b\n", "2: cannot be read as YAML: expected ',' or ']', but got '<stream end>'"),
    "a tab": ("name: x\n\tcopies: 2\n", "2: cannot be read as YAML: a tab; indent with blanks"),
    "wrong indentation": ("name: x\n  copies: 2\n", "2: cannot be read as YAML: mapping values are not allowed here"),
    "an unquoted colon": (
        "name: echo a: b\n",
        "1: cannot be read as YAML: mapping values are not allowed here; quote text that has ': ' in it",
    ),
    "two documents": ("name: x\n---\nname: y\n", "2: cannot be read as YAML: found another document"),
    "an unknown alias": ("name: *x\n", "1: cannot be read as YAML: found undefined alias 'x'"),
    "a control character": ("name: \x01\n", "1: cannot be read as YAML: special characters are not allowed"),
    "a key twice": ("name: x\ncopies: 1\nname: y\n", "3: found key 'name' twice, first on line 1; leave one out"),
    "a key twice inside": ("name: x\noptions:\n  a: 1\n  a: 1\n", "4: found key 'a' twice, first on line 3"),
    "a Python object": (
        "name: !!python/object/apply:os.system [ls]\n",
        "1: found the tag !!python/object/apply:os.system, which is not taken; write plain values",
    ),
    "a tag": ("name: x\noptions: {a: !!binary aGk=}\n", "2: found the tag !!binary, which"),
    "a tag of one's own": ("name: !mine x\n", "1: found the tag !mine, which is not taken; write plain values"),
    "a merge key": ("name: x\noptions: {<<: {a: 1}}\n", "2: found a merge key <<, which"),
    "a list as key": ("name: x\n? [a]\n: 1\n", "2: found a key that is a list or a mapping; write a name"),
    "an alias of itself": ("name: x\noptions: &o\n  a: *o\n", "2: found an alias inside of what it names"),
    "a number without end": (f"name: x\ncopies: {'9' * 5000}\n", "2: found a number of too many digits"),
    "nested without end": ("[" * 3000, "1: lists or mappings are nested too deeply"),
    "a missing key": ("copies: 2\n", "1: name: this key is missing"),
    "a missing key inside": ("name: x\nshapes:\n- radius: 1\n- height: 2\n", "4: shapes[1].width: this key is missing"),
    "an unknown key": ("name: x\n\ncopys: 2\n", "3: copys: unknown key; did you mean 'copies'?"),
    "an unknown key inside": ("name: x\nshapes:\n- {radius: 1}\n- {width: 1,\n   hight: 2}\n",
                              "5: shapes[1].hight: unknown key; did you mean 'height'?"),
    "a key like no other": ("name: x\nshapes: [{radius: 1, z: 2}]\n", "2: shapes[0].z: unknown key; there are: radius"),
    "braces in a key": ("name: x\n'{}': 1\n", "2: {}: unknown key; there are: name, copies, colour"),
    "text for a number": ("name: x\ncopies: many\n", "2: copies: must be a whole number, found 'many'"),
    "a quoted number": ("name: x\ncopies: '2'\n", "2: copies: must be a whole number, found '2'"),
    "truth for a number": ("name: x\ncopies: true\n", "2: copies: must be a whole number, found True"),
    "a fraction": ("name: x\ncopies: 1.5\n", "2: copies: must be a whole number, found 1.5"),
    "a number for text": ("name: 5\n", "1: name: must be a string, found 5; write it in quotes"),
    "nothing for text": ("name:\n", "1: name: must be a string, found nothing"),
    "yes for truth": ("name: x\nfilled: yes\n", "2: filled: must be true or false, found 'yes'"),
    "no such choice": ("name: x\ncolour: blue\n", "2: colour: must be 'red' or 'green', found 'blue'"),
    "out of range": ("name: x\nshapes:\n- radius: 0\n", "3: shapes[0].radius: must be greater than 0, found 0"),
    "infinite": ("name: x\nshapes:\n- radius: .inf\n", "3: shapes[0].radius: must be a finite number, found inf"),
    "a mapping for a list": ("name: x\nshapes: {radius: 1}\n", "2: shapes: must be a list, found {'radius': 1}"),
    "text for a mapping": ("name: x\nshapes: [a]\n", "2: shapes[0]: must be a mapping, found 'a'"),
    "a long value": (f"name: {['word'] * 40}\n", "1: name: must be a string, found ['word', 'word', 'word', "),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_one_line_with_its_place(tmp_path: Path, case: str) -> None:
    text, message = WRONG[case]
    path = written(tmp_path, text)
    with pytest.raises(FormatError) as caught:
        read_spec(path, Drawing)
    assert str(caught.value).startswith(f"{path}:{message}")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < len(str(path)) + 150


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"name: \xff\n", "byte 7 is no UTF-8"),
        (b"# " + b"x" * (1 << 20), "is larger than 1 MiB"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path: Path, text: bytes, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        read_spec(written(tmp_path, text), Drawing)


@pytest.mark.parametrize("name", ["nowhere.yaml", "."])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(FormatError, match=r"there is no such file|cannot be read"):
        read_spec(tmp_path / name, Drawing)


def test_the_first_mistake_of_the_file_is_told(tmp_path: Path) -> None:
    path = written(tmp_path, "name: x\nfilled: 3\ncopies: many\n")
    with pytest.raises(FormatError, match=":2: filled: "):
        read_spec(path, Drawing)


def test_aliases_that_multiply_are_refused_at_once(tmp_path: Path) -> None:
    """Ten lines that stand for ten billion values."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(FormatError, match="more than 50000 values"):
        read_spec(written(tmp_path, "\n".join(lines)), Drawing)


def test_an_alias_stands_for_what_it_names(tmp_path: Path) -> None:
    path = written(tmp_path, "name: x\nshapes: [&s {radius: 1}, *s]\n")
    assert read_spec(path, Drawing).shapes == [Circle(radius=1), Circle(radius=1)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e3", 1000.0),
        ("-.5", -0.5),
        ("+12", 12),
        ("012", 12),
        ("0x1f", 31),
        ("0o17", 15),
        (".inf", float("inf")),
        ("-.INF", float("-inf")),
        ("~", None),
        ("Null", None),
        ("TRUE", True),
        ("no", "no"),
        ("10:30", "10:30"),
        ("2001-01-01", "2001-01-01"),
        ("1_000", "1_000"),
        ("'5'", "5"),
        ("!!str 5", "5"),
        ('"a\\tb"', "a\tb"),
        ("1.2.3", "1.2.3"),
        ("e5", "e5"),
    ],
)
def test_scalars_are_those_of_the_core_schema_of_yaml_1_2(text: str, value: Any) -> None:
    content, _ = read_yaml(f"a: {text}\n", "f")
    assert content == {"a": value}
    assert type(content["a"]) is type(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_number_comes_back_as_it_was_written(number: float) -> None:
    assert read_yaml(f"[{number!r}]", "f")[0] == [number]


def test_a_later_complaint_has_the_same_form(tmp_path: Path) -> None:
    path = written(tmp_path, "name: x\nshapes:\n- radius: 1\n")
    _, places = open_spec(path, Drawing)
    with (
        pytest.raises(FormatError, match=r"d\.yaml:3: shapes\[0\]\.radius: too round$"),
        places.at("shapes", 0, "radius"),
    ):
        raise FormatError("too round")
    assert str(places.error(("copies",), "too few")) == f"{path}:1: copies: too few"
    with pytest.raises(FormatError, match=r"d\.yaml:2: shapes: cannot use nowhere: No such file"), places.at("shapes"):
        open("nowhere")  # noqa: SIM115


def test_other_models_of_pydantic_will_do(tmp_path: Path) -> None:
    class Plain(BaseModel):
        model_config = ConfigDict(extra="forbid")
        name: str

    with pytest.raises(FormatError, match=r"d\.yaml:2: nmae: unknown key$"):
        read_spec(written(tmp_path, "name: x\nnmae: y\n"), Plain)


@pytest.mark.parametrize("library", ["yaml", "pydantic"])
def test_a_missing_library_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    monkeypatch.setitem(__import__("sys").modules, library, None)
    with pytest.raises(LibraryMissing, match=rf"reading YAML needs {library}, .* run: pip install 'hqml\[specs\]'"):
        read_spec(written(tmp_path, "name: x\n"), Drawing)
