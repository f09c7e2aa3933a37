"""Paired tests over the seeds: a solver against its classical twin, the tuned classifier, and every other solver.

The two scores of a pair are those of one seed: the same training rows, the same test rows.

* Corrected resampled t-test: t = mean(d) / sqrt((1/n + test rows / training rows) var(d)), n - 1 degrees of freedom.
  Splits drawn again and again from the same rows overlap, so the variance of the differences alone is too small; the
  second term allows for that. C. Nadeau, Y. Bengio, Machine Learning 52 (2003) 239, doi:10.1023/A:1024068626366.
  With test rows of their own the training rows are the same for all seeds and the term is left out: the test then
  says whether the seed of the solver explains the difference, nothing about other data.
* Wilcoxon's signed-rank test, exact given the ranks; differences of zero are left out, equal ones share their rank.
  F. Wilcoxon, Biometrics Bulletin 1 (1945) 80. It does not allow for the overlap.
* Holm's correction over all comparisons of one problem and metric. S. Holm, Scand. J. Statistics 6 (1979) 65.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr
from scipy.stats import rankdata

from hqml.compare.bootstrap import mean_of
from hqml.compare.columns import SCORES
from hqml.compare.outcome import Outcome
from hqml.qubo import Floats

FEWEST = 3
"""Pairs that a test needs."""

TWIN = "classical twin"


@dataclass(frozen=True)
class PairedTest:
    """`first` minus `second`, over the seeds that have both.

    Attributes:
        n: pairs.
        mean_first, mean_second, difference: means over the pairs.
        low, high: 95 % interval of the difference, seeds resampled; it does not allow for overlapping splits.
        p, p_holm: of the corrected t-test, two-sided, and after Holm's correction. NaN where `note` says why.
        wilcoxon, wilcoxon_holm: of the signed-rank test.
        note: what to bear in mind.
    """

    problem: str
    metric: str
    first: str
    second: str
    n: int
    mean_first: float
    mean_second: float
    difference: float
    low: float
    high: float
    p: float
    wilcoxon: float
    p_holm: float = math.nan
    wilcoxon_holm: float = math.nan
    note: str = ""


def paired_tests(
    groups: Mapping[tuple[str, str], Sequence[Outcome]], given_test: Mapping[str, bool]
) -> tuple[PairedTest, ...]:
    """All comparisons of all learning problems.

    Args:
        groups: outcomes by (problem, solver).
        given_test: by problem, whether the test rows are the same for all seeds.
    """
    found: list[PairedTest] = []
    for problem in dict.fromkeys(problem for problem, _ in groups):
        own = {solver: _done(group) for (name, solver), group in groups.items() if name == problem}
        if any(one.kind == "learning" for group in own.values() for one in group.values()):
            for metric in SCORES:
                found += _with_holm(_tests(problem, metric, own, overlap=not given_test.get(problem, False)))
    return tuple(found)


def corrected_t_test(differences: npt.ArrayLike, test_by_train: float) -> float:
    """Two-sided p.

    Args:
        differences: (n,), one a split.
        test_by_train: test rows by training rows where the splits overlap, else 0.
    """
    d = _rounded(differences)
    if len(d) < FEWEST:
        return math.nan
    if not np.ptp(d):
        return math.nan if d.any() else 1.0
    t = d.mean() / math.sqrt((1 / len(d) + test_by_train) * d.var(ddof=1))
    return float(2 * stdtr(len(d) - 1, -abs(t)))


def signed_rank_test(differences: npt.ArrayLike) -> float:
    """Two-sided p of Wilcoxon's test, from all 2**n signs of the ranks there are."""
    d = _rounded(differences)
    if len(d) < FEWEST:
        return math.nan
    d = d[d != 0]
    ranks = np.rint(2 * rankdata(np.abs(d))).astype(int)  # doubled: ranks shared by two end in a half
    ways = np.ones(1)
    for rank in ranks:
        longer = np.zeros(len(ways) + rank)
        longer[: len(ways)] += ways / 2
        longer[rank:] += ways / 2
        ways = longer
    positive = int(ranks[d > 0].sum())
    return float(min(1.0, 2 * min(ways[: positive + 1].sum(), ways[positive:].sum())))


def holm(p_values: Sequence[float]) -> list[float]:
    """Corrected p values, in the order given; NaN stays, and counts as no comparison."""
    known = sorted((p, place) for place, p in enumerate(p_values) if not math.isnan(p))
    corrected, largest = [math.nan] * len(p_values), 0.0
    for rank, (p, place) in enumerate(known):
        largest = max(largest, min(1.0, (len(known) - rank) * p))
        corrected[place] = largest
    return corrected


def _rounded(differences: npt.ArrayLike) -> Floats:
    """Scores are shares of rows: what float64 leaves of the difference of equal ones is zero."""
    return np.round(np.asarray(differences, dtype=np.float64), 12)


def _done(outcomes: Sequence[Outcome]) -> dict[int, Outcome]:
    """By seed."""
    return {one.seed: one for one in outcomes if one.status == "done"}


def _tests(problem: str, metric: str, own: Mapping[str, Mapping[int, Outcome]], *, overlap: bool) -> list[PairedTest]:
    """Each solver with its twin, then each pair, the later of the study as the second."""
    scores = {
        solver: {seed: one.scores[metric] for seed, one in group.items() if one.scores.get(metric) is not None}
        for solver, group in own.items()
    }
    twins = {
        solver: {seed: one.twin[metric] for seed, one in group.items() if one.twin.get(metric) is not None}
        for solver, group in own.items()
    }
    pairs = [(solver, TWIN, scores[solver], twins[solver]) for solver in own if scores[solver] and twins[solver]]
    pairs += [(a, b, scores[a], scores[b]) for a, b in itertools.combinations(own, 2) if scores[a] and scores[b]]
    found = []
    for first, second, a, b in pairs:
        seeds = sorted(a.keys() & b.keys())
        ratios = [own[first][seed].test_rows / own[first][seed].train_rows for seed in seeds if overlap]
        values = np.array([[a[seed], b[seed]] for seed in seeds], dtype=np.float64).reshape(-1, 2)
        found.append(_test(problem, metric, (first, second), values, float(np.mean(ratios)) if ratios else 0.0))
    return found


def _test(problem: str, metric: str, names: tuple[str, str], scores: Floats, test_by_train: float) -> PairedTest:
    """All figures of one pair; scores are (n, 2)."""
    differences = _rounded(scores[:, 0] - scores[:, 1])
    means = scores.mean(axis=0) if len(scores) else np.full(2, math.nan)
    interval = mean_of(differences.tolist())
    return PairedTest(
        problem,
        metric,
        *names,
        n=len(scores),
        mean_first=float(means[0]),
        mean_second=float(means[1]),
        difference=interval.value,
        low=interval.low,
        high=interval.high,
        p=corrected_t_test(differences, test_by_train),
        wilcoxon=signed_rank_test(differences),
        note=_note(differences, test_by_train),
    )


def _note(differences: Floats, test_by_train: float) -> str:
    if len(differences) < FEWEST:
        return f"{len(differences)} pairs are too few for a test; {FEWEST} seeds are the least"
    if not np.ptp(differences):
        if not differences.any():
            return "no difference in any split"
        return "the same difference in each split: a t-test says nothing"
    return "" if test_by_train else "one set of test rows: says nothing about other data"


def _with_holm(tests: Sequence[PairedTest]) -> list[PairedTest]:
    t_tests, rank_tests = holm([one.p for one in tests]), holm([one.wilcoxon for one in tests])
    return [replace(one, p_holm=p, wilcoxon_holm=w) for one, p, w in zip(tests, t_tests, rank_tests, strict=True)]
