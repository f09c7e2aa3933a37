"""scikit-learn's own checks of what an estimator must do."""

import os
from collections.abc import Callable
from typing import Any

import pytest
import sklearn
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from hqml.svm import QuboSVC, QuboSVCEnsemble, SVCSliceEnsemble

CHEAP = {"reads": 20, "backend_options": {"num_sweeps": 50}}
SVC = QuboSVC(**CHEAP, random_state=0)
ENSEMBLE = QuboSVCEnsemble(QuboSVC(**CHEAP), slice_size=40, random_state=0)
TWIN = SVCSliceEnsemble(slice_size=40, random_state=0)


# Some checks fit pure noise, or class weights of 1000 to .0001: that C decides there is true, and told.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks([SVC, ENSEMBLE, TWIN])
def test_scikit_learns_check_passes(estimator: Any, check: Callable[[Any], None]) -> None:
    name = getattr(check, "func", check).__name__
    if name == "check_array_api_input" and not os.environ.get("SCIPY_ARRAY_API"):
        pytest.skip("SCIPY_ARRAY_API is not set: scipy lets array types in only where it is")
    check(estimator)


@pytest.mark.skipif(not sklearn.__version__.startswith("1.9."), reason="the counts are those of scikit-learn 1.9")
@pytest.mark.parametrize(("estimator", "checks"), [(SVC, 56), (ENSEMBLE, 55), (TWIN, 55)])
def test_scikit_learn_finds_all_its_checks_to_apply(estimator: Any, checks: int) -> None:
    """Tags that promise less, non_deterministic above all, would switch checks off."""
    assert len(list(estimator_checks_generator(estimator))) == checks
