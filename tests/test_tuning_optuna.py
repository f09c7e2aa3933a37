"""QuboSampler: Optuna's own tests of a sampler, and what is particular to it."""

import math
import pickle
import sys
import warnings
from collections.abc import Callable
from typing import Any

import pytest

optuna = pytest.importorskip("optuna", reason="optuna is missing: pip install 'hqml[tuning]'")
suites = pytest.importorskip("optuna.testing.pytest_samplers", reason="this Optuna does not ship its sampler tests")

from hqml.errors import HqmlError, ParameterError, UnknownBackend  # noqa: E402
from hqml.tuning import QuboSampler  # noqa: E402
from hqml.tuning.levels import levels_of  # noqa: E402

CHEAP = {"n_startup_trials": 6, "reads": 10, "backend_options": {"num_sweeps": 50}, "seed": 0}


def quick(**parameters: Any) -> Any:
    return QuboSampler(**{**CHEAP, **parameters})


def study_of(direction: str = "minimize", **parameters: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.create_study(sampler=quick(**parameters), direction=direction)


def bowl(trial: Any) -> float:
    x, rate = trial.suggest_float("x", -5, 5), trial.suggest_float("rate", 1e-4, 1e2, log=True)
    kind, count = trial.suggest_categorical("kind", ["a", "b", "c"]), trial.suggest_int("count", 0, 30)
    return float((x - 1) ** 2 + 2 * (math.log10(rate) - 1) ** 2 + 3 * (kind != "b") + abs(count - 20) / 5)


class TestAsOptunaSamplersGo(
    suites.BasicSamplerTestCase, suites.RelativeSamplerTestCase, suites.SingleOnlySamplerTestCase
):
    @pytest.fixture
    def sampler(self) -> Callable[[], Any]:
        return lambda: quick(n_startup_trials=2)


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_the_best_of_45_trials_is_near_the_optimum(direction: str) -> None:
    """By chance the best of 30 is at 3.5 on average (over 200 seeds), by TPE the best of 60 at .5 (over 10)."""
    sign = 1 if direction == "minimize" else -1
    study = study_of(direction)
    study.optimize(lambda trial: sign * bowl(trial), n_trials=45)
    assert sign * study.best_value < 1.5
    assert study.best_params["kind"] == "b"


def test_the_same_seed_gives_the_same_study_and_workers_differ() -> None:
    studies = [study_of() for _ in range(2)]
    for study in studies:
        study.optimize(bowl, n_trials=12)
    assert [trial.params for trial in studies[0].trials] == [trial.params for trial in studies[1].trials]
    first, second = quick(), quick()
    second.reseed_rng()
    assert first._drawn() != second._drawn()


def test_categories_are_used_up_before_one_is_tried_again() -> None:
    study = study_of()
    study.optimize(
        lambda trial: trial.suggest_categorical("a", list("uvwxyz")) == "w" or trial.suggest_int("b", 0, 2), n_trials=0
    )
    study.optimize(lambda trial: ord(trial.suggest_categorical("a", list("uvwxyz"))) + trial.suggest_int("b", 0, 2), 18)
    proposed = [tuple(trial.params.values()) for trial in study.trials[6:]]
    assert len(set(proposed)) == 12
    study.optimize(lambda trial: ord(trial.suggest_categorical("a", list("uvwxyz"))) + trial.suggest_int("b", 0, 2), 3)
    assert study.best_params == {"a": "u", "b": 0}


def test_parameters_of_some_trials_only_are_sampled_independently() -> None:
    def objective(trial: Any) -> float:
        if trial.suggest_categorical("kind", ["line", "curve"]) == "line":
            return trial.suggest_float("slope", 0, 1) + 1
        return trial.suggest_float("bend", 0, 1)

    study = study_of()
    study.optimize(objective, n_trials=20)
    assert study.best_params["kind"] == "curve"
    assert sum(trial.params["kind"] == "curve" for trial in study.trials[6:]) >= 5


def test_failed_trials_are_not_proposed_again_and_pruned_ones_count_as_the_worst() -> None:
    def objective(trial: Any) -> float:
        a = trial.suggest_categorical("a", [1, 2, 3])
        b = trial.suggest_categorical("b", [1, 2, 3])
        if a == 1:
            raise optuna.TrialPruned
        if a == 2 and b == 2:
            raise ArithmeticError("this one fails")
        return float(a * b)

    study = study_of(n_startup_trials=3)
    study.optimize(objective, n_trials=9, catch=ArithmeticError)
    proposed = [tuple(trial.params.values()) for trial in study.trials]
    assert proposed.count((2, 2)) <= 1
    assert study.best_params == {"a": 2, "b": 1}


def test_what_runs_elsewhere_is_not_proposed() -> None:
    space = {"a": optuna.distributions.CategoricalDistribution(list(range(6)))}
    study = study_of(n_startup_trials=2, constant_liar=True)
    for value in (1, 4):
        study.add_trial(optuna.create_trial(params={"a": value}, distributions=space, value=float(value)))
    asked = [study.ask(space).params["a"] for _ in range(4)]
    assert sorted(asked) == [0, 2, 3, 5]


def test_several_objectives_are_refused() -> None:
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=quick())
    with pytest.raises(ParameterError, match="searches for one objective, the study has 2"):
        study.optimize(lambda trial: (trial.suggest_float("x", 0, 1), 0.0), n_trials=1)


def test_workers_in_threads_share_it_and_a_pickle_goes_on() -> None:
    study = study_of(constant_liar=True)
    study.optimize(bowl, n_trials=12, n_jobs=2)
    assert len(study.trials) == 12
    again = pickle.loads(pickle.dumps(study.sampler))
    study.sampler = again
    study.optimize(bowl, n_trials=2)


@pytest.mark.parametrize("backend", ["exact", "tabu"])
def test_any_backend_proposes(backend: str) -> None:
    study = study_of(
        backend=backend, backend_options={}, n_levels=4, reads=3, time_limit=0.1 if backend == "tabu" else None
    )
    study.optimize(bowl, n_trials=8)
    assert len(study.trials) == 8


@pytest.mark.parametrize(
    ("distribution", "count", "exact"),
    [
        (optuna.distributions.FloatDistribution(-1, 3), 12, False),
        (optuna.distributions.FloatDistribution(1e-5, 1e3, log=True), 12, False),
        (optuna.distributions.FloatDistribution(0, 1, step=0.25), 5, True),
        (optuna.distributions.FloatDistribution(0, 100, step=0.5), 12, False),
        (optuna.distributions.IntDistribution(2, 9), 8, True),
        (optuna.distributions.IntDistribution(1, 1000, log=True), 12, False),
        (optuna.distributions.IntDistribution(0, 100, step=5), 12, False),
        (optuna.distributions.CategoricalDistribution(["a", None, 3]), 3, True),
    ],
    ids=str,
)
def test_a_value_of_a_level_is_of_that_level(distribution: Any, count: int, exact: bool) -> None:
    import numpy as np

    levels = levels_of(distribution, 12)
    assert (levels.axis.size, levels.exact) == (count, exact)
    rng = np.random.default_rng(0)
    for level in range(count):
        for _ in range(10):
            value = levels.value(level, rng)
            assert distribution._contains(distribution.to_internal_repr(value))
            near = levels.level(value)
            assert near == level if exact or distribution.step is None else abs(near - level) <= 1


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"n_startup_trials": 1}, ParameterError, "n_startup_trials must be"),
        ({"n_levels": 1}, ParameterError, "n_levels must be"),
        ({"rank": 0}, ParameterError, "rank must be"),
        ({"encoding": "unary"}, ParameterError, "encoding must be one of"),
        ({"reads": 0}, ParameterError, "reads must be"),
        ({"seed": -1}, ParameterError, "seed must be a whole number of at least 0"),
        ({"backend_options": 3}, ParameterError, "backend_options must be"),
    ],
)
def test_a_bad_parameter_is_told_when_the_sampler_is_made(parameters: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        quick(**parameters)


def test_an_unknown_backend_is_told_at_its_first_proposal() -> None:
    with pytest.raises(UnknownBackend):
        study_of(backend="no-such").optimize(bowl, n_trials=8)


def test_without_optuna_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import hqml.tuning

    monkeypatch.setitem(sys.modules, "optuna", None)
    monkeypatch.delitem(sys.modules, "hqml.tuning.sampler")
    with pytest.raises(HqmlError, match=r"QuboSampler needs optuna.*pip install 'hqml\[tuning\]'"):
        hqml.tuning.QuboSampler  # noqa: B018
