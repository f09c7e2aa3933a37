"""PINN, FNO, LSTM and GRU, the loss of equations, and the data with a physics of their own."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("torch", reason="the zoo is made of torch")

import torch
from torch import nn

from hqml.dl.building import build
from hqml.dl.datasets import DATASETS, burgers, burgers_points, darcy, heat_points, pendulum
from hqml.dl.objectives.physics import Burgers, Heat, Physics, make
from hqml.dl.parameters import filled
from hqml.dl.signature import Signature
from hqml.dl.source import ArraySource, Source, Splits
from hqml.dl.spec import LossSpec, Task
from hqml.dl.training import open_group
from hqml.dl.zoo import ARCHITECTURES, fno
from hqml.errors import ParameterError

Array = npt.NDArray[np.float64]
MADE = ("burgers", "burgers-points", "darcy", "heat-points", "pendulum", "sunspots")
SMALL: dict[str, dict[str, Any]] = {
    "burgers": {"samples": 20},
    "darcy": {"samples": 20, "points": 12},
    "pendulum": {"samples": 60},
}


def built(family: str, signature: Signature, **parameters: Any) -> Any:
    torch.manual_seed(0)
    architecture = ARCHITECTURES[family]
    return architecture.build(filled(architecture.parameters, parameters, family), signature).eval()


def count(model: nn.Module) -> int:
    return sum(weight.numel() for weight in model.parameters())


def made(name: str, **parameters: Any) -> Splits:
    dataset = DATASETS[name]
    if name == "sunspots":
        pytest.importorskip("statsmodels", reason="sunspots come with statsmodels")
    splits: Splits = dataset.make(filled(dataset.parameters, {**SMALL.get(name, {}), **parameters}, name))
    return splits


def everything(source: Source) -> dict[str, npt.NDArray[Any]]:
    return source.read(np.arange(len(source)))


# The zoo


@pytest.mark.parametrize(
    ("family", "parameters", "x", "y", "classes", "weights"),
    [
        # 4 gates (3 of GRU) of hidden x (inputs + hidden) weights and two biases, and a linear map of the last state.
        ("lstm", {"hidden": 32}, (24, 1), (1,), None, 4 * 32 * (1 + 32 + 2) + 33),
        ("gru", {"hidden": 32}, (24, 1), (), None, 3 * 32 * (1 + 32 + 2) + 33),
        ("gru", {"hidden": 8, "layers": 2, "both_ways": True}, (9, 3), (), "abc", 6 * 8 * (13 + 26) + 17 * 3),
        # Raissi et al., section 3.1: 9 layers with 3021 parameters in all.
        ("pinn", {}, (2,), (1,), None, 3021),
        # Li et al.'s program fourier_1d.py with 16 modes and width 64, and fourier_2d.py with 12 and 32, which count a
        # complex weight once: 287425 and 1188353.
        ("fno", {"modes": 16, "width": 64}, (1, 64), (1, 64), None, 287425 + 4 * 64 * 64 * 16),
        ("fno", {"modes": 12, "width": 32}, (1, 64, 64), (1, 64, 64), None, 1188353 + 4 * 2 * 32 * 32 * 144),
    ],
)
def test_networks_have_the_weights_of_their_papers(
    family: str, parameters: Any, x: Any, y: Any, classes: Any, weights: int
) -> None:
    assert count(built(family, Signature(x, y, None if classes is None else tuple(classes)), **parameters)) == weights


@pytest.mark.parametrize(
    ("family", "parameters", "x", "y", "classes", "shape"),
    [
        ("lstm", {}, (24, 1), (), None, ()),
        ("lstm", {}, (24, 3), (5, 2), None, (5, 2)),
        ("gru", {}, (24, 3), (), "ab", (2,)),
        ("gru", {"layers": 2, "dropout": 0.1, "both_ways": True}, (24, 3), (7,), None, (7,)),
        ("lstm", {"every_step": True}, (24, 3), (24, 2), None, (24, 2)),
        ("gru", {"every_step": True}, (24, 3), (24,), None, (24,)),
        ("gru", {"every_step": True}, (24, 3), (24,), "abc", (3, 24)),
        ("pinn", {"hidden": [5, 5]}, (3,), (), None, ()),
        ("pinn", {}, (2,), (1,), None, (1,)),
        ("fno", {"modes": 4, "width": 6, "layers": 2}, (2, 20), (3, 20), None, (3, 20)),
        ("fno", {"modes": [4, 3], "width": 6, "layers": 2, "padding": 0.2}, (1, 9, 8), (1, 9, 8), None, (1, 9, 8)),
        ("fno", {"modes": 2, "width": 4, "layers": 1}, (1, 6, 5, 7), (2, 6, 5, 7), None, (2, 6, 5, 7)),
    ],
)
def test_predictions_have_the_shape_of_the_targets(
    family: str, parameters: Any, x: Any, y: Any, classes: Any, shape: Any
) -> None:
    model = built(family, Signature(x, y, None if classes is None else tuple(classes)), **parameters)
    for samples in (1, 4):
        assert model(torch.randn(samples, *x)).shape == (samples, *shape)


@pytest.mark.parametrize(
    ("family", "parameters", "x", "y", "classes", "message"),
    [
        ("lstm", {"hidden": 0}, (24, 1), (), None, "hidden"),
        ("gru", {"dropout": 0.5}, (24, 1), (), None, "dropout is between two layers"),
        ("gru", {"dropout": 1.0, "layers": 2}, (24, 1), (), None, "below 1"),
        ("lstm", {}, (24,), (), None, r"lstm reads sequences, \(steps, features\)"),
        ("lstm", {}, (24, 1), None, None, "lstm needs targets"),
        ("lstm", {"every_step": True}, (24, 1), (), None, "24 steps first"),
        ("gru", {}, (24, 1), (24,), "ab", "set every_step"),
        ("gru", {"every_step": True}, (24, 1), (24, 2), "ab", "each step one class"),
        ("pinn", {"activation": "relu"}, (2,), (), None, "activation must be one of 'tanh'"),
        ("pinn", {"hidden": [20, 0]}, (2,), (), None, "hidden"),
        ("pinn", {"low": [0, 0], "high": [1, 0]}, (2,), (), None, "each low below its high"),
        ("pinn", {"low": [0, 0]}, (2,), (), None, "as many coordinates"),
        ("pinn", {"low": [0], "high": [1]}, (2,), (), None, "low has 1 coordinates, and the inputs have 2"),
        ("pinn", {}, (2, 2), (), None, "coordinates"),
        ("pinn", {}, (2,), (), "ab", "targets that are numbers"),
        ("pinn", {}, (2,), None, None, "targets that are numbers"),
        ("fno", {"modes": 9}, (1, 16), (1, 16), None, None),  # frequencies 0 to 8: the most there are
        ("fno", {"modes": 10}, (1, 16), (1, 16), None, "an axis of 16 points has 9 modes, found modes 10"),
        ("fno", {"modes": 9}, (1, 16, 16), (1, 16, 16), None, "an axis of 16 points has 8 modes"),
        ("fno", {"modes": [2, 2]}, (1, 16), (1, 16), None, "one for each of 1 axes"),
        ("fno", {"modes": 0}, (1, 16), (1, 16), None, "modes"),
        ("fno", {"width": 0}, (1, 16), (1, 16), None, "width"),
        ("fno", {"padding": 2}, (1, 16), (1, 16), None, "padding"),
        ("fno", {"activation": "step"}, (1, 16), (1, 16), None, "activation"),
        ("fno", {}, (16,), (16,), None, "functions on 1 to 3 axes"),
        ("fno", {}, (1, 16), (1, 8), None, "functions on the points of its inputs"),
        ("fno", {}, (1, 16), (1, 16), "ab", "functions on the points of its inputs"),
        ("fno", {}, (1, 16), None, None, "functions on the points of its inputs"),
    ],
)
def test_what_does_not_fit_is_told(
    family: str, parameters: Any, x: Any, y: Any, classes: Any, message: str | None
) -> None:
    signature = Signature(x, y, None if classes is None else tuple(classes))
    if message is None:
        built(family, signature, **parameters)
        return
    with pytest.raises(ParameterError, match=message):
        built(family, signature, **parameters)


@pytest.mark.parametrize("points", [(16,), (15,), (12, 10), (9, 11), (6, 8, 7)])
@pytest.mark.parametrize("most", [False, True])
def test_a_spectral_convolution_is_that_of_torchs_fourier_transform(points: tuple[int, ...], most: bool) -> None:
    torch.manual_seed(1)
    last = len(points) - 1
    modes = [(n // 2 + (axis == last)) if most else 2 for axis, n in enumerate(points)]
    waves = [fno.waves(n, m, axis == last) for axis, (n, m) in enumerate(zip(points, modes, strict=True))]
    layer = fno.SpectralConvolution(3, (*(2 * m for m in modes[:-1]), modes[-1])).double()
    v = torch.randn(2, 3, *points, dtype=torch.float64)

    axes = tuple(range(2, 2 + len(points)))
    found = torch.fft.rfftn(v, dim=axes)
    kept = [torch.arange(-m, m).roll(m) % n for m, n in zip(modes[:-1], points[:-1], strict=True)]
    index = np.ix_(np.arange(2), np.arange(3), *(one.numpy() for one in kept), np.arange(modes[-1]))
    mixed = torch.einsum("bi...,io...->bo...", found[index], torch.complex(*layer.weight))
    spectrum = torch.zeros_like(found)
    spectrum[index] = mixed
    torch.testing.assert_close(layer(v, waves), torch.fft.irfftn(spectrum, s=points, dim=axes), rtol=0, atol=1e-12)


def test_an_operator_takes_functions_on_more_points_than_it_was_trained_on() -> None:
    model = built("fno", Signature((1, 32), (1, 32)), modes=4, width=8, layers=2).double()

    def wave(points: int) -> torch.Tensor:
        at = torch.linspace(0, 1, points, dtype=torch.float64)  # of both ends, as the coordinate channel is
        return torch.sin(2 * math.pi * at)[None, None]

    coarse, fine, finer = (model(wave(points)).detach() for points in (32, 497, 993))
    assert coarse.shape[-1] == 32
    assert fine[..., ::496] == pytest.approx(finer[..., ::992], abs=2e-3)
    assert (fine[..., ::16] - coarse[..., :32]).abs().max() < 0.1  # 32 points are few


def test_an_operator_scales_channels_and_not_points() -> None:
    signature = Signature((2, 16), (1, 16))
    task = Task.model_validate({"name": "a", "model": {"family": "fno", "modes": 4, "width": 4}, "data": "burgers"})
    model = build(task, signature).model
    x, y = np.random.default_rng(0).normal(5, 3, (40, 2, 16)), np.random.default_rng(1).normal(-2, 7, (40, 1, 16))
    with contextlib.closing(open_group("none")) as group:
        model.measure(ArraySource({"x": x.astype(np.float32), "y": y.astype(np.float32)}), group)
    np.testing.assert_allclose(model.x_mean[:, 0], x.mean((0, 2)), rtol=1e-5)
    np.testing.assert_allclose(model.y_scale[:, 0], y.std((0, 2)), rtol=1e-5)
    assert model(torch.randn(3, 2, 24)).shape == (3, 1, 24)


def test_a_padded_operator_does_not_join_the_ends_of_an_axis() -> None:
    model = built("fno", Signature((1, 40), (1, 40)), modes=4, width=8, layers=1, padding=0.25)
    assert model.cosines_0.shape == (50, 4)
    assert model(torch.randn(2, 1, 60)).shape == (2, 1, 60)


@pytest.mark.parametrize("family", ["lstm", "gru"])
def test_a_sequence_read_both_ways_ends_at_both_ends(family: str) -> None:
    model = built(family, Signature((6, 2), ()), hidden=4, both_ways=True)
    x = torch.randn(3, 6, 2)
    states, _ = model.body(x)
    ends = torch.cat([states[:, -1, :4], states[:, 0, 4:]], 1)
    assert model(x).detach() == pytest.approx(model.head(ends).flatten().detach())


# Equations


class Known(nn.Module):
    """A field that is known as a formula."""

    def __init__(self, formula: Any) -> None:
        super().__init__()
        self.formula = formula

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        field: torch.Tensor = self.formula(*x.unbind(1))
        return field


def batch_of(x: torch.Tensor, y: torch.Tensor) -> dict[str, torch.Tensor]:
    return {"x": x, "y": y}


def test_a_wave_that_keeps_its_shape_has_no_residual() -> None:
    """The travelling front of Burgers' equation: u = c - a tanh(a (x - c t) / (2 viscosity))."""
    front = Known(lambda x, t: 0.3 - 0.7 * torch.tanh(0.7 * (x - 0.3 * t) / 0.2))
    x = torch.rand(50, 2, dtype=torch.float64)
    figures = Physics(front, Burgers(0.1), 1.0).measure(batch_of(x, front(x)))
    assert float(figures["residual"]) < 1e-12
    assert float(figures["rmse"]) == 0
    assert float(Physics(front, Burgers(0.2), 1.0).measure(batch_of(x, front(x)))["residual"]) > 0.1


def test_a_residual_is_what_the_derivatives_say() -> None:
    """u = x**2 t: u_t + u u_x - viscosity u_xx = x**2 + 2 x**3 t**2 - 2 viscosity t; the heat equation has no u u_x."""
    field = Known(lambda x, t: x**2 * t)
    x = torch.rand(20, 2, dtype=torch.float64)
    place, time = x.unbind(1)
    for equation, expected in (
        (Burgers(0.5), place**2 + 2 * place**3 * time**2 - time),
        (Heat(0.5), place**2 - time),
    ):
        points = x.clone().requires_grad_()
        assert equation.residual(field(points), points).detach() == pytest.approx(expected)


def test_the_exact_heat_has_no_residual() -> None:
    def plate(x: torch.Tensor, y: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return torch.sin(math.pi * x) * torch.sin(2 * math.pi * y) * torch.exp(-0.05 * 5 * math.pi**2 * t)

    x = torch.rand(30, 3, dtype=torch.float64)
    assert float(Physics(Known(plate), Heat(0.05), 1.0).measure(batch_of(x, plate(*x.unbind(1))))["residual"]) < 1e-12


def test_points_without_a_value_count_in_the_residual_alone() -> None:
    model = built("pinn", Signature((2,), ()), hidden=[8, 8])
    objective = make(
        LossSpec(name="physics", parameters={"equation": "burgers", "weight": 4.0}), model, Signature((2,), ())
    )
    x, y = torch.rand(10, 2), torch.rand(10)
    y[4:] = torch.nan
    points = x.clone().requires_grad_()
    u = model(points)
    residual = Burgers().residual(u, points).square().mean()
    error = (u - y)[:4].square()
    torch.testing.assert_close(objective(batch_of(x, y)), residual + 4.0 * error.sum() / 10)
    torch.testing.assert_close(objective.measure(batch_of(x, y))["rmse"], (error.sum() / 10).sqrt().detach())


def test_the_loss_of_a_batch_is_the_mean_of_its_parts() -> None:
    model = built("pinn", Signature((2,), ()), hidden=[8, 8]).double()
    objective = Physics(model, Burgers(), 10.0)
    x, y = torch.rand(12, 2, dtype=torch.float64), torch.rand(12, dtype=torch.float64)
    y[3:] = torch.nan  # the first part knows values, the last does not
    objective(batch_of(x, y)).backward()
    whole = [weight.grad.clone() for weight in model.parameters()]
    model.zero_grad()
    for part in (slice(0, 4), slice(4, 8), slice(8, 12)):
        (objective(batch_of(x[part], y[part])) / 3).backward()
    for weight, gradient in zip(model.parameters(), whole, strict=True):
        assert weight.grad == pytest.approx(gradient, abs=1e-12)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_figures_can_be_had_without_gradients(mode: Any) -> None:
    model = built("pinn", Signature((2,), ()), hidden=[8])
    objective = Physics(model, Burgers(), 10.0)
    with mode():
        figures = objective.measure(batch_of(torch.rand(5, 2), torch.rand(5)))
    assert not any(figure.requires_grad for figure in figures.values())


@pytest.mark.parametrize(
    ("parameters", "signature", "message"),
    [
        ({}, Signature((2,), ()), "equation must be one of 'burgers', 'heat'"),
        ({"equation": "maxwell"}, Signature((2,), ()), "equation must be one of"),
        ({"equation": "burgers", "viscosity": -1}, Signature((2,), ()), "viscosity must be a finite number above 0"),
        ({"equation": "heat", "viscosity": 1}, Signature((2,), ()), "viscosity is of equation burgers"),
        ({"equation": "burgers", "diffusivity": 1}, Signature((2,), ()), "diffusivity is of equation heat"),
        ({"equation": "heat", "weight": 0}, Signature((2,), ()), "weight"),
        ({"equation": "heat", "wait": 1}, Signature((2,), ()), "did you mean 'weight'"),
        ({"equation": "burgers"}, Signature((3,), ()), r"\(2,\): place and time"),
        ({"equation": "heat"}, Signature((1,), ()), "time as the last"),
        ({"equation": "heat"}, Signature((3,), (2,)), "one number as target"),
        ({"equation": "heat"}, Signature((3,), None), "one number as target"),
        ({"equation": "heat"}, Signature((3,), (), ("a", "b")), "found classes"),
    ],
)
def test_a_wrong_equation_is_told(parameters: Any, signature: Signature, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        make(LossSpec(name="physics", parameters=parameters), nn.Identity(), signature)


# Data


@pytest.mark.parametrize("name", MADE)
def test_data_are_the_same_again_and_float32(name: str) -> None:
    first, second = made(name), made(name)
    for one, other in ((first.train, second.train), (first.validation, second.validation), (first.test, second.test)):
        fields, again = everything(one), everything(other)
        assert set(fields) == {"x", "y"}
        for field, values in fields.items():
            assert values.dtype == np.float32
            assert values.shape == (len(one), *one.shapes[field])
            np.testing.assert_array_equal(values, again[field])


@pytest.mark.parametrize("name", sorted({*MADE} - {"sunspots"}))
def test_another_seed_gives_other_data(name: str) -> None:
    assert not np.array_equal(everything(made(name).test)["x"], everything(made(name, seed=1).test)["x"])


@pytest.mark.parametrize("name", MADE)
def test_something_simple_is_worse_than_nothing_would_be_at_all(name: str) -> None:
    """A baseline is better than saying the mean of the test data, and not perfect."""
    splits = made(name)
    y = everything(splits.test)["y"].astype(float)
    spread = 1.0 if name in ("burgers", "darcy") else float(np.std(y))
    assert 0 < DATASETS[name].baseline(splits).value < spread


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("burgers", {"points": 100}, "points must divide 1024"),
        ("burgers", {"samples": 3}, "samples"),
        ("burgers", {"viscosity": 0}, "viscosity"),
        ("burgers", {"viscosity": 0.001, "samples": 50}, "viscosity 0.001 is too small at time 1"),
        ("burgers", {"time": -1}, "time"),
        ("burgers-points", {"viscosity": 0.001}, "viscosity must be at least 0.003"),
        ("burgers-points", {"viscosity": math.inf}, "viscosity"),
        ("burgers-points", {"known": 1}, "known"),
        ("heat-points", {"inside": 0}, "inside"),
        ("heat-points", {"diffusivity": 0}, "diffusivity"),
        ("darcy", {"points": 2}, "points"),
        ("sunspots", {"steps": 90, "horizon": 20}, "309 years"),
        ("sunspots", {"horizon": 0}, "horizon"),
        ("pendulum", {"farthest": 3.2}, "between 0 and pi"),
        ("pendulum", {"damping": -1}, "damping"),
        ("pendulum", {"interval": 0}, "interval"),
        ("pendulum", {"noise": -0.1}, "noise"),
    ],
)
def test_data_that_cannot_be_are_told(name: str, parameters: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        made(name, **parameters)


def stepped(state: Array, viscosity: float, time: float, steps: int) -> Array:
    """Burgers' equation by Fourier modes and Runge and Kutta's fourth order, diffusion exact: (states, points)."""
    points = state.shape[1]
    wave = 2j * np.pi * np.arange(points // 2 + 1)
    kept = np.arange(points // 2 + 1) < points / 3  # products of higher modes would come back as others
    h = time / steps
    half = np.exp(viscosity * (wave**2).real * h / 2)

    def change(modes: Array) -> Any:
        u = np.fft.irfft(modes * kept, points, axis=1)
        return -0.5 * wave * kept * np.fft.rfft(u * u, axis=1)

    modes = np.fft.rfft(state, axis=1)
    for _ in range(steps):
        a = change(modes)
        b = change(half * (modes + h / 2 * a))
        c = change(half * modes + h / 2 * b)
        d = change(half * (half * modes + h * c))
        modes = half * (half * modes + h / 6 * (half * a + 2 * (b + c))) + h / 6 * d
    return np.fft.irfft(modes, points, axis=1)


@pytest.mark.parametrize("viscosity", [0.004, 0.01])
def test_burgers_states_are_those_of_small_steps_in_time(viscosity: float) -> None:
    states = burgers.initial_states(3, np.random.default_rng(0), burgers.FINE)
    later = burgers.later(states, viscosity, 1.0)
    assert np.ptp(later) > 0.3  # something is left to compare
    np.testing.assert_allclose(later, stepped(states, viscosity, 1.0, 1000), atol=1e-6)


def test_initial_states_have_the_covariance_of_the_paper() -> None:
    """N(0, 625 (-Laplacian + 25)^-2): the variance is the sum of the eigenvalues, each twice, without the mean's."""
    states = burgers.initial_states(4000, np.random.default_rng(0), 64)
    expected = 2 * sum((25 / ((2 * math.pi * k) ** 2 + 25)) ** 2 for k in range(1, 32))
    assert states.var() == pytest.approx(expected, rel=0.05)
    assert np.abs(states.mean(1)).max() < 1e-12


def test_the_field_with_a_shock_is_the_published_one() -> None:
    """Basdevant et al. (1986), table: the steepest slope at x = 0 is 152.00516, at time 1.6037 / pi."""
    step = 1e-6
    points = np.array([[step, 1.6037 / math.pi], [-step, 1.6037 / math.pi]])
    right, left = burgers_points.exact(points, 0.01 / math.pi)
    assert (left - right) / (2 * step) == pytest.approx(152.00516, rel=1e-4)


def test_the_field_with_a_shock_starts_and_ends_as_it_must() -> None:
    rng = np.random.default_rng(0)
    x, t = rng.uniform(-1, 1, 200), rng.uniform(0, 1, 200)
    start = burgers_points.exact(np.stack([x, 0 * t], 1), 0.01 / math.pi)
    np.testing.assert_allclose(start, -np.sin(math.pi * x), atol=1e-12)
    for border in (-1.0, 1.0):
        np.testing.assert_allclose(burgers_points.exact(np.stack([border + 0 * x, t], 1), 0.01 / math.pi), 0, atol=1e-9)
    for viscosity in (0.003, 0.01, 0.1):
        points = np.stack([x, t], 1)
        more = burgers_points.exact(points, viscosity, nodes=180)
        np.testing.assert_allclose(burgers_points.exact(points, viscosity), more, atol=1e-6)


@pytest.mark.parametrize("name", ["burgers-points", "heat-points"])
def test_values_are_known_at_the_start_and_on_the_border_alone(name: str) -> None:
    splits = made(name)
    low, high = ((-1.0, 0.0), (1.0, 1.0)) if name == "burgers-points" else ((0.0,) * 3, (1.0,) * 3)
    for part, known in ((splits.train, 400 if name == "burgers-points" else 800), (splits.validation, None)):
        fields = everything(part)
        at = fields["x"]
        on_rim = (at[:, -1] == low[-1]) | ((at == low) | (at == high))[:, :-1].any(1)
        np.testing.assert_array_equal(on_rim, np.isfinite(fields["y"]))
        assert known is None or on_rim.sum() == known
    assert np.isfinite(everything(splits.test)["y"]).all()


def test_heat_decays_as_its_sines_do() -> None:
    middle = np.array([[0.5, 0.5, 0.0], [0.5, 0.5, 1.0]])  # where the second sine is 0
    start, end = heat_points.exact(middle, 0.05)
    assert start == pytest.approx(1.0)
    assert end == pytest.approx(math.exp(-2 * math.pi**2 * 0.05))


def test_the_pressure_of_one_material_is_poissons() -> None:
    """Timoshenko's series for torsion of a square: -Laplacian u = 1 has 0.0736713 in the middle."""
    field = darcy.pressure(np.full((61, 61), 2.0))
    assert 2.0 * field[30, 30] == pytest.approx(0.0736713, rel=1e-3)
    np.testing.assert_allclose(field, field.T, atol=1e-15)
    np.testing.assert_allclose(field, field[::-1], atol=1e-15)


def test_all_that_flows_in_flows_out_of_two_materials() -> None:
    a = darcy.permeabilities(1, 16, np.random.default_rng(3))[0]
    assert set(np.unique(a)) == {3.0, 12.0}
    u, points = darcy.pressure(a), 16
    out = sum(float((2 * a[side] * u[side]).sum() + (2 * a[:, side] * u[:, side]).sum()) for side in (0, -1))
    assert out == pytest.approx(1.0)  # a source of 1 on an area of 1
    inner = np.zeros((points, points))  # the same balance, cell by cell, with loops
    for i in range(points):
        for j in range(points):
            for k, m in ((i + 1, j), (i - 1, j), (i, j + 1), (i, j - 1)):
                if 0 <= k < points and 0 <= m < points:
                    face = 2 * a[i, j] * a[k, m] / (a[i, j] + a[k, m])
                    inner[i, j] += face * (u[i, j] - u[k, m])
                else:
                    inner[i, j] += 2 * a[i, j] * u[i, j]
    np.testing.assert_allclose(inner, 1 / points**2, rtol=1e-9)


def test_no_sunspot_is_forecast_in_two_parts() -> None:
    splits = made("sunspots", steps=12, horizon=3)
    years, wanted = len(splits.train), (1900 - 1700 - 12 - 2, 30 - 2, 2008 - 1930 + 1 - 2)
    assert (years, len(splits.validation), len(splits.test)) == wanted
    train = everything(splits.train)
    np.testing.assert_array_equal(train["x"][0, :3, 0], [5, 11, 16])  # 1700 to 1702
    np.testing.assert_array_equal(train["y"][0], train["x"][3, -3:, 0])
    assert everything(splits.test)["y"][-1, -1] == pytest.approx(2.9)  # 2008


def test_a_far_swing_takes_as_long_as_the_elliptic_integral_says() -> None:
    """Without damping, an angle a comes back after 4 K(sin(a / 2)): 4 quarter turns."""
    from scipy.special import ellipk

    start = np.array([0.1, 1.5, 2.8])
    for angle, period in zip(start, 4 * ellipk(np.sin(start / 2) ** 2), strict=True):
        [path] = pendulum.swings(np.array([angle]), np.zeros(1), 65, float(period) / 64, 0.0)
        assert path[[16, 32, 48, 64]] == pytest.approx([0, -angle, 0, angle], abs=2e-4)


def test_only_measurements_have_noise() -> None:
    clean, noisy = everything(made("pendulum", noise=0).train), everything(made("pendulum", noise=0.1).train)
    np.testing.assert_array_equal(clean["y"], noisy["y"])
    assert (noisy["x"] - clean["x"]).std() == pytest.approx(0.1, rel=0.1)
