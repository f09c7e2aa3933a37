"""The `mpi` backend: other backends, spread over the ranks of `mpiexec`."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, cached_property, partial
from os import PathLike
from time import perf_counter
from typing import Any, Literal, get_args

import dimod

from hqml.backend import Backend, Capabilities, Usage, drawn_seed
from hqml.errors import ParameterError
from hqml.options import one_of
from hqml.qubo import GramQubo, Qubo, States
from hqml.samples import to_sampleset
from hqml_mpi.annealing import distributed_heat_bath
from hqml_mpi.call import Call
from hqml_mpi.clock import Clock
from hqml_mpi.distributed import DistributedGram
from hqml_mpi.inner import Inner, check_options
from hqml_mpi.ranks import Ranks, launched, surviving, tasks, world
from hqml_mpi.slices import Slices
from hqml_mpi.tempering import tempered

Method = Literal["auto", "batch", "tempering", "distributed"]

_ON_ONE_MODEL: dict[str, Callable[..., tuple[States, dict[str, Any]]]] = {
    "tempering": tempered,
    "distributed": distributed_heat_bath,
}
"""Methods in which all ranks work on one model at a time."""

_GIVEN = {"qubo", "ranks", "backend", "reads", "seed", "clock"}
"""What such a method is given here; the rest of its parameters are options."""

_HINT = (
    "one rank: this process was not started by mpiexec; try `mpiexec -n 4 ...` to spread the work "
    "(Open MPI's ends all ranks at Ctrl-C: give time_limit= or checkpoint=)"
)


class MpiBackend:
    """Spread work over the ranks that `mpiexec` (or srun) has started.

    All ranks run the same program and call this alike; each gets the same result. A batch runs on the inner backend,
    `mpi:cpu`, `mpi:gpu` (one device a rank), `mpi:neal`; the same seed and reads give the same samples on any number
    of ranks, as long as no time limit cuts in (tempered ones depend on that number). Outside mpiexec it is one rank,
    and `info["hint"]` says so.

    A rank that dies: under Open MPI's `mpiexec --with-ft ulfm` the others run its slices again. Else the launcher ends
    them all (srun: with --kill-on-bad-exit=1), and what was finished is in the folder `checkpoint=`. A script that may
    fail on one rank alone is started as `python -m mpi4py script.py`, else the others wait for it.

    Ctrl-C: Open MPI's mpiexec ends all ranks within half a second and shows nothing more of them, so give
    `time_limit=`, or keep what is finished with `checkpoint=`. Where rank 0 gets SIGINT itself (MPICH's mpiexec passes
    it on; or `kill -INT` its process) all end with the best so far.

    Args:
        inner: name of a backend, or a backend.
        comm: an mpi4py communicator to use instead of all ranks.
        options: of the constructor of an inner backend given by name.

    Raises:
        ImportError: mpi4py is missing.
        BackendError: the inner backend cannot be loaded, is metered, or is `mpi` itself.
    """

    def __init__(self, inner: str | Backend = "cpu", comm: Any = None, **options: Any) -> None:
        import mpi4py  # noqa: F401 - light; its MPI part comes when there are ranks

        self._comm, self._inner = comm, Inner.of(inner, options)
        able = self._inner.backend.capabilities
        self.capabilities = Capabilities(
            kind="mpi", forms=able.forms, max_variables=able.max_variables, seedable=able.seedable
        )

    def sample(
        self,
        qubos: Sequence[Qubo],
        *,
        reads: int = 100,
        seed: int | None = None,
        time_limit: float | None = None,
        method: str = "auto",
        checkpoint: str | PathLike[str] | None = None,
        reads_at_once: int | None = None,
        progress: Callable[[float], None] | None = None,
        **options: Any,
    ) -> list[dimod.SampleSet]:
        """Look for low energies of each model of a batch, on all ranks.

        Args:
            qubos: models; each rank holds them all, but for a DistributedGram.
            reads: samples wanted of each model.
            seed: makes the run repeatable (a tempered one on as many ranks); none draws one, told in `info["seed"]`.
            time_limit: seconds for the batch. Slices that have not begun by then are left out, but for the first of
                each model, which share the time.
            method: "batch" runs slices of the batch on the inner backend; "tempering" exchanges the
                temperatures of replicas of each model across the ranks, where the inner backend lends replicas, as
                `cpu` does (options: see `hqml_mpi.tempering.tempered`); each rank brings its own replicas, so the
                samples depend on the number of ranks. "distributed" keeps of a Gram model the rows of a rank on that
                rank (`hqml_mpi.annealing.distributed_heat_bath`). "auto" is "distributed" for a DistributedGram, else
                "batch". Any other is the inner backend's own, in a batch.
            checkpoint: folder for finished slices of "batch"; the same call takes up what it finds there.
            reads_at_once: of "batch", reads of a model in one slice; the samples depend on it. None is 32 or some more
                where the inner backend sweeps every read by itself and there are less than 64 models, else all.
            progress: called on rank 0 with the share done.
            options: those of the inner backend, or of the method.

        Returns:
            One SampleSet a model. `info` adds: method, inner (but for "distributed", which needs none), ranks,
            lost_ranks, interrupted, cut_short, and what the method or, in a batch, the inner backend reports.

        Raises:
            BackendError: a slice failed, or the ranks were called with different things.
            OptionError: there is no such option, or the inner backend lends no replicas to temper.
            ParameterError: a parameter is out of its range, or there is no such method.
        """
        method, options = _method(method, qubos, self._inner.backend, options)
        _check_checkpoint(checkpoint, seed)
        call = Call(
            qubos,
            reads,
            drawn_seed(seed),
            what=f"method={method} on {self._inner.name}, {len(qubos)} models of {sum(q.num_variables for q in qubos)} "
            f"variables, reads={reads}, options {sorted(options)}",
            clock=Clock(time_limit),
            report=progress,
            options=options,
        )
        if method in _ON_ONE_MODEL:
            _check_options_of(method, options, checkpoint, reads_at_once)
        else:
            slices = Slices.of(call, self._inner, checkpoint=checkpoint, reads_at_once=reads_at_once)
        if not qubos:
            return []
        ranks, started = self.ranks, perf_counter()
        before = ranks.size
        if method in _ON_ONE_MODEL:
            run = _ON_ONE_MODEL[method]
            if method == "tempering":
                run = partial(run, backend=self._inner.lending_replicas(ranks))
            found = surviving(ranks, lambda: _each(ranks, call, run))
        else:
            with _naming_own_methods():
                found = slices.sampled(ranks)
        about = {"method": method, "ranks": ranks.size, "lost_ranks": before - ranks.size, **self._hint(ranks)}
        if method != "distributed":
            about["inner"] = self._inner.name
        timing = {"solve": perf_counter() - started}
        return [
            to_sampleset(qubo, states, backend="mpi", seed=call.seed, timing=timing, **{**info, **about})
            for qubo, (states, info) in zip(qubos, found, strict=True)
        ]

    def estimate(self, qubos: Sequence[Qubo], *, reads: int = 100, **options: Any) -> Usage:
        """That of the inner backend, divided by the ranks; not known of the other methods."""
        inner = self._inner.backend
        method, options = _method(options.pop("method", "auto"), qubos, inner, options)
        if method != "batch":
            return Usage(seconds=float("nan"))
        own = {name: value for name, value in options.items() if name not in ("checkpoint", "reads_at_once")}
        return Usage(seconds=inner.estimate(qubos, reads=reads, **own).seconds / self.ranks.size)

    def close(self) -> None:
        """Close the inner backend where it was made here. MPI ends with the process."""
        if isinstance(self._inner.given, str):
            self._inner.backend.close()

    @cached_property
    def ranks(self) -> Ranks:
        """Those that call this together; `hqml.compare` has them agree on what they call next."""
        return world() if self._comm is None else Ranks(self._comm)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "ranks"}

    def _hint(self, ranks: Ranks) -> dict[str, str]:
        met_others = ranks.size > 1 or ranks.lost
        if self._comm is not None or met_others or (launched() and tasks() <= 1):
            return {}
        hint = _HINT
        if launched():
            hint = (
                f"{tasks()} processes were started, but MPI tells each that it is alone, so all do the same work; "
                "start them by the mpiexec of the MPI that mpi4py uses, or by `srun --mpi=pmix` (see `srun --mpi=list`)"
            )
        _say(hint)
        return {"hint": hint}


@cache
def _say(hint: str) -> None:
    """Once a process: a line of the log, which Python shows on stderr unless the program keeps a log of its own."""
    logging.getLogger("hqml_mpi").warning(hint)


def _method(
    method: str, qubos: Sequence[Qubo], backend: Backend, options: dict[str, Any]
) -> tuple[str, dict[str, Any]]:
    """The method, and the options with the inner backend's own method among them where that was given.

    Raises:
        ParameterError: nobody has such a method, or it does not take these models.
    """
    if method not in get_args(Method) and "method" in inspect.signature(backend.sample).parameters:
        method, options = "batch", {**options, "method": method}
    one_of("method", method, get_args(Method))
    distributed = [isinstance(qubo, DistributedGram) for qubo in qubos]
    if method == "auto":
        method = "distributed" if any(distributed) else "batch"
    if method == "distributed" and not all(isinstance(qubo, DistributedGram | GramQubo) for qubo in qubos):
        raise ParameterError("method='distributed' takes Gram models alone; sample the others in a call of their own")
    if method != "distributed" and any(distributed):
        raise ParameterError(f"a DistributedGram is sampled by method='distributed' alone, found method={method!r}")
    return method, options


@contextmanager
def _naming_own_methods() -> Iterator[None]:
    """Where a method is not the inner backend's either, add the methods of this one to what that backend says of it."""
    try:
        yield
    except ParameterError as error:
        if not str(error).startswith("method must be"):
            raise
        own = ", ".join(map(repr, get_args(Method)))
        raise ParameterError(f"{error}; these are of the inner backend, 'mpi' itself has {own}") from error


def _check_checkpoint(checkpoint: Any, seed: int | None) -> None:
    """Raise ParameterError where it is no path, or the run could not be found again."""
    if checkpoint is None:
        return
    if not isinstance(checkpoint, str | PathLike):
        raise ParameterError(f"checkpoint must be the path of a folder, found {checkpoint!r}")
    if seed is None:
        raise ParameterError("a checkpoint needs a seed, to find the same run again; give seed=")


def _check_options_of(method: str, options: dict[str, Any], checkpoint: Any, reads_at_once: Any) -> None:
    """Refuse what a method that works on one model at a time does not take.

    Raises:
        OptionError: the method has no such option.
        ParameterError: the option belongs to method="batch".
    """
    for name, value in (("checkpoint", checkpoint), ("reads_at_once", reads_at_once)):
        if value is not None:
            raise ParameterError(f"{name} is for the slices of method='batch', found method={method!r}")
    known = set(inspect.signature(_ON_ONE_MODEL[method]).parameters) - _GIVEN
    check_options(f"mpi, method={method}", options, known)


def _each(ranks: Ranks, call: Call, run: Callable[..., Any]) -> list[Any]:
    """Run a method in which all ranks work on one model, for one model after the other."""
    with call.clock.noticing_ctrl_c():  # a rank that ends here leaves the others waiting
        call.meet(ranks)
    found = []
    for index, qubo in enumerate(call.qubos):
        clock = call.clock.share(len(call.qubos) - index)
        with clock.noticing_ctrl_c():
            found.append(run(qubo, ranks, reads=call.reads, seed=(call.seed, index), clock=clock, **call.options))
        call.clock.interrupted |= clock.interrupted
        if call.report is not None and ranks.first:
            call.report((index + 1) / len(call.qubos))
    return found
