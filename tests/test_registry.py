"""Plug-ins are written as a fake dist-info onto sys.path: found by name, and reported when they are broken."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from hqml.errors import BackendConflict, BackendError, BackendUnavailable, OptionError, UnknownBackend
from hqml.registry import available_backends, load_backend, sample_parameters

WORKING = """
    from hqml.backend import Capabilities, Usage

    class Works:
        capabilities = Capabilities(kind="gpu", max_variables=7)

        def __init__(self, device="cpu"):
            self.device = device

        def sample(self, qubos, *, reads=100, seed=None, time_limit=None):
            raise NotImplementedError

        def estimate(self, qubos, *, reads=100):
            return Usage(seconds=0.0)

        def close(self):
            pass
"""

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a distribution: its entry points, the source of its one module, more lines of its METADATA."""
    before = set(sys.modules)

    def install(dist: str, points: str, *, module: str = "", source: str = WORKING, metadata: str = "") -> None:
        site = tmp_path / dist
        info = site / f"{dist}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {dist}\nVersion: 1.0\n{dedent(metadata)}")
        (info / "entry_points.txt").write_text(f"[hqml.backends]\n{points}\n")
        if module:
            (site / f"{module}.py").write_text(dedent(source))
        monkeypatch.syspath_prepend(str(site))

    yield install
    for name in set(sys.modules) - before:
        if name.startswith("fake_"):
            del sys.modules[name]


def reason(name: str) -> str:
    """Why a backend is not available; loading it must say the same."""
    [info] = [info for info in available_backends() if info.name == name]
    assert not info.available
    assert info.kind is None
    with pytest.raises(BackendError) as caught:
        load_backend(name)
    assert str(caught.value) == info.reason
    assert len(info.reason.splitlines()) == 1
    return info.reason


class TestAWorkingPlugIn:
    def test_is_found_by_its_name(self, install: Install) -> None:
        install("good-dist", "good = fake_good:Works", module="fake_good")
        assert load_backend("good").capabilities.kind == "gpu"

    def test_takes_the_options_of_its_constructor(self, install: Install) -> None:
        install("good-dist", "good = fake_good:Works", module="fake_good")
        assert load_backend("good", device="cuda").device == "cuda"  # type: ignore[attr-defined]
        with pytest.raises(OptionError, match=r"'good' cannot be built with \['speed'\].*speed") as caught:
            load_backend("good", speed=3)
        assert isinstance(caught.value, TypeError)

    def test_says_what_its_sample_takes_without_being_built_where_it_is_a_class(self, install: Install) -> None:
        source = WORKING + "\n    def made(device='cpu'):\n        return Works(device)\n"
        install("good-dist", "good = fake_good:Works\nmade = fake_good:made", module="fake_good", source=source)
        found = sample_parameters("good")
        assert found is not None
        assert {"qubos", "reads"} <= set(found)
        assert sample_parameters("made") is None

    def test_is_described_without_running_anything(self, install: Install) -> None:
        install("good-dist", "good = fake_good:Works", module="fake_good")
        [info] = [info for info in available_backends() if info.name == "good"]
        assert (info.available, info.reason, info.kind, info.max_variables, info.metered) == (True, "", "gpu", 7, False)

    def test_names_are_listed_in_alphabetical_order(self, install: Install) -> None:
        install("good-dist", "zz = fake_good:Works\naa = fake_good:Works", module="fake_good")
        names = [info.name for info in available_backends()]
        assert names == sorted(names)
        assert {"aa", "zz"} <= set(names)


class TestAnUnknownName:
    def test_suggests_the_nearest_one_and_lists_all(self, install: Install) -> None:
        install("good-dist", "annealer = fake_good:Works", module="fake_good")
        with pytest.raises(
            UnknownBackend, match=r"'anealer'; did you mean 'annealer'\? There are: .*annealer"
        ) as caught:
            load_backend("anealer")
        assert isinstance(caught.value, LookupError)

    def test_suggests_it_whatever_its_letters_are(self, install: Install) -> None:
        install("good-dist", "GooD = fake_good:Works", module="fake_good")
        with pytest.raises(UnknownBackend, match=r"^no backend is called 'gOOd'; did you mean 'GooD'"):
            load_backend("gOOd")
        with pytest.raises(UnknownBackend, match=r"^no backend is called 'CPU'; did you mean 'cpu'"):
            load_backend("CPU")

    def test_suggests_nothing_where_nothing_is_near(self) -> None:
        with pytest.raises(UnknownBackend, match=r"^no backend is called 'xyzzyx'\. There are: "):
            load_backend("xyzzyx")


class TestAMissingLibrary:
    def test_the_extra_that_requires_it_and_least_besides_is_named(self, install: Install) -> None:
        metadata = """\
            Provides-Extra: all
            Provides-Extra: plots
            Provides-Extra: fast
            Requires-Dist: numpy
            Requires-Dist: nowhere-plots; extra == "all" or extra == "plots"
            Requires-Dist: nowhere-accelerator>=2; extra == "all" or extra == "fast"
        """
        install(
            "lacking-dist",
            "lacking = fake_lacking:Works",
            module="fake_lacking",
            source="import nowhere_accelerator.core",
            metadata=metadata,
        )
        assert reason("lacking") == (
            "backend 'lacking' needs 'nowhere_accelerator', which is not installed; "
            "run: pip install 'lacking-dist[fast]'"
        )

    def test_the_extra_of_the_entry_point_comes_first(self, install: Install) -> None:
        source = "import nowhere_core"  # its distribution is called otherwise
        install("lacking-dist", "lacking = fake_lacking:Works [fast]", module="fake_lacking", source=source)
        assert reason("lacking").endswith("run: pip install 'lacking-dist[fast]'")

    def test_an_extra_called_like_the_backend_is_the_next_best(self, install: Install) -> None:
        metadata = 'Provides-Extra: lacking\nRequires-Dist: other-name; extra == "lacking"\n'
        source = "import nowhere_core"
        install("lacking-dist", "lacking = fake_lacking:Works", module="fake_lacking", source=source, metadata=metadata)
        assert reason("lacking").endswith("run: pip install 'lacking-dist[lacking]'")

    def test_without_an_extra_the_module_itself_is_named(self, install: Install) -> None:
        install("lacking-dist", "lacking = fake_lacking:Works", module="fake_lacking", source="import nowhere.core")
        assert reason("lacking").endswith("needs 'nowhere', which is not installed; run: pip install nowhere")

    def test_an_import_as_late_as_in_the_constructor_is_told_the_same_way(self, install: Install) -> None:
        source = """
            class Late:
                def __init__(self):
                    import nowhere
        """
        install("late-dist", "late = fake_late:Late", module="fake_late", source=source)
        assert reason("late").endswith("run: pip install nowhere")
        with pytest.raises(BackendUnavailable) as caught:
            load_backend("late")
        assert isinstance(caught.value, ImportError)
        assert isinstance(caught.value.__cause__, ModuleNotFoundError)

    def test_a_module_of_the_plug_in_itself_is_reinstalled(self, install: Install) -> None:
        install("torn-dist", "torn = fake_torn:Works")
        assert reason("torn") == (
            "backend 'torn' is broken: its own module 'fake_torn' is missing; reinstall torn-dist"
        )


BROKEN = {
    "raises on import": ("raise RuntimeError('no driver\\nsecond line')", "RuntimeError: no driver"),
    "is no Python": ("def (", "SyntaxError"),
    "lacks the name": ("x = 1", "AttributeError"),
    "imports what is not there": ("from math import nothing_like_it", "ImportError: cannot import name"),
    "raises when built": ("def Works(): raise OSError('no such device')", "OSError: no such device"),
    "needs an argument": ("def Works(device): pass", "missing 1 required positional argument: 'device'"),
    "is not callable": ("Works = 3", "'int' object is not callable"),
    "is no backend": ("class Works: pass", "it has not all of sample, estimate, close, capabilities"),
    "tells its capabilities otherwise": (
        """
        class Works:
            capabilities = {"kind": "gpu"}
            def sample(self): pass
            def estimate(self): pass
            def close(self): pass
        """,
        "it has not all of sample, estimate, close, capabilities",
    ),
    "cannot tell its capabilities": (
        """
        class Works:
            def sample(self): pass
            def estimate(self): pass
            def close(self): pass
            @property
            def capabilities(self): raise OSError('driver gone')
        """,
        "OSError: driver gone",
    ),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_plug_in_is_a_line_with_its_reason(install: Install, how: str) -> None:
    source, message = BROKEN[how]
    install("broken-dist", "broken = fake_broken:Works", module="fake_broken", source=source)
    found = reason("broken")
    assert found.startswith("backend 'broken' (fake_broken:Works) is broken: ")
    assert message in found


def test_a_backend_that_cannot_be_closed_is_a_line_with_its_reason(install: Install) -> None:
    source = WORKING.replace("            pass\n", "            raise OSError('busy')\n")
    install("broken-dist", "broken = fake_broken:Works", module="fake_broken", source=source)
    [info] = [info for info in available_backends() if info.name == "broken"]
    assert not info.available
    assert "OSError: busy" in info.reason


def test_a_broken_plug_in_does_not_hide_the_others(install: Install) -> None:
    install("good-dist", "good = fake_good:Works", module="fake_good")
    install("broken-dist", "broken = fake_broken:Works", module="fake_broken", source="1 / 0")
    assert {info.name: info.available for info in available_backends()}.items() >= {
        "good": True,
        "broken": False,
    }.items()


class TestANameRegisteredTwice:
    def test_is_a_conflict_that_names_both_owners(self, install: Install) -> None:
        install("one-dist", "twice = fake_one:Works", module="fake_one")
        install("two-dist", "twice = fake_two:Works", module="fake_two")
        text = reason("twice")
        assert "registered twice" in text
        assert "fake_one:Works (one-dist)" in text
        assert "fake_two:Works (two-dist)" in text
        with pytest.raises(BackendConflict) as caught:
            load_backend("twice")
        assert isinstance(caught.value, ValueError)

    def test_by_the_same_object_counts_once(self, install: Install) -> None:
        install("one-dist", "same = fake_one:Works", module="fake_one")
        install("two-dist", "same = fake_one:Works")
        assert load_backend("same").capabilities.kind == "gpu"
