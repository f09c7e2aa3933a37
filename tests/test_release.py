"""What is released: one version everywhere, and archives that hold what they should and nothing else."""

from __future__ import annotations

import email
import importlib.util
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
VERSION = str(PROJECT["version"])
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
PACKAGES = ("hqml", "hqml_cpu", "hqml_mpi", "hqml_ocean", "hqml_torch")
SITES = ("deep", "jureca-dc", "jusuf", "juwels", "local", "lumi", "marenostrum5", "vega")


class TestVersions:
    def test_the_newest_heading_of_the_changelog_is_this_version(self) -> None:
        assert re.findall(r"^## (\S+) \((?:unreleased|\d{4}-\d\d-\d\d)\)$", CHANGELOG, re.MULTILINE)[0] == VERSION

    def test_it_is_a_semantic_one(self) -> None:
        assert re.fullmatch(r"\d+\.\d+\.\d+", VERSION)

    def test_the_file_to_cite_by_has_it_and_the_licence(self) -> None:
        yaml = pytest.importorskip("yaml", reason="pyyaml is missing: pip install 'hqml[hpc]'")
        found = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
        assert (found["cff-version"], found["version"], found["license"]) == ("1.2.0", VERSION, PROJECT["license"])
        for one in (found, *found["references"]):
            assert {"title", "authors", "type"} <= set(one)

    def test_papers_to_cite_are_those_that_formulas_name(self) -> None:
        yaml = pytest.importorskip("yaml", reason="pyyaml is missing: pip install 'hqml[hpc]'")
        papers = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["references"]
        sources = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "hqml").rglob("*.py"))
        named = {paper["title"]: [name for name in names_of_paper(paper) if name in sources] for paper in papers}
        assert len(named) == 9
        assert [title for title, names in named.items() if not names] == []


def names_of_paper(paper: dict[str, Any]) -> list[str]:
    """By which a docstring may call it: DOI, arXiv's number; of one that has neither its authors."""
    first, *others = [author["family-names"] for author in paper["authors"]]
    numbers = [f"doi:{paper['doi']}"] if "doi" in paper else []
    numbers += [one["value"] for one in paper.get("identifiers", [])]
    return numbers or [f"{first} et al., {paper.get('collection-title', '')[:9]}", f"{first}, {' & '.join(others)}"]


class TestChangelog:
    def test_its_headings_are_those_of_keep_a_changelog(self) -> None:
        kinds = re.findall(r"^### (.*)$", CHANGELOG, re.MULTILINE)
        assert kinds
        assert set(kinds) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}

    def test_a_version_has_each_heading_once(self) -> None:
        for text in CHANGELOG.split("\n## ")[1:]:
            kinds = re.findall(r"^### (.*)$", text, re.MULTILINE)
            assert len(kinds) == len(set(kinds))


def bounds() -> dict[str, str]:
    """Lower bounds by the name of the distribution."""
    written = [*PROJECT["dependencies"], *(one for extra in PROJECT["optional-dependencies"].values() for one in extra)]
    requirements = [one for one in map(Requirement, written) if one.name != "hqml"]
    return {one.name: only.version for one in requirements for only in one.specifier if only.operator == ">="}


def pins(name: str) -> dict[str, str]:
    """Exact versions of a file of constraints."""
    lines = [line.partition("#")[0].strip() for line in (ROOT / name).read_text(encoding="utf-8").splitlines()]
    return dict(line.split("==") for line in lines if line)


class TestDependencies:
    def test_the_oldest_versions_to_test_with_are_the_lower_bounds(self) -> None:
        assert pins("constraints-oldest.txt") == bounds()

    def test_each_has_one(self) -> None:
        written = [*PROJECT["dependencies"], *(o for e in PROJECT["optional-dependencies"].values() for o in e)]
        bare = {one.name for one in map(Requirement, written) if one.name != "hqml" and not one.specifier}
        assert bare == {"pandas-stubs", "types-pyyaml"}  # stubs of what is bounded

    def test_the_versions_of_ci_are_within_the_bounds(self) -> None:
        least = bounds()
        assert [
            name
            for name, one in pins("constraints.txt").items()
            if name in least and Version(one) < Version(least[name])
        ] == []


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The sdist of this tree, and the wheel that is made from it."""
    for name in ("build", "hatchling"):
        if importlib.util.find_spec(name) is None or not (ROOT / ".git").exists():
            pytest.skip(f"no archives without a checkout and {name}: pip install 'hqml[release]'")
    folder = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        cwd=folder,  # in the tree itself `build` may be the folder of that name
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    [sdist], [wheel] = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return sdist, wheel


def names_of(sdist: Path) -> set[str]:
    """Files of an sdist, without the folder that all are in."""
    with tarfile.open(sdist) as archive:
        return {one.name.partition("/")[2] for one in archive.getmembers() if one.isfile()}


class TestArchives:
    def test_their_names_tell_the_version(self, archives: tuple[Path, Path]) -> None:
        assert [one.name for one in archives] == [f"hqml-{VERSION}.tar.gz", f"hqml-{VERSION}-py3-none-any.whl"]

    def test_the_sdist_has_all_that_git_has(self, archives: tuple[Path, Path]) -> None:
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
        )
        kept = {name for name in listed.stdout.splitlines() if (ROOT / name).is_file()}
        assert kept
        assert names_of(archives[0]) ^ kept == {"PKG-INFO"}

    def test_the_wheel_has_every_module_of_the_packages(self, archives: tuple[Path, Path]) -> None:
        names = {PurePosixPath(name) for name in zipfile.ZipFile(archives[1]).namelist()}
        homes = [ROOT / "hqml", *(ROOT / "backends" / one for one in PACKAGES[1:])]
        modules = {PurePosixPath(one.relative_to(home.parent)) for home in homes for one in home.rglob("*.py")}
        assert {one for one in names if one.suffix == ".py"} == modules

    def test_the_wheel_has_nothing_else_but_data_and_types(self, archives: tuple[Path, Path]) -> None:
        names = [PurePosixPath(name) for name in zipfile.ZipFile(archives[1]).namelist()]
        assert {one.parts[0] for one in names} == {*PACKAGES, f"hqml-{VERSION}.dist-info"}
        others = {one for one in names if one.suffix != ".py" and not one.parts[0].endswith(".dist-info")}
        assert {one.suffix for one in others} == {".yaml", ".typed", ".css", ".js", ".html", ".j2"}
        assert {str(one) for one in others if one.name == "py.typed"} == {f"{one}/py.typed" for one in PACKAGES}
        assert {one.stem for one in others if one.suffix == ".yaml"} == set(SITES)

    def test_no_archive_holds_a_secret_by_its_name(self, archives: tuple[Path, Path]) -> None:
        names = {*names_of(archives[0]), *zipfile.ZipFile(archives[1]).namelist()}
        secret = re.compile(r"(^|/)(\.env|\.netrc|\.pgpass|dwave\.conf|tokens?(\.txt)?|id_\w+|.*\.(pem|key))$")
        assert [name for name in names if secret.search(name)] == []

    def test_what_it_says_of_itself(self, archives: tuple[Path, Path]) -> None:
        with zipfile.ZipFile(archives[1]) as wheel:
            told = email.message_from_bytes(wheel.read(f"hqml-{VERSION}.dist-info/METADATA"))
            entries = wheel.read(f"hqml-{VERSION}.dist-info/entry_points.txt").decode()
            licence = wheel.read(f"hqml-{VERSION}.dist-info/licenses/LICENSE")
        assert (told["Name"], told["Version"], told["License-Expression"]) == ("hqml", VERSION, "Apache-2.0")
        assert told["Requires-Python"] == ">=3.11"
        assert set(told.get_all("Provides-Extra", [])) == set(PROJECT["optional-dependencies"])
        assert str(told.get_payload()).startswith("# hqml\n")
        for line in ("hqml = hqml.cli:main", "cpu = hqml_cpu:CpuBackend", "node = hqml_ocean.node:NodeService [node]"):
            assert line in entries
        assert licence == (ROOT / "LICENSE").read_bytes()

    def test_an_index_would_take_them(self, archives: tuple[Path, Path]) -> None:
        pytest.importorskip("twine", reason="twine is missing: pip install 'hqml[release]'")
        done = subprocess.run(
            [sys.executable, "-m", "twine", "check", "--strict", *map(str, archives)], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.count("PASSED") == 2

    def test_pip_installs_the_sdist(self, archives: tuple[Path, Path], tmp_path: Path) -> None:
        install = ["install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", "there"]
        own = [sys.executable, "-m", "pip", "--disable-pip-version-check", *install, str(archives[0])]
        assert subprocess.run(own, cwd=tmp_path).returncode == 0
        program = "import hqml, importlib.resources as r; print(hqml.__file__); print(hqml.__version__)"
        environment = {**os.environ, "PYTHONPATH": str(tmp_path / "there")}
        found = subprocess.run(
            [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert found.stdout.splitlines() == [str(tmp_path / "there" / "hqml" / "__init__.py"), VERSION]
