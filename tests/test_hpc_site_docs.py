"""The pages of sites: their workflows keep to the limits of the site, and become scripts."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

pytest.importorskip("yaml", reason="pyyaml is missing: pip install 'hqml[hpc]'")
pytest.importorskip("pydantic", reason="pydantic is missing: pip install 'hqml[hpc]'")

from hqml.hpc.scripts.rendering import render
from hqml.hpc.sites.file import load_site, site_names
from hqml.hpc.workflows.checks import check
from hqml.hpc.workflows.file import open_workflow

DOCS = Path(__file__).resolve().parents[1] / "docs" / "hpc"

SITES = ("deep", "jureca-dc", "jusuf", "juwels", "local", "lumi", "marenostrum5", "vega")

pytestmark = pytest.mark.skipif(not DOCS.is_dir(), reason=f"the documentation is missing: {DOCS}")


@pytest.fixture(autouse=True)
def no_own_sites(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def blocks(page: str, language: str) -> list[str]:
    """The code of a page."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", page, flags=re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(code) for _, code in found]


@pytest.mark.parametrize("name", SITES)
def test_the_first_job_of_a_page_keeps_to_the_limits(name: str, tmp_path: Path) -> None:
    text = blocks((DOCS / f"{name}.md").read_text(), "yaml")[0]
    path = tmp_path / "first.yaml"
    path.write_text(text)
    workflow, places = open_workflow(path)
    site = load_site(workflow.site)
    assert site.name == name
    check(workflow, site, places)
    assert len(render(workflow, site).scripts) == len(workflow.steps) == 2
    parts = [component.on for step in workflow.steps for component in step.components]
    assert len(set(parts)) >= 2


def test_one_mpi_world_over_cluster_and_booster_has_the_mpi_that_was_published(tmp_path: Path) -> None:
    first, step = blocks((DOCS / "juwels.md").read_text(), "yaml")
    path = tmp_path / "both.yaml"
    path.write_text(first + textwrap.indent(step, "  "))
    workflow, places = open_workflow(path)
    site = load_site("juwels")
    check(workflow, site, places)
    scripts = render(workflow, site).scripts
    assert "ParaStationMPI/5.11.0-1 mpi4py" in scripts["03-ensemble.sh"]
    assert "OpenMPI" not in scripts["03-ensemble.sh"]


@pytest.mark.parametrize("name", [name for name in SITES if name != "local"])
def test_modules_that_a_page_loads_are_in_the_site_file(name: str) -> None:
    [code] = blocks((DOCS / f"{name}.md").read_text(), "bash")
    [loaded] = re.findall(r"module load (.*)", code)
    stages = load_site(name).software.stages
    sequences = [(*stage.load, *one.load) for stage in stages for one in stage.packages]
    assert tuple(loaded.split()) in sequences


def test_the_table_has_all_sites() -> None:
    text = (DOCS / "sites.md").read_text()
    assert tuple(re.findall(r"^\| \[`([\w-]+)`\]", text, flags=re.MULTILINE)) == (
        "juwels",
        "jureca-dc",
        "jusuf",
        "deep",
        "marenostrum5",
        "lumi",
        "vega",
        "local",
    )
    assert set(site_names()) == set(SITES)


def test_the_shortest_site_of_the_page_is_one(tmp_path: Path) -> None:
    [text] = blocks((DOCS / "sites.md").read_text(), "yaml")
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    assert load_site(str(path)).module("cluster").partitions[0].node.cpus == 96
