"""Target: command lines on files. Whatever they meet, they say one line and end with status 0, 1 or 2.

An input is a command, a zero byte, and the content of its file.
"""

from __future__ import annotations

import contextlib
import io
import shlex
from collections.abc import Mapping
from pathlib import Path

from fuzzing.target import Run

_COMMANDS = (
    "solve",
    "fit",
    "predict",
    "site",
    "job",
    "compare",
    "backends",
    "train",
    "--version",
    "kernel",
    "container",
)
_ONLY = {
    "job": ("check",),
    "site": ("show", "list", "check"),
    "kernel": ("list",),
    "container": ("pins",),
    "train": ("--help",),
}
"""Of commands that start programs or long work those parts that do not."""


def make(work: Path) -> Run:
    from hqml.cli import main

    def run(data: bytes) -> None:
        line, _, content = data.partition(b"\0")
        try:
            words = shlex.split(line.decode("utf-8", "surrogateescape"))
        except ValueError:
            return
        if not _harmless(words):
            return
        for word in words:  # the file, under whatever name the input has for it
            if word.startswith("f.") and "/" not in word and len(word) < 30 and "\0" not in word:
                with contextlib.suppress(OSError):  # a store, of an earlier command
                    (work / word).write_bytes(content)
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = main(words)
        said = [one for one in err.getvalue().splitlines() if not one.startswith(("hqml: warning: ", "INFO: Instr"))]
        if status not in (0, 1, 2) or len(said) > 1 + (status == 0) or "--debug" in err.getvalue():
            raise AssertionError(f"status {status} of {words!r:.80}: {err.getvalue()[:300]}")

    return run


def _harmless(words: list[str]) -> bool:
    if not words or words[0] not in _COMMANDS or any(one.startswith("--out") for one in words):
        return False
    small = all(not word.isdigit() or len(word) < 4 for word in words)
    return small and (words[0] not in _ONLY or (len(words) > 1 and words[1] in _ONLY[words[0]]))


def seeds(work: Path) -> Mapping[str, bytes]:
    graph, table = (
        b"3 2\n1 2 1\n2 3 1\n",
        b"a,b,class\n" + b"".join(b"%d,%d,%d\n" % (n, n % 3, n % 2) for n in range(12)),
    )
    site = b"title: Mine\nscheduler: none\nmodules:\n  - {name: here, kind: cluster, title: here}\n"
    job = b"site: local\nsteps:\n  a: {on: cluster, time: 1m, run: echo a}\n"
    study = b"problems:\n  - {file: f.mc}\nsolvers: [cpu]\nseeds: 1\n"
    return {
        "solve": b"solve f.mc --reads 5 --seed 0 --json --option threads=1\0" + graph,
        "solve2": b"solve f.coo --backend neal --reads 2 --bound -3 --num-sweeps 5\0" + b"0 0 1\n0 1 -2\n",
        "fit": b"fit f.csv --label class --backend exact --reads 5 --seed 0 --json\0" + table,
        "fit2": b"fit f.csv --label class --classes 0,1 --estimator svc --param n_bits=1 --reads 5\0" + table,
        "site": b"site check f.yaml\0" + site,
        "show": b"site show f.yaml --json\0" + site,
        "job": b"job check f.yaml --no-test-only --json\0" + job,
        "compare": b"compare f.mc --seeds 1 --reads 5 --json\0" + graph,
        "predict": b"predict f.skops f.csv --label class\0PK",
        "study": b"compare f.yaml --store store --json\0" + study,
    }
