"""The factorisation machine: its energies against its formula written out, its price against enumeration."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hqml
from hqml.errors import ProblemError
from hqml.problems import Problem
from hqml.problems.factorization_machine import FactorizationMachine, OneHot

GRIDS = OneHot((2, 2, 3), ((0, 3), (1, 2), (1, 6), (0, 4)))
"""A first group whose choices rule out some of the others'."""


def all_states(n: int) -> np.ndarray:
    return np.array(list(itertools.product((0, 1), repeat=n)), dtype=np.int8)


def published(x: Any, bias: float, linear: Any, factors: Any, left_out: Any = ()) -> float:
    """Rendle 2010, eq. 1, term by term."""
    total = bias
    for i in range(len(x)):
        total += linear[i] * x[i]
        for j in range(i + 1, len(x)):
            if (i, j) not in left_out:
                total += sum(factors[i, f] * factors[j, f] for f in range(factors.shape[1])) * x[i] * x[j]
    return float(total)


@st.composite
def machines(draw: st.DrawFn, variables: int | None = None) -> dict[str, Any]:
    n = draw(st.integers(1, 7)) if variables is None else variables
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    scale = draw(st.sampled_from([0.01, 1.0, 100.0]))
    rank = draw(st.integers(0, 4))
    return {
        "linear": scale * rng.normal(size=n),
        "factors": np.sqrt(scale) * rng.normal(size=(n, rank)),
        "bias": float(rng.normal()),
    }


@given(machines())
def test_energies_are_those_of_the_published_formula(machine: dict[str, Any]) -> None:
    fm = FactorizationMachine(**machine)
    states = all_states(len(machine["linear"]))
    expected = [published(x.astype(float), machine["bias"], machine["linear"], machine["factors"]) for x in states]
    np.testing.assert_allclose(fm.values(states), expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(fm.to_qubo().energies(states), expected, rtol=1e-9, atol=1e-9)


@given(
    machines(variables=7), st.sampled_from([OneHot((3, 4)), OneHot((1, 2, 4)), OneHot((7,)), GRIDS]), st.floats(0, 9)
)
def test_with_groups_the_price_of_each_violation_is_added(machine: Any, one_hot: OneHot, price: float) -> None:
    price += 0.1
    group = [g for g, size in enumerate(one_hot.sizes) for _ in range(size)]
    inside = {(i, j) for i, j in itertools.combinations(range(7), 2) if group[i] == group[j]}
    qubo = FactorizationMachine(**machine, one_hot=one_hot, price=price).to_qubo()
    for x in all_states(7).astype(float):
        broken = sum(
            (1 + (4 if g == 0 and one_hot.forbidden else 0)) * (sum(x[i] for i in range(7) if group[i] == g) - 1) ** 2
            for g in range(len(one_hot.sizes))
        )
        broken += 2 * sum(x[i] * x[j] for i, j in one_hot.forbidden)
        expected = published(x, machine["bias"], machine["linear"], machine["factors"], inside) + price * broken
        assert qubo.energies(x)[0] == pytest.approx(expected, rel=1e-9, abs=1e-9)
        assert one_hot.holds(x)[0] == (broken == 0)


@given(machines(variables=7), st.sampled_from([OneHot((3, 4)), OneHot((1, 2, 4)), GRIDS]))
def test_every_state_that_no_flip_improves_is_valid(machine: dict[str, Any], one_hot: OneHot) -> None:
    qubo = FactorizationMachine(**machine, one_hot=one_hot).to_qubo()
    states = all_states(7)
    gains = (1 - 2 * states) * qubo.field(states)
    minima = states[(gains >= 0).all(axis=1)]
    assert len(minima)
    assert one_hot.holds(minima).all()


@pytest.mark.parametrize(
    ("linear", "factors", "gain"),
    [
        ([1, -2, 0], [[1], [-3], [2]], 11),  # couplings -3, 2 and -6: 2 + 3 + 6 by the second where both others are 1
        ([-9, 0, 0], [[1], [-3], [2]], 12),  # 9 + 3 by the first where the second alone is 1
        ([1, 0, 1], [[1], [2], [3]], 10),  # couplings 2, 3 and 6: 1 + 3 + 6 by the third where it goes
        ([0.5, 0, 0], [[0], [0], [0]], 0.5),
    ],
)
def test_the_price_is_a_hundredth_above_what_one_variable_can_gain(linear: Any, factors: Any, gain: float) -> None:
    assert FactorizationMachine(linear, factors).sufficient_price() == pytest.approx(1.01 * gain)


def test_where_nothing_can_be_gained_the_price_is_one() -> None:
    assert FactorizationMachine(np.zeros(2), np.zeros((2, 1))).sufficient_price() == 1


def test_lists_and_whole_numbers_become_arrays_of_floats() -> None:
    fm = FactorizationMachine([1, 2], [[3], [4]])  # type: ignore[arg-type]
    assert isinstance(fm.linear, np.ndarray)
    assert isinstance(fm.factors, np.ndarray)
    values = fm.values(np.array([[1, 1], [1, 0]], dtype=object))
    assert (values.tolist(), values.dtype) == ([15, 1], np.float64)


def test_the_lowest_state_is_the_best_valid_one_on_every_backend() -> None:
    rng = np.random.default_rng(0)
    fm = FactorizationMachine(rng.normal(size=9), rng.normal(size=(9, 2)), one_hot=OneHot((3, 3, 3)))
    states = all_states(9)
    valid = states[fm.one_hot.holds(states)]
    assert len(valid) == 27
    best = valid[fm.values(valid).argmin()]
    for backend in ("exact", "cpu", "neal", "tabu"):
        np.testing.assert_array_equal(hqml.solve(fm, backend), best)


def test_it_is_a_problem_whose_answer_is_a_state() -> None:
    fm = FactorizationMachine(np.ones(2), np.ones((2, 1)))
    assert isinstance(fm, Problem)
    state = fm.decode({1: 0, 0: 1})
    assert (state.tolist(), state.dtype) == ([1, 0], np.int8)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"linear": np.ones((2, 2))}, r"linear must be \(n,\)"),
        ({"linear": np.ones(0), "factors": np.ones((0, 1))}, "n at least 1"),
        ({"factors": np.ones(2)}, r"factors \(n, rank\), n at least 1, found \(2,\) and \(2,\)"),
        ({"factors": np.ones((3, 1))}, r"found \(2,\) and \(3, 1\)"),
        ({"linear": [1, np.nan]}, "must be finite"),
        ({"factors": [[np.inf], [0]]}, "must be finite"),
        ({"bias": np.nan}, "must be finite"),
        ({"price": 0}, "price must be a finite number above 0, found 0"),
        ({"one_hot": OneHot((3,))}, "groups must have 1 or more variables each and 2 together"),
        ({"one_hot": OneHot((2, 0))}, "groups must have 1 or more"),
        ({"one_hot": OneHot((1, 1), ((1, 0),))}, "one of the first group and one of another"),
        ({"one_hot": OneHot((1, 1), ((0, 2),))}, r"one of the first group and one of another, found \(0, 2\)"),
        (
            {"linear": np.ones(3), "factors": np.ones((3, 1)), "one_hot": OneHot((1, 2), ((1, 2),))},
            r"one of the first group and one of another, found \(1, 2\)",
        ),
        ({"one_hot": OneHot((1, 1), ((0, 1),))}, "rules out a whole group"),
        (
            {"linear": np.ones(3), "factors": np.ones((3, 1)), "one_hot": OneHot((2, 1), ((1, 2),))},
            "variable 1 rules out a whole group, variables 2 to 2",
        ),
    ],
)
def test_a_machine_that_says_no_function_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ProblemError, match=message):
        FactorizationMachine(**{"linear": np.ones(2), "factors": np.ones((2, 1)), **changes})
