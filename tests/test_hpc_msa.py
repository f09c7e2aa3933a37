"""The example of a modular workflow: what its README promises of sites. tests/hpc and `make msa` run it."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("yaml", reason="pyyaml is missing: pip install 'hqml[hpc]'")
pytest.importorskip("pydantic", reason="pydantic is missing: pip install 'hqml[hpc]'")

from hqml.errors import FormatError
from hqml.hpc.scripts.rendering import render
from hqml.hpc.sites.file import load_site
from hqml.hpc.workflows.checks import check
from hqml.hpc.workflows.file import open_workflow

MSA = Path(__file__).resolve().parents[1] / "examples" / "msa"


@pytest.mark.parametrize("name", ["juwels", "jureca-dc", "deep", "jusuf", "local"])
def test_the_example_fits_sites_with_nothing_changed_but_the_site(name: str) -> None:
    workflow, places = open_workflow(MSA / "workflow.yaml", name)
    site = load_site(name)
    check(workflow, site, places)
    scripts = render(workflow, site).scripts
    assert [one.partition("-")[2] for one in scripts] == [f"{step.name}.sh" for step in workflow.steps]


@pytest.mark.parametrize(
    ("name", "lacks"),
    [
        ("lumi", "python>=3.11"),
        ("marenostrum5", "marenostrum5 has no module 'quantum'"),
        ("vega", "vega has no module 'quantum'"),
    ],
)
def test_elsewhere_one_line_tells_what_the_site_lacks(name: str, lacks: str) -> None:
    workflow, places = open_workflow(MSA / "workflow.yaml", name)
    with pytest.raises(FormatError) as refused:
        check(workflow, load_site(name), places)
    assert lacks in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_programs_that_steps_run_are_there() -> None:
    workflow, _ = open_workflow(MSA / "workflow.yaml")
    for step in workflow.steps:
        for component in step.components:
            [program] = [word for word in str(component.run).split() if word.endswith(".py")]
            assert (MSA / program).exists()


def test_the_readme_names_every_step() -> None:
    workflow, _ = open_workflow(MSA / "workflow.yaml")
    text = (MSA / "README.md").read_text()
    assert [step.name for step in workflow.steps if f"| `{step.name}` |" not in text] == []


def test_modules_with_other_processors_have_a_venv_of_their_own() -> None:
    workflow, _ = open_workflow(MSA / "workflow.yaml")
    venvs: dict[str, set[str | None]] = {}
    for step in workflow.steps:
        for component in step.components:
            venvs.setdefault(component.on, set()).add(workflow.venv_of(component))
    assert venvs == {"cluster": {"~/venvs/hqml"}, "booster": {"~/venvs/hqml-booster"}, "quantum": {"~/venvs/hqml"}}
