"""Under mpiexec every rank runs the command; rank 0 alone speaks and writes."""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from itertools import pairwise

from hqml.files import discarding, discards

_RANK = ("OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK", "PALS_RANKID")

_GRACE = 2.0
"""Seconds that rank 0 has to tell of a failure first: the launcher ends all ranks when one of them fails, and most
often all fail alike."""


def rank_of(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> int | None:
    """The rank of this process, where a launcher started it for an `mpi` backend, or to share a study; else None."""
    if not (_names_mpi(arguments) or _shares_a_study(arguments)):
        return None
    names = list(_RANK)
    if environment.get("SLURM_STEP_NUM_TASKS", "1") != "1":  # SLURM_PROCID is 0 in a batch script without any srun
        names.append("SLURM_PROCID")
    ranks = (environment[name] for name in names if name in environment)
    return next((int(rank) for rank in ranks if rank.isdecimal()), None)


def launched(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether mpiexec started this process. Open MPI's gives it a terminal, wherever it sends what is printed there."""
    return any(name in environment for name in _RANK)


def _names_mpi(arguments: Sequence[str]) -> bool:
    pairs = pairwise([*arguments, ""])
    named = [
        after if one == "--backend" else one[len("--backend=") :] for one, after in pairs if one.startswith("--backend")
    ]
    return any(name.partition(":")[0] == "mpi" for name in named)


def _shares_a_study(arguments: Sequence[str]) -> bool:
    """Ranks of `hqml compare` divide its cells among them, and those of `hqml search` its trials."""
    return next((one for one in arguments if not one.startswith("-")), None) in ("compare", "search")


def as_rank(rank: int, work: Callable[[], int]) -> int:
    """Do the work of a rank: of those but 0 without a word, unless they take over from it or fail and it does not.

    Args:
        rank: named where the work fails.
        work: gives an exit status.

    Returns:
        The status where it is 0. A rank that has failed ends the process here: at its ordinary end MPI would have it
        wait for the others, which may be waiting for it.
    """
    status = work() if rank == 0 else _quietly(rank, work)
    if not status:
        return status
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _quietly(rank: int, work: Callable[[], int]) -> int:
    out, told = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(told), discarding():
        status = work()
        speaks = not discards()
    if speaks:
        sys.stdout.write(out.getvalue())
        sys.stderr.write(told.getvalue())
    elif status:
        time.sleep(_GRACE)
        for line in told.getvalue().splitlines():
            print(f"[rank {rank}] {line}", file=sys.stderr)
    return status
