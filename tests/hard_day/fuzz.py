"""Fuzz every reader of hqml, guided by coverage: files, YAML, SAPI requests, command lines.

    python tests/hard_day/fuzz.py                              # all targets, ten minutes each, two at a time
    python tests/hard_day/fuzz.py node tasks --seconds 60
    python tests/hard_day/fuzz.py skops --once out/hard_day/fuzz/skops/findings/0123456789ab.input

Needs atheris (pip install atheris). What is found lies in out/hard_day/fuzz/TARGET/findings: an input, and where it
leads. Exit status 1 where something was found.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

MOST_MEMORY_MIB = 6 * 1024
"""Address space of a target: an allocation above raises MemoryError, which no reader lets through."""

RESIDENT_MIB = 2048
"""Memory really in use, above which libFuzzer ends the run."""

HANG = 30
"""Seconds after which an input hangs, on a loaded core."""


def main() -> int:
    sys.path.insert(0, str(Path(__file__).parent))
    arguments = _arguments()
    names = arguments.targets or list(_targets())
    if arguments.seconds <= 10:
        sys.exit(f"--seconds must be above 10, which a start takes, found {arguments.seconds}")
    if strange := sorted(set(names) - set(_targets())):
        sys.exit(f"no target is called {', '.join(strange)}; there are: {', '.join(_targets())}")
    out = Path(arguments.out).resolve()
    if arguments.once:
        return _once(names[0], out / names[0], Path(arguments.once).resolve())
    if arguments.worker:
        return _work(names[0], out / names[0], arguments.seconds)
    with ThreadPoolExecutor(arguments.at_once) as pool:
        found = list(pool.map(lambda name: _supervised(name, out, arguments.seconds), names))
    return 1 if any(found) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", help="names; all of them unless some are given")
    parser.add_argument("--seconds", type=int, default=600, help="wall time of each")
    parser.add_argument("--at-once", type=int, default=2, help="targets at a time")
    parser.add_argument("--out", default="out/hard_day/fuzz", help="folder of inputs and findings")
    parser.add_argument("--once", metavar="FILE", help="run one input, with the traceback of what it leads to")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def _targets() -> Sequence[str]:
    from fuzzing.targets import TARGETS

    return list(TARGETS)


def _supervised(name: str, out: Path, seconds: int) -> int:
    """Fuzz a target in a process of its own, begun anew where an input ends it; above 0 where something was found."""
    folder = out / name
    folder.mkdir(parents=True, exist_ok=True)
    ends = time.monotonic() + seconds
    crashes = 0
    while (left := int(ends - time.monotonic())) > 10 and crashes < 20:
        with open(folder / "log", "a") as log:
            command = [sys.executable, __file__, name, "--worker", "--seconds", str(left), "--out", str(out)]
            status = subprocess.run(command, stdout=log, stderr=log, check=False).returncode
        crashes += status != 0
    findings = [
        *(folder / "findings").glob("*.txt"),
        *folder.glob("crash-*"),
        *folder.glob("timeout-*"),
        *folder.glob("oom-*"),
    ]
    print(f"{name}: {_runs(folder / 'log')} inputs, {len(findings)} findings, {crashes} ends", flush=True)
    return len(findings) or crashes  # a process that cannot even begin leaves no input behind


def _runs(log: Path) -> int:
    """Inputs of all runs, as libFuzzer counts them: of each the last line that begins with # and a number."""
    total = last = 0
    for line in log.read_text(errors="replace").splitlines():
        word = line.partition("\t")[0]
        if word.startswith("#") and word[1:].isdigit():
            total += last if int(word[1:]) < last else 0
            last = int(word[1:])
    return total + last


def _work(name: str, folder: Path, seconds: int) -> int:
    import atheris

    with atheris.instrument_imports(include=["hqml", "hqml_ocean", "yaml", "skops"]):
        watch, target, work = _watch(name, folder)
        corpus = folder / "corpus"
        corpus.mkdir(exist_ok=True)
        for label, data in target.seeds(work).items():
            (corpus / f"seed-{label.replace('/', '-')}").write_bytes(data)
            watch(data)  # now, so that what is imported late is instrumented too
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY_MIB << 20, resource.RLIM_INFINITY))
    flags = [f"-max_total_time={seconds}", f"-timeout={HANG}", f"-rss_limit_mb={RESIDENT_MIB}", "-malloc_limit_mb=0"]
    flags += [f"-max_len={target.longest}", f"-artifact_prefix={folder}/", "-len_control=20", "-print_final_stats=1"]
    more = {} if target.mutate is None else {"custom_mutator": target.mutate}
    atheris.Setup([sys.argv[0], *flags, str(corpus)], watch, **more)
    atheris.Fuzz()
    return 0


def _once(name: str, folder: Path, file: Path) -> int:
    faulthandler.enable()
    watch, _, _ = _watch(name, folder)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY_MIB << 20, resource.RLIM_INFINITY))
    watch(file.read_bytes())  # what is imported late is, and starts programs such as uname
    watch.once(file.read_bytes())
    print("nothing is wrong with it")
    return 0


def _watch(name, folder):  # type: ignore[no-untyped-def]
    from fuzzing.targets import TARGETS
    from fuzzing.watching import ROOT, Watch

    warnings.simplefilter("ignore")
    work = folder / "work"
    work.mkdir(parents=True, exist_ok=True)
    os.environ.update(TMPDIR=str(work), XDG_CACHE_HOME=str(work), XDG_STATE_HOME=str(work), OMP_NUM_THREADS="1")
    os.chdir(work)
    target = TARGETS[name]
    sys.dont_write_bytecode = True
    # numba's kernels, compiled when they are first needed
    kernels = [ROOT / "backends" / name / "__pycache__" for name in ("hqml_cpu", "hqml_mpi")]
    return Watch(target.make(work), folder / "findings", (folder, *kernels)), target, work


if __name__ == "__main__":
    sys.exit(main())
