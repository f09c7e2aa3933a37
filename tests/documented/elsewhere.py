"""Which commands of the pages are not run by test_commands.py, and who runs them, or why nobody can here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

from doc_pages import Command

CI = ".ci/run"

NOT_HERE = r"(?!docs/hpc/(local|workflows)\.md).*"
"""Pages whose jobs do not run on this machine."""

RELEASE = r"docs/releasing\.md"


@dataclass(frozen=True)
class Elsewhere:
    """Commands that are run elsewhere.

    Attributes:
        who: a test, `.ci/run`, or words that begin with "needs" or "by hand".
        commands: patterns of the shell's kind.
        pages: regular expression of the pages that it is about.
    """

    who: str
    commands: tuple[str, ...]
    pages: str = ".*"

    def has(self, command: Command) -> bool:
        return re.fullmatch(self.pages, command.page) is not None and any(
            fnmatchcase(command.text, pattern) for pattern in self.commands
        )


TABLE = (
    Elsewhere("tests/test_tutorial.py", ("*",), r"docs/tutorial/.*"),
    Elsewhere(
        "tests/test_requirements.py::test_its_commands_do_what_they_say",
        ("hqml *", "python -c *"),
        r"docs/requirements\.md",
    ),
    # The project itself
    Elsewhere(CI, ("make demo", "make lint", "make msa", "make study*", "make test", "make test-hpc", "make zoo")),
    Elsewhere(CI, ("make docs", "make test-browser", "make test-oldest test-newest")),
    Elsewhere("by hand: make docs runs the notebooks", ("jupyter lab *", "jupyter nbconvert *"), r"docs/notebooks\.md"),
    Elsewhere(
        "by hand: a part of make test-oldest test-newest, or the same with torch", ("make test-*est", "make test-wheel")
    ),
    Elsewhere("by hand: a part of make test-oldest", ("make dist",)),
    Elsewhere("by hand: it is what CI runs", (CI,)),
    Elsewhere(
        "by hand: measurements want an idle machine",
        ("make bench", "python benchmarks/*", "cd benchmarks && python run.py *"),
    ),
    Elsewhere(
        "by hand: they take hours",
        ("make hard-day*", "python tests/hard_day/*", "make mutants*"),
    ),
    Elsewhere("tests/test_benchmark_plots.py", ("python docs/benchmark_plots.py",)),
    Elsewhere("by hand: a release", ("tar *", "python -m zipfile *", "python3 -m venv *", "cd out && *"), RELEASE),
    Elsewhere("by hand: a release", ("python -m build",), r"docs/plugins\.md"),
    Elsewhere("by hand: test_commands.py begins in that folder", ("cd *", "cp -r examples/*")),
    Elsewhere(
        "tests/test_examples.py::test_an_example_runs_without_a_warning_and_prints_its_table",
        ("make gallery", "python examples/*.py"),
    ),
    # Installing: the extras are looked up by test_commands.py
    Elsewhere(CI, ("pip install *", "python -m pip install *", "*/bin/pip* install *")),
    Elsewhere(CI, ("python -m pip wheel *",)),
    Elsewhere(
        "by hand: Horovod has no wheels",
        ("pip download *", "sed *", "export *", "horovodrun *"),
        r"docs/dl/training\.md",
    ),
    # Sites and other machines
    Elsewhere(
        "tests/test_hpc_site_docs.py::test_modules_that_a_page_loads_are_in_the_site_file",
        ("module *", "python -m venv *"),
        r"docs/hpc/.*",
    ),
    Elsewhere(
        "tests/hpc/test_job_ssh.py::test_a_run_elsewhere_from_submit_to_results",
        ("hqml job submit * --host *", "hqml job fetch *", "hqml job logs *"),
        NOT_HERE,
    ),
    Elsewhere(
        "tests/test_hpc_job_cli.py::test_a_run_under_slurm_from_submit_to_cancel",
        ("hqml job submit *.yaml", "hqml job submit *.yaml --site *", "hqml job status*", "hqml job cancel"),
        NOT_HERE,
    ),
    Elsewhere("tests/hpc/test_chains.py", ("hqml job resume",)),
    Elsewhere("tests/hpc/test_probe.py", ("hqml site probe *",)),
    Elsewhere(
        "tests/hpc/test_ssh.py::test_a_job_reaches_the_gateway_of_somebody_s_own_machine", ("hqml job tunnel * --open",)
    ),
    # Containers and kernels
    Elsewhere("tests/hpc/test_apptainer.py", ("hqml container build *", "apptainer *")),
    Elsewhere("tests/test_hpc_kernel.py::test_what_is_missing_is_one_line_in_the_kernels_log", ("bash *kernel.sh *",)),
    # The quantum module
    Elsewhere("tests/test_node.py::test_dwave_ping", ("dwave ping",)),
    Elsewhere("tests/test_node.py::test_hqml_node_status", ("hqml node status",)),
    Elsewhere("tests/test_node_forward.py", ("hqml node serve --forward*",)),
    Elsewhere(
        "tests/test_secrets.py::test_no_command_shows_it",
        ("hqml * --backend qpu *", "hqml node serve*", "echo *", "export DWAVE_*"),
    ),
    Elsewhere("by hand: any model will do", ("python -c *",), r"docs/quantum\.md"),
    Elsewhere("needs a QPU: it was never run", ("hqml compare out/study/study.yaml --budget qpu=10s",)),
    # Ranks
    Elsewhere("tests/test_mpiexec.py::test_rank_0_alone_prints_and_writes", ("mpiexec * hqml solve *",)),
    Elsewhere("tests/test_dl_search.py::test_ranks_of_a_launcher_each_train_their_own_trials", ("mpiexec * search *",)),
    Elsewhere("tests/test_dl_ranks.py::test_two_ranks_of_ddp_train_what_one_does", ("torchrun *",)),
    # Deep learning
    Elsewhere(
        "tests/test_dl_search.py::test_processes_share_the_trials_of_one_budget", ("hqml search * --processes *",)
    ),
    Elsewhere(
        "tests/test_dl_tracking.py::test_commands_list_pull_and_push", ("hqml model *",), r"docs/dl/tracking\.md"
    ),
    Elsewhere("tests/test_dl_train.py", ("hqml train spec.yaml",)),
    Elsewhere("tests/test_dl_tracking.py", ("pytest tests/test_dl_tracking.py",)),
    Elsewhere("tests/test_release.py", ("pytest tests/test_release.py",)),
    Elsewhere("tests/test_dl_predict.py", ("hqml predict *",), r"docs/dl/onnx\.md"),
    Elsewhere("tests/hpc/test_head.py", ("hqml train *",), r"examples/head/.*"),
)


def elsewhere(command: Command) -> Elsewhere | None:
    """Who runs a command that is not run here: the first entry that has it."""
    return next((entry for entry in TABLE if entry.has(command)), None)
