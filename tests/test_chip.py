"""Chips: graphs, limits and times against D-Wave's own; programs and what refuses them; the stand-in's samples."""

from __future__ import annotations

import itertools
import json
import math
import pickle
import subprocess
import sys
from dataclasses import replace
from typing import Any

import dimod
import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("dwave.system", reason="Ocean's client is not installed: pip install 'hqml[dwave]'")

from dwave.cloud.solver import StructuredSolver
from dwave.cloud.testing.mocks import qpu_problem_timing_data
from dwave.samplers import SimulatedAnnealingSampler
from dwave.system.coupling_groups import coupling_groups
from dwave.system.testing import MockDWaveSampler

from hqml import load_backend
from hqml.errors import ParameterError, UnsupportedModel
from hqml.qubo import as_qubo
from hqml_ocean.chip import made_chip
from hqml_ocean.chip.chip import Chip
from hqml_ocean.chip.program import Program, auto_scale, check
from hqml_ocean.chip.simulation import Noise, run, sweeps, to_qubo
from hqml_ocean.chip.topologies import TOPOLOGIES

CALM = Noise(h=0.0, J=0.0)
REAL = {name: made_chip(name) for name in TOPOLOGIES}
SMALL = {"chimera": (4,), "pegasus": (4,), "zephyr": (3,), "zephyr15": (3,)}


def solver_of(chip: Chip) -> StructuredSolver:
    """Ocean's own view of a chip, from what SAPI would say of it."""
    identity = {"name": chip.name, "version": {"graph_id": chip.graph_id}}
    said = {"identity": identity, "status": "ONLINE", "properties": chip.properties, "avg_load": 0.0}
    return StructuredSolver(client=None, data=json.loads(json.dumps(said)))


def small(topology: str = "pegasus", **options: Any) -> Chip:
    return made_chip(topology, shape=SMALL[topology], **options)


def program(h: dict[int, float], J: dict[tuple[int, int], float]) -> Program:
    """Every qubit of a pair is in use, biased or not."""
    qubits = np.array(sorted({*h, *itertools.chain(*J)}), dtype=np.int32)
    biases = np.array([h.get(qubit, 0.0) for qubit in qubits.tolist()])
    pairs = np.array(list(J), dtype=np.int32).reshape(-1, 2)
    return Program(qubits, biases, pairs, np.array(list(J.values()), dtype=float))


def couplers_of(chip: Chip, qubit: int) -> list[tuple[int, int]]:
    return [(min(pair), max(pair)) for pair in chip.graph.edges(qubit)]


def busiest(chip: Chip) -> int:
    return int(max(chip.graph.nodes, key=chip.graph.degree))


def patch(chip: Chip, count: int, seed: int) -> Program:
    """A random program on `count` connected qubits."""
    rng = np.random.default_rng(seed)
    found = [int(chip.qubits[len(chip.qubits) // 2])]
    while len(found) < count:
        border = {other for qubit in found for other in chip.graph[qubit]} - {*found}
        found.append(min(border))
    pairs = chip.graph.subgraph(found).edges
    return program({q: rng.uniform(-1, 1) for q in found}, {pair: rng.uniform(-1, 1) for pair in pairs})


def matching(chip: Chip) -> list[tuple[int, int]]:
    """Couplers that share no qubit."""
    used: set[int] = set()
    pairs = []
    for a, b in chip.graph.edges:
        if a not in used and b not in used:
            used |= {a, b}
            pairs.append((a, b))
    return pairs


def energies(states: npt.NDArray[np.int8], model: Program) -> npt.NDArray[np.float64]:
    """By the definition, one term after the other."""
    column = {qubit: states[:, place].astype(float) for place, qubit in enumerate(model.qubits.tolist())}
    total = np.zeros(len(states))
    for qubit, bias in zip(model.qubits.tolist(), model.h, strict=True):
        total += bias * column[qubit]
    for (a, b), coupling in zip(model.pairs.tolist(), model.J, strict=True):
        total += coupling * column[a] * column[b]
    return total


# --- graphs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("topology", "fabricated", "qubits", "couplers"),
    [
        ("chimera", 2048, 2048, 6016),
        ("pegasus", 5760, 5640, 40484),
        ("zephyr", 4800, 4800, 45864),
        ("zephyr15", 7440, 7440, 71736),
    ],
)
def test_a_perfect_chip_has_the_published_numbers_of_qubits_and_couplers(
    topology: str, fabricated: int, qubits: int, couplers: int
) -> None:
    chip = made_chip(topology, qubit_yield=1.0)
    assert chip.properties["num_qubits"] == fabricated
    assert (len(chip.graph), chip.graph.number_of_edges()) == (qubits, couplers)


@pytest.mark.parametrize("topology", list(TOPOLOGIES))
def test_the_yield_is_the_share_of_working_qubits_and_takes_their_couplers_along(topology: str) -> None:
    perfect, chip = small(topology, qubit_yield=1.0), small(topology, qubit_yield=0.9, seed=3)
    assert len(chip.qubits) == round(0.9 * len(perfect.qubits))
    working = perfect.graph.subgraph(chip.qubits.tolist())
    assert {frozenset(pair) for pair in chip.graph.edges} == {frozenset(pair) for pair in working.edges}


def test_a_chip_is_the_same_for_the_same_arguments_and_another_for_another_seed() -> None:
    assert small(seed=1) == small(seed=1)
    assert hash(small(seed=1)) == hash(small(seed=1))
    assert small(seed=1).graph_id == small(seed=1).graph_id != small(seed=2).graph_id
    assert small(qubit_yield=1.0, seed=1) == small(qubit_yield=1.0, seed=2)


@pytest.mark.parametrize("topology", list(TOPOLOGIES))
def test_qubits_and_couplers_are_listed_as_sapi_lists_them(topology: str) -> None:
    properties = REAL[topology].properties
    assert properties["qubits"] == sorted(properties["qubits"])
    assert properties["couplers"] == sorted(properties["couplers"])
    assert all(a < b for a, b in properties["couplers"])
    assert {*itertools.chain(*properties["couplers"])} <= {*properties["qubits"]}


@pytest.mark.parametrize("topology", list(TOPOLOGIES))
def test_ocean_takes_a_made_chip_for_a_qpu(topology: str) -> None:
    chip = REAL[topology]
    solver = solver_of(chip)
    assert solver.qpu
    assert solver.online
    assert (solver.name, solver.graph_id) == (chip.name, chip.graph_id)
    assert (solver.num_active_qubits, solver.num_qubits) == (len(chip.qubits), chip.properties["num_qubits"])
    assert solver.nodes == {*chip.properties["qubits"]}
    assert solver.edges == {(a, b) for pair in chip.properties["couplers"] for a, b in (pair, pair[::-1])}
    assert {"num_reads", "answer_mode", "annealing_time", "auto_scale", "label"} <= {*solver.parameters}
    assert solver.max_num_reads() == 10000
    assert chip.graph.graph["family"] == chip.topology == chip.properties["topology"]["type"]


@pytest.mark.parametrize(("topology", "shape"), [("chimera", (2, 3, 2)), ("pegasus", (2,)), ("zephyr", (1, 4))])
def test_small_chips_of_any_family_can_be_made(topology: str, shape: tuple[int, ...]) -> None:
    chip = made_chip(topology, shape=shape, qubit_yield=1.0)
    assert chip.properties["topology"]["shape"] == list(shape)
    assert len(chip.graph) == {"chimera": 24, "pegasus": 40, "zephyr": 48}[topology]


def test_a_short_shape_is_filled_up() -> None:
    assert made_chip("chimera", shape=(3,)).properties["topology"]["shape"] == [3, 3, 4]
    assert made_chip("chimera", shape=(3, 2)).properties["topology"]["shape"] == [3, 2, 4]
    assert made_chip("zephyr", shape=(2,)).properties["topology"]["shape"] == [2, 4]


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({"topology": "kagome"}, "topology must be one of 'chimera', 'pegasus'"),
        ({"topology": "pegasus", "shape": (1,)}, "at least 2, found 1"),
        ({"topology": "pegasus", "shape": (4, 4)}, r"like \(16,\), found \(4, 4\)"),
        ({"topology": "zephyr", "shape": (2, 2)}, r"like \(12, 4\), found \(2, 2\)"),
        ({"topology": "chimera", "shape": (2.5,)}, "found 2.5"),
        ({"qubit_yield": 0.0}, "qubit_yield"),
        ({"qubit_yield": 1.1}, "at most 1, found 1.1"),
        ({"qubit_yield": math.nan}, "qubit_yield"),
        ({"seed": -1}, "seed"),
    ],
)
def test_a_chip_that_cannot_be_made_says_why(arguments: dict[str, Any], what: str) -> None:
    with pytest.raises(ParameterError, match=what):
        made_chip(**arguments)


# --- figures and times ----------------------------------------------------------------------------------------------


def test_the_figures_are_those_that_ocean_ships() -> None:
    assert REAL["pegasus"].properties["problem_timing_data"] == qpu_problem_timing_data("advantage")
    assert REAL["chimera"].properties["problem_timing_data"] == qpu_problem_timing_data("2000q")
    advantage = MockDWaveSampler(topology_type="pegasus", topology_shape=[2]).properties
    same = ("h_range", "j_range", "extended_j_range", "per_qubit_coupling_range", "annealing_time_range")
    assert {name: advantage[name] for name in same} == {name: REAL["pegasus"].properties[name] for name in same}


@pytest.mark.parametrize("topology", list(TOPOLOGIES))
@pytest.mark.parametrize("annealing_time", [None, 1.0, 20.0, 333.3, 2000.0])
def test_the_access_time_is_that_of_oceans_estimator_and_its_parts_add_up(
    topology: str, annealing_time: float | None
) -> None:
    chip, solver = REAL[topology], solver_of(REAL[topology])
    for qubits, reads in itertools.product((1, 17, 192, 706, len(chip.qubits)), (1, 100, 5000)):
        estimate = solver.estimate_qpu_access_time(qubits, num_reads=reads, annealing_time=annealing_time)
        timing = chip.timing(qubits, reads, annealing_time)
        assert timing["qpu_access_time"] == estimate
        assert chip.access_seconds(qubits, reads, annealing_time) == pytest.approx(estimate * 1e-6)
        each = sum(timing[f"qpu_{part}_time_per_sample"] for part in ("anneal", "readout", "delay"))
        assert timing["qpu_programming_time"] + reads * each == pytest.approx(estimate, rel=1e-9)
        assert timing["qpu_sampling_time"] == pytest.approx(reads * each, rel=1e-9)
        assert timing["qpu_anneal_time_per_sample"] == (annealing_time or 20.0)


@pytest.mark.parametrize(("qubits", "reads", "milliseconds"), [(192, 100, 36.6), (706, 1000, 277), (706, 5000, 1323)])
def test_an_advantage_takes_the_times_that_were_measured_of_the_estimator(
    qubits: int, reads: int, milliseconds: float
) -> None:
    assert REAL["pegasus"].access_seconds(qubits, reads) == pytest.approx(milliseconds / 1000, rel=2e-3)


@pytest.mark.parametrize(
    ("topology", "programming", "readout", "delay"),
    [("pegasus", 14100, (17, 235), 20.5), ("zephyr", 33600, (17, 101), 60.6)],
)
def test_times_agree_with_dwaves_table_of_the_chip(
    topology: str, programming: float, readout: tuple[float, float], delay: float
) -> None:
    """Advantage_system4.1 and Advantage2_system1.10; without the 1 ms of thermalisation after programming."""
    chip = REAL[topology]
    few, all_of_them = chip.timing(1, 1), chip.timing(len(chip.qubits), 1)
    assert few["qpu_programming_time"] - 1000 == pytest.approx(programming, rel=0.01)
    assert few["qpu_delay_time_per_sample"] == pytest.approx(delay, rel=0.01)
    for timing in (few, all_of_them):
        assert readout[0] <= timing["qpu_readout_time_per_sample"] <= 1.01 * readout[1]


@pytest.mark.parametrize("topology", list(TOPOLOGIES))
@pytest.mark.parametrize("annealing_time", [None, 1.0, 2000.0])
def test_a_run_has_as_many_reads_as_fit(topology: str, annealing_time: float | None) -> None:
    chip = REAL[topology]
    for qubits in (1, 706, len(chip.qubits)):
        reads = chip.reads_per_run(qubits, annealing_time)
        assert 1 <= reads <= 10000
        assert chip.access_seconds(qubits, reads, annealing_time) <= chip.longest_run == 1.0
        assert reads == 10000 or chip.access_seconds(qubits, reads + 1, annealing_time) > 1.0


def test_the_largest_number_of_reads_bounds_a_run_too() -> None:
    chip = replace(REAL["pegasus"], properties={**REAL["pegasus"].properties, "num_reads_range": [1, 50]})
    assert chip.reads_per_run(192) == 50


def test_a_run_whose_limit_is_met_to_the_microsecond_still_fits() -> None:
    chip = REAL["pegasus"]
    for reads in range(1, 200):
        limit = chip.timing(192, reads)["qpu_access_time"]
        tight = replace(chip, properties={**chip.properties, "problem_run_duration_range": [0.0, limit]})
        assert tight.reads_per_run(192) == reads


@pytest.mark.parametrize("limit", [15_100.0, 0.0])
def test_a_read_that_does_not_fit_at_all_is_refused(limit: float) -> None:
    chip = replace(
        REAL["pegasus"], properties={**REAL["pegasus"].properties, "problem_run_duration_range": [0.0, limit]}
    )
    with pytest.raises(ParameterError, match=rf"1 read\(s\) of 192 qubits take 0.0153 s.* after {limit * 1e-6:g} s"):
        chip.reads_per_run(192)


@pytest.mark.parametrize("annealing_time", [0, -1.0, 0.1, 2000.5, math.nan, math.inf, "20"])
def test_an_annealing_time_out_of_range_is_refused(annealing_time: Any) -> None:
    with pytest.raises(ParameterError, match="annealing_time must be"):
        REAL["pegasus"].timing(10, 10, annealing_time)


@pytest.mark.parametrize(("qubits", "reads"), [(0, 1), (1.5, 1), (1, -1)])
def test_a_run_of_no_qubits_or_of_less_than_no_reads_is_refused(qubits: Any, reads: Any) -> None:
    with pytest.raises(ParameterError, match=r"qubits|reads"):
        REAL["pegasus"].timing(qubits, reads)


@pytest.mark.parametrize("timing", [None, {"version": "2.0.0"}])
def test_a_chip_that_publishes_no_timing_that_is_known_says_so(timing: Any) -> None:
    properties = {name: value for name, value in REAL["pegasus"].properties.items() if name != "problem_timing_data"}
    if timing is not None:
        properties["problem_timing_data"] = {**REAL["pegasus"].properties["problem_timing_data"], **timing}
    with pytest.raises(UnsupportedModel, match="what a run takes on chip hqml_pegasus_16 is not known"):
        replace(REAL["pegasus"], properties=properties).timing(10, 10)


def test_a_chip_without_an_extended_range_has_the_plain_one() -> None:
    plain = {name: value for name, value in REAL["pegasus"].properties.items() if name != "extended_j_range"}
    assert REAL["pegasus"].coupling_range == (-2.0, 1.0)
    assert replace(REAL["pegasus"], properties=plain).coupling_range == (-1.0, 1.0)


def test_a_chip_can_be_pickled_after_use() -> None:
    chip = small()
    check(patch(chip, 5, 0), chip)
    chip.timing(10, 10)
    again = pickle.loads(pickle.dumps(chip))
    assert again == chip
    assert again.timing(10, 10) == chip.timing(10, 10)


# --- programs -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("topology", list(TOPOLOGIES))
def test_a_program_at_the_ends_of_all_ranges_is_taken(topology: str) -> None:
    chip = small(topology)
    low, high = chip.linear_range
    a, b = next(iter(chip.graph.edges))
    check(program({a: low, b: high}, {(a, b): 1.0}), chip)
    check(program({a: high * (1 + 1e-12), b: low}, {(b, a): -2.0 * (1 + 1e-12)}), chip)
    check(program({a: 1.0}, {}), chip)


@pytest.mark.parametrize("value", [4.001, -4.001, math.nan, math.inf, -math.inf])
def test_a_bias_out_of_range_is_refused(value: float) -> None:
    chip = small()
    a, b = (int(qubit) for qubit in chip.qubits[:2])
    with pytest.raises(UnsupportedModel, match=rf"h of qubit {b} is {value:g}, out of \[-4, 4\]"):
        check(program({a: 0.0, b: value}, {}), chip)


@pytest.mark.parametrize("value", [1.001, -2.001, math.nan, math.inf, -math.inf])
def test_a_coupling_out_of_range_is_refused(value: float) -> None:
    chip = small()
    a, b = next(iter(chip.graph.edges))
    with pytest.raises(UnsupportedModel, match=rf"J of qubits {a} and {b} is {value:g}, out of \[-2, 1\]"):
        check(program({}, {(a, b): value}), chip)


def test_a_qubit_that_does_not_work_is_refused() -> None:
    chip, perfect = small(qubit_yield=0.9), small(qubit_yield=1.0)
    broken = min({*perfect.qubits.tolist()} - {*chip.qubits.tolist()})
    check(program({broken: 1.0}, {}), perfect)
    for qubit in (broken, 10**6, -1):
        with pytest.raises(UnsupportedModel, match=f"qubit {qubit} does not work or does not exist"):
            check(program({qubit: 1.0}, {}), chip)


def test_a_coupler_that_is_not_there_is_refused() -> None:
    chip = small()
    a = int(chip.qubits[0])
    far = max({*chip.qubits.tolist()} - {*chip.graph[a]})
    with pytest.raises(UnsupportedModel, match=f"no coupler joins qubits {a} and {far}"):
        check(program({}, {(a, far): 1.0}), chip)


def test_a_malformed_program_is_refused() -> None:
    chip = small()
    a, b = next(iter(chip.graph.edges))
    good = program({}, {(a, b): 1.0})
    for change, what in (
        ({"qubits": good.qubits[::-1]}, "ascending"),
        ({"qubits": good.qubits[[0, 0]]}, "ascending"),
        ({"qubits": good.qubits[:1], "h": good.h[:1]}, "in use, but not both qubits are"),
        ({"qubits": good.qubits[:0], "h": good.h[:0]}, "at least one"),
        ({"h": good.h[:1]}, r"h must have shape \(2,\)"),
        ({"J": good.J[:0]}, r"J must have shape \(1,\)"),
        ({"pairs": good.pairs[0]}, r"pairs must have shape \(c, 2\)"),
        ({"pairs": np.array([[a, b], [b, a]], dtype=np.int32), "J": np.ones(2)}, "given twice"),
    ):
        with pytest.raises(UnsupportedModel, match=what):
            check(replace(good, **change), chip)


@pytest.mark.parametrize(("topology", "fit"), [("chimera", 4), ("pegasus", 9)])
def test_the_couplings_of_one_qubit_together_are_bounded(topology: str, fit: int) -> None:
    """2000Q: -9 to 6, Advantage: -18 to 15, and a coupling goes down to -2."""
    chip = small(topology, qubit_yield=1.0)
    qubit = busiest(chip)
    couplers = couplers_of(chip, qubit)
    check(program({}, dict.fromkeys(couplers[:fit], -2.0)), chip)
    with pytest.raises(UnsupportedModel, match=f"the J of qubit {qubit} add up to -{2 * fit + 2}, out of"):
        check(program({}, dict.fromkeys(couplers[: fit + 1], -2.0)), chip)
    check(program({}, dict.fromkeys(couplers, 1.0)), chip)


def test_on_advantage2_the_couplings_of_either_group_are_bounded_and_not_of_both_together() -> None:
    """-13 to 10 a group; the groups are those that Ocean lists."""
    chip = small("zephyr", qubit_yield=1.0)
    groups = list(coupling_groups(chip.graph))
    qubits = list(chip.graph.nodes)
    first, second, qubit = max(
        zip(groups[::2], groups[1::2], qubits, strict=True), key=lambda both: len(both[0] + both[1])
    )
    assert all(qubit in pair for pair in first + second)
    check(program({}, dict.fromkeys(first[:6] + second[:6], -2.0)), chip)
    for group in (first, second):
        with pytest.raises(UnsupportedModel, match=rf"the J of qubit {qubit} add up to -14, out of \[-13, 10\]"):
            check(program({}, dict.fromkeys(group[:7], -2.0)), chip)


def test_the_first_fault_is_named() -> None:
    chip = small()
    bad = {int(qubit): 5.0 for qubit in chip.qubits[3:6]}
    with pytest.raises(UnsupportedModel, match=f"chip hqml_pegasus_4 cannot be programmed so: h of qubit {min(bad)} "):
        check(program(bad, {}), chip)


def test_auto_scale_is_that_of_dwaves_documentation() -> None:
    """Its example: h = -7.2 and 2.3, J = 1.5 are divided by 7.2 / 4."""
    chip = small()
    a, b = next(iter(chip.graph.edges))
    assert auto_scale(program({a: -7.2, b: 2.3}, {(a, b): 1.5}), chip) == pytest.approx(1.8)
    assert auto_scale(program({}, {(a, b): -1.0}), chip) == pytest.approx(0.5)
    assert auto_scale(program({}, {(a, b): 0.25}), chip) == pytest.approx(0.25)
    assert auto_scale(program({a: 0.0}, {}), chip) == 1.0


@pytest.mark.parametrize("topology", list(TOPOLOGIES))
def test_a_program_divided_by_its_auto_scale_fits_and_touches_a_limit(topology: str) -> None:
    chip = small(topology, qubit_yield=1.0)
    rng = np.random.default_rng(1)
    couplers = couplers_of(chip, busiest(chip))
    for model in (
        program({}, dict.fromkeys(couplers, -3.0)),  # of which the sum decides
        program({q: rng.normal(0, 9) for q in chip.qubits.tolist()}, {pair: rng.normal() for pair in chip.graph.edges}),
    ):
        scale = auto_scale(model, chip)
        check(replace(model, h=model.h / scale, J=model.J / scale), chip)
        with pytest.raises(UnsupportedModel):
            check(replace(model, h=1.001 * model.h / scale, J=1.001 * model.J / scale), chip)


# --- the stand-in ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("topology", list(TOPOLOGIES))
def test_the_qubo_of_a_program_has_its_energies(topology: str) -> None:
    model = patch(small(topology), 9, seed=5)
    spins = np.array(list(itertools.product((-1, 1), repeat=9)), dtype=np.int8)
    assert to_qubo(model).energies((spins + 1) // 2) == pytest.approx(energies(spins, model), abs=1e-12)


@pytest.mark.parametrize("topology", list(TOPOLOGIES))
@pytest.mark.parametrize("seed", range(3))
def test_without_noise_the_ground_state_of_a_small_program_is_found(topology: str, seed: int) -> None:
    chip = small(topology)
    model = patch(chip, 16, seed)
    found = energies(run(model, chip, 20, seed=seed, noise=CALM), model)
    pairs = {tuple(pair): J for pair, J in zip(model.pairs.tolist(), model.J.tolist(), strict=True)}
    ising = dimod.BinaryQuadraticModel.from_ising(dict(zip(model.qubits.tolist(), model.h, strict=True)), pairs)
    [proven] = load_backend("exact").sample([as_qubo(ising.change_vartype("BINARY", inplace=False))], reads=1)
    assert proven.info["complete"]
    assert found.min() == pytest.approx(proven.first.energy)


@pytest.mark.parametrize("sigmas", [0.5, 1.0, 2.0])
def test_the_noise_on_h_has_the_stated_size(sigmas: float) -> None:
    """A lone qubit points against its h; it is wrong where the error is larger, which a normal error is so often."""
    chip, noise = REAL["pegasus"], Noise(h=0.05, J=0.0)
    model = program(dict.fromkeys(chip.qubits.tolist(), sigmas * noise.h), {})
    wrong = run(model, chip, 1, seed=1, annealing_time=0.5, noise=noise)[0] > 0
    expected = 0.5 * math.erfc(sigmas / math.sqrt(2))
    assert wrong.mean() == pytest.approx(expected, abs=4 * math.sqrt(expected / wrong.size))


@pytest.mark.parametrize("sigmas", [0.5, 1.0, 2.0])
def test_the_noise_on_j_has_the_stated_size(sigmas: float) -> None:
    chip, noise = REAL["pegasus"], Noise(h=0.0, J=0.05)
    pairs = matching(chip)
    model = program({}, dict.fromkeys(pairs, sigmas * noise.J))
    states = run(model, chip, 1, seed=2, annealing_time=0.5, noise=noise)[0]
    ends = np.searchsorted(model.qubits, model.pairs)
    wrong = states[ends[:, 0]] == states[ends[:, 1]]
    expected = 0.5 * math.erfc(sigmas / math.sqrt(2))
    assert wrong.mean() == pytest.approx(expected, abs=4 * math.sqrt(expected / wrong.size))


def test_the_default_noise_lies_within_what_dwave_measured() -> None:
    """Standard deviations of δh and δJ on a D-Wave 2X, late and early in the anneal."""
    assert 0.010 <= Noise().h <= 0.025
    assert 0.0095 <= Noise().J <= 0.0145


def test_noise_is_drawn_once_a_programming_and_anew_for_the_next() -> None:
    chip = small()
    model = program(dict.fromkeys(chip.qubits.tolist(), 0.0), {})
    first, second = (run(model, chip, 30, seed=seed) for seed in (1, 2))
    assert (first == first[0]).all()
    agreement = (first[0] == second[0]).mean()
    assert agreement == pytest.approx(0.5, abs=4 * 0.5 / math.sqrt(len(chip.qubits)))


@pytest.mark.parametrize(("h", "J"), [(-0.1, 0.0), (0.0, math.nan), (math.inf, 0.0)])
def test_a_noise_that_is_none_is_refused(h: float, J: float) -> None:
    with pytest.raises(ParameterError, match="noise of"):
        Noise(h=h, J=J)


def test_a_qubit_that_nothing_pulls_at_points_either_way() -> None:
    chip = small()
    states = run(program({int(chip.qubits[0]): 0.0}, {}), chip, 400, seed=3, noise=CALM)
    assert abs(states.mean()) < 4 / math.sqrt(400)


def test_the_whole_advantage_is_annealed_as_well_as_by_oceans_own_annealer() -> None:
    """As many sweeps of `dwave.samplers` reach the same mean energy but for 1 %."""
    chip = REAL["pegasus"]
    signs = np.random.default_rng(0).choice([-1.0, 1.0], chip.graph.number_of_edges())
    couplings = dict(zip(chip.graph.edges, signs.tolist(), strict=True))
    model = program({}, couplings)
    states = run(model, chip, 100, seed=1)
    assert (states.shape, states.dtype) == ((100, 5584), np.int8)
    assert ((states == -1) | (states == 1)).all()
    reference = SimulatedAnnealingSampler().sample_ising({}, couplings, num_reads=5, num_sweeps=sweeps(20.0), seed=1)
    assert energies(states, model).mean() == pytest.approx(reference.record.energy.mean(), rel=0.01)


def test_the_same_seed_gives_the_same_states_and_another_seed_others() -> None:
    chip = small()
    model = patch(chip, 60, 0)
    first, again, other = (run(model, chip, 10, seed=seed) for seed in (7, 7, 8))
    assert (first == again).all()
    assert (first != other).any()
    assert (run(model, chip, 10) != run(model, chip, 10)).any()


def test_reads_come_in_no_order_of_energy() -> None:
    chip = small()
    model = program({}, dict.fromkeys(chip.graph.edges, 1.0))
    found = energies(run(model, chip, 60, seed=1, annealing_time=0.5), model)
    assert not (np.diff(found) >= 0).all()
    assert abs(np.corrcoef(found, np.arange(60))[0, 1]) < 0.6


def test_longer_anneals_are_more_sweeps_and_better_samples() -> None:
    assert [sweeps(time) for time in (0.5, 20.0, 2000.0)] == [158, 1000, 10000]
    chip = made_chip("pegasus", shape=(6,))
    rng = np.random.default_rng(4)
    model = program({}, {pair: rng.choice([-1.0, 1.0]) for pair in chip.graph.edges})
    short, long = (energies(run(model, chip, 40, annealing_time=t, seed=1), model).mean() for t in (0.5, 200.0))
    assert long < short


def test_a_run_checks_what_it_is_given() -> None:
    chip = small()
    good = patch(chip, 3, 0)
    with pytest.raises(UnsupportedModel, match="does not work"):
        run(program({10**6: 1.0}, {}), chip, 1)
    with pytest.raises(ParameterError, match="reads"):
        run(good, chip, 0)
    with pytest.raises(ParameterError, match="annealing_time"):
        run(good, chip, 1, annealing_time=0.1)
    with pytest.raises(ParameterError, match="seed"):
        run(good, chip, 1, seed=-1)


def test_the_modules_are_cheap_to_import() -> None:
    code = (
        "import sys, hqml_ocean; before = {*sys.modules};"
        "import hqml_ocean.chip.simulation, hqml_ocean.chip.topologies;"
        "print(*sorted({name.split('.')[0] for name in {*sys.modules} - before}));"
        "heavy = ('dwave.cloud', 'dwave.system', 'dwave.graphs', 'numba');"
        "print([name for name in sys.modules if name.startswith(heavy)])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    new, heavy = done.stdout.splitlines()
    assert {"networkx", "scipy", "torch"}.isdisjoint(new.split())
    assert heavy == "[]"
