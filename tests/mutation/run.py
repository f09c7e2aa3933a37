"""Mutation testing of the models, the formulas and the machines; docs/mutation.md says what it found.

    python tests/mutation/run.py [--workers 2] [--seconds 6] ['hqml.svm.*' ...]

The mutants are mutmut's. It starts pytest anew for each of them, which takes longer than most of them live. Here the
tests are collected once (judge.py), and each mutant gets a fork of that process, and of the tests those that call its
function, the quickest first. What was judged stays in mutants/, so that a run which was stopped goes on; `rm -r
mutants` forgets it, which a change of code or tests asks for.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from mutmut import __main__ as mutmut
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.mutation.trampoline import set_mutant_under_test
from rich.progress import MofNCompleteColumn, Progress

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "mutants"
NAMES, CALLS = WORK / "names.json", WORK / "calls.json"
JUDGE = [sys.executable, str(Path(__file__).with_name("judge.py"))]
# The mutated hqml before the one that is installed; no threads of numerical libraries, which would not survive a fork.
ENVIRONMENT = os.environ | {
    "PYTHONPATH": str(WORK),
    **{f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "NUMBA")},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("patterns", nargs="*", default=["*"], help="names of mutants, as 'hqml.qubo.*'")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes beside each other")
    parser.add_argument("--seconds", type=float, default=6.0, help="time of the tests that a mutant gets")
    asked = parser.parse_args()
    os.chdir(ROOT)
    if not CALLS.exists():
        generate()
        subprocess.run(
            [*JUDGE, "map", str(CALLS)], cwd=WORK, env=ENVIRONMENT | {"MUTANT_UNDER_TEST": "stats"}, check=True
        )
    names = [name for name in names_of_mutants() if any(fnmatch.fnmatchcase(name, one) for one in asked.patterns)]
    if not names:
        sys.exit(f"no mutant is called {' or '.join(asked.patterns)}; their names are in {NAMES}")
    judge(names, asked.workers, asked.seconds)
    sys.exit(tell(names))


def generate() -> None:
    """Write hqml with all its mutants beside each other, and the tests, into mutants/."""
    WORK.mkdir(exist_ok=True)
    set_mutant_under_test("mutant_generation")
    mutmut.copy_src_dir()
    mutmut.copy_also_copy_files()
    mutmut.setup_source_paths()
    mutmut.store_lines_covered_by_tests()
    mutmut.create_mutants(os.cpu_count() or 1)
    found, _ = mutmut.collect_source_file_mutation_data(mutant_names=())
    NAMES.write_text(json.dumps([name for _, name, _ in found]))


def names_of_mutants() -> list[str]:
    """Of each function first the one that changes nothing, number 0, which has to survive."""
    names: list[str] = json.loads(NAMES.read_text())
    return sorted({name.rpartition("_")[0] + "_0" for name in names}) + names


def judge(names: list[str], workers: int, seconds: float) -> None:
    """Have all of them judged that are not yet."""
    known = verdicts()
    left = [name for name in names if name not in known]
    running = []
    for number in range(workers):
        part = WORK / f"part-{number}.json"
        part.write_text(json.dumps(left[number::workers]))
        arguments = ["judge", str(CALLS), str(part), str(WORK / f"verdicts-{number}.jsonl"), str(seconds)]
        running.append(subprocess.Popen([*JUDGE, *arguments], cwd=WORK, env=ENVIRONMENT, stdout=subprocess.DEVNULL))
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn()) as bar:
        task = bar.add_task("judging", total=len(names))
        while any(one.poll() is None for one in running):
            bar.update(task, completed=len(verdicts().keys() & set(names)))
            time.sleep(1)
    if unjudged := set(names) - verdicts().keys():
        sys.exit(f"a judge ended early: {len(unjudged)} mutants are left, and the same command goes on with them")


def verdicts() -> dict[str, str]:
    """Killed, survived, endless or uncalled, of each mutant judged so far."""
    lines = [line for file in sorted(WORK.glob("verdicts-*.jsonl")) for line in file.read_text().splitlines()]
    return {found["name"]: found["verdict"] for found in map(json.loads, lines)}


def tell(names: list[str]) -> int:
    """Print the change of each survivor and a table; 1 where something survived or a control did not."""
    known = verdicts()
    is_control = {name: name.endswith("_0") for name in names}
    wrong = [name for name in names if is_control[name] and known[name] != "survived"]
    left = [name for name in names if not is_control[name] and known[name] in ("survived", "uncalled")]
    for name in left:
        print(f"\n{name} {known[name]}\n{get_diff_for_mutant(name)}")
    for name in wrong:
        print(f"\n{name}: changes nothing and is {known[name]}, so no verdict on this function counts")
    table = Counter((name.split(".")[1], known[name]) for name in names if not is_control[name])
    for (part, verdict), count in sorted(table.items()):
        print(f"{part:10} {verdict:10} {count:5}")
    return bool(left or wrong)


if __name__ == "__main__":
    main()
