"""The ranks of a run: who is there, what they tell each other, and how they go on when one of them dies.

Every rank runs the same program and makes the same calls in the same order (SPMD). MPI is started only where a launcher
has set the environment of a rank: elsewhere MPI_Init costs a second, and on some login nodes it ends the process.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

import numpy as np

from hqml.errors import BackendError, BackendUnavailable, HqmlError
from hqml.files import take_over
from hqml.processes import processors

T = TypeVar("T")

LAUNCHED = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMI_RANK", "PMIX_RANK", "PALS_RANKID", "SLURM_STEP_NUM_TASKS")
"""What mpiexec of Open MPI, of MPICH and its kin, PMIx, Cray's PALS, and srun set for each rank."""

_ULFM = "OMPI_MCA_mpi_ft_enable"
_SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS")


class Ranks:
    """A group of ranks; one alone, without MPI, where `comm` is None.

    Args:
        comm: an mpi4py communicator, used by nobody else.
    """

    def __init__(self, comm: Any = None) -> None:
        self.comm = comm
        self.lost = False
        self._read_place()

    def _read_place(self) -> None:
        self.rank: int = 0 if self.comm is None else self.comm.rank
        self.size: int = 1 if self.comm is None else self.comm.size

    @property
    def first(self) -> bool:
        return self.rank == 0

    def from_first(self, value: T) -> T:
        """The value that rank 0 gave."""
        return value if self.comm is None else self.comm.bcast(value, root=0)

    def everyone(self, value: T) -> list[T]:
        """The values of all ranks, in their order."""
        return [value] if self.comm is None else self.comm.allgather(value)

    def together(self, action: Callable[[], T]) -> T:
        """Do on every rank what may fail on one alone, such as reading a file; then it fails on all of them.

        Raises:
            HqmlError: that of the first rank that failed; a BackendError where it was none of ours.
        """
        result, failure = None, None
        try:
            result = action()
        except Exception as error:
            if means_loss(error):
                raise
            failure = sendable(error, f"rank {self.rank} failed")
        for found in self.everyone(failure):
            if found is not None:
                raise found
        return result  # type: ignore[return-value]

    def fill_from(self, owner: int, array: np.ndarray[Any, Any]) -> None:
        """Overwrite an array, of one shape everywhere, with that of rank `owner`."""
        if self.comm is not None:
            self.comm.Bcast(array, root=owner)

    def neighbours(self) -> list[tuple[int, frozenset[int]]]:
        """The rank and the processors of each rank on this node, this one included."""
        mine = (self.rank, processors())
        if self.comm is None:
            return [mine]
        from mpi4py import MPI

        node = self.comm.Split_type(MPI.COMM_TYPE_SHARED)
        try:
            found: list[tuple[int, frozenset[int]]] = node.allgather(mine)
            return found
        finally:
            node.Free()

    @property
    def threads_may_call(self) -> bool:
        """Whether any thread may call MPI at any time."""
        if self.comm is None:
            return True
        from mpi4py import MPI

        return bool(MPI.Query_thread() == MPI.THREAD_MULTIPLE)

    @property
    def outlive_a_rank(self) -> bool:
        """Whether the survivors of a dead rank may go on: Open MPI's `mpiexec --with-ft ulfm`."""
        return self.comm is not None and os.environ.get(_ULFM, "0").lower() in ("1", "true", "yes")

    def call_off(self) -> None:
        """Let every operation under way between the ranks fail, so that all notice that one is lost."""
        if self.outlive_a_rank:
            self.comm.Revoke()

    def finished(self, well: bool) -> bool:
        """Whether all ranks got to this point well. Without fault tolerance the launcher sees to that: it ends all."""
        if not self.outlive_a_rank:
            return well
        try:
            return bool(self.comm.Agree(int(well)))
        except Exception as error:
            if not means_loss(error):
                raise
            return False

    def leave_the_dead(self) -> None:
        """Go on with the survivors alone; ranks are numbered anew, so another one may have to write the files."""
        self.comm = self.comm.Shrink()
        self.lost = True
        self._read_place()
        if self.first:
            take_over()


def surviving(ranks: Ranks, attempt: Callable[[], T]) -> T:
    """What an attempt of all ranks gives; when a rank dies in it, the survivors try again.

    The attempts end in an agreement, since a rank may have got its result before another one notices the loss. Without
    fault tolerance in MPI there is one attempt: a lost rank ends them all.
    """
    while True:
        result, well = None, False
        try:
            result, well = attempt(), True
        except Exception as error:
            if not means_loss(error):
                raise
            if not ranks.outlive_a_rank:
                raise BackendError(f"a rank is lost ({error}); start again with `mpiexec --with-ft ulfm`") from error
            ranks.call_off()
        if ranks.finished(well):
            return result  # type: ignore[return-value]
        ranks.leave_the_dead()


def means_loss(error: BaseException) -> bool:
    """Whether an error says that a rank has died, or that another rank has noticed it."""
    if not hasattr(error, "Get_error_class"):
        return False
    from mpi4py import MPI

    names = ("ERR_PROC_FAILED", "ERR_PROC_FAILED_PENDING", "ERR_REVOKED")
    return error.Get_error_class() in {getattr(MPI, name) for name in names if hasattr(MPI, name)}


def sendable(error: BaseException, what: str) -> HqmlError:
    """Errors of ours as they are; others may not survive pickling, or mean nothing on another rank."""
    if isinstance(error, HqmlError):
        return error
    return BackendError(f"{what}: {type(error).__name__}: {error}")


def launched() -> bool:
    """Whether a launcher has started this process as a rank."""
    return any(name in os.environ for name in LAUNCHED)


def tasks() -> int:
    """How many processes a launcher says to have started; 0 where it does not say."""
    return max((int(os.environ[name]) for name in _SIZES if os.environ.get(name, "").isdecimal()), default=0)


@cache
def world() -> Ranks:
    """All ranks of this run, or those that are left of them: one object a process, since MPI is one a process.

    Raises:
        BackendUnavailable: mpi4py finds no MPI library.
    """
    if not launched():
        return Ranks()
    import mpi4py

    ends_here = "mpi4py.MPI" not in sys.modules and mpi4py.rc.finalize is not False
    if ends_here:
        mpi4py.rc.finalize = False
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as missing:
        raise BackendUnavailable(
            f"backend 'mpi' finds no MPI library ({missing}); load your site's MPI, or run: pip install 'hqml[mpi]'"
        ) from missing
    ranks = Ranks(MPI.COMM_WORLD.Dup())
    atexit.register(_end_of_process, ranks, ends_here)
    return ranks


def _end_of_process(ranks: Ranks, ends_here: bool) -> None:
    """End MPI, unless a rank was lost: MPI_Finalize then waits for it, now and then for ever.

    Open MPI 5.0.11 did so in one of ten runs. Its launcher takes an end without it, and the status of the process.

    Args:
        ranks: those of the world.
        ends_here: false where the program had started MPI before, which then ends by itself when Python does.
    """
    from mpi4py import MPI

    if not ranks.lost:
        if ends_here and not MPI.Is_finalized():
            MPI.Finalize()
    elif not ends_here:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(int(hasattr(sys, "last_value")))  # Python keeps here what it has ended on


@contextmanager
def told_of_its_end(message: Callable[[], str]) -> Iterator[None]:
    """Make of SIGTERM, by which launchers end the other ranks when one is lost, an error that says what is left.

    Raises:
        BackendError: SIGTERM came in this block.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or not launched() or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def end(number: int, frame: Any) -> None:
        raise _Ended

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    except _Ended:
        raise BackendError(message()) from None
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


class _Ended(BaseException):
    """SIGTERM came. No Exception, lest it be taken for the failure of a slice, of which the others are told."""
