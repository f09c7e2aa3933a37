"""A task as a job: what a site gets, and what it refuses, in the words of the specification."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("yaml", reason="pyyaml is missing: pip install 'hqml[dl]'")
pytest.importorskip("pydantic", reason="pydantic is missing: pip install 'hqml[dl]'")

from hqml.dl.placing import PlacedTask, place_task
from hqml.dl.spec_file import open_task
from hqml.errors import FormatError, HqmlError

SPEC = "name: sat\nmodel: mlp\ndata: digits\n"


def placed(folder: Path, *lines: str, site: str | None = "juwels", arguments: tuple[str, ...] = ()) -> PlacedTask:
    path = folder / "sat.yaml"
    path.write_text(SPEC + "".join(f"{line}\n" for line in lines))
    task, places = open_task(path)
    return place_task(task, places, path, site=site, arguments=arguments)


def script(task: PlacedTask) -> str:
    [text] = task.rendered().scripts.values()
    return text


class TestOnTheBooster:
    def test_all_gpus_of_its_nodes_train_together(self, tmp_path: Path) -> None:
        text = script(placed(tmp_path, "run: {on: booster, nodes: 2, time: 90m, account: me}"))
        for line in ("--nodes=2", "--time=01:30:00", "--account=me", "--gres=gpu:4", "--requeue"):
            assert re.search(rf"^#SBATCH {line}$", text, re.MULTILINE), line
        assert "torchrun --nnodes=2 --nproc_per_node=4" in text
        assert "-m hqml.cli train sat.yaml" in text
        assert "PyTorch" in text  # the site's module of it

    def test_one_gpu_needs_no_torchrun(self, tmp_path: Path) -> None:
        text = script(placed(tmp_path, "run: {on: booster, gpus: 1, account: me}"))
        assert "torchrun" not in text
        assert "python3 -m hqml.cli train sat.yaml" in text

    def test_is_the_first_choice_where_no_module_is_named(self, tmp_path: Path) -> None:
        [step] = placed(tmp_path, "run: {account: me}").workflow.steps
        assert (step.components[0].on, step.components[0].gpus) == ("booster", 4)

    def test_horovod_gets_ranks_of_mpi(self, tmp_path: Path) -> None:
        [step] = placed(tmp_path, "distribution: horovod", "run: {nodes: 2, gpus: 4, account: me}").workflow.steps
        [component] = step.components
        assert (component.launch, component.mpi, component.tasks) == ("srun", True, 8)

    def test_arguments_are_quoted(self, tmp_path: Path) -> None:
        arguments = ("--set", "model.hidden=[8, 8]", "--out", "my results")
        text = script(placed(tmp_path, "run: {gpus: 1, account: me}", arguments=arguments))
        assert "train sat.yaml --set 'model.hidden=[8, 8]' --out 'my results'" in text


class TestWhatStopsIt:
    def test_it_is_told_before_its_time_is_over_and_queued_again(self, tmp_path: Path) -> None:
        [step] = placed(tmp_path, "run: {account: me, requeues: 3}").workflow.steps
        assert step.checkpoint is not None
        assert (step.checkpoint.before, step.checkpoint.requeues) == (60, 3)

    def test_a_short_job_is_told_at_half_time(self, tmp_path: Path) -> None:
        [step] = placed(tmp_path, "run: {account: me, time: 30s}").workflow.steps
        assert step.checkpoint is not None
        assert step.checkpoint.before == 15

    def test_statsmodels_keeps_no_state(self, tmp_path: Path) -> None:
        path = tmp_path / "s.yaml"
        path.write_text("model: arima\ndata: sunspots\nrun: {site: local}\n")
        task, places = open_task(path)
        [step] = place_task(task, places, path).workflow.steps
        assert step.checkpoint is None


class TestItsRun:
    def test_knows_of_no_workflow_file(self, tmp_path: Path) -> None:
        manifest = placed(tmp_path, "run: {account: me}").rendered().manifest
        assert (manifest.file, manifest.folder, manifest.workflow) == ("", str(tmp_path), "sat")

    def test_this_machine_is_asked_for_no_modules(self, tmp_path: Path) -> None:
        found = placed(tmp_path, site="local")
        assert found.warnings == ()
        assert found.workflow.steps[0].components[0].needs == ()

    @pytest.mark.skipif(shutil.which("bash") is None, reason="bash is missing")
    @pytest.mark.parametrize("site", ["juwels", "jureca-dc", "local"])
    def test_its_script_is_bash(self, site: str, tmp_path: Path) -> None:
        text = script(placed(tmp_path, "run: {account: me}", site=site))
        subprocess.run(["bash", "-n"], input=text, text=True, check=True, timeout=20)

    def test_a_site_that_is_a_file_is_looked_for_beside_the_specification(self, tmp_path: Path) -> None:
        from importlib.resources import files

        (tmp_path / "mine.yaml").write_text(files("hqml.hpc.sites").joinpath("local.yaml").read_text())
        assert placed(tmp_path, "run: {site: mine.yaml}", site=None).site.name == "mine"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["epochs: 3"], "sat.yaml:1: run.account: this key is missing: at juwels a project pays"),
        (["run:", "  account: me", "  gpus: 9"], "sat.yaml:6: run.gpus: 9 GPUs of each node are asked, and nodes of"),
        (["run:", "  account: me", "  on: bosster"], "sat.yaml:6: run.on: juwels has no module 'bosster'"),
        (["run:", "  account: me", "  on: quantum"], "sat.yaml:6: run.on: "),
        (["run:", "  account: me", "  time: 9d"], "sat.yaml:6: run.time: "),
        (["run:", "  account: me", "  nodes: 5000"], "sat.yaml:6: run.nodes: "),
        (["run:", "  account: me", "  memory: lots"], "sat.yaml:6: run.memory: "),
        (["run:", "  account: me", "  partition: fast"], "sat.yaml:6: run.partition: "),
        (["run:", "  account: a b"], "sat.yaml:5: run.account: must be one word"),
        (["run:", "  account: me", "  stage: '1999'"], "sat.yaml:6: run.stage: "),
        (["run:", "  account: me", "  needs: tensorflow>=99"], "sat.yaml:6: run.needs: "),
        (["run:", "  account: me", "  needs: 'torch>>2'"], "sat.yaml:6: run.needs: "),
        (["run:", "  account: me", "  environment: {HF_TOKEN: abc}"], "sat.yaml:6: run.environment"),
        (["run:", "  account: me", "  environment: {PATH: abc}"], "sat.yaml:6: run.environment"),
        (["run:", "  account: me", "  requeues: 2000"], "sat.yaml:6: run.requeues: must be less than or equal to 1000"),
        (["run:", "  account: me", "  venv: ''"], "sat.yaml:6: run.venv: is empty"),
        (["run:", "  account: me", "  container: ''"], "sat.yaml:6: run.container"),
    ],
)
def test_what_a_site_refuses_is_told_at_its_place(lines: list[str], said: str, tmp_path: Path) -> None:
    with pytest.raises(FormatError) as caught:
        placed(tmp_path, *lines)
    assert str(caught.value).removeprefix(f"{tmp_path}/").startswith(said)
    assert "\n" not in str(caught.value)


def test_a_site_that_is_not_known_is_told(tmp_path: Path) -> None:
    with pytest.raises(HqmlError, match="julia"):
        placed(tmp_path, site="julia")
    with pytest.raises(FormatError, match=r"sat\.yaml:4: run\.site: "):
        placed(tmp_path, "run: {site: julia}", site=None)
    with pytest.raises(FormatError, match=r"run: name a site"):
        placed(tmp_path, site=None)
