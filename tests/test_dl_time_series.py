"""AR, ARMA and ARIMA by statsmodels: published coefficients, and forecasts as a linear function."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

pytest.importorskip("pydantic", reason="pydantic is missing: pip install 'hqml[dl]'")
pytest.importorskip("statsmodels", reason="statsmodels is missing: pip install 'hqml[dl]'")

from hqml.dl.autoregression import AutoRegression, build
from hqml.dl.frameworks.statistical import fit, series_of
from hqml.dl.signature import Signature
from hqml.dl.source import ArraySource, Splits
from hqml.dl.spec import Task
from hqml.errors import DataError, FormatError, ParameterError

WINDOW = 24


@pytest.fixture(scope="module")
def sunspots() -> np.ndarray:
    from statsmodels.datasets import sunspots

    return sunspots.load_pandas().data["SUNACTIVITY"].to_numpy()


def windows(series: np.ndarray, horizon: int = 1) -> ArraySource:
    cut = sliding_window_view(series, WINDOW + horizon)
    return ArraySource({"x": cut[:, :WINDOW, None].astype(np.float32), "y": cut[:, WINDOW:].astype(np.float32)})


def splits(series: np.ndarray, horizon: int = 1) -> Splits:
    return Splits(windows(series[:220], horizon), windows(series[220:260], horizon), windows(series[250:], horizon))


def task(family: str, **parameters: int) -> Task:
    return Task.model_validate(
        {"name": "spots", "framework": "statsmodels", "model": {"family": family, **parameters}, "data": "sunspots"}
    )


def test_an_arma_of_the_sunspots_has_the_coefficients_that_statsmodels_documentation_prints(
    sunspots: np.ndarray,
) -> None:
    """https://www.statsmodels.org/stable/examples/notebooks/generated/tsa_arma_0.html, arma_mod30."""
    model = AutoRegression((3, 0, 0), WINDOW, 1).fitted(sunspots)
    assert model.names() == ["const", "ar.L1", "ar.L2", "ar.L3", "sigma2"]
    assert model.coefficients == pytest.approx([49.751912, 1.300818, -0.508102, -0.129644, 270.101140], rel=1e-4)
    assert model.filtered(sunspots).aic == pytest.approx(2619.4036, abs=1e-3)


@pytest.mark.parametrize("order", [(9, 0, 0), (2, 0, 1), (2, 1, 2), (0, 1, 1), (1, 2, 1)])
def test_a_forecast_is_a_linear_function_of_its_window(sunspots: np.ndarray, order: tuple[int, int, int]) -> None:
    model = AutoRegression(order, WINDOW, 3).fitted(sunspots[:250])
    some = sliding_window_view(sunspots, WINDOW)[::40]
    np.testing.assert_allclose(model(some), model.forecast(some), rtol=1e-8, atol=1e-8)


def test_an_ar_1_forecast_is_the_formula_of_the_textbook() -> None:
    model = AutoRegression((1, 0, 0), 4, 2, np.array([10.0, 0.5, 1.0]))
    assert model(np.array([[0, 0, 0, 6.0]])) == pytest.approx(np.array([[8.0, 9.0]]))


def test_the_series_is_put_together_from_its_windows(sunspots: np.ndarray) -> None:
    np.testing.assert_allclose(series_of(windows(sunspots, 1)), sunspots, rtol=1e-6)


def test_windows_in_another_order_are_refused(sunspots: np.ndarray) -> None:
    found = windows(sunspots)
    shuffled = ArraySource({name: array[::-1] for name, array in found.arrays.items()})
    with pytest.raises(DataError, match="not consecutive"):
        series_of(shuffled)


@pytest.mark.parametrize(("family", "parameters"), [("ar", {"p": 9}), ("arma", {"p": 3, "q": 1}), ("arima", {})])
def test_a_family_beats_the_last_value_on_years_it_has_not_seen(
    sunspots: np.ndarray, family: str, parameters: dict[str, int]
) -> None:
    parts = splits(sunspots)
    fitted = fit(task(family, **parameters), parts, Signature((WINDOW, 1), (1,)))
    x, y = (parts.test.arrays[name] for name in ("x", "y"))
    persistence = float(np.sqrt(((x[:, -1] - y) ** 2).mean()))
    assert fitted.test["rmse"] < 0.75 * persistence
    assert fitted.history[0].validation["rmse"] > 0


@pytest.mark.parametrize(
    ("order", "signature", "message"),
    [
        ((9, 0, 0), Signature((5, 1), (1,)), "at least 10 steps, found 5"),
        ((1, 0, 0), Signature((9, 2), (1,)), "windows of one series"),
        ((1, 0, 0), Signature((9,), None), "needs targets"),
        ((1, 0, 0), Signature((9,), (), ("a", "b")), "windows of one series"),
    ],
)
def test_what_is_no_series_is_refused(order: tuple[int, int, int], signature: Signature, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        build(order, signature)


def test_a_model_that_is_not_fitted_says_so() -> None:
    with pytest.raises(ParameterError, match="not fitted"):
        AutoRegression((1, 0, 0), 4, 1).forecast(np.zeros((1, 4)))


@pytest.mark.parametrize("family", ["ar", "arima"])
def test_an_onnx_file_forecasts_as_statsmodels_does_and_gives_the_model_back(
    sunspots: np.ndarray, family: str, tmp_path: Path
) -> None:
    pytest.importorskip("onnxruntime", reason="onnxruntime is missing: pip install 'hqml[dl]'")
    from hqml.dl.exchange import export, load

    parts, signature = splits(sunspots, horizon=3), Signature((WINDOW, 1), (3,))
    fitted = fit(task(family), parts, signature)
    example = parts.test.arrays["x"][:5]
    error = export(fitted.model, task(family), signature, tmp_path / "model.onnx", example=example)
    assert error < 1e-6
    loaded = load(tmp_path / "model.onnx").model
    np.testing.assert_array_equal(loaded.coefficients, fitted.model.coefficients)
    np.testing.assert_allclose(loaded.filtered(sunspots).forecast(3), fitted.model.filtered(sunspots).forecast(3))


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("optimizer: sgd", "optimizer"),
        ("optimizer: {rate: 0.5}", "optimizer"),
        ("optimizer: {betas: [0.8, 0.9]}", "optimizer"),
        ("loss: mae", "loss"),
        ("epochs: 5", "epochs"),
        ("schedule: cosine", "schedule"),
        ("early_stopping: {patience: 3}", "early_stopping"),
        ("clip: 1.0", "clip"),
        ("accumulate: 2", "accumulate"),
        ("deterministic: true", "deterministic"),
    ],
)
def test_keys_that_statsmodels_has_no_use_for_are_refused(line: str, place: str, tmp_path: Path) -> None:
    from hqml.dl import read_task

    (tmp_path / "s.yaml").write_text(f"model: ar\ndata: sunspots\n{line}\n")
    with pytest.raises(FormatError, match=rf"s\.yaml:3: {place}: statsmodels .*; leave {place} out"):
        read_task(tmp_path / "s.yaml")


def test_what_training_fills_in_is_not_refused_where_its_task_is_read_again(tmp_path: Path) -> None:
    from hqml.dl import read_task, train

    train(task("ar", p=2), tmp_path / "first")
    assert train(read_task(tmp_path / "first" / "task.yaml")).fitted.test["rmse"] > 0


def test_a_file_to_begin_with_is_refused_also_where_it_alone_names_the_family(tmp_path: Path) -> None:
    from hqml.dl import train

    train(task("ar", p=2), tmp_path)
    for model in ({"family": "ar", "file": "model.onnx"}, {"file": "model.onnx"}):
        begun = Task.model_validate({"name": "spots", "model": model, "data": "sunspots"})
        with pytest.raises(ParameterError, match=r"model\.file: statsmodels finds its coefficients anew"):
            train(begun, base=tmp_path)
