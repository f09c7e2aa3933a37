"""What a job for a QPU may ask for besides its problem, checked against what the chip offers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hqml.errors import HqmlError
from hqml.options import finite_number, one_of, whole_number
from hqml_ocean.chip.chip import Chip
from hqml_ocean.node.refusals import Refusal, bad

IGNORED_PREFIX = "x_"
"""Parameters of this prefix are experimental: Ocean's client passes them, a solver that does not know them does not
mind. Neither does it mind a label, which belongs to the job."""

ANSWER_MODES = ("raw", "histogram")


@dataclass(frozen=True)
class Parameters:
    """What is done with a problem.

    Attributes:
        num_reads: samples to draw.
        annealing_time: µs; None is the chip's default.
        auto_scale: stretch or shrink the coefficients until they fill the chip's ranges.
        answer_mode: "raw" gives reads in order, "histogram" distinct ones with their number, lowest energy first.
        max_answers: of them so many; None is all.
    """

    num_reads: int = 1
    annealing_time: float | None = None
    auto_scale: bool = True
    answer_mode: str = "histogram"
    max_answers: int | None = None


_TAKEN = frozenset(Parameters.__dataclass_fields__)


def read_parameters(given: Any, chip: Chip) -> Parameters:
    """The parameters of a job.

    Raises:
        Refusal: one is unknown, out of its range, or nothing that this node can do.
    """
    if not isinstance(given, Mapping):
        raise bad("params must be an object of names and values")
    wanted = {
        name: value
        for name, value in given.items()
        if value is not None and name != "label" and not name.startswith(IGNORED_PREFIX)
    }
    for name in wanted:
        if name not in chip.properties["parameters"]:
            offered = ", ".join(sorted(chip.properties["parameters"]))
            raise bad(f"unknown parameter {name!r}; solver {chip.name} takes {offered}")
        if name not in _TAKEN:
            raise bad(f"parameter {name!r} is not simulated by this node; leave it out")
    try:
        return _checked(wanted, chip)
    except HqmlError as error:
        raise bad(str(error)) from error


def _checked(wanted: dict[str, Any], chip: Chip) -> Parameters:
    checked = Parameters(**wanted)
    least, most = (int(bound) for bound in chip.properties["num_reads_range"])
    if whole_number("num_reads", checked.num_reads, least=least) > most:
        raise bad(f"num_reads must be {least} to {most}, found {checked.num_reads}; split the reads over several jobs")
    if checked.annealing_time is not None:
        finite_number("annealing_time", checked.annealing_time, above=0.0, unit="µs")
    if not isinstance(checked.auto_scale, bool):
        raise bad(f"auto_scale must be true or false, found {checked.auto_scale!r}")
    one_of("answer_mode", checked.answer_mode, ANSWER_MODES)
    if checked.max_answers is not None:
        whole_number("max_answers", checked.max_answers)
    return checked


def check_duration(qubits: int, asked: Parameters, chip: Chip) -> float:
    """Access seconds of a run.

    Raises:
        Refusal: it takes longer than the chip allows, or its annealing time is out of range.
    """
    try:
        seconds = chip.access_seconds(qubits, asked.num_reads, asked.annealing_time)
    except HqmlError as error:
        raise bad(str(error)) from error
    if seconds > chip.longest_run:
        raise Refusal(
            400,
            f"a run of {asked.num_reads} reads on {qubits} qubits takes {seconds:.4g} s, {chip.name} allows"
            f" {chip.longest_run:g} s; ask for fewer reads a job, or a shorter annealing_time",
        )
    return seconds
