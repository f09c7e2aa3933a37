"""The names users rely on, and how little `import hqml` does."""

import subprocess
import sys

import pytest

import hqml

NAMES = [
    "Backend",
    "Capabilities",
    "DenseQubo",
    "GramQubo",
    "HqmlError",
    "Qubo",
    "SparseQubo",
    "Usage",
    "available_backends",
    "choose_backend",
    "load_backend",
    "sample",
    "solve",
    "to_onnx",
]


def test_the_public_names_are_these() -> None:
    assert hqml.__all__ == NAMES


def test_dir_lists_the_names_the_rooms_and_the_version() -> None:
    assert {
        *NAMES,
        "boosting",
        "cluster",
        "geo",
        "io",
        "problems",
        "selection",
        "svm",
        "testing",
        "tuning",
        "__version__",
    } <= set(dir(hqml))


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_the_object_of_its_home(name: str) -> None:
    found = getattr(hqml, name)
    assert found.__name__ == name
    assert found.__module__.startswith("hqml.")
    assert getattr(sys.modules[found.__module__], name) is found


def test_a_room_is_reached_without_importing_it_by_hand() -> None:
    assert hqml.io.__name__ == "hqml.io"  # type: ignore[attr-defined]


def test_the_version_is_that_of_the_installed_distribution() -> None:
    from importlib.metadata import version

    assert hqml.__version__ == version("hqml")  # type: ignore[attr-defined]


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'hqml' has no attribute 'smaple'"):
        hqml.smaple  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(ImportError, match=r"cannot import name 'features' from 'hqml\.dl\.head'"):
        from hqml.dl.head import features  # type: ignore[attr-defined]  # noqa: F401


def run(program: str) -> str:
    """What a fresh interpreter prints."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_import_brings_in_no_other_library() -> None:
    program = """
import sys
before = set(sys.modules)
import hqml
brought = {name.partition(".")[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)
print(sorted(brought))
"""
    assert run(program) == "['hqml']"


def test_no_name_of_the_interface_needs_scikit_learn_or_an_accelerator_library() -> None:
    program = """
import sys, hqml
[getattr(hqml, name) for name in hqml.__all__]
print(sorted({"sklearn", "torch", "mpi4py", "numba", "pandas", "dwave.cloud"} & set(sys.modules)))
"""
    assert run(program) == "[]"


def test_the_name_of_the_head_needs_no_torch() -> None:
    assert (
        run("import sys; from hqml.dl.head import NAME; print(NAME, 'torch' in sys.modules)") == "qubo-svm-head False"
    )


def test_neither_import_nor_use_of_a_name_reads_a_variable_of_its_own() -> None:
    program = """
import os
class Watched(type(os.environ)):
    asked = []
    def __getitem__(self, key):
        self.asked.append(key)
        return super().__getitem__(key)
e = os.environ
os.environ = Watched(e._data, e.encodekey, e.decodekey, e.encodevalue, e.decodevalue)
import hqml
print(Watched.asked)
[getattr(hqml, name) for name in hqml.__all__]
os.environ.get("HQML_PROBE")
print([key for key in Watched.asked if "HQML" in key.upper()])
"""
    # The probe shows that the watch works: numpy and others read variables of theirs, hqml none.
    assert run(program).splitlines() == ["[]", "['HQML_PROBE']"]


def test_no_logging_handler_is_added() -> None:
    program = """
import logging, hqml
[getattr(hqml, name) for name in hqml.__all__]
named = [logging.getLogger(name) for name in logging.root.manager.loggerDict if name.startswith("hqml")]
print([logging.root.handlers, [logger.handlers for logger in named if logger.handlers], logging.root.level])
"""
    assert run(program) == "[[], [], 30]"
