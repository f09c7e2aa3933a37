"""What a solver has to reach on a problem, which the whole of a study decides."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hqml.compare.outcome import Outcome
from hqml.compare.study import Target, share_of_best

TOLERANCE = 1e-9
"""Of the target's size: so far above it an energy still counts as the target."""

ROUNDING = 1e-12
"""Of the largest energy: what summing in float64 may leave of an energy that is zero."""


@dataclass(frozen=True)
class Goal:
    """Of one QUBO problem. All are energies: `sign` times them are the problem's own values.

    Attributes:
        sign: -1 where the problem's own values are to be large, as cuts are.
        rule: as the study asks for it.
        target: what a read must reach; None where the rule says nothing, see `trouble`.
        slack: so far above the target still counts.
        best: the lowest that is known or was seen; None where there is neither.
        seen_by: solvers that saw `best`, where it is better than any value known before.
        proven: none is lower than `best`: a solver looked at every state, or the bound is met.
        bound: proven lower bound, the best of all solvers.
        trouble: why there is no target.
        overtaken: a best value that was given, in the problem's own convention, where a better one was seen.
        trivial: every read of everybody reached a target that was given as a number.
    """

    sign: int = 1
    rule: Target = "best"
    target: float | None = None
    slack: float = 0.0
    best: float | None = None
    seen_by: tuple[str, ...] = ()
    proven: bool = False
    bound: float | None = None
    trouble: str = ""
    overtaken: float | None = None
    trivial: bool = False

    def reached(self, energy: float) -> bool:
        return self.target is not None and energy <= self.target + self.slack

    @property
    def out_of_reach(self) -> bool:
        """The target lies below the proven bound."""
        return self.target is not None and self.bound is not None and not self.reached(self._lowest_possible)

    @property
    def _lowest_possible(self) -> float:
        """The bound, less what rounding may have added."""
        return -math.inf if self.bound is None else self.bound - TOLERANCE * abs(self.bound)

    def gap(self, energy: float) -> float | None:
        """|energy - bound| / max(1, |bound|), as `hqml solve` gives it; None where there is no bound."""
        return None if self.bound is None else abs(energy - self.bound) / max(1.0, abs(self.bound))


def goals(description: Mapping[str, Any], outcomes: Sequence[Outcome]) -> dict[str, Goal]:
    """The goal of each QUBO problem, by name.

    Args:
        description: what `Study.describe` gives.
        outcomes: of the study's cells; the lowest energy among them may be the best value.
    """
    described = {one["name"]: one for one in description.get("problems", ())}
    done: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.kind == "qubo" and outcome.energies:
            done.setdefault(outcome.problem, []).append(outcome)
    names = dict.fromkeys([*(name for name, one in described.items() if one.get("kind") == "qubo"), *done])
    rule = description.get("target", "best")
    return {name: _goal(described.get(name, {}), rule, done.get(name, [])) for name in names}


def lowest(outcome: Outcome) -> float:
    return float(outcome.energies[0][0])


def share_of(energy: float, share: float) -> float | None:
    """The energy that is a share of a lowest one: by its size where that is negative, else by its inverse.

    99 % of -100 is -99, of a cut of 100 (an energy of -100) a cut of 99, of 100 it is 101.01: the lowest energy is 99 %
    of it. Of 0 there is no share, but the whole.
    """
    if share == 1:
        return energy
    if energy == 0:
        return None
    return share * energy if energy < 0 else energy / share


def _goal(described: Mapping[str, Any], rule: Target, outcomes: Sequence[Outcome]) -> Goal:
    sign = int(described.get("sign", 1))
    rule = rule if described.get("target") is None else described["target"]
    known = described.get("best")
    before = math.inf if known is None else sign * float(known)
    seen = min(map(lowest, outcomes), default=math.inf)
    slack = ROUNDING * max((abs(float(level)) for one in outcomes for level, _ in one.energies), default=0.0)
    best = min(before, seen)
    bound = _bound(outcomes)
    target, trouble = _target(rule, sign, best, slack)
    worst = max((float(one.energies[-1][0]) for one in outcomes if one.energies), default=math.inf)
    beaten = seen < before - slack - TOLERANCE * abs(seen)
    return Goal(
        sign=sign,
        rule=rule,
        target=target,
        slack=slack + TOLERANCE * abs(target or 0.0),
        best=best if math.isfinite(best) else None,
        seen_by=_finders(outcomes, best, slack) if beaten else (),
        proven=bound is not None and abs(best - bound) <= slack + TOLERANCE * abs(best),
        bound=bound,
        trouble=trouble,
        overtaken=float(known) if known is not None and beaten else None,
        trivial=target is not None and share_of_best(rule) is None and worst <= target,
    )


def _target(rule: Target, sign: int, best: float, slack: float) -> tuple[float | None, str]:
    share = share_of_best(rule)
    if share is None:
        return sign * float(rule), ""
    if not math.isfinite(best):
        return None, "no value is known and none was seen"
    target = share_of(best if abs(best) > slack else 0.0, share) if share < 1 else best
    return target, "" if target is not None else f"{rule} of a best value of 0 says nothing; give a number as target"


def _finders(outcomes: Iterable[Outcome], best: float, slack: float) -> tuple[str, ...]:
    near = best + slack + TOLERANCE * abs(best)
    return tuple(dict.fromkeys(one.solver for one in outcomes if lowest(one) <= near))


def _bound(outcomes: Sequence[Outcome]) -> float | None:
    """The highest lower bound; the lowest energy of who looked at every state is one."""
    bounds = [one.bound for one in outcomes if one.bound is not None]
    bounds += [lowest(one) for one in outcomes if one.complete]
    return max(bounds, default=None)
