"""What holds for every estimator of `hqml.svm`: it keeps its parameters, and says where the seconds of a fit went."""

from time import perf_counter
from typing import Any

import pytest
from sklearn.base import BaseEstimator
from sklearn.datasets import make_blobs

from hqml import svm

X, Y = make_blobs(60, centers=[[0, 0], [6, 6]], random_state=0)
CHEAP: dict[str, Any] = {"reads": 5, "backend_options": {"num_sweeps": 20}, "random_state": 0}
ANNEALED = {"kernel", "build", "solve", "decode", "total"}


@pytest.mark.parametrize("kind", [one for one in map(vars(svm).get, svm.__all__) if issubclass(one, BaseEstimator)])
def test_every_parameter_is_kept_as_it_was_given(kind: Any) -> None:
    given: dict[str, Any] = {name: object() for name in kind().get_params(deep=False)}
    if "backend_options" in given:
        given["backend_options"] = {"num_sweeps": 7}
    assert kind(**given).get_params(deep=False) == given


@pytest.mark.parametrize(
    ("estimator", "stages"),
    [
        (svm.QuboSVC(**CHEAP), ANNEALED),
        (svm.QuboSVCEnsemble(svm.QuboSVC(**CHEAP), slice_size=30, random_state=0), ANNEALED),
        (svm.SVCSliceEnsemble(slice_size=30, random_state=0), {"kernel", "total"}),
        (svm.QuboMulticlassSVC(**CHEAP), ANNEALED),
        (svm.QuboSVCEnsemble(svm.QuboMulticlassSVC(**CHEAP), slice_size=30, random_state=0), ANNEALED),
        (svm.MulticlassSVC(), {"total"}),
        (svm.QuboSVR(**CHEAP), ANNEALED),
        (svm.LocalQuboSVC(n_neighbors=40, **CHEAP), ANNEALED | {"neighbours"}),
        (svm.LocalSVC(n_neighbors=40, random_state=0), {"neighbours", "kernel", "total"}),
    ],
    ids=lambda one: type(one).__name__ if not isinstance(one, set) else "stages",
)
def test_the_stages_are_parts_of_a_total_that_is_the_time_of_fit(estimator: Any, stages: set[str]) -> None:
    before = perf_counter()
    timing = estimator.fit(X, Y).timing_
    wall = perf_counter() - before
    assert set(timing) == stages
    assert all(seconds >= 0 for seconds in timing.values())
    assert sum(timing.values()) - timing["total"] <= timing["total"] <= wall
