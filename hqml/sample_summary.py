"""What samples say in short: how low they are, how often that was found, and what it took."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dimod
import numpy as np
import numpy.typing as npt

from hqml.display import duration, html_pairs, html_section, html_table, text_of, text_pairs
from hqml.errors import ParameterError

_SHOWN = 5
"""States that are shown, the lowest ones."""

_WRITTEN_OUT = 12
"""Variables up to which states are shown; of longer ones how many variables are one."""

_SAME, _ROUNDING = 1e-9, 1e-12
"""Energies that differ by no more are the same. Shares: of the lowest one, and of the one furthest from 0, since a
lowest of 0 may be off by that much."""


@dataclass(frozen=True)
class Summary:
    """What a SampleSet says. As text by `print`, as tables in a notebook.

    Attributes:
        variables: of the model.
        reads: samples, repeated ones counted.
        distinct: different states among them.
        energy: the lowest; None where there is no sample.
        hits: reads that have it.
        about: the rest of what is shown, by its name: backend, seed, times, and where there are such things bound, gap,
            chain breaks and QPU time.
        header, rows: of the lowest states: energy, reads, and the state.
    """

    variables: int
    reads: int
    distinct: int
    energy: float | None
    hits: int
    about: Mapping[str, Any]
    header: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def __str__(self) -> str:
        lines = [self._title(), text_pairs(self._pairs())]
        if self.rows:
            cells = [list(map(text_of, self.header)), *([text_of(value) for value in row] for row in self._written())]
            widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
            lines.append("")
            lines += ["  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True)) for row in cells]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        parts = [html_pairs(self._pairs())]
        if self.rows:
            parts.append(html_table(self.header, self._written()))
        return html_section(self._title(), *parts)

    def _title(self) -> str:
        return f"{_counted(self.reads, 'sample')} of {_counted(self.variables, 'variable')}"

    def _written(self) -> list[tuple[Any, ...]]:
        return [(_energy(energy), *rest) for energy, *rest in self.rows]

    def _pairs(self) -> dict[str, Any]:
        often = f"{self.hits} of {self.reads} reads" if self.reads else None
        return {
            "lowest energy": None if self.energy is None else _energy(self.energy),
            "found by": often,
            "distinct states": self.distinct,
            **self.about,
        }


def summary(samples: dimod.SampleSet) -> Summary:
    """Say in short what samples are.

    Args:
        samples: of any backend, or of any dimod.Sampler.

    Raises:
        ParameterError: it is something else, e.g. the list that a batch gives: call it for each.
    """
    if not isinstance(samples, dimod.SampleSet):
        raise ParameterError(
            f"a summary is of one dimod.SampleSet, found {type(samples).__name__}; of several call it for each"
        )
    record = samples.record
    energies, reads = np.asarray(record.energy, float), np.asarray(record.num_occurrences, int)
    lowest = float(energies.min()) if len(energies) else None
    _, first, which = np.unique(_keys(samples), axis=0, return_index=True, return_inverse=True)
    counts = np.bincount(which.reshape(-1), weights=reads, minlength=len(first)).astype(int)
    order = np.argsort(energies[first], kind="stable")[:_SHOWN]
    header, shown = _states(samples, record.sample[first[order]])
    return Summary(
        variables=len(samples.variables),
        reads=int(reads.sum()),
        distinct=len(first),
        energy=lowest,
        hits=0 if lowest is None else int(reads[energies <= lowest + _slack(energies)].sum()),
        about=_about(samples),
        header=("energy", "reads", *header),
        rows=tuple(
            (float(energies[first[one]]), int(counts[one]), *state) for one, state in zip(order, shown, strict=True)
        ),
    )


def _slack(energies: npt.NDArray[np.float64]) -> float:
    finite = energies[np.isfinite(energies)]
    return float(_SAME * abs(finite.min()) + _ROUNDING * np.abs(finite).max()) if len(finite) else 0.0


def _keys(samples: dimod.SampleSet) -> npt.NDArray[Any]:
    """The states, (rows, anything): those with two values as bits, which compare eight times as fast."""
    states: npt.NDArray[Any] = samples.record.sample
    return np.packbits(states == 1, axis=1) if samples.vartype in (dimod.BINARY, dimod.SPIN) else states


def _states(samples: dimod.SampleSet, states: Any) -> tuple[list[str], list[tuple[Any, ...]]]:
    """A column a variable where they are few, else one that counts the ones."""
    n = len(samples.variables)
    if n <= _WRITTEN_OUT:
        return [str(label) for label in samples.variables], [tuple(map(int, state)) for state in states]
    return ["ones"], [(f"{int((state == 1).sum())} of {n}",) for state in states]


def _about(samples: dimod.SampleSet) -> dict[str, Any]:
    """What the backend says of how they came about. Entries that nobody agreed on are left alone."""
    info = samples.info if isinstance(samples.info, Mapping) else {}
    told = info.get("timing")
    timing = told if isinstance(told, Mapping) else {}
    return {
        "proven bound": _number(info.get("bound")),
        "gap to it": _share(info.get("gap")),
        "proven lowest": True if info.get("complete") is True else None,
        "backend": info.get("backend"),
        "stand-in": info.get("stand_in"),
        "seed": info.get("seed"),
        "time": _span(timing.get("total", timing.get("solve"))),
        "QPU access time": _span(_qpu_seconds(timing)),
        "broken chains": _chain_breaks(samples, info),
        "interrupted": True if info.get("interrupted") is True else None,
    }


def _qpu_seconds(timing: Mapping[str, Any]) -> Any:
    """Ours are in seconds; Ocean's own samplers tell microseconds."""
    if (theirs := _number(timing.get("qpu_access_time"))) is not None:
        return theirs * 1e-6
    return timing.get("qpu")


def _chain_breaks(samples: dimod.SampleSet, info: Mapping[str, Any]) -> str | None:
    """The mean share of a read's chains."""
    share = info.get("chain_breaks")
    if share is None and "chain_break_fraction" in (samples.record.dtype.names or ()) and len(samples):
        share = float(np.mean(samples.record.chain_break_fraction))
    return _share(share)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _energy(value: float) -> str:
    """Digits enough to tell the lowest states apart."""
    return f"{value:.10g}"


def _share(value: Any) -> str | None:
    share = _number(value)
    return None if share is None else f"{100 * share:.3g} %"


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, numbers.Real) and not isinstance(value, bool) else None


def _span(value: Any) -> str | None:
    seconds = _number(value)
    return None if seconds is None else duration(seconds)
