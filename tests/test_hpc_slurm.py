"""Slurm's command lines, and answers of it: those here were recorded from Slurm 22.05.8."""

from __future__ import annotations

import pytest

from hqml.hpc.host import Answer
from hqml.hpc.runs import slurm
from hqml.hpc.runs.refusals import Refused, Unanswered, advice, checked, message

QUEUE = """\
4+1|RUNNING|None|1795687994|0:03|jb01|0|0|(null)|/tmp/w/het.sh|
2|PENDING|Dependency|N/A|0:00||0|0|hqml:5f0c:train|/tmp/w/ok.sh|
3_2|PENDING|JobArrayTaskLimit|N/A|0:00||0|0|(null)|/tmp/w/ok.sh 6|
6|PENDING|Resources|1795688294|0:00||0|0|(null)|/tmp/w/ok.sh|
7_5|PENDING|DependencyNeverSatisfied|N/A|0:00||0|0|(null)|/tmp/w/ok.sh 3 4|
33|PENDING|BeginTime|1795688320|0:00||1|0|(null)|/tmp/w/ok.sh 30|
3_0|RUNNING|None|1795687994|0:03|dc01|0|0|(null)|/tmp/w/ok.sh 6|
4+0|RUNNING|None|1795687994|0:03|dc01|0|0|(null)|/tmp/w/het.sh|
1|CANCELLED|None|1795687994|0:05|dc01|0|15|(null)|/tmp/w/ok.sh 20|
35|CANCELLED|DependencyNeverSatisfied|1795687999|0:00||0|0|(null)|/tmp/w/ok.sh|
13|CANCELLED|JobHeldUser|1795687997|0:00||0|0|(null)|/tmp/w/ok.sh|
36|COMPLETED|None|1795687999|0:01|dc[01-02]|0|0|(null)|/tmp/w/ok.sh 1|
31|FAILED|NonZeroExitCode|1795687995|0:01|dc01|0|768|(null)|/tmp/w/ok.sh 1 3|
8|FAILED|JobLaunchFailure|1795687994|1-02:03:04|dc02|0|10|(null)|/tmp/w/ok.sh 100|
""".replace("|", slurm.BETWEEN)
"""Answer of `slurm.queue`."""


def seen() -> dict[str, slurm.Seen]:
    names = [line.partition(slurm.BETWEEN)[0] for line in QUEUE.splitlines()]
    return dict(zip(names, slurm.in_queue(QUEUE), strict=True))


@pytest.mark.parametrize(
    ("number", "state"),
    [
        ("4+1", "running"),
        ("2", "waiting"),
        ("3_2", "queued"),
        ("6", "queued"),
        ("7_5", "held back"),
        ("33", "queued"),
        ("1", "cancelled"),
        ("35", "held back"),
        ("13", "cancelled"),
        ("36", "done"),
        ("31", "failed"),
        ("8", "failed"),
    ],
)
def test_the_state_of_a_job_is_told_in_our_words(number: str, state: str) -> None:
    assert seen()[number].state == state


def test_an_array_task_and_a_component_are_told_from_a_job() -> None:
    found = seen()
    assert (found["3_2"].job, found["3_2"].task, found["3_2"].component) == ("3", 2, 0)
    assert (found["4+1"].job, found["4+1"].task, found["4+1"].component) == ("4", None, 1)
    assert (found["6"].job, found["6"].task, found["6"].component) == ("6", None, 0)


def test_reasons_times_nodes_and_requeues_are_kept() -> None:
    found = seen()
    assert found["6"].reason == "Resources"
    assert found["6"].start == 1795688294
    assert found["33"].requeues == 1
    assert found["36"].nodes == "dc[01-02]"
    assert found["8"].seconds == ((24 + 2) * 60 + 3) * 60 + 4
    assert found["2"].start is None
    assert found["3_0"].command == "/tmp/w/ok.sh 6"


def test_the_exit_status_is_that_of_the_script_or_128_and_the_signal() -> None:
    found = seen()
    assert found["31"].status == 3  # exit 3 is wait status 768
    assert found["1"].status == 128 + 15
    assert found["36"].status == 0
    assert found["6"].status is None


def test_what_was_cancelled_does_not_say_why_it_had_waited() -> None:
    assert seen()["13"].reason == ""


def test_lines_that_a_site_prints_besides_are_passed_over() -> None:
    assert slurm.in_queue("Welcome to the machine\n\n" + QUEUE)[0].job == "4"
    assert slurm.in_queue("") == []


def queued(lines: str) -> list[slurm.Seen]:
    return slurm.in_queue(lines.replace("|", slurm.BETWEEN))


HELD = "\x1f".join(
    ("3", "PENDING", "JobHeldUser", "N/A", "0:00", "", "0", "0", "mine|and: more", "/tmp/w/odd name|x.sh", "")
)
"""Recorded: a comment and a path with bars."""


def test_comments_and_paths_may_have_any_sign() -> None:
    [one] = slurm.in_queue(HELD)
    assert (one.reason, one.comment, one.command) == ("JobHeldUser", "mine|and: more", "/tmp/w/odd name|x.sh")
    [one] = slurm.in_queue(HELD.replace("JobHeldUser", "Nodes required for job are DOWN, DRAINED|or reserved"))
    assert (one.state, one.reason) == ("queued", "Nodes required for job are DOWN, DRAINED|or reserved")
    assert seen()["2"].comment == "hqml:5f0c:train"
    assert seen()["6"].comment == ""


@pytest.mark.parametrize("code", ["127", "255", "4294967294", "", "N/A"])
def test_what_is_no_wait_status_is_none(code: str) -> None:
    [one] = queued(f"5|FAILED|NonZeroExitCode|1795687994|1:00|dc01|0|{code}|(null)|/w/a.sh|")
    assert (one.state, one.status) == ("failed", None)


@pytest.mark.parametrize("word", ["TIMEOUT", "DEADLINE"])
def test_a_job_out_of_time_is_timed_out(word: str) -> None:
    [one] = queued(f"5|{word}|TimeLimit|1795687994|1:00|dc01|0|15|(null)|/w/a.sh|")
    assert one.state == "timed out"


@pytest.mark.parametrize("word", ["OUT_OF_MEMORY", "NODE_FAIL", "BOOT_FAIL"])
def test_what_failed_in_a_way_of_its_own_says_so(word: str) -> None:
    [one] = queued(f"5|{word}|None|1795687994|1:00|dc01|0|9|(null)|/w/a.sh|")
    assert (one.state, one.reason) == ("failed", word)


def test_a_word_that_nobody_knows_is_unknown() -> None:
    [one] = queued("5|MELTED|None|1795687994|1:00|dc01|0|9|(null)|/w/a.sh|")
    assert one.state == "unknown"


ACCOUNTING = """\
12|COMPLETED|1795687994|60|dc01|0:0
13_4|FAILED|1795687994|61|dc01|3:0
13_[5-7,9%2]|PENDING|Unknown|0|None assigned|0:0
14+0|CANCELLED by 1000|1795687994|5|dc01|0:15
14+1|CANCELLED by 1000|1795687994|5|jb01|0:15
15|OUT_OF_MEMORY|1795687994|5|dc01|0:125
""".replace("|", slurm.BETWEEN)


def test_the_accounting_tells_what_the_queue_has_forgotten() -> None:
    found = slurm.in_accounting(ACCOUNTING)
    assert [(one.job, one.task, one.state) for one in found] == [
        ("12", None, "done"),
        ("13", 4, "failed"),
        *(("13", task, "queued") for task in (5, 6, 7, 9)),
        ("14", None, "cancelled"),
        ("14", None, "cancelled"),
        ("15", None, "failed"),
    ]
    assert found[1].status == 3
    assert found[0].seconds == 60
    assert found[2].nodes == ""
    assert found[6].status == 128 + 15


def test_what_is_no_table_of_the_accounting_is_passed_over() -> None:
    assert slurm.in_accounting("Slurm accounting storage is disabled\n") == []


@pytest.mark.parametrize(
    ("number", "found"),
    [
        ("12", [("12", None, 0)]),
        ("12_3", [("12", 3, 0)]),
        ("12+1", [("12", None, 1)]),
        ("12_[3-5%2]", [("12", 3, 0), ("12", 4, 0), ("12", 5, 0)]),
        ("7_[2,5,7-9]", [("7", task, 0) for task in (2, 5, 7, 8, 9)]),
        ("7_[0-20:10]", [("7", task, 0) for task in (0, 10, 20)]),
        ("12.batch", []),
        ("", []),
    ],
)
def test_numbers_of_jobs_are_read(number: str, found: list[tuple[str, int | None, int]]) -> None:
    assert slurm.identified(number) == found


@pytest.mark.parametrize(
    ("tasks", "at_once", "text"), [([2, 5], None, "2,5"), ([0, 1, 2, 7], 4, "0-2,7%4"), ([3], 1, "3%1")]
)
def test_tasks_are_written_as_slurm_takes_them(tasks: list[int], at_once: int | None, text: str) -> None:
    assert slurm.array(tasks, at_once) == text


def test_a_job_is_submitted_with_what_it_needs_to_know() -> None:
    assert slurm.sbatch("/r/01-a.sh", chdir="/w", output="/r/logs/%x-%j.out", run="/r", comment="hqml:5f0c:a") == [
        "sbatch",
        "--parsable",
        "--chdir=/w",
        "--output=/r/logs/%x-%j.out",
        "--export=ALL,HQML_RUN=/r",
        "--comment=hqml:5f0c:a",
        "/r/01-a.sh",
    ]


def test_dependencies_and_tasks_come_before_the_script() -> None:
    line = slurm.sbatch("/r/a.sh", chdir="/w", output="/o", run="/r", comment="c", after=["1", "2_3"], array="2,5%4")
    assert line[-4:] == ["--dependency=afterok:1:2_3", "--kill-on-invalid-dep=yes", "--array=2,5%4", "/r/a.sh"]


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        ("12\n", "12"),
        ("12;juwels\n", "12"),
        ("Be nice to your neighbours\n12\n", "12"),
        ("", None),
        ("none\n", None),
        ("12\nyour budget: 4000;since Monday\n", "12"),
        ("12\n2026\u0663\n", "12"),
    ],
)
def test_the_number_of_a_job_is_found_in_the_answer(answer: str, number: str | None) -> None:
    assert slurm.submitted(answer) == number


REFUSALS = [
    (
        "sbatch: error: Batch job submission failed: Invalid account or account/partition combination specified",
        "account:",
    ),
    ("allocation failure: Requested node configuration is not available", "gpus:"),
    (
        "sbatch: error: QOSMaxSubmitJobPerUserLimit\nsbatch: error: Batch job submission failed: "
        "Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)",
        "wait until",
    ),
    (
        "sbatch: error: Batch job submission failed: Requested time limit is invalid (missing or exceeds some limit)",
        "time:",
    ),
    ("sbatch: error: Batch job submission failed: Invalid license specification", "licences:"),
    (
        "sbatch: error: invalid partition specified: nope\nsbatch: error: Batch job submission failed: "
        "Invalid partition name specified",
        "sinfo -s",
    ),
    ("allocation failure: Node count specification invalid", "nodes:"),
    ("allocation failure: More processors requested than permitted", "cpus:"),
]


@pytest.mark.parametrize(("stderr", "words"), REFUSALS)
def test_the_usual_refusals_come_with_advice(stderr: str, words: str) -> None:
    assert words in advice(stderr)


def test_a_refusal_is_told_on_one_line_without_the_names_of_commands() -> None:
    told = message(REFUSALS[2][0])
    assert told.startswith("QOSMaxSubmitJobPerUserLimit; Job violates accounting/QOS policy")
    assert message("allocation failure: Node count specification invalid\n") == "Node count specification invalid"
    assert message("sbatch: unrecognized option '--foo'\nTry \"sbatch --help\"") == (
        "unrecognized option '--foo'; Try \"sbatch --help\""
    )


def test_an_unknown_refusal_has_advice_too() -> None:
    assert advice("sbatch: error: something new") == "mend what it says"


def test_a_missing_command_is_no_login_node() -> None:
    with pytest.raises(Unanswered, match="login node"):
        checked(Answer(127, "", "env: 'squeue': No such file or directory"), "squeue")
    assert checked(Answer(0, "x", "warning"), "squeue") == "x"


SILENCE = [
    "slurm_load_jobs error: Unable to contact slurm controller (connect failure)",
    "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation",
    "sbatch: error: Batch job submission failed: Zero Bytes were transmitted or received",
    "slurm_load_jobs error: Transport endpoint is not connected",
    "sbatch: error: Batch job submission failed: Slurm backup controller in standby mode",
    'squeue: error: Munge encode failed: Failed to access "/run/munge/munge.socket.2": No such file or directory',
]


@pytest.mark.parametrize("stderr", SILENCE)
def test_a_slurm_that_does_not_answer_has_not_refused(stderr: str) -> None:
    with pytest.raises(Unanswered, match=r"^squeue: .*(later|in time|login node)"):
        checked(Answer(1, "", stderr), "squeue")


@pytest.mark.parametrize(("stderr", "words"), REFUSALS)
def test_what_slurm_refuses_is_told_from_that(stderr: str, words: str) -> None:
    with pytest.raises(Refused, match=words):
        checked(Answer(1, "", stderr), "sbatch")


def test_a_client_without_a_cluster_is_told_where_to_ask() -> None:
    """As the commands of Slurm 22.05 say where it is installed and not configured."""
    said = (
        "squeue: error: resolve_ctls_from_dns_srv: res_nsearch error: Unknown host\n"
        "squeue: error: fetch_config: DNS SRV lookup failed\n"
        "squeue: fatal: Could not establish a configuration source\n"
    )
    with pytest.raises(Unanswered, match=r"^the machine reaches no Slurm; .*login node\? name one with --host LOGIN$"):
        checked(Answer(1, "", said), "squeue")
