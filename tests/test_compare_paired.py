"""Paired tests against scipy, against enumeration, and by hand."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from hqml.compare.outcome import Outcome
from hqml.compare.paired import TWIN, corrected_t_test, holm, paired_tests, signed_rank_test


def learned(solver: str, seed: int, score: float, twin: float | None = None) -> Outcome:
    labels = {"key": f"{solver}{seed}", "problem": "data", "backend": solver, "reads": 10, "kind": "learning"}
    scores = {"balanced_accuracy": score}
    return Outcome(
        **labels,
        solver=solver,
        seed=seed,
        status="done",
        scores=scores,
        twin={} if twin is None else {"balanced_accuracy": twin},
        train_rows=100,
        test_rows=50,
    )


def groups(**scores: list[float]) -> dict[tuple[str, str], list[Outcome]]:
    return {
        ("data", solver): [learned(solver, seed, score) for seed, score in enumerate(values)]
        for solver, values in scores.items()
    }


class TestCorrectedT:
    def test_without_correction_it_is_the_paired_t_test(self) -> None:
        a, b = np.random.default_rng(0).normal(size=(2, 9))
        assert corrected_t_test(a - b, 0.0) == pytest.approx(stats.ttest_rel(a, b).pvalue)

    def test_the_correction_is_that_of_nadeau_and_bengio(self) -> None:
        # mean 2, variance 2.5, n 5, test/train 1/2: t = 2 / sqrt((1/5 + 1/2) 2.5) = 1.5119
        p = corrected_t_test([0, 1, 2, 3, 4], 0.5)
        assert p == pytest.approx(2 * stats.t.sf(2 / math.sqrt(0.7 * 2.5), 4))
        assert p == pytest.approx(0.2051, abs=1e-3)

    def test_it_keeps_its_level_where_splits_overlap_and_the_plain_test_does_not(self) -> None:
        """Two classifiers that are equally good, scored on random halves of the same rows again and again."""
        rng = np.random.default_rng(0)
        plain = corrected = 0
        for _ in range(400):
            difference = rng.normal(size=60)  # of each row's loss; rows of any sample differ by chance
            d = [difference[rng.permutation(60)[:30]].mean() for _ in range(15)]
            plain += corrected_t_test(d, 0.0) < 0.05
            corrected += corrected_t_test(d, 1.0) < 0.05
        assert plain > 0.2 * 400
        assert corrected < 0.15 * 400

    def test_differences_that_are_all_zero_are_no_difference(self) -> None:
        assert corrected_t_test([0.0, 1e-17, 0.0], 0.5) == 1

    @pytest.mark.parametrize("differences", [[], [0.1], [0.1, 0.2], [0.1, 0.1, 0.1]])
    def test_it_says_nothing_of_few_or_of_equal_ones(self, differences: list[float]) -> None:
        assert math.isnan(corrected_t_test(differences, 0.5))


class TestSignedRank:
    @pytest.mark.parametrize("n", [3, 6, 12, 25])
    def test_it_is_scipys_exact_test(self, n: int) -> None:
        d = np.random.default_rng(n).normal(0.3, 1, n)
        assert signed_rank_test(d) == pytest.approx(stats.wilcoxon(d, method="exact").pvalue)

    def test_ties_and_zeros_against_all_signs(self) -> None:
        d = np.array([0.1, 0.1, -0.1, 0.2, 0.3, 0.3, 0.0, -0.2])
        rest = d[d != 0]
        ranks = stats.rankdata(np.abs(np.round(rest, 12)))
        seen = ranks[rest > 0].sum()
        sums = np.array([ranks @ signs for signs in itertools.product((0, 1), repeat=len(rest))])
        p = min(1, 2 * min((sums <= seen + 1e-9).mean(), (sums >= seen - 1e-9).mean()))
        assert signed_rank_test(d) == pytest.approx(p)

    def test_the_sign_does_not_matter(self) -> None:
        d = np.array([1.0, 2.0, -0.5, 4.0])
        assert signed_rank_test(d) == signed_rank_test(-d)

    def test_no_difference_and_too_few(self) -> None:
        assert signed_rank_test([0.0] * 5) == 1
        assert math.isnan(signed_rank_test([1.0, 2.0]))

    def test_many_seeds_are_no_burden(self) -> None:
        d = np.random.default_rng(0).normal(0.2, 1, 300)
        assert signed_rank_test(d) == pytest.approx(stats.wilcoxon(d).pvalue, rel=0.05)


class TestHolm:
    def test_by_hand(self) -> None:
        # sorted 0.01 * 4, 0.03 * 3, 0.04 * 2 (raised to 0.09), 0.5
        assert holm([0.03, 0.01, 0.5, 0.04]) == pytest.approx([0.09, 0.04, 0.5, 0.09])

    def test_it_never_exceeds_one_and_passes_by_what_is_missing(self) -> None:
        corrected = holm([0.9, math.nan, 0.8])
        assert corrected[0] == corrected[2] == 1
        assert math.isnan(corrected[1])
        assert holm([]) == []


class TestPairs:
    def test_each_solver_meets_its_twin_and_every_other(self, compare_cases: Any) -> None:
        made = compare_cases.comparison().tests
        own = [one for one in made if one.problem.endswith("=20") and one.metric == "auroc"]
        assert [one.first for one in own if one.second == TWIN] == ["cpu", "gpu", "neal", "qpu-offline"]
        assert [one.first for one in own if one.second == "SVC (tuned)"] == ["cpu", "gpu", "neal", "qpu-offline"]
        assert len(own) == 4 + 5 * 4 // 2
        assert not any("broken" in (one.first, one.second) for one in made)

    def test_the_figures_of_a_pair(self) -> None:
        [one] = paired_tests(groups(a=[0.9, 0.8, 0.7, 0.9], b=[0.8, 0.8, 0.5, 0.6]), {})
        assert (one.n, one.first, one.second) == (4, "a", "b")
        assert (one.mean_first, one.mean_second, one.difference) == pytest.approx((0.825, 0.675, 0.15))
        assert one.low <= one.difference <= one.high
        d = np.array([0.1, 0, 0.2, 0.3])
        assert one.p == one.p_holm == pytest.approx(corrected_t_test(d, 50 / 100))
        assert one.wilcoxon == pytest.approx(0.25)

    def test_only_seeds_that_both_have_are_paired(self) -> None:
        made = groups(a=[0.9, 0.8, 0.7, 0.9])
        made["data", "b"] = [learned("b", seed, 0.5) for seed in (1, 2, 3, 7)]
        [one] = paired_tests(made, {})
        assert (one.n, one.mean_first) == (3, pytest.approx(0.8))

    def test_two_seeds_are_too_few_and_say_so(self) -> None:
        [one] = paired_tests(groups(a=[0.9, 0.8], b=[0.8, 0.8]), {})
        assert math.isnan(one.p)
        assert one.note == "2 pairs are too few for a test; 3 seeds are the least"

    def test_no_seed_in_common_is_no_crash(self) -> None:
        made = {("data", "a"): [learned("a", 0, 0.5)], ("data", "b"): [learned("b", 1, 0.5)]}
        [one] = paired_tests(made, {})
        assert one.n == 0
        assert math.isnan(one.difference)

    def test_given_test_rows_need_no_correction_but_a_word(self) -> None:
        a, b = [0.9, 0.8, 0.7, 0.9], [0.8, 0.8, 0.5, 0.6]
        [one] = paired_tests(groups(a=a, b=b), {"data": True})
        assert one.p == pytest.approx(stats.ttest_rel(a, b).pvalue)
        assert one.note == "one set of test rows: says nothing about other data"

    def test_equal_differences_say_why_there_is_no_t_test(self) -> None:
        [one] = paired_tests(groups(a=[0.9, 0.8, 0.7], b=[0.8, 0.7, 0.6]), {})
        assert math.isnan(one.p)
        assert one.note == "the same difference in each split: a t-test says nothing"
        [same] = paired_tests(groups(a=[0.9, 0.8, 0.7], b=[0.9, 0.8, 0.7]), {})
        assert (same.p, same.note) == (1.0, "no difference in any split")

    def test_holm_counts_all_comparisons_of_a_problem_and_metric(self) -> None:
        rng = np.random.default_rng(0)
        made = paired_tests(groups(a=rng.random(6).tolist(), b=rng.random(6).tolist(), c=rng.random(6).tolist()), {})
        assert [one.p_holm for one in made] == pytest.approx(holm([one.p for one in made]))
        assert len(made) == 3

    def test_a_twin_is_met_on_its_own_scores(self) -> None:
        made = {("data", "a"): [learned("a", seed, 0.9, twin=0.8 + seed / 100) for seed in range(4)]}
        [one] = paired_tests(made, {})
        assert (one.second, one.difference) == (TWIN, pytest.approx(0.085))
