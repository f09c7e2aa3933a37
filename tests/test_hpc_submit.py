"""Submitting, seeing, cancelling and resuming runs, on a Slurm that a script plays."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from hqml.errors import FormatError, HostError, ParameterError
from hqml.hpc.host import Answer, LocalHost
from hqml.hpc.run import Job, Jobs, Manifest, Part, read_jobs, read_manifest, write_json
from hqml.hpc.runs.claim import CLAIM, claimed
from hqml.hpc.runs.logs import following, logs_of
from hqml.hpc.runs.patience import Patience
from hqml.hpc.runs.refusals import Refused, Unanswered
from hqml.hpc.runs.resume import cancel, resume, shortened
from hqml.hpc.runs.slurm import BETWEEN
from hqml.hpc.runs.states import StepStatus, TaskStatus
from hqml.hpc.runs.status import statuses
from hqml.hpc.runs.submit import plan, submit

ACCOUNT = "sbatch: error: Batch job submission failed: Invalid account or account/partition combination specified"


@dataclass
class Played:
    """A job of the Slurm below."""

    script: str
    after: list[str]
    tasks: list[int | None]
    states: dict[int | None, str]
    components: int = 1
    reason: str = "Priority"
    restarts: int = 0
    comment: str = "(null)"


@dataclass
class FakeSlurm:
    """Answers as Slurm does. Jobs stay pending until a test says otherwise."""

    name: str | None = None
    jobs: dict[str, Played] = field(default_factory=dict)
    lines: list[list[str]] = field(default_factory=list)
    refuse: dict[str, str] = field(default_factory=dict)
    accounting: str | None = None
    interrupt_after: str = ""
    next: int = 1

    def run(self, command: Sequence[str], *, folder: str | None = None, timeout: float = 120.0) -> Answer:
        words = list(command)
        self.lines.append(words)
        if words[0] == "env":
            words = words[2:]
        if words[0] in ("mkdir", "rm", "bash"):
            return LocalHost().run(words)
        answer = {"sbatch": self._sbatch, "squeue": self._squeue, "scancel": self._scancel, "sacct": self._sacct}
        return answer[words[0]](words[1:])

    def read(self, path: str) -> str | None:
        return LocalHost().read(path)

    def read_all(self, folder: str) -> Mapping[str, str]:
        return LocalHost().read_all(folder)

    def _sbatch(self, words: list[str]) -> Answer:
        script = words[-1]
        if Path(script).name in self.refuse:
            return Answer(1, "", self.refuse[Path(script).name])
        options = dict(word.partition("=")[::2] for word in words[:-1])
        after = options.get("--dependency", "").split(":")[1:]
        known = options.get("--array", "").partition("%")[0] or Path(script).read_text().partition("array=")[2].strip()
        tasks: list[int | None] = [*_numbers(known)] if known else [None]
        number = str(self.next)
        self.next += 1
        self.jobs[number] = Played(script, after, tasks, dict.fromkeys(tasks, "PENDING"), comment=options["--comment"])
        if Path(script).name == self.interrupt_after:
            raise KeyboardInterrupt
        return Answer(0, f"{number}\n", "")

    def _squeue(self, words: list[str]) -> Answer:
        wanted = next((word.partition("=")[2].split(",") for word in words if word.startswith("--jobs=")), None)
        if wanted is not None and not set(wanted) & set(self.jobs):
            return Answer(1, "", "slurm_load_jobs error: Invalid job id specified")
        asked = next(word.partition("=")[2] for word in words if word.startswith("--Format="))
        lines = [
            "".join(f"{row[field.partition(':')[0]]}{field.partition(':')[2]}" for field in asked.split(","))
            for number, job in self.jobs.items()
            if wanted is None or number in wanted
            for row in self._rows(number, job, everything=wanted is not None)
        ]
        return Answer(0, "\n".join(lines) + "\n", "")

    def _rows(self, number: str, job: Played, *, everything: bool) -> Iterator[dict[str, str]]:
        waiting = self._reason(job)
        for task in job.tasks:
            state = job.states[task]
            if not everything and state not in ("PENDING", "RUNNING"):
                continue
            reason = waiting if state in ("PENDING", "CANCELLED") else "None"
            ran = state not in ("PENDING",) and reason != "DependencyNeverSatisfied"
            codes = {"FAILED": "768", "CANCELLED": "15"}
            for one in range(job.components):
                full = f"{number}+{one}" if job.components > 1 else number if task is None else f"{number}_{task}"
                yield {
                    "JobArrayID": full,
                    "State": state,
                    "Reason": reason,
                    "StartTime": "1000" if ran else "N/A",
                    "TimeUsed": "0:07",
                    "NodeList": f"n{one}" if ran else "",
                    "RestartCnt": str(job.restarts),
                    "exit_code": codes.get(state, "0"),
                    "Comment": job.comment,
                    "Command": job.script,
                }

    def _reason(self, job: Played) -> str:
        states = [self._state(one) for one in job.after]
        if any(state in ("FAILED", "CANCELLED", "TIMEOUT") for state in states):
            return "DependencyNeverSatisfied"
        return "Dependency" if any(state != "COMPLETED" for state in states) else job.reason

    def _state(self, number: str) -> str:
        base, _, task = number.partition("_")
        if base not in self.jobs:
            return "FAILED"
        found = [state for one, state in self.jobs[base].states.items() if not task or str(one) == task]
        return next((state for state in found if state != "COMPLETED"), "COMPLETED")

    def _scancel(self, words: list[str]) -> Answer:
        for word in words:
            base, _, tasks = word.partition("_")
            if base not in self.jobs:
                return Answer(1, "", f"scancel: error: Kill job error on job id {word}: Invalid job id specified")
            meant = list(_numbers(tasks.strip("[]"))) if tasks else self.jobs[base].tasks
            for one, state in self.jobs[base].states.items():
                if state in ("PENDING", "RUNNING") and one in meant:
                    self.jobs[base].states[one] = "CANCELLED"
        return Answer(0, "", "")

    def _sacct(self, words: list[str]) -> Answer:
        if self.accounting is None:
            return Answer(1, "", "Slurm accounting storage is disabled")
        return Answer(0, self.accounting, "")

    def end(self, number: str, state: str, task: int | None = None) -> None:
        self.jobs[number].states[task] = state

    def forget(self, *numbers: str) -> None:
        for number in numbers:
            del self.jobs[number]

    def submitted(self) -> list[list[str]]:
        return [line for line in self.lines if line[0] == "sbatch"]


def _numbers(text: str) -> Iterator[int]:
    for part in text.split(","):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


def job(step: str, *after: str, number: int = 1, tasks: int = 0, at_once: int | None = None) -> Job:
    part = Part(step, "cluster", "cluster", "batch", 1, 1, 0)
    return Job(step, f"{number:02}-{step}.sh", after, 600, (part,), tasks, at_once=at_once)


def make_run(folder: Path, *jobs: Job, run: str = "5f0c") -> Path:
    """A run in which each script is a line."""
    path = folder / "w.run"
    path.mkdir()
    for one in jobs:
        array = f"#SBATCH --array=0-{one.tasks - 1}" if one.tasks else "true"
        (path / one.script).write_text(f"{array}\n")
    write_json(Manifest("w", "s", "slurm", str(folder), "d", "0", jobs, run=run), path)
    return path


@pytest.fixture
def slurm() -> FakeSlurm:
    return FakeSlurm()


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    """prepare, then train and sweep, then compare."""
    return make_run(
        tmp_path,
        job("prepare", number=1),
        job("train", "prepare", number=2),
        job("sweep", "prepare", number=3, tasks=4, at_once=2),
        job("compare", "train", "sweep", number=4),
    )


def states(run: Path, slurm: FakeSlurm) -> dict[str, str]:
    return {one.step: one.state for one in statuses(run, slurm)}


def status_of(run: Path, slurm: FakeSlurm, step: str) -> StepStatus:
    return next(one for one in statuses(run, slurm) if one.step == step)


def write_state(run: Path, name: str, status: int, seconds: int = 5) -> None:
    (run / "state").mkdir(exist_ok=True)
    (run / "state" / name).write_text(f"{status} 1000 {1000 + seconds}\n")


def test_every_step_is_submitted_behind_those_that_it_comes_after(chain: Path, slurm: FakeSlurm) -> None:
    jobs = submit(chain, slurm)
    assert jobs.identifiers == {"prepare": ("1",), "train": ("2",), "sweep": ("3",), "compare": ("4",)}
    assert [one.after for one in slurm.jobs.values()] == [[], ["1"], ["1"], ["2", "3"]]
    assert read_jobs(chain) == jobs
    assert jobs.folder == str(chain)


def test_the_command_line_names_the_folders(chain: Path, slurm: FakeSlurm) -> None:
    submit(chain, slurm)
    line = slurm.submitted()[1]
    assert f"--chdir={chain.parent}" in line
    assert f"--output={chain}/logs/%x-%j.out" in line
    assert f"--export=ALL,HQML_RUN={chain}" in line
    assert "--kill-on-invalid-dep=yes" in line
    assert line[-1] == f"{chain}/02-train.sh"
    assert f"--output={chain}/logs/%x-%A_%a.out" in slurm.submitted()[2]
    assert (chain / "logs").is_dir()
    assert (chain / "state").is_dir()


def test_submitting_again_submits_nothing(chain: Path, slurm: FakeSlurm) -> None:
    first = submit(chain, slurm)
    assert submit(chain, slurm) == first
    assert len(slurm.submitted()) == 4


def test_a_refusal_is_one_line_with_advice_and_keeps_what_is_in_the_queue(chain: Path, slurm: FakeSlurm) -> None:
    slurm.refuse["03-sweep.sh"] = ACCOUNT
    with pytest.raises(
        Refused, match=r"^sweep: Slurm says: Invalid account.*`account:`.*prepare, train stay in"
    ) as told:
        submit(chain, slurm)
    assert "\n" not in str(told.value)
    assert "hqml job cancel" in str(told.value)
    assert set((read_jobs(chain) or Jobs()).identifiers) == {"prepare", "train"}
    slurm.refuse.clear()
    assert submit(chain, slurm).identifiers["compare"] == ("4",)
    assert len(slurm.submitted()) == 5


def test_a_refusal_of_the_first_step_leaves_nothing_to_cancel(chain: Path, slurm: FakeSlurm) -> None:
    slurm.refuse["01-prepare.sh"] = ACCOUNT
    with pytest.raises(Refused) as told:
        submit(chain, slurm)
    assert "cancel" not in str(told.value)
    assert slurm.jobs == {}


def test_a_job_that_was_not_written_down_is_found_in_the_queue(chain: Path, slurm: FakeSlurm) -> None:
    slurm.interrupt_after = "02-train.sh"  # Ctrl-C, after Slurm has taken it
    with pytest.raises(KeyboardInterrupt):
        submit(chain, slurm)
    assert set((read_jobs(chain) or Jobs()).identifiers) == {"prepare"}
    slurm.interrupt_after = ""
    jobs = submit(chain, slurm)
    assert jobs.identifiers["train"] == ("2",)
    assert [Path(one.script).name for one in slurm.jobs.values()].count("02-train.sh") == 1


def test_jobs_of_a_run_that_was_in_the_folder_before_are_not_taken_for_this_ones(chain: Path, slurm: FakeSlurm) -> None:
    submit(chain, slurm, ["prepare"])
    shutil.rmtree(chain)
    again = make_run(chain.parent, job("prepare"), run="77aa")
    for work in (submit, resume):
        with pytest.raises(ParameterError, match=r"jobs of another run that was in this folder.*\(scancel 1\)"):
            work(again, slurm)
    assert cancel(again, slurm) == []
    slurm.end("1", "CANCELLED")
    assert submit(again, slurm).identifiers == {"prepare": ("2",)}


def test_scripts_that_were_submitted_by_hand_are_told(chain: Path, slurm: FakeSlurm) -> None:
    slurm.jobs["7"] = Played(f"{chain}/01-prepare.sh", [], [None], {None: "RUNNING"})
    with pytest.raises(ParameterError, match=r"scripts of this run that were submitted by hand.*\(scancel 7\)"):
        submit(chain, slurm)


def test_what_is_in_the_queue_from_elsewhere_is_nobody_elses_matter(chain: Path, slurm: FakeSlurm) -> None:
    slurm.jobs["800"] = Played("/home/me/mine.sh", [], [None], {None: "RUNNING"}, comment="hqml:5f0c:prepare")
    assert submit(chain, slurm).identifiers["prepare"] == ("1",)


def test_an_unwritten_job_is_found_though_its_script_has_another_number_now(chain: Path, slurm: FakeSlurm) -> None:
    slurm.interrupt_after = "02-train.sh"
    with pytest.raises(KeyboardInterrupt):
        submit(chain, slurm)
    slurm.interrupt_after = ""
    names = {"02-train.sh": "03-train.sh", "03-sweep.sh": "02-sweep.sh"}
    text = (chain / "manifest.json").read_text()
    (chain / "manifest.json").write_text(
        text.replace("02-train.sh", "03-train.sh").replace("03-sweep.sh", "02-sweep.sh")
    )
    texts = {new: (chain / old).read_text() for old, new in names.items()}
    for new, content in texts.items():
        (chain / new).write_text(content)
    jobs = submit(chain, slurm)
    assert jobs.identifiers["train"] == ("2",)
    assert jobs.identifiers["sweep"] == ("3",)


def test_only_some_steps_can_be_submitted(chain: Path, slurm: FakeSlurm) -> None:
    submit(chain, slurm, ["prepare", "train"])
    assert len(slurm.jobs) == 2
    with pytest.raises(ParameterError, match="compare comes after sweep, which is not submitted"):
        submit(chain, slurm, ["compare"])
    with pytest.raises(ParameterError, match="no step 'trian'; did you mean 'train'"):
        submit(chain, slurm, ["trian"])


def test_no_dependency_is_on_what_is_done_and_forgotten(chain: Path, slurm: FakeSlurm) -> None:
    submit(chain, slurm, ["prepare"])
    slurm.forget("1")
    write_state(chain, "prepare", 0)
    submit(chain, slurm)
    assert slurm.jobs["2"].after == []
    assert slurm.jobs["4"].after == ["2", "3"]


def test_a_step_that_was_run_by_hand_is_not_submitted(chain: Path, slurm: FakeSlurm) -> None:
    write_state(chain, "prepare", 0)
    assert "prepare" not in submit(chain, slurm).identifiers


def test_what_comes_after_a_failed_step_is_left_out(chain: Path, slurm: FakeSlurm) -> None:
    submit(chain, slurm, ["prepare"])
    slurm.end("1", "FAILED")
    submit(chain, slurm)
    assert len(slurm.jobs) == 1
    assert states(chain, slurm)["train"] == "held back"


@pytest.mark.parametrize("letter", [",", "%", "\\"])
def test_a_folder_that_slurm_would_misread_is_refused(letter: str, tmp_path: Path, slurm: FakeSlurm) -> None:
    folder = tmp_path / f"a{letter}b"
    folder.mkdir()
    with pytest.raises(ParameterError, match="choose a folder without it"):
        submit(make_run(folder, job("a")), slurm)
    assert slurm.submitted() == []


def test_a_dry_run_names_steps_in_place_of_numbers(tmp_path: Path, slurm: FakeSlurm) -> None:
    lines = plan(Manifest("w", "s", "slurm", "/w", "d", "0", (job("a"), job("b", "a"))), tmp_path, slurm).commands
    assert lines[1][6:8] == ["--dependency=afterok:<a>", "--kill-on-invalid-dep=yes"]
    assert slurm.lines == []


def test_a_dry_run_leaves_out_what_the_run_has(chain: Path, slurm: FakeSlurm) -> None:
    submit(chain, slurm, ["prepare", "train"])
    slurm.end("1", "COMPLETED")
    found = plan(read_manifest(chain), chain, slurm)
    assert [one.step for one in found.jobs] == ["sweep", "compare"]
    assert found.left_out == {"prepare": "done", "train": "queued"}
    assert not any("--dependency" in word for word in found.commands[0])
    assert "--dependency=afterok:2:<sweep>" in found.commands[1]
    assert len(slurm.submitted()) == 2


def test_one_process_at_a_time_submits_a_run(chain: Path, slurm: FakeSlurm) -> None:
    taken = f"process {os.getpid()} on .* is at work on this run"
    for work in (submit, resume, cancel):
        with claimed(chain), pytest.raises(ParameterError, match=taken):
            Context().run(work, chain, slurm)  # as another process or thread: here the claim is this test's own
    assert slurm.lines == []
    submit(chain, slurm)
    assert not (chain / CLAIM).exists()


def test_who_has_a_claim_has_it_for_all_that_it_calls(chain: Path, slurm: FakeSlurm) -> None:
    with claimed(chain):
        submit(chain, slurm)
        assert (chain / CLAIM).exists()
    assert not (chain / CLAIM).exists()


def test_a_process_that_is_gone_has_no_claim(chain: Path, slurm: FakeSlurm) -> None:
    from hqml.processes import this_process

    (chain / CLAIM).write_text(json.dumps(this_process() | {"born": "1"}))
    submit(chain, slurm)
    assert not (chain / CLAIM).exists()


@pytest.mark.parametrize("content", ["half", "", "[]", '{"pid": 7}'])
def test_a_claim_that_nobody_can_read_is_no_free_run(content: str, chain: Path, slurm: FakeSlurm) -> None:
    (chain / CLAIM).write_text(content)
    with pytest.raises(
        ParameterError, match=r"claim\.json cannot be read; if nobody is at work on this run, remove it"
    ):
        submit(chain, slurm)
    assert slurm.lines == []


def test_a_claim_that_has_become_another_ones_is_left_alone(chain: Path) -> None:
    with claimed(chain):
        (chain / CLAIM).write_text(other := json.dumps({"host": "login7", "place": "elsewhere", "pid": 1, "born": "1"}))
    assert (chain / CLAIM).read_text() == other


def test_a_file_system_without_hard_links_is_told(
    chain: Path, slurm: FakeSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_link(source: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_link)
    with pytest.raises(FormatError, match=r"cannot write .*claim\.json: Operation not permitted; choose a run folder"):
        submit(chain, slurm)
    assert not list(chain.glob(".claim.json*"))


CONTENDER = """\
import json, os, sys, time
from pathlib import Path
from hqml.errors import ParameterError
from hqml.hpc.runs.claim import CLAIM, claimed
from hqml.processes import this_process

run, own = Path(sys.argv[1]), Path(sys.argv[1], "inside")
left_behind, had = json.dumps(this_process() | {"born": "1"}), 0
deadline = time.monotonic() + 1.5
while time.monotonic() < deadline:
    try:
        with claimed(run):
            os.close(os.open(own, os.O_CREAT | os.O_EXCL))
            had += 1
            time.sleep(0.0005)
            own.unlink()
            beside = run / f"left.{os.getpid()}"
            beside.write_text(left_behind)
            os.replace(beside, run / CLAIM)  # as a process leaves it that is killed
    except ParameterError:
        pass
print(had)
"""


def test_of_processes_that_find_a_claim_left_behind_one_gets_the_run(chain: Path) -> None:
    contenders = [
        subprocess.Popen([sys.executable, "-c", CONTENDER, str(chain)], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    had = [int(one.communicate(timeout=60)[0] or -1) for one in contenders]
    assert [one.returncode for one in contenders] == [0, 0, 0]
    assert sum(had) > 10


def test_a_process_of_another_host_is_not_judged(chain: Path, slurm: FakeSlurm) -> None:
    (chain / CLAIM).write_text(json.dumps({"host": "login7", "place": "elsewhere", "pid": 1, "born": "1"}))
    with pytest.raises(ParameterError, match="on login7 is at work on this run; if it is gone, remove"):
        submit(chain, slurm)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path, slurm: FakeSlurm) -> None:
    with pytest.raises(FormatError, match="has no manifest"):
        submit(tmp_path, slurm)


def test_a_run_is_gone_on_with_where_it_was_submitted(chain: Path, slurm: FakeSlurm) -> None:
    submit(chain, slurm)
    with pytest.raises(ParameterError, match="was submitted through this machine, not juwels"):
        submit(chain, FakeSlurm(name="juwels"))


# How steps stand


def test_steps_stand_as_the_queue_says(chain: Path, slurm: FakeSlurm) -> None:
    assert set(states(chain, slurm).values()) == {"not submitted"}
    submit(chain, slurm)
    assert states(chain, slurm) == {"prepare": "queued", "train": "waiting", "sweep": "waiting", "compare": "waiting"}
    assert status_of(chain, slurm, "prepare").telling.reason == "Priority"
    slurm.end("1", "RUNNING")
    assert states(chain, slurm)["prepare"] == "running"
    slurm.end("1", "COMPLETED")
    assert states(chain, slurm)["train"] == "queued"


def test_tasks_of_an_array_are_counted(chain: Path, slurm: FakeSlurm) -> None:
    submit(chain, slurm)
    slurm.end("1", "COMPLETED")
    for task, state in enumerate(("COMPLETED", "COMPLETED", "FAILED", "RUNNING")):
        slurm.end("3", state, task)
    found = status_of(chain, slurm, "sweep")
    assert found.counts == {"running": 1, "failed": 1, "done": 2}
    assert found.state == "running"
    assert [one.job for one in found.tasks] == ["3_0", "3_1", "3_2", "3_3"]
    assert found.tasks[2].status == 3


def test_components_of_a_job_are_one_with_all_their_nodes(chain: Path, slurm: FakeSlurm) -> None:
    submit(chain, slurm)
    slurm.jobs["1"].components = 2
    slurm.end("1", "RUNNING")
    assert status_of(chain, slurm, "prepare").telling.nodes == "n0,n1"


def test_requeues_are_counted(chain: Path, slurm: FakeSlurm) -> None:
    submit(chain, slurm)
    slurm.jobs["1"].restarts = 2
    assert status_of(chain, slurm, "prepare").requeues == 2


def test_what_slurm_has_forgotten_is_told_by_its_script(chain: Path, slurm: FakeSlurm) -> None:
    submit(chain, slurm)
    slurm.forget("1", "2", "3", "4")
    write_state(chain, "prepare", 0, seconds=90)
    write_state(chain, "train", 9)
    for task in range(4):
        write_state(chain, f"sweep.{task}", 0)
    assert states(chain, slurm) == {"prepare": "done", "train": "failed", "sweep": "done", "compare": "held back"}
    assert status_of(chain, slurm, "prepare").telling.seconds == 90
    assert status_of(chain, slurm, "train").telling.status == 9


def test_a_script_that_was_terminated_was_cancelled_or_out_of_time(chain: Path, slurm: FakeSlurm) -> None:
    submit(chain, slurm)
    slurm.forget("1", "2", "3", "4")
    write_state(chain, "prepare", 143, seconds=600)  # of 600 that it may take
    assert states(chain, slurm)["prepare"] == "timed out"
    write_state(chain, "prepare", 143, seconds=60)
    assert states(chain, slurm)["prepare"] == "cancelled"


def test_what_leaves_no_trace_is_unknown_unless_the_accounting_knows(chain: Path, slurm: FakeSlurm) -> None:
    submit(chain, slurm)
    slurm.forget("1", "2", "3", "4")
    assert states(chain, slurm)["prepare"] == "unknown"
    assert states(chain, slurm)["train"] == "held back"
    slurm.accounting = "1|OUT_OF_MEMORY|1000|60|dc01|0:125\n".replace("|", BETWEEN)
    found = status_of(chain, slurm, "prepare").telling
    assert (found.state, found.reason, found.nodes) == ("failed", "OUT_OF_MEMORY", "dc01")


def test_the_accounting_is_not_asked_for_what_is_known(chain: Path, slurm: FakeSlurm) -> None:
    submit(chain, slurm)
    statuses(chain, slurm)
    assert not any("sacct" in line for line in slurm.lines)


def test_a_damaged_state_is_none(chain: Path, slurm: FakeSlurm) -> None:
    submit(chain, slurm, ["prepare"])
    slurm.forget("1")
    (chain / "state" / "prepare").write_text("0 10")
    assert states(chain, slurm)["prepare"] == "unknown"


def test_steps_behind_a_failed_one_are_held_back_and_say_by_which(chain: Path, slurm: FakeSlurm) -> None:
    submit(chain, slurm)
    slurm.end("1", "FAILED")
    found = status_of(chain, slurm, "train")
    assert (found.state, found.telling.reason) == ("held back", "prepare has not ended well")
    assert states(chain, slurm)["compare"] == "held back"


def test_a_slurm_that_does_not_answer_is_an_error(
    chain: Path, slurm: FakeSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(chain, slurm)
    down = Answer(1, "", "slurm_load_jobs error: Unable to contact slurm controller (connect failure)")
    monkeypatch.setattr(slurm, "_squeue", lambda words: down)
    with pytest.raises(Unanswered, match=r"squeue: Unable to contact slurm controller.*try again later"):
        statuses(chain, slurm)
    slurm.refuse["01-prepare.sh"] = (
        "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation"
    )
    monkeypatch.undo()
    cancel(chain, slurm)
    with pytest.raises(Unanswered, match=r"^prepare: Slurm says: Socket timed out.*found and not sent again"):
        resume(chain, slurm)


# Going on, and stopping


def test_resume_submits_what_failed_and_what_comes_after_it(chain: Path, slurm: FakeSlurm) -> None:
    submit(chain, slurm)
    slurm.end("1", "COMPLETED")
    slurm.end("2", "FAILED")
    write_state(chain, "train", 3)
    for task in range(4):
        slurm.end("3", "COMPLETED", task)
    slurm.end("4", "CANCELLED")
    jobs = resume(chain, slurm)
    assert jobs.identifiers == {"prepare": ("1",), "train": ("2", "5"), "sweep": ("3",), "compare": ("4", "6")}
    assert slurm.jobs["5"].after == []
    assert slurm.jobs["6"].after == ["5"]
    assert not (chain / "state" / "train").exists()
    assert states(chain, slurm)["train"] == "queued"


def test_resume_leaves_alone_what_is_done_or_goes_on(chain: Path, slurm: FakeSlurm) -> None:
    before = submit(chain, slurm)
    slurm.end("1", "RUNNING")
    assert resume(chain, slurm) == before


def test_of_an_array_only_unfinished_tasks_are_submitted(chain: Path, slurm: FakeSlurm) -> None:
    submit(chain, slurm)
    slurm.end("1", "COMPLETED")
    slurm.end("2", "COMPLETED")
    for task, state in enumerate(("COMPLETED", "FAILED", "RUNNING", "TIMEOUT")):
        slurm.end("3", state, task)
    slurm.end("4", "CANCELLED")
    jobs = resume(chain, slurm)
    assert "--array=1,3%2" in slurm.submitted()[4]
    assert jobs.identifiers["sweep"] == ("3", "5")
    assert slurm.jobs["6"].after == ["5", "3_2"]  # the new ones, and the one that still runs
    slurm.end("3", "COMPLETED", 2)
    slurm.end("5", "COMPLETED", 1)
    found = status_of(chain, slurm, "sweep")
    assert [one.job for one in found.tasks] == ["3_0", "5_1", "3_2", "5_3"]
    assert found.counts == {"queued": 1, "done": 3}


def test_what_waits_for_a_large_array_is_told_its_number_alone(tmp_path: Path, slurm: FakeSlurm) -> None:
    run = make_run(tmp_path, job("sweep", tasks=1200), job("compare", "sweep", number=2))
    submit(run, slurm)
    assert slurm.jobs["2"].after == ["1"]
    slurm.end("2", "CANCELLED")
    resume(run, slurm)
    assert slurm.jobs["3"].after == ["1"]  # of which all go on, or are done
    slurm.end("1", "FAILED", 5)
    with pytest.raises(ParameterError, match=r"1199 tasks of sweep have not ended.*or cancel sweep, then resume"):
        resume(run, slurm)
    assert len(slurm.jobs) == 3
    assert not any(line[0] == "scancel" for line in slurm.lines)
    cancel(run, slurm, ["sweep"])
    assert ["scancel", "1"] in slurm.lines
    resume(run, slurm)
    assert max(len(word) for line in slurm.lines for word in line) < 50_000
    assert states(run, slurm)["compare"] == "waiting"


def test_tasks_that_wait_behind_a_failed_one_are_cancelled_in_ranges(tmp_path: Path, slurm: FakeSlurm) -> None:
    run = make_run(tmp_path, job("first"), job("sweep", "first", number=2, tasks=6))
    submit(run, slurm)
    slurm.end("1", "FAILED")
    slurm.end("2", "COMPLETED", 3)
    resume(run, slurm)
    assert ["scancel", "2"] in slurm.lines
    assert "--array=0-2,4-5" in slurm.submitted()[-1]
    waiting = [TaskStatus("waiting", task, f"7_{task}") for task in range(6)]
    assert shortened(waiting[:3], waiting[3:]) == ["7_[0-2]"]
    assert shortened([*waiting, TaskStatus("waiting", None, "8")]) == ["7", "8"]


def test_a_step_is_not_submitted_behind_an_array_that_has_failed_in_part(tmp_path: Path, slurm: FakeSlurm) -> None:
    run = make_run(tmp_path, job("sweep", tasks=3), job("compare", "sweep", number=2))
    submit(run, slurm, ["sweep"])
    slurm.end("1", "FAILED", 0)
    slurm.refuse["02-compare.sh"] = ACCOUNT
    with pytest.raises(Refused):
        resume(run, slurm)  # sweep.0 as job 2
    slurm.refuse.clear()
    slurm.end("1", "FAILED", 1)
    slurm.end("2", "COMPLETED", 0)
    submit(run, slurm)
    assert len(slurm.jobs) == 2  # compare would have waited for sweep.2 alone
    resume(run, slurm)
    assert slurm.jobs["4"].after == ["3", "1_2"]


def test_states_of_large_arrays_are_removed_in_portions(tmp_path: Path, slurm: FakeSlurm) -> None:
    run = make_run(tmp_path, job("sweep", tasks=1500))
    submit(run, slurm)
    for task in range(1500):
        slurm.end("1", "FAILED", task)
        write_state(run, f"sweep.{task}", 1)
    resume(run, slurm)
    sizes = [sum(len(word) + 1 for word in line) for line in slurm.lines if line[0] == "rm"]
    assert len(sizes) > 1
    assert max(sizes) < 60_000
    assert list((run / "state").iterdir()) == []


def test_what_still_waits_for_a_failed_step_is_cancelled_before_it_is_submitted_again(
    chain: Path, slurm: FakeSlurm
) -> None:
    submit(chain, slurm)
    slurm.end("1", "FAILED")
    jobs = resume(chain, slurm)
    assert {state for number in "234" for state in slurm.jobs[number].states.values()} == {"CANCELLED"}
    assert jobs.identifiers["compare"] == ("4", "8")
    assert slurm.jobs["8"].after == ["6", "7"]


def test_a_resume_that_was_refused_goes_on(chain: Path, slurm: FakeSlurm) -> None:
    submit(chain, slurm)
    slurm.end("1", "FAILED")
    slurm.refuse["02-train.sh"] = ACCOUNT
    with pytest.raises(Refused):
        resume(chain, slurm)
    slurm.refuse.clear()
    jobs = resume(chain, slurm)
    assert jobs.identifiers["prepare"] == ("1", "5")
    assert slurm.jobs["6"].after == ["5"]
    assert set(states(chain, slurm).values()) == {"queued", "waiting"}


def test_a_run_that_was_never_submitted_can_be_resumed(chain: Path, slurm: FakeSlurm) -> None:
    assert len(resume(chain, slurm).identifiers) == 4


def test_cancel_ends_what_has_not_ended(chain: Path, slurm: FakeSlurm) -> None:
    submit(chain, slurm)
    slurm.end("1", "COMPLETED")
    assert cancel(chain, slurm) == ["train", "sweep", "compare"]
    assert ["scancel", "2", "3", "4"] in slurm.lines
    assert states(chain, slurm) == {
        "prepare": "done",
        "train": "cancelled",
        "sweep": "cancelled",
        "compare": "held back",
    }
    assert cancel(chain, slurm) == []


def test_what_was_cancelled_is_so_when_slurm_has_forgotten_it(chain: Path, slurm: FakeSlurm) -> None:
    submit(chain, slurm)
    cancel(chain, slurm, ["prepare"])
    slurm.forget(*"1234")
    assert states(chain, slurm)["prepare"] == "cancelled"
    resume(chain, slurm)
    slurm.forget("5")
    assert states(chain, slurm)["prepare"] == "unknown"


def test_cancel_takes_names_of_steps(chain: Path, slurm: FakeSlurm) -> None:
    submit(chain, slurm)
    assert cancel(chain, slurm, ["sweep"]) == ["sweep"]
    with pytest.raises(ParameterError, match="no step 'swep'; did you mean 'sweep'"):
        cancel(chain, slurm, ["swep"])


# Logs


def test_the_newest_log_of_a_step_or_task_is_found(chain: Path, slurm: FakeSlurm) -> None:
    submit(chain, slurm)
    assert [one.path for one in logs_of(chain, "train", slurm)] == [f"{chain}/logs/w-train-2.out"]
    assert [one.path for one in logs_of(chain, "sweep.3", slurm)] == [f"{chain}/logs/w-sweep-3_3.out"]
    assert len(logs_of(chain, "sweep", slurm)) == 4
    for wanted, told in (("swep", "did you mean 'sweep'"), ("sweep.7", "tasks 0 to 3"), ("train.1", "is no array")):
        with pytest.raises(ParameterError, match=told):
            logs_of(chain, wanted, slurm)


def test_a_step_that_was_not_submitted_has_no_log(chain: Path, slurm: FakeSlurm) -> None:
    with pytest.raises(ParameterError, match="train has no log"):
        logs_of(chain, "train", slurm)


def test_a_log_is_followed_until_its_step_has_ended(chain: Path, slurm: FakeSlurm) -> None:
    submit(chain, slurm)
    slurm.end("1", "RUNNING")
    [log] = logs_of(chain, "prepare", slurm)
    texts = following(chain, log, slurm, every=0.001, ask_every=0)
    Path(log.path).write_bytes(b"one\n\xc3")  # half of a character
    assert next(texts) == "one\n"
    Path(log.path).write_bytes(b"one\n\xc3\xa4\n")
    assert next(texts) == "ä\n"
    Path(log.path).write_text("again\n")  # requeued: the log begins anew
    assert next(texts) == "again\n"
    slurm.end("1", "COMPLETED")
    Path(log.path).write_text("again\ntwo\n")
    assert list(texts) == ["two\n"]


def test_of_a_log_only_what_is_new_is_read(chain: Path, slurm: FakeSlurm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hqml.hpc.runs.logs._MOST_BYTES", 1000)
    submit(chain, slurm)
    slurm.end("1", "RUNNING")
    [log] = logs_of(chain, "prepare", slurm)
    Path(log.path).write_text("ä" * 1750)
    texts = following(chain, log, slurm, every=0.001, ask_every=0)
    assert "".join(next(texts) for _ in range(4)) == "ä" * 1750
    with open(log.path, "ab") as file:
        file.write(b"new\xff\xc3")
    assert next(texts) == "new\N{REPLACEMENT CHARACTER}"
    slurm.end("1", "COMPLETED")
    assert list(texts) == ["\N{REPLACEMENT CHARACTER}"]
    assert [line[-2] for line in slurm.lines if line[0] == "bash"][:5] == ["0", "1000", "2000", "3000", "3500"]


def test_a_log_is_followed_though_slurm_is_away_for_a_while(
    chain: Path, slurm: FakeSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(chain, slurm)
    slurm.end("1", "RUNNING")
    [log] = logs_of(chain, "prepare", slurm)
    told: list[str] = []
    texts = following(chain, log, slurm, every=0.001, ask_every=0, tell=told.append)
    down = Answer(1, "", "slurm_load_jobs error: Unable to contact slurm controller (connect failure)")
    with monkeypatch.context() as broken:
        broken.setattr(slurm, "_squeue", lambda words: down)
        Path(log.path).write_text("one\n")
        assert next(texts) == "one\n"
    slurm.end("1", "COMPLETED")
    assert list(texts) == []
    assert len(told) == 1
    assert "Slurm does not answer; try again later; asked again for 10 minutes" in told[0]


def test_patience_ends() -> None:
    def away() -> None:
        raise HostError("away")

    told: list[str] = []
    patience = Patience(told.append, longest=0.05)
    assert patience.ask(away) is None
    assert patience.ask(lambda: 3) == 3
    assert patience.ask(away) is None
    assert told == ["away; asked again for 0.000833333 minutes"] * 2
    time.sleep(0.06)
    with pytest.raises(HostError):
        patience.ask(away)


def test_secrets_of_the_environment_do_not_reach_sbatch(
    chain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slurm keeps the environment of sbatch with the job; here executables on PATH play Slurm."""
    programs = tmp_path / "bin"
    programs.mkdir()
    count = tmp_path / "count"
    (programs / "sbatch").write_text(
        f'#!/bin/sh\nenv >> {tmp_path}/seen\necho >> {count}\nwc -l < {count} | tr -d " "\n'
    )
    (programs / "squeue").write_text("#!/bin/sh\nexit 0\n")
    (programs / "sacct").write_text("#!/bin/sh\nexit 1\n")
    for program in programs.iterdir():
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("DWAVE_API_TOKEN", "DEV-0123456789")
    monkeypatch.setenv("HARMLESS", "yes")
    jobs = submit(chain, LocalHost())
    assert jobs.identifiers == {"prepare": ("1",), "train": ("2",), "sweep": ("3",), "compare": ("4",)}
    seen = (tmp_path / "seen").read_text()
    assert "HARMLESS=yes" in seen
    assert "DEV-0123456789" not in seen
    written = [path for path in chain.rglob("*") if path.is_file()]
    assert not any("DEV-0123456789" in path.read_text() for path in written)


def test_without_slurm_the_message_asks_for_the_login_node(chain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere:/bin")
    monkeypatch.setattr("hqml.hpc.runs.slurm._EPOCH", ("env", "PATH=/nowhere"))
    with pytest.raises(HostError, match="is this the site's login node"):
        submit(chain, LocalHost())


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.update(folder=5),
        lambda text: text.update(jobs=5),
        lambda text: text["jobs"][0].update(tasks="many"),
        lambda text: text["jobs"][0].update(seconds=None),
        lambda text: text["jobs"][0].update(after=["nowhere"]),
        lambda text: text["jobs"][0]["parts"][0].update(nodes=[]),
        lambda text: text["jobs"][0].update(parts=[None]),
        lambda text: text["jobs"][0].pop("step"),
        lambda text: text.update(another=1),
    ],
)
def test_a_manifest_whose_values_are_of_another_kind_is_damaged(chain: Path, change: Any) -> None:
    text = json.loads((chain / "manifest.json").read_text())
    change(text)
    (chain / "manifest.json").write_text(json.dumps(text))
    with pytest.raises(FormatError, match=r"manifest\.json: is no manifest\.json of this version"):
        submit(chain, LocalHost())


@pytest.mark.parametrize("content", ["[" * 100_000, '{"jobs": [{"step": "\\ud800"}]}'])
def test_a_manifest_that_is_no_json_is_told(chain: Path, content: str) -> None:
    (chain / "manifest.json").write_text(content)
    with pytest.raises(FormatError, match=r"manifest\.json: cannot be read"):
        submit(chain, LocalHost())


def test_steps_that_use_a_manifest_of_yesterday_are_read(chain: Path) -> None:
    text = json.loads((chain / "manifest.json").read_text())
    for one in text["jobs"]:
        del one["at_once"]
    (chain / "manifest.json").write_text(json.dumps(text))
    assert submit(chain, FakeSlurm()).identifiers["sweep"] == ("3",)
