"""What a fit tells without failing. All are ConvergenceWarnings, so that existing filters see them."""

from sklearn.exceptions import ConvergenceWarning


class SaturationWarning(ConvergenceWarning):  # type: ignore[misc]
    """Most multipliers sit at their limit C: the digits are too few or worth too little."""


class DegenerateWarning(ConvergenceWarning):  # type: ignore[misc]
    """All multipliers are zero: nothing was learned but the bias."""


class BiasWarning(ConvergenceWarning):  # type: ignore[misc]
    """The rule asked for leaves the bias undefined (0/0); another one was used."""
