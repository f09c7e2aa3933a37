"""How a path-integral read goes: the fields of each sweep."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import dimod
import numpy as np

from hqml.errors import ParameterError
from hqml.options import inverse_temperatures, whole_number
from hqml.qubo import Floats
from hqml_ocean.annealing import ScheduleType, checked_type
from hqml_ocean.temperatures import sampled_range

DEFAULT_SWEEPS = 100
"""Sweeps of a read: what dwave-samplers 1.8 does (its documentation says 1000). A sweep costs the couplings twice, 10
to 20 ns each: on a dense model of 1000 variables 100 of them take 2 s."""

TRANSVERSE_FIELD = 2.0
"""Where Hd_field starts. dwave-samplers leaves it 0 throughout, and then anneals no quantum system but a classical one.

Of 0, 2 and 5, over 11 models (OR-Library, Biq Mac, Sherrington-Kirkpatrick, assignment, SVM; 20 to 100 variables, 100
sweeps): ground states in 35, 38 and 36 % of the reads, 6, 10 and 22 ms a read. What a field costs is breaks of the
world lines."""


@dataclass(frozen=True)
class Fields:
    """How a read goes, sweep by sweep.

    Attributes:
        inverse_temperature: (num_sweeps,), 1 / energy.
        transverse: (num_sweeps,), times the inverse temperature.
    """

    inverse_temperature: Floats
    transverse: Floats

    @property
    def num_sweeps(self) -> int:
        return len(self.inverse_temperature)

    @property
    def info(self) -> Mapping[str, Any]:
        return {"beta_range": _ends(self.inverse_temperature), "Hd_range": _ends(self.transverse)}

    def shortened(self, num_sweeps: int) -> Fields:
        """So many of these sweeps, evenly spread; the last one stays."""
        kept = np.linspace(self.num_sweeps - 1, 0, num_sweeps).round().astype(np.intp)[::-1]
        return Fields(self.inverse_temperature[kept], self.transverse[kept])

    def run(
        self, spins: dimod.BinaryQuadraticModel, reads: int, seed: int, stop: Callable[[], bool]
    ) -> dimod.SampleSet:
        from dwave.samplers import PathIntegralAnnealingSampler

        sampler: Any = PathIntegralAnnealingSampler()  # type: ignore[no-untyped-call]
        return sampler.sample(  # type: ignore[no-any-return]
            spins,
            num_reads=reads,
            seed=seed or 1,  # it takes 0 for a wish to be seeded by the operating system
            beta_schedule_type="custom",
            Hp_field=self.inverse_temperature,
            Hd_field=self.transverse,
            interrupt_function=stop,
        )


@dataclass(frozen=True)
class Wanted:
    """How reads go as the caller wants it.

    Attributes:
        betas: number of values of the fields.
        sweeps_per_beta: sweeps at each.
        beta_range: inverse temperatures (hot, cold), 1 / energy; None samples the model for them.
        kind: how beta goes from hot to cold.
        Hp_field: (betas,), instead of both; None follows them.
        Hd_field: (betas,).
    """

    betas: int
    sweeps_per_beta: int
    beta_range: tuple[float, float] | None
    kind: ScheduleType
    Hp_field: Floats | None
    Hd_field: Floats

    @property
    def num_sweeps(self) -> int:
        return self.betas * self.sweeps_per_beta

    @property
    def info(self) -> Mapping[str, Any]:
        betas = self.beta_range if self.Hp_field is None else _ends(self.Hp_field)
        return {"beta_range": betas, "Hd_range": _ends(self.Hd_field)}

    def fitted(self, spins: dimod.BinaryQuadraticModel, seed: int) -> Fields:
        """The fields for a model of vartype SPIN."""
        field = self.Hp_field
        if field is None:
            hot, cold = self.beta_range or sampled_range(spins, seed)
            space = np.geomspace if self.kind == "geometric" else np.linspace
            field = space(cold, hot, self.betas)[::-1]  # of one value the cold end
        return Fields(np.repeat(field, self.sweeps_per_beta), np.repeat(self.Hd_field, self.sweeps_per_beta))


def wanted_schedule(
    num_sweeps: Any = None,
    num_sweeps_per_beta: Any = 1,
    beta_range: Any = None,
    beta_schedule_type: Any = "geometric",
    Hp_field: Any = None,
    Hd_field: Any = None,
) -> Wanted:
    """Check the options.

    Raises:
        ParameterError: one is out of its range, or contradicts another.
    """
    each = whole_number("num_sweeps_per_beta", num_sweeps_per_beta)
    given = {"Hp_field": Hp_field, "Hd_field": Hd_field}
    fields = {name: _field(name, values) for name, values in given.items() if values is not None}
    betas = _number_of_betas(num_sweeps, each, fields)
    if beta_range is not None:
        beta_range = inverse_temperatures(beta_range)
        if "Hp_field" in fields:
            raise ParameterError("beta_range and Hp_field both say the inverse temperatures; leave one of them out")
    falling = np.linspace(0, TRANSVERSE_FIELD, betas)[::-1]
    kind = checked_type(beta_schedule_type)
    return Wanted(betas, each, beta_range, kind, fields.get("Hp_field"), fields.get("Hd_field", falling))


def _field(name: str, values: Any) -> Floats:
    try:
        field = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        field = np.array(np.nan)
    if field.ndim != 1 or not len(field) or not (np.isfinite(field).all() and (field >= 0).all()):
        raise ParameterError(f"{name} must be a row of finite numbers of at least 0, found {values!r}")
    return field


def _number_of_betas(num_sweeps: Any, each: int, fields: Mapping[str, Floats]) -> int:
    if num_sweeps is None:
        betas = max((len(field) for field in fields.values()), default=-(-DEFAULT_SWEEPS // each))
    else:
        betas, rest = divmod(whole_number("num_sweeps", num_sweeps), each)
        if rest:
            raise ParameterError(f"num_sweeps must be a multiple of num_sweeps_per_beta, found {num_sweeps} and {each}")
    for name, field in fields.items():
        if len(field) != betas:
            raise ParameterError(f"{name} must have a value for each of {betas} betas, found {len(field)}")
    return betas


def _ends(field: Floats) -> tuple[float, float]:
    return float(field[0]), float(field[-1])
