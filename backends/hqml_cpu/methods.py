"""Which method suits which model, and how one model of a batch is run by it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hqml.annealing import FLIP_SWEEPS, FLIPS, HEAT_BATH_SWEEPS, MAX_DIGITS, MULTIPLIERS, Rule
from hqml.errors import ParameterError
from hqml.options import inverse_temperatures, one_of, whole_number
from hqml.qubo import SPARSE_BELOW, DenseQubo, GramQubo, Qubo, SparseQubo
from hqml_cpu import schedule, tempering
from hqml_cpu.dense import DenseModel
from hqml_cpu.flips import flip_model
from hqml_cpu.low_rank import LowRankModel
from hqml_cpu.multipliers import GramModel
from hqml_cpu.runner import Task
from hqml_cpu.schedule import Model
from hqml_cpu.sparse import SparseModel
from hqml_cpu.tempering import TemperingModel

METHODS = ("auto", "annealing", "tempering")


@dataclass(frozen=True)
class Method:
    """How a model is to be run.

    Attributes:
        name: what it does.
        why: what made the choice.
        model: in the kernel's form.
        rule: for the range of temperatures.
        sweeps: of each read.
    """

    name: str
    why: str
    model: GramModel | LowRankModel | DenseModel | SparseModel
    rule: Rule
    sweeps: int

    @property
    def searches(self) -> bool:
        """Whether the lowest energy is what is looked for: more sweeps are worth their time until it is found."""
        return self.rule is not MULTIPLIERS

    @property
    def about(self) -> dict[str, Any]:
        """What `info` says of it."""
        known: dict[str, Any] = {"method": self.name, "why": self.why, "num_sweeps": self.sweeps}
        if isinstance(self.model, LowRankModel):
            known |= {"rank": self.model.factor.shape[1], "kernel_error": self.model.error}
        return known


@dataclass(frozen=True)
class Wanted:
    """What a batch was asked for.

    Attributes:
        method: one of METHODS.
        num_sweeps: none is what the method does by itself.
        beta_range: inverse temperatures (hot, cold); none samples each model for them.
        rank: of the factor that stands for the matrix of a Gram model; none is the matrix itself.
        round: of a search, each with random numbers of its own.

    Raises:
        ParameterError: one of them is out of its range.
    """

    method: str
    reads: int
    seed: int
    num_sweeps: int | None
    beta_range: tuple[float, float] | None
    rank: int | None = None
    round: int = 0

    def __post_init__(self) -> None:
        one_of("method", self.method, METHODS)
        if self.num_sweeps is not None:
            whole_number("num_sweeps", self.num_sweeps)
        if self.beta_range is not None:
            inverse_temperatures(self.beta_range)
        if self.rank is not None:
            whole_number("rank", self.rank)


@dataclass
class Run:
    """How one model of a batch is run.

    Attributes:
        beta_range: inverse temperatures (hot, cold).
        tasks: its blocks of reads.
    """

    method: Method
    model: Model
    beta_range: tuple[float, float]
    tasks: list[Task] = field(default_factory=list)

    @classmethod
    def of(cls, qubo: Qubo, index: int, wanted: Wanted) -> Run:
        """Plan the blocks of the model at place `index` of the batch."""
        chosen = choose(qubo, wanted)
        tempers = chosen.rule is tempering.RULE
        at_once = max(tempering.RUNGS, chosen.model.replicas_at_once) if tempers else chosen.model.replicas_at_once
        # The seed of a model depends on its place in the batch, that of a block on its place among the reads.
        entropy = [wanted.seed, index] if not wanted.round else [wanted.seed, index, wanted.round]
        sampling, *blocks = np.random.SeedSequence(entropy).spawn(1 + -(-wanted.reads // at_once))
        if wanted.beta_range is None:
            hot, cold = schedule.sampled_range(chosen.model, chosen.rule, sampling)
        else:
            hot, cold = (1 / beta for beta in inverse_temperatures(wanted.beta_range))
        model = TemperingModel(chosen.model, hot, cold) if tempers else chosen.model  # type: ignore[arg-type]
        run = cls(chosen, model, (1 / hot, 1 / cold))
        plan = schedule.temperatures(hot, cold, chosen.sweeps)
        for place, seeds in enumerate(blocks):
            replicas = min(at_once, wanted.reads - place * at_once)
            run.tasks.append(Task(index, model, replicas, seeds, plan, first=place == 0))
        return run


def choose(qubo: Qubo, wanted: Wanted) -> Method:
    """The method for a model: the one asked for, else what suits it.

    Raises:
        ParameterError: a rank is given for a model that has none.
    """
    method = wanted.method
    asked = f"method={method!r} was asked for"
    if isinstance(qubo, GramQubo) and qubo.num_digits <= MAX_DIGITS and method != "tempering":
        why = "a Gram model is annealed by whole multipliers, and never written out" if method == "auto" else asked
        model = GramModel.of(qubo) if wanted.rank is None else LowRankModel.of(qubo, wanted.rank)
        name = "heat bath over multipliers" + (", low rank" if isinstance(model, LowRankModel) else "")
        return Method(name, why, model, MULTIPLIERS, wanted.num_sweeps or HEAT_BATH_SWEEPS)
    if wanted.rank is not None:
        raise ParameterError(
            f"rank= is for the heat bath of Gram models of up to {MAX_DIGITS} digits, "
            f"found a {qubo.form} model; leave it out"
        )
    flat = written_out(qubo)
    sweeps = wanted.num_sweeps or FLIP_SWEEPS
    tempers, why = (method == "tempering", asked) if method != "auto" else _tempering_pays(flat, sweeps)
    rule, kind = (tempering.RULE, "parallel tempering") if tempers else (FLIPS, "annealing")
    flips = flip_model(flat, wanted.reads, least=tempering.RUNGS if tempers else 1)
    return Method(f"{kind} of single flips, {flat.form}", why, flips, rule, sweeps)


def written_out(qubo: Qubo) -> DenseQubo | SparseQubo:
    """The model in the form whose flips are faster."""
    flat = qubo if isinstance(qubo, SparseQubo) else qubo.to_dense()
    if isinstance(flat, DenseQubo) and np.count_nonzero(flat.couplings) < SPARSE_BELOW * flat.couplings.size:
        return flat.to_sparse()
    return flat


def _tempering_pays(flat: DenseQubo | SparseQubo, sweeps: int) -> tuple[bool, str]:
    """Whether tempering is the better way, and why."""
    least = tempering.PAYS_FROM[flat.form]
    what = f"{sweeps} sweeps of a {flat.form} model"
    if sweeps < least:
        return False, f"{what} are annealed; from {least} on, tempering pays"
    return True, f"{what}: from {least} on, tempering finds lower states"
