"""SAPI's `qp` format: a quadratic problem on a chip's graph as two arrays of numbers, an answer as arrays and bits.

Source: what `dwave.cloud.coders` of dwave-cloud-client 0.14.8 writes and reads.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from hqml.qubo import Floats, States
from hqml_ocean.node.refusals import bad

Integers: TypeAlias = npt.NDArray[np.int32]
Kind: TypeAlias = Literal["ising", "qubo"]


@dataclass(frozen=True)
class Layout:
    """The order in which problems for a chip are written.

    Attributes:
        qubits: (q,), numbers of the working qubits.
        couplers: (c, 2), qubit numbers of the working couplers.
        size: of the whole chip, working or not; qubit numbers are below it.
    """

    qubits: Integers
    couplers: Integers
    size: int

    @classmethod
    def of(cls, properties: Mapping[str, Any]) -> Layout:
        qubits = np.array(properties["qubits"], dtype=np.int32)
        couplers = np.array(properties["couplers"], dtype=np.int32).reshape(-1, 2)
        return cls(qubits, couplers, int(properties["num_qubits"]))


@dataclass(frozen=True)
class Problem:
    """A quadratic problem on some qubits of a chip.

    Attributes:
        kind: "ising" of spins -1 and +1, or "qubo" of bits.
        qubits: (k,), numbers of those in use, ascending.
        linear: (k,), coefficients.
        pairs: (c, 2), places in `qubits` of the ends of couplers in use.
        quadratic: (c,), coefficients, none is zero.
    """

    kind: Kind
    qubits: Integers
    linear: Floats
    pairs: Integers
    quadratic: Floats

    def energies(self, states: States) -> Floats:
        """Energies of states (reads, k), in the values of `kind`, without a constant."""
        x = states.astype(np.float64)
        first, second = self.pairs.T
        return np.asarray(x @ self.linear + (x[:, first] * x[:, second]) @ self.quadratic)

    def spins(self) -> Problem:
        """The same problem of spins, but for a constant: x = (1 + s) / 2."""
        if self.kind == "ising":
            return self
        first, second = self.pairs.T
        linear = self.linear / 2
        np.add.at(linear, first, self.quadratic / 4)
        np.add.at(linear, second, self.quadratic / 4)
        return Problem("ising", self.qubits, linear, self.pairs, self.quadratic / 4)


def decode_problem(kind: Kind, data: Any, layout: Layout) -> Problem:
    """Read a problem.

    Args:
        kind: of its variables.
        data: SAPI's object: `lin` has a number for each working qubit, NaN for those out of use; `quad` one for each
            working coupler with both ends in use.
        layout: of the chip.

    Raises:
        Refusal: it cannot be read, or its size is not that of the chip.
    """
    if not isinstance(data, dict) or data.get("format") != "qp":
        raise bad("the data of a problem for a QPU must be in format 'qp'")
    linear = _numbers(data, "lin")
    if linear.size != layout.qubits.size:
        raise bad(f"lin must hold {layout.qubits.size} numbers, one a working qubit of this chip, found {linear.size}")
    active = ~np.isnan(linear)
    if not active.any():
        raise bad("the problem uses no qubit; give at least one of them a coefficient")
    place = np.full(layout.size, -1, dtype=np.int32)
    place[np.sort(layout.qubits[active])] = np.arange(np.count_nonzero(active))
    pairs = place[layout.couplers]
    pairs = pairs[(pairs >= 0).all(axis=1)]
    quadratic = _numbers(data, "quad")
    if quadratic.size != len(pairs):
        raise bad(f"quad must hold {len(pairs)} numbers, one a coupler between qubits in use, found {quadratic.size}")
    if not (np.isfinite(linear[active]).all() and np.isfinite(quadratic).all()):
        raise bad("every coefficient in use must be finite")
    order = np.argsort(layout.qubits[active], kind="stable")
    used = quadratic != 0
    return Problem(kind, layout.qubits[active][order], linear[active][order], pairs[used], quadratic[used])


def encode_answer(
    problem: Problem,
    states: States,
    occurrences: npt.NDArray[np.int64],
    layout: Layout,
    timing: Mapping[str, float],
) -> dict[str, Any]:
    """Write samples as SAPI does.

    Args:
        problem: what was asked; energies are recomputed from it.
        states: (samples, k), in the values of its kind.
        occurrences: (samples,), how often each was read.
        layout: of the chip.
        timing: µs.
    """
    bits = (states > 0).astype(np.uint8)
    return {
        "format": "qp",
        "num_variables": layout.size,
        "active_variables": _text(problem.qubits.astype("<i4")),
        "energies": _text(problem.energies(states).astype("<f8")),
        "solutions": _text(np.packbits(bits, axis=1)),
        "num_occurrences": _text(occurrences.astype("<i4")),
        "timing": dict(timing),
    }


def active_qubits(data: Any) -> int:
    """Number of qubits that a problem uses, as far as it can be told without the chip; 0 where it is malformed."""
    try:
        return int(np.count_nonzero(~np.isnan(np.frombuffer(base64.b64decode(data["lin"]), dtype="<f8"))))
    except (TypeError, KeyError, ValueError):
        return 0


def _numbers(data: dict[str, Any], name: str) -> Floats:
    text = data.get(name)
    if not isinstance(text, str):
        raise bad(f"{name} must be text: numbers of 8 bytes, in base64")
    try:
        return np.frombuffer(base64.b64decode(text, validate=True), dtype="<f8").astype(np.float64)
    except (binascii.Error, ValueError) as error:
        raise bad(f"{name} cannot be read as numbers of 8 bytes in base64: {error}") from error


def _text(array: npt.NDArray[Any]) -> str:
    return base64.b64encode(array.tobytes()).decode("ascii")
