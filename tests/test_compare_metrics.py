"""Success, times to the target and their intervals, against values by hand and against what is simulated."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hqml.compare.bootstrap import Estimate, mean_of, percentiles, resampled
from hqml.compare.columns import hits_and_trials, row_of
from hqml.compare.goals import Goal, goals, share_of
from hqml.compare.metrics import (
    Calls,
    expected_running_time,
    reads_to_solution,
    success_probability,
    time_to_solution,
    time_to_solution_in_all,
)
from hqml.compare.outcome import Outcome
from hqml.errors import ParameterError


def outcome(energies: Any = ((-5.0, 2), (-3.0, 8)), solver: str = "cpu", seed: int = 0, **more: Any) -> Outcome:
    """A call of 10 reads on the problem "p"."""
    labels = {"key": f"{solver}{seed}", "problem": "p", "backend": solver, "reads": 10, "kind": "qubo"}
    timing = {"total": 1.5, "sampling": 1.0, "other": 0.5, "startup": 2.0}
    return Outcome(
        **{**labels, "solver": solver, "seed": seed, "status": "done", "energies": energies, "timing": timing, **more}
    )


def description(**problem: Any) -> dict[str, Any]:
    return {"target": "best", "problems": [{"name": "p", "kind": "qubo", "sign": 1, **problem}]}


def calls(hits: Any, reads: Any = 10, sampling: Any = 1.0, total: Any = 1.5, **more: Any) -> Calls:
    shape = np.shape(hits)
    arrays = (np.broadcast_to(np.asarray(one, dtype=float), shape) for one in (hits, reads, sampling, total))
    return Calls(*arrays, **more)


class TestReadsToSolution:
    @pytest.mark.parametrize(
        ("success", "reads"),
        [(1.0, 1), (0.995, 1), (0.99, 1), (0.9, 2), (0.5, 6.643856189774724), (0.01, 458.21057), (0.0, math.inf)],
    )
    def test_are_those_of_the_formula_but_one_at_least(self, success: float, reads: float) -> None:
        assert reads_to_solution(np.array(success)) == pytest.approx(reads, rel=1e-6)

    def test_that_many_reads_have_found_it_with_99_percent(self) -> None:
        success = np.array([1e-6, 0.001, 0.1, 0.7])
        np.testing.assert_allclose(1 - (1 - success) ** reads_to_solution(success), 0.99)


class TestTimes:
    def test_time_to_solution_is_seconds_a_read_times_r99(self) -> None:
        # 10 of 20 reads in 2 s of sampling: 0.1 s a read, R99 = 6.64
        assert time_to_solution(calls([5, 5])).value == pytest.approx(0.1 * math.log(0.01) / math.log(0.5))

    def test_success_is_pooled_not_averaged(self) -> None:
        assert success_probability(calls([10, 0], reads=[10, 90])).value == pytest.approx(0.1)

    def test_overheads_count_once_a_call_and_startup_once(self) -> None:
        # p = 0.1: R99 = 43.7 reads, 5 calls of 10; each has 0.5 s beside its sampling
        r99 = math.log(0.01) / math.log(0.9)
        found = time_to_solution_in_all(calls([1, 1], startup=2.0))
        assert found.value == pytest.approx(2.0 + 5 * 0.5 + 0.1 * r99)

    def test_expected_running_time_is_all_time_by_the_calls_that_reached_it(self) -> None:
        found = expected_running_time(calls([3, 0, 1], total=[1.0, 2.0, 6.0]))
        assert found.value == pytest.approx(9.0 / 2)
        assert found.low <= found.value <= found.high

    def test_without_success_times_are_lower_bounds_by_the_rule_of_three(self) -> None:
        never = calls([0, 0, 0, 0], reads=25)
        assert success_probability(never) == Estimate(0.0, 0.0, 3 / 100)
        least = time_to_solution(never)
        assert least.value == pytest.approx(0.04 * math.log(0.01) / math.log(0.97))
        assert (least.low, least.high, least.bound) == (least.value, math.inf, True)
        assert expected_running_time(never) == Estimate(2.0, 2.0, math.inf, bound=True)

    def test_the_rule_of_three_is_what_its_name_says(self) -> None:
        assert (1 - calls([0], reads=1000).least) ** 1000 == pytest.approx(0.05, abs=0.001)

    def test_two_reads_without_success_bound_little(self) -> None:
        assert time_to_solution(calls([0], reads=2, sampling=1.0)).value == pytest.approx(0.5)

    def test_one_call_has_an_interval_of_its_reads_but_none_of_its_time(self) -> None:
        assert time_to_solution(calls([5])).has_interval
        assert expected_running_time(calls([5])).value == 1.5
        assert not expected_running_time(calls([5])).has_interval

    def test_one_call_has_the_interval_of_jeffreys(self) -> None:
        from scipy.stats import beta

        found = success_probability(calls([3], reads=40))
        assert (found.low, found.high) == pytest.approx(tuple(beta.ppf([0.025, 0.975], 3.5, 37.5)), abs=0.012)

    def test_a_success_of_all_reads_still_may_be_less(self) -> None:
        found = success_probability(calls([10, 10]))
        assert found.value == found.high == 1
        assert 0.8 < found.low < 0.95

    def test_who_looks_at_every_state_is_certain(self) -> None:
        one = outcome([[-5.0, 1], [-3.0, 1]], complete=True)
        goal = goals(description(), [one])["p"]
        assert hits_and_trials(one, goal) == (1, 1)
        assert row_of(one, goal)["success"] == 1
        found = time_to_solution(Calls.of([one, replace(one, seed=1)], goal))
        assert (found.low, found.value, found.high) == (1.0, 1.0, 1.0)

    def test_who_is_certain_has_no_interval_of_a_single_time(self) -> None:
        once = calls([1], reads=1, certain=True)
        assert success_probability(once) == Estimate(1.0, 1.0, 1.0)
        assert not time_to_solution(once).has_interval
        assert not time_to_solution_in_all(once).has_interval

    def test_who_is_certain_varies_in_time_alone(self) -> None:
        seconds = [1.0, 2.0, 1.5, 1.2, 1.7]
        made = calls([1] * 5, reads=1, sampling=seconds, total=seconds, certain=True)
        assert time_to_solution(made) == mean_of(seconds) == expected_running_time(made)

    def test_who_looks_at_every_state_knows_that_there_is_no_such_target(self) -> None:
        one = outcome(complete=True)
        made = Calls.of([one], goals(description(target=-9), [one])["p"])
        assert success_probability(made) == Estimate(0.0, 0.0, 0.0)
        assert time_to_solution(made).bound

    def test_without_times_there_are_none(self) -> None:
        goal = Goal(target=-5.0)
        found = Calls.of([outcome(timing={})], goal)
        assert not time_to_solution(found).known
        assert not expected_running_time(found).known
        assert success_probability(found).value == pytest.approx(0.2)

    def test_startup_is_that_of_the_calls_that_had_one(self) -> None:
        first, second = outcome(), outcome(seed=1, timing={"total": 1.5, "sampling": 1.0, "startup": 0.0})
        assert Calls.of([first, second], Goal(target=-5.0)).startup == 2.0

    @given(
        st.lists(st.integers(0, 50), min_size=1, max_size=6).filter(any),
        st.floats(1e-6, 10),
        st.floats(0, 10),
        st.floats(0, 10),
    )
    def test_overheads_only_add(self, hits: list[int], sampling: float, beside: float, startup: float) -> None:
        made = calls(hits, reads=50, sampling=sampling, total=sampling + beside, startup=startup)
        bare, whole = time_to_solution(made), time_to_solution_in_all(made)
        slack = 1e-9 * (sampling + beside + startup + bare.high)
        assert bare.low <= bare.value <= bare.high
        assert whole.low <= whole.value <= whole.high
        assert whole.value + slack >= bare.value + startup
        assert whole.low + slack >= bare.low  # a start-up is measured once, and its interval is its own

    def test_a_single_start_up_names_nobody(self) -> None:
        first, second = (
            time_to_solution_in_all(calls([50] * 5, reads=50, sampling=0.01, total=0.02, startup=startup))
            for startup in (0.70, 0.75)
        )
        assert first.overlaps(second)


class TestIntervals:
    """Of studies that are simulated, 95 % hold the truth, or somewhat more: seeds and reads both are drawn."""

    @pytest.mark.parametrize(
        ("success", "seeds", "reads", "least"),
        [(0.05, 5, 100, 0.94), (0.5, 1, 100, 0.92), (0.02, 1, 200, 0.9), (0.97, 10, 20, 0.94), (0.3, 10, 50, 0.94)],
    )
    def test_success_lies_in_its_interval(self, success: float, seeds: int, reads: int, least: float) -> None:
        rng = np.random.default_rng(0)
        inside = []
        for _ in range(300):
            found = success_probability(calls(rng.binomial(reads, success, seeds), reads=reads))
            inside.append(found.low <= success <= found.high)
        assert np.mean(inside) >= least

    def test_time_to_solution_lies_in_its_interval(self) -> None:
        rng = np.random.default_rng(1)
        truth = 0.01 * math.log(0.01) / math.log(0.95)
        inside = []
        for _ in range(300):
            found = time_to_solution(calls(rng.binomial(100, 0.05, 10), reads=100))
            inside.append(found.low <= truth <= found.high)
        assert np.mean(inside) >= 0.94

    def test_seeds_that_differ_widen_it(self) -> None:
        rng = np.random.default_rng(2)
        inside = []
        for _ in range(300):
            found = success_probability(calls(rng.binomial(100, rng.beta(2, 8, 10)), reads=100))
            inside.append(found.low <= 0.2 <= found.high)
        assert np.mean(inside) >= 0.88  # of many simulations 0.915; from drawing reads without seeds 0.45

    @pytest.mark.parametrize(("seeds", "least"), [(3, 0.7), (5, 0.87), (10, 0.91), (20, 0.91)])
    def test_a_mean_lies_in_its_interval(self, seeds: int, least: float) -> None:
        rng = np.random.default_rng(3)
        inside = []
        for _ in range(300):
            found = mean_of(rng.normal(7, 2, seeds).tolist())
            inside.append(found.low <= 7 <= found.high)
        assert least <= np.mean(inside) <= 0.98

    def test_the_running_time_lies_in_its_interval(self) -> None:
        rng = np.random.default_rng(4)
        truth = 2.0 / 0.7
        inside = []
        for _ in range(300):
            found = expected_running_time(calls(rng.random(10) < 0.7, total=rng.uniform(1, 3, 10)))
            inside.append(found.low <= truth <= found.high)
        assert 0.9 <= np.mean(inside) <= 0.99

    @pytest.mark.parametrize(("reaches", "seeds"), [(0.9, 5), (0.95, 10), (0.7, 20)])
    def test_that_all_of_a_few_calls_reach_it_is_no_proof_that_each_does(self, reaches: float, seeds: int) -> None:
        rng = np.random.default_rng(5)
        inside = []
        for _ in range(300):
            found = expected_running_time(calls(rng.random(seeds) < reaches, total=2.0))
            inside.append(found.low <= 2.0 / reaches <= found.high)
        assert np.mean(inside) >= 0.93  # from resampling the calls alone 0.41, 0.41 and 0.96

    def test_calls_that_fail_may_take_another_time(self) -> None:
        # 3 of 4 reach it in 1 s, the other takes 9 s: 1 + 1/3 * 9 = 12 / 3
        found = expected_running_time(calls([1, 1, 0, 2], total=[1.0, 1.0, 9.0, 1.0]))
        assert found.value == pytest.approx(4.0)
        assert found.low < 4.0 < found.high < math.inf

    def test_the_same_data_give_the_same_interval(self) -> None:
        assert time_to_solution(calls([1, 5, 3])) == time_to_solution(calls([1, 5, 3]))
        np.testing.assert_array_equal(resampled(4), resampled(4))

    def test_one_value_has_none_and_missing_ones_are_left_out(self) -> None:
        assert not mean_of([3.0]).has_interval
        assert mean_of([3.0, None, math.nan]).value == 3.0
        assert not mean_of([None, None]).known

    def test_infinite_draws_are_borne(self) -> None:
        found = percentiles(np.array([1.0] * 50 + [math.inf] * 50), 1.0)
        assert (found.low, found.high) == (1.0, math.inf)

    @pytest.mark.parametrize(
        ("one", "other", "answer"),
        [
            (Estimate(1, 0, 2), Estimate(3, 2, 4), True),
            (Estimate(1, 0, 2), Estimate(3, 2.1, 4), False),
            (Estimate(1), Estimate(3, 2, 4), True),
            (Estimate(5, 5, math.inf), Estimate(3, 2, 4), False),
            (Estimate(3.5, 3.5, math.inf), Estimate(3, 2, 4), True),
        ],
    )
    def test_overlap(self, one: Estimate, other: Estimate, answer: bool) -> None:
        assert one.overlaps(other) is other.overlaps(one) is answer


def test_values_that_are_equal_but_for_rounding_overlap() -> None:
    one = Estimate(1.0, 1.0, 1.0)
    assert one.overlaps(Estimate(1.1, 1.1, 1.1), 0.2)
    assert not one.overlaps(Estimate(1.1, 1.1, 1.1), 0.05)


class TestGoal:
    def test_best_is_the_lowest_that_any_solver_saw(self) -> None:
        goal = goals(description(), [outcome(), outcome([[-7.0, 1], [-5.0, 9]], solver="neal")])["p"]
        assert (goal.target, goal.best, goal.seen_by) == (-7.0, -7.0, ("neal",))

    def test_best_is_the_known_one_where_nobody_saw_a_better_one(self) -> None:
        goal = goals(description(best=-9), [outcome()])["p"]
        assert (goal.target, goal.best, goal.seen_by) == (-9.0, -9.0, ())

    def test_a_cut_is_known_in_its_own_convention(self) -> None:
        goal = goals(description(best=9, sign=-1), [outcome()])["p"]
        assert (goal.target, goal.reached(-9.0), goal.reached(-8.0)) == (-9.0, True, False)
        row = row_of(outcome(), goal)
        assert (row["value"], row["energy"], row["residual"], row["mean_energy"]) == (5.0, -5.0, 4.0, -3.4)

    def test_a_number_is_a_target_in_the_problems_own_convention(self) -> None:
        assert goals({**description(sign=-1), "target": 4}, [outcome()])["p"].target == -4.0
        assert goals({**description(target=-3), "target": 4}, [outcome()])["p"].target == -3.0

    def test_a_share_is_of_the_size_of_a_negative_energy(self) -> None:
        assert goals({**description(best=-100), "target": "99%"}, [outcome()])["p"].target == pytest.approx(-99.0)

    def test_a_share_of_a_positive_energy_lies_above_it(self) -> None:
        assert share_of(100.0, 0.99) == pytest.approx(101.0101)

    def test_a_share_of_nothing_is_refused_in_words(self) -> None:
        goal = goals({**description(), "target": "99%"}, [outcome([[0.0, 10]])])["p"]
        assert goal.target is None
        assert goal.trouble == "99% of a best value of 0 says nothing; give a number as target"
        assert goals(description(), [outcome([[0.0, 10]])])["p"].target == 0.0

    def test_a_share_of_what_rounding_left_of_nothing_is_refused_too(self) -> None:
        found = [outcome([[-1e-14, 1], [3.0, 9]])]
        assert goals({**description(), "target": "99%"}, found)["p"].target is None
        assert goals(description(), found)["p"].target == -1e-14

    def test_a_share_of_a_negative_cut_lies_below_it(self) -> None:
        goal = goals({**description(sign=-1, best=-4), "target": "99%"}, [outcome([[5.0, 10]])])["p"]
        assert goal.sign * (goal.target or 0) == pytest.approx(-4 / 0.99)

    def test_a_problem_that_nothing_is_known_of_has_none(self) -> None:
        goal = goals(description(), [])["p"]
        assert (goal.target, goal.best, goal.trouble) == (None, None, "no value is known and none was seen")

    def test_a_wrong_target_is_refused(self) -> None:
        with pytest.raises(ParameterError, match="target must be best"):
            goals({**description(), "target": "worst"}, [outcome()])

    @pytest.mark.parametrize("best", [-1e9, -5.0, -1e-9, 7.0])
    def test_rounding_is_no_failure(self, best: float) -> None:
        goal = goals(description(), [outcome([[best, 1]]), outcome([[best + 1e-10 * abs(best), 1]], solver="neal")])[
            "p"
        ]
        assert goal.reached(best + 1e-10 * abs(best))
        assert goal.seen_by == ("cpu", "neal")
        assert not goal.reached(best + 1e-6 * abs(best))

    def test_rounding_about_zero_is_measured_by_the_largest_energy(self) -> None:
        goal = goals(description(), [outcome([[-1e-14, 1], [3.0, 9]])])["p"]
        assert goal.reached(1e-14)
        assert not goal.reached(1e-9)

    def test_gap_is_to_the_best_bound_of_all(self) -> None:
        goal = goals(description(), [outcome(bound=-10.0), outcome(solver="neal", bound=-8.0)])["p"]
        assert (goal.bound, goal.gap(-5.0)) == (-8.0, 3 / 8)

    def test_who_looked_at_every_state_bounds_all(self) -> None:
        goal = goals(description(), [outcome(complete=True), outcome([[-4.0, 10]], solver="neal")])["p"]
        assert (goal.proven, goal.gap(-5.0), goal.gap(-4.0)) == (True, 0.0, 0.2)

    def test_a_bound_that_is_met_is_a_proof(self) -> None:
        assert goals(description(), [outcome(bound=-5.0)])["p"].proven
        assert not goals(description(), [outcome(bound=-5.1)])["p"].proven

    @pytest.mark.parametrize("beyond", [{"best": -9}, {"target": -9}])
    def test_a_target_beyond_what_is_proven_is_out_of_reach(self, beyond: Any) -> None:
        goal = goals(description(**beyond), [outcome(complete=True)])["p"]
        assert goal.out_of_reach
        assert goal.proven is ("target" in beyond)  # the best value given cannot be
        assert not goals(description(), [outcome(complete=True)])["p"].out_of_reach

    def test_there_may_be_no_bound(self) -> None:
        assert goals(description(), [outcome()])["p"].gap(-5.0) is None
