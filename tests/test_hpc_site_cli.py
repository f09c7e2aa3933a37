"""`hqml site`, as its users type it."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("yaml", reason="pyyaml is missing: pip install 'hqml[hpc]'")
pytest.importorskip("pydantic", reason="pydantic is missing: pip install 'hqml[hpc]'")

from hqml.cli import main
from hqml.hpc.sites.file import read_site

SCONTROL = """\
#!/bin/sh
case "$2" in
  config) echo 'ClusterName = tiny' ;;
  partition) echo 'PartitionName=all Default=YES MaxNodes=2 MaxTime=1-00:00:00 OverSubscribe=NO' ;;
  node) echo 'NodeName=n1 CPUTot=4 CoresPerSocket=4 Gres=(null) RealMemory=4096 Sockets=1 Partitions=all' ;;
  licenses) echo 'No licenses configured in Slurm.' ;;
esac
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without sites, which is the current folder as well."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose only Slurm is a script."""
    script = tmp_path / "bin" / "scontrol"
    script.parent.mkdir()
    script.write_text(SCONTROL)
    script.chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = main(["site", *arguments])
    said = capsys.readouterr()
    return status, said.out, said.err


def values(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    status, out, err = answer(capsys, *arguments, "--json")
    assert (status, err) == (0, "")
    return json.loads(out)


def test_sites_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    found = {one["name"]: one for one in values(capsys, "list")}
    assert found["deep"]["modules"] == ["cm (cluster)", "esb (booster)", "dam", "quantum"]
    assert found["juwels"]["stages"] == ["2025", "2026", "2024", "2023", "2022"]
    assert found["juwels"]["partitions"] == 8
    status, out, err = answer(capsys, "list")
    assert (status, err) == (0, "")
    assert all(name in out for name in found)


def test_a_wrong_file_of_ones_own_does_not_hide_the_others(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = home / "config" / "hqml" / "sites"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text("title: [\n")
    status, out, err = answer(capsys, "list", "--json")
    assert (status, len(json.loads(out))) == (0, 8)
    assert err.startswith(f"hqml: warning: {folder}/mine.yaml:2: cannot be read as YAML")


def test_a_site_is_shown_with_limits_software_and_sources(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = answer(capsys, "show", "juwels")
    assert (status, err) == (0, "")
    lines = [line.split() for line in out.splitlines()]
    assert ["batch", "-", "1024", "1d", "48", "cores"] in [line[2:8] for line in lines]
    assert ["solver", "Advantage_system5.4"] in lines
    assert ["horovod", "-", "-", "-", "-", "0.25.0"] in lines
    assert any(line[:2] == ["easybuild", "2026-11-26"] for line in lines)


def test_a_site_is_shown_to_programs(capsys: pytest.CaptureFixture[str]) -> None:
    site = values(capsys, "show", "vega")
    assert site["modules"][1]["partitions"][0]["needs_gpus"] is True
    assert site["sources"]["partitions"]["date"] == "2026-11-26"
    stage = values(capsys, "show", "vega", "--stage", "modules")
    assert stage["packages"][0]["provides"] == "python"


def test_a_stage_is_shown_with_how_to_load_each_package(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = answer(capsys, "show", "juwels", "--stage", "2024")
    assert status == 0
    assert "Stages/2024 GCC/12.3.0 PyTorch/2.1.2" in out
    status, out, _ = answer(capsys, "show", "lumi", "--stage", "csc")
    assert "module use /appl/local/csc/modulefiles" in out


def test_all_files_are_right(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = answer(capsys, "check")
    assert (status, err) == (0, "")
    assert len(out.splitlines()) == 8
    assert all(": right: " in line for line in out.splitlines())


def test_a_wrong_file_is_one_line_with_its_place(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "mine.yaml").write_text("title: Mine\nscheduler: slurm\nsites: {}\n")
    assert answer(capsys, "check", "mine.yaml") == (
        2,
        "",
        "hqml: mine.yaml:3: sites: unknown key; did you mean 'title'?\n",
    )


def test_needs_that_are_met(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("check", "juwels", "--needs", "torch>=2.1, mpi", "--stage", "2024", "--on", "booster")
    status, out, err = answer(capsys, *arguments)
    assert (status, err) == (0, "")
    assert "module load Stages/2024 GCC/12.3.0 PyTorch/2.1.2 OpenMPI/4.1.5" in out
    found = values(capsys, *arguments)
    assert found["met"] is True
    assert (found["on"], found["stage"]) == ("booster", "Stages/2024")
    assert found["load"] == ["Stages/2024", "GCC/12.3.0", "PyTorch/2.1.2", "OpenMPI/4.1.5"]


def test_needs_that_are_not_met_end_in_one(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = answer(capsys, "check", "juwels", "--needs", "horovod, mpi", "--stage", "2024")
    assert status == 1
    assert err == "hqml: juwels lacks horovod in Stages/2024, on cluster\n"
    assert "not available in Stages/2024: horovod; nearest: 2022 (0.25.0)" in out
    assert "Stages that meet all needs: 2022" in out


MINE = """\
title: Mine
scheduler: slurm
sources: {me: {title: Notes, url: "https://example.org/notes", date: 2026-11-26}}
modules:
  - name: cluster
    kind: cluster
    title: Cluster
    source: me
    nodes: {n: {cores: 4}}
    partitions: [{name: batch, nodes: 4, time: 1h, node: n}]
software:
  source: me
  setup:
    - 'load() { if [[ $1 == Nope/1 ]]; then echo no Nope >&2; return 1; fi; LOADEDMODULES=$1; }'
    - 'module() { [[ $1 != load ]] || load "$2"; }'
  stages:
    - name: "1"
      source: me
      packages:
        - {provides: gcc, version: 12.3.0, load: [GCC/12.3.0]}
        - {provides: nope, version: "1", load: [Nope/1]}
    - {name: "2", source: me, packages: [{provides: gcc, version: 13.2.0, load: [GCC/13.2.0]}]}
"""


def test_what_the_file_says_is_loaded_on_the_live_system(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "mine.yaml").write_text(MINE)
    status, out, err = answer(capsys, "check", "mine.yaml", "--live")
    assert (status, err) == (1, "hqml: 1 of 3 packages of mine do not load as its file says\n")
    assert [" ".join(line.split()) for line in out.splitlines() if " GCC" in line or "Nope" in line] == [
        "1 gcc 12.3.0 GCC/12.3.0 yes -",
        "1 nope 1 Nope/1 no no Nope",
        "2 gcc 13.2.0 GCC/13.2.0 yes -",
    ]
    [one] = values(capsys, "check", "mine.yaml", "--live", "--stage", "2")
    assert (one["package"], one["loads"], one["loaded"]) == ("gcc", True, ["GCC/13.2.0"])


def test_a_machine_without_the_modules_of_the_site_is_no_login_node_of_it(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "mine.yaml").write_text(MINE)
    status, out, err = answer(capsys, "check", "mine.yaml", "--live", "--needs", "gcc")
    assert (status, out) == (1, "")
    assert err.startswith("hqml: none of the modules of mine is on this machine (")
    assert err.endswith("is it a login node of mine? name one with --host\n")
    (home / "bare.yaml").write_text(MINE.replace("'module() {", "'unset -f module; other() {"))
    for needs in ((), ("--needs", "gcc")):
        status, out, err = answer(capsys, "check", "bare.yaml", "--live", *needs)
        assert (status, out) == (1, "")
        assert err.startswith("hqml: this machine has no module system: its shell knows no command `module`; is it the")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("show", "juwles"), "did you mean 'juwels'?"),
        (("show", "none.yaml"), "none.yaml: there is no such file"),
        (("show", "juwels", "--stage", "2021"), "juwels has no stage '2021'; did you mean '202"),
        (("check", "juwels", "--on", "booster"), "and --on with --needs; see `hqml site check --help`"),
        (("check", "--needs", "mpi"), "go with a SITE, and --on with --needs; see `hqml site check --help`"),
        (("check", "--live"), "go with a SITE, and --on with --needs; see `hqml site check --help`"),
        (("check", "juwels", "--stage", "2024"), "--stage goes with --needs, or with --live; see"),
        (("check", "juwels", "--needs", "torch=2"), "write needs as 'torch>=2.1, cuda, mpi'; found 'torch=2'"),
        (("check", "juwels", "--needs", "mpi", "--on", "boster"), "no module 'boster'; did you mean 'booster'?"),
        (("check", "juwels", "--needs", "mpi", "--stage", "x"), "juwels has no stage 'x'; there are: 2025, 2026"),
        (("probe", "--out", "missing/mine.yaml"), "there is no folder"),
        (("probe", "--out", "bin"), "bin: is there already; name another file, or remove it"),
    ],
)
def test_wrong_command_lines_are_one_line(
    home: Path, slurm: None, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], line: str
) -> None:
    status, out, err = answer(capsys, *arguments)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert line in err


def test_a_draft_is_written_and_is_a_site(home: Path, slurm: None, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = answer(capsys, "probe", "--out", "mine.yaml")
    assert (status, err) == (0, "")
    assert out == "mine.yaml: read it, fill in what is commented, then run `hqml site check mine.yaml`\n"
    site = read_site("mine.yaml")
    assert (site.title, site.module("cluster").partitions[0].nodes) == ("tiny", 1)
    status, _, err = answer(capsys, "probe", "--out", "mine.yaml")
    assert status == 2
    assert "is there already" in err


def test_a_draft_is_printed(slurm: None, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = answer(capsys, "probe")
    assert (status, err) == (0, "")
    assert out.startswith("# A draft that `hqml site probe` wrote")


def test_without_slurm_it_says_where_to_be(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(home))
    assert answer(capsys, "probe") == (1, "", "hqml: scontrol is not here; is this the site's login node?\n")
