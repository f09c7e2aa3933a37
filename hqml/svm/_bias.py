"""Choose the bias by the rule asked for, or by the next one that is defined."""

from __future__ import annotations

from hqml.problems.svm_bias import post_selection_bias, support_bias
from hqml.qubo import Floats

RULES = ("support", "post-selection", "zero")


def chosen_bias(rule: str, scores: Floats, signs: Floats, alpha: Floats, limits: Floats) -> tuple[float, str]:
    """The bias and the rule that gave it: the one asked for, else post-selection, else zero.

    Args:
        rule: one of RULES.
        scores: (points,), decision values without bias.
        signs: (points,), -1 or +1.
        alpha: (points,), multipliers.
        limits: (points,), largest multiplier of each; points count in proportion to it, as class weights ask.
    """
    if rule == "support" and (bias := support_bias(scores, signs, alpha, limits)) is not None:
        return bias, "support"
    if rule != "zero" and (bias := post_selection_bias(scores, signs, limits)) is not None:
        return bias, "post-selection"
    return 0.0, "zero"
