"""A model on a chip: every variable a chain of qubits, every number within the chip's ranges; and back again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import dimod
import numpy as np
import numpy.typing as npt

from hqml.errors import ParameterError, UnsupportedModel
from hqml.options import finite_number, one_of, whole_number
from hqml.qubo import Floats, Qubo, States
from hqml_ocean.local import written_out

if TYPE_CHECKING:
    from hqml_ocean.chip.chip import Chip
    from hqml_ocean.chip.embedding import Embedding

Repair: TypeAlias = Literal["majority", "minimize-energy"]

REPAIR: Repair = "minimize-energy"
"""The QUBO of an SVM couples all variables in one direction (its balance), which breaks more chains than the random
signs that the chain strength is meant for: half of them, on Landsat in slices of 40. Votes then lose .02 of AUROC,
which this gets back (docs/quantum.md)."""

PREFACTOR = 1.414
"""Of the chain strength by uniform torque compensation: the default of dwave-system."""


@dataclass(frozen=True)
class Annealing:
    """How models are put on a chip and annealed.

    Attributes:
        annealing_time: microseconds; None is the chip's default.
        chain_strength: in units of the model's energy written with spins; None is uniform torque compensation.
        chain_strength_prefactor: of that compensation.
        chain_break_method: what a chain whose qubits disagree says: chain by chain what lowers the energy, those first
            where it lowers it most; or what most of them say.
        spin_reversal_transforms: how many gauges the reads of a model are spread over; 0 leaves the model as it is.
        side_by_side: whether models share a submission, as many as fit on the chip.
    """

    annealing_time: float | None = None
    chain_strength: float | None = None
    chain_strength_prefactor: float = PREFACTOR
    chain_break_method: Repair = REPAIR
    spin_reversal_transforms: int = 1
    side_by_side: bool = True

    @classmethod
    def among(cls, options: Mapping[str, Any]) -> Annealing:
        """Those of a backend's options that are of this kind."""
        return cls(**{field.name: options[field.name] for field in fields(cls) if field.name in options})

    def __post_init__(self) -> None:
        for name, unit in (("annealing_time", "microseconds"), ("chain_strength", "the model's energy")):
            if getattr(self, name) is not None:
                finite_number(name, getattr(self, name), above=0, unit=unit)
        finite_number("chain_strength_prefactor", self.chain_strength_prefactor, above=0)
        one_of("chain_break_method", self.chain_break_method, get_args(Repair))
        whole_number("spin_reversal_transforms", self.spin_reversal_transforms, least=0)
        if not isinstance(self.side_by_side, bool):
            raise ParameterError(f"side_by_side must be true or false, found {self.side_by_side!r}")


@dataclass(frozen=True)
class Embedded:
    """A model on its qubits.

    Attributes:
        embedding: the chain of each variable.
        qubits: (k,), of all chains, one after the other.
        owner: (k,), the variable of each qubit.
        h: (k,), in units of the chip.
        pairs: (c, 2), places in `qubits`.
        J: (c,), in units of the chip.
        scale: what the model's energies were multiplied with.
        chain_strength: in units of the model's energy written with spins.
        model: as it was given, for the repair of chains.
    """

    embedding: Embedding
    qubits: npt.NDArray[np.int32]
    owner: npt.NDArray[np.int32]
    h: Floats
    pairs: npt.NDArray[np.int32]
    J: Floats
    scale: float
    chain_strength: float
    model: Qubo


def embedded(qubo: Qubo, embedding: Embedding, chip: Chip, annealing: Annealing) -> Embedded:
    """Put a model on the chains of its variables.

    Args:
        qubo: of n variables.
        embedding: n chains or more, of which the first n are used.
        chip: gives couplers and ranges.
        annealing: gives the chain strength.

    Raises:
        UnsupportedModel: its energies may overflow, or two of its variables have no coupler.
    """
    from dwave.embedding import EmbeddedStructure
    from dwave.embedding.chain_strength import uniform_torque_compensation
    from dwave.embedding.exceptions import MissingEdgeError

    embedding = embedding[: qubo.num_variables]
    spins = written_out(qubo)
    spins.relabel_variables(dict(zip(qubo.labels, range(qubo.num_variables), strict=True)), inplace=True)
    spins = spins.change_vartype(dimod.SPIN, inplace=False)
    strength = annealing.chain_strength or uniform_torque_compensation(
        spins, prefactor=annealing.chain_strength_prefactor
    )
    edges = chip.graph.subgraph([qubit for chain in embedding for qubit in chain]).edges
    try:
        structure = EmbeddedStructure(edges, dict(enumerate(embedding)))
        on_chip = structure.embed_bqm(spins, chain_strength=strength)
    except MissingEdgeError as error:
        raise UnsupportedModel(f"the embedding lacks a coupler that the model needs: {error}") from None
    qubits = np.array([qubit for chain in embedding for qubit in chain], dtype=np.int32)
    owner = np.repeat(np.arange(len(embedding), dtype=np.int32), [len(chain) for chain in embedding])
    linear, (row, column, J), _ = on_chip.to_numpy_vectors(variable_order=qubits.tolist())
    scale = _scale(chip, qubits, owner, np.asarray(linear), np.stack([row, column], axis=1), np.asarray(J))
    return Embedded(
        embedding=embedding,
        qubits=qubits,
        owner=owner,
        h=np.asarray(linear) * scale,
        pairs=np.stack([row, column], axis=1).astype(np.int32),
        J=np.asarray(J) * scale,
        scale=scale,
        chain_strength=float(strength),
        model=qubo,
    )


def _scale(chip: Chip, qubits: Any, owner: Any, h: Floats, pairs: Any, J: Floats) -> float:
    """The largest factor that keeps every number within the chip's ranges, in any gauge of the variables.

    A gauge changes signs of h, and of J between two chains; a coupler in a chain keeps its sign, and may use the
    extended range. The sum of the couplers at a qubit is bounded too, on chips that say so.
    """
    chained = owner[pairs[:, 0]] == owner[pairs[:, 1]]
    limits = [
        (np.abs(h), min(np.abs(chip.linear_range))),
        (np.abs(J[~chained]), min(np.abs(chip.properties["j_range"]))),
        (np.abs(J[chained]), abs(min(chip.coupling_range))),
    ]
    if chip.total_coupling_range is not None:
        couplers = np.zeros(len(chip.coupler_codes))
        couplers[np.searchsorted(chip.coupler_codes, chip.codes(qubits[pairs]))] = np.abs(J)
        limits.append((chip.coupling_totals @ couplers, min(np.abs(chip.total_coupling_range))))
    factors = [limit / values.max() for values, limit in limits if values.size and values.max() > 0]
    return float(min(factors, default=1.0))


def repaired(spins: States, model: Embedded, method: Repair) -> tuple[States, Floats]:
    """What the chains say.

    Args:
        spins: (reads, k), -1 and +1, in the order of `model.qubits`.
        model: the model on its qubits.
        method: what a chain says whose qubits disagree.

    Returns:
        states (reads, n) of zeros and ones, and the share of broken chains of each read, (reads,).
    """
    from dwave.embedding import broken_chains, majority_vote

    ends = np.cumsum([len(chain) for chain in model.embedding])
    chains = [range(end - len(chain), end) for end, chain in zip(ends, model.embedding, strict=True)]
    broken = broken_chains(spins, chains)
    found, _ = majority_vote(spins, chains)
    states = ((np.asarray(found) + 1) // 2).astype(np.int8)
    if method == "minimize-energy" and broken.any():
        states = _least_energy(states, broken, model.model)
    return states, broken.mean(axis=1)


def _least_energy(states: States, undecided: npt.NDArray[np.bool_], qubo: Any) -> States:
    """Decide variables one by one, in each state the one with the largest field first, as it lowers the energy.

    The rule is that of `dwave.embedding.MinimizeEnergy`, which decides one state after the other.

    Args:
        states: (reads, n), of which the undecided values do not matter.
        undecided: (reads, n).
        qubo: in dense or sparse form.
    """
    x = np.where(undecided, 0.5, states)
    undecided = undecided.copy()
    field = (qubo.couplings @ x.T).T + qubo.linear
    reads = np.arange(len(x))
    for _ in range(int(undecided.sum(axis=1).max())):
        chosen = np.where(undecided, np.abs(field), -1.0).argmax(axis=1)
        change = np.where(undecided[reads, chosen], np.where(field[reads, chosen] < 0, 0.5, -0.5), 0.0)
        x[reads, chosen] += change
        undecided[reads, chosen] = False
        rows = qubo.couplings[chosen]
        field += change[:, None] * (rows if isinstance(rows, np.ndarray) else rows.toarray())
    return x.astype(np.int8)
