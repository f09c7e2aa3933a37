"""Slices of a batch, run on the inner backend by all ranks, and kept on disk where that is wanted."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from hqml.options import whole_number
from hqml.qubo import States
from hqml_mpi.batch import Work, run_units
from hqml_mpi.call import Call
from hqml_mpi.checkpoint import Checkpoint, key_of
from hqml_mpi.inner import Inner, breaking_off
from hqml_mpi.ledger import Ledger
from hqml_mpi.ranks import Ranks, surviving, told_of_its_end
from hqml_mpi.units import Found, Unit, joined, units_of


@dataclass
class Slices:
    """A batch cut into units.

    Attributes:
        folder: for finished units.
        slots: units that run at a time, on all ranks.
        ledger: on rank 0, when the ranks have met.
    """

    call: Call
    inner: Inner
    folder: str | os.PathLike[str] | None
    at_once: int
    units: Sequence[Unit] = ()
    slots: int = 0
    ledger: Ledger | None = field(default=None, init=False)

    @classmethod
    def of(
        cls, call: Call, inner: Inner, *, checkpoint: str | os.PathLike[str] | None, reads_at_once: int | None
    ) -> Slices:
        """Check what belongs to this method alone.

        Raises:
            OptionError: the inner backend takes no such option.
            ParameterError: reads_at_once is out of its range.
        """
        inner.checked(call.options)
        if reads_at_once is not None:
            whole_number("reads_at_once", reads_at_once)
        return cls(call, inner, checkpoint, reads_at_once or inner.reads_at_once(len(call.qubos), call.reads))

    def sampled(self, ranks: Ranks) -> list[tuple[States, dict[str, Any]]]:
        """Run the batch; where a rank is lost and the others may go on, they go on from what they have."""
        with told_of_its_end(self._ended):
            done = surviving(ranks, lambda: self._attempt(ranks))
        return [self._put_together(parts) for parts in joined(self.units, done, len(self.call.qubos))]

    def _attempt(self, ranks: Ranks) -> Mapping[int, Found]:
        with self.call.clock.noticing_ctrl_c():  # a rank that ends here leaves the others waiting
            known = self.call.meet(ranks)
            self.units = units_of(len(self.call.qubos), self.call.reads, self.call.seed, self.at_once)
            work = self._work(ranks)
            self.slots = sum(work.slots)
            ranks.together(lambda: self._open(ranks, known))
        done, self.call.clock.interrupted = run_units(ranks, self.ledger, work, self.call.report)
        return done

    def _work(self, ranks: Ranks) -> Work:
        """What this rank does: on a processor that the units share, one thread for each."""
        backend = ranks.together(lambda: self.inner.on_its_device(ranks))
        threads = self.inner.threads(ranks, self.call.options.get("threads"))
        turns = threads is not None and self.inner.takes_turns and ranks.threads_may_call
        told: dict[str, Any] = {} if threads is None else {"threads": 1 if turns else threads}
        slots = threads if turns and threads else 1

        def solve(unit: Unit, seconds: float | None, interrupted: Callable[[], bool]) -> Found:
            qubo = self.call.qubos[unit.model]
            options = {**self.call.options, **told, **({"progress": breaking_off(interrupted)} if slots > 1 else {})}
            [samples] = backend.sample([qubo], reads=unit.reads, seed=unit.seed, time_limit=seconds, **options)
            return Found.of(qubo, samples)

        return Work(self.units, solve, ranks.everyone(slots), self.call.mine)

    def _open(self, ranks: Ranks, known: Mapping[int, Found]) -> None:
        """Make the ledger on rank 0; it begins with what is on disk."""
        if not ranks.first:
            return
        self.ledger = Ledger(self.units, self.slots, self.call.clock, done=dict(known))
        if self.folder is None:
            return
        folder, keys = Checkpoint(self.folder), self._keys()

        def save(place: int, found: Found) -> None:
            if found.whole:
                folder.save(keys[place], found)

        kept = {place: found for place, key in enumerate(keys) if (found := folder.load(key)) is not None}
        self.ledger = replace(self.ledger, save=save, done={**kept, **known})

    def _keys(self) -> list[str]:
        """By which the finished units are found again; a unit's samples depend on nothing else."""
        told = {**self.inner.options, **self.call.options}
        what = sorted((name, repr(value)) for name, value in told.items() if name not in ("threads", "device"))
        models = [key_of(qubo, self.inner.name, what) for qubo in self.call.qubos]
        return [f"{models[unit.model]}-{unit.reads}-{unit.seed}" for unit in self.units]

    def _put_together(self, parts: Sequence[Found]) -> tuple[States, dict[str, Any]]:
        """States (reads, n) and info of one model, from what was found in its units."""
        own = {"backend", "version", "seed", "method", "threads"}
        about = {name: value for name, value in parts[0].info.items() if name not in own}
        wanted = len(self.units) // len(self.call.qubos)
        short = len(parts) < wanted or not all(part.whole for part in parts)
        about["interrupted"] = short and self.call.clock.interrupted
        about["cut_short"] = short and not self.call.clock.interrupted
        about.update(inner_method=parts[0].info.get("method"), slices=len(parts), slots=self.slots)
        return np.concatenate([part.states for part in parts]), about

    def _ended(self) -> str:
        """What to say when the launcher ends this rank."""
        where = f"they are in {self.folder}: the same call goes on from there"
        if self.folder is None:
            where = "they are lost: with checkpoint=FOLDER the same call would go on from them"
        ledger = self.ledger
        done = "" if ledger is None else f" {len(ledger.done)} of {len(ledger.units)} slices were finished;"
        return (
            "ended by SIGTERM, which launchers send when another rank was lost (their message says which), at Ctrl-C, "
            f"and when time is up;{done} {where}"
        )
