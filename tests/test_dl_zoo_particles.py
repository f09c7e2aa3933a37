"""GAN, WGAN, MLPF and JEDI-net: the networks, what they minimise, and the data whose truth is known."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the zoo is made of torch's modules")

from hqml.dl.datasets import DATASETS, jets, particle_flow, ring  # noqa: E402
from hqml.dl.datasets.parts import whole  # noqa: E402
from hqml.dl.objectives import OBJECTIVES, adversarial  # noqa: E402
from hqml.dl.parameters import filled  # noqa: E402
from hqml.dl.signature import Signature  # noqa: E402
from hqml.dl.source import Splits  # noqa: E402
from hqml.dl.spec import LossSpec  # noqa: E402
from hqml.dl.zoo import ARCHITECTURES  # noqa: E402
from hqml.errors import ParameterError  # noqa: E402

KINDS = tuple("abc")
POINTS = Signature(x=(3,), y=(2,))
JETS = Signature(x=(5, 4), y=(), classes=KINDS)
EVENTS = Signature(x=(6, 4), y=(6,), classes=KINDS)


def built(family: str, signature: Signature, **parameters: Any) -> Any:
    torch.manual_seed(0)
    architecture = ARCHITECTURES[family]
    return architecture.build(filled(architecture.parameters, parameters, family), signature)


def objective(name: str, model: Any, signature: Signature, **parameters: Any) -> Any:
    return OBJECTIVES[name](LossSpec(name=name, parameters=parameters), model, signature)


def made(name: str, **parameters: Any) -> Splits:
    dataset = DATASETS[name]
    return dataset.make(filled(dataset.parameters, parameters, name))


def number(value: Any) -> float:
    return float(value.detach())


def some(*shape: int, seed: int = 1) -> Any:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# --- JEDI-net ---------------------------------------------------------------------------------------------------------


def by_matrices(net: Any, x: Any) -> Any:
    """The network as arXiv:1908.05318 writes it, with the matrices that pick receiver and sender of each pair."""
    particles = x.shape[1]
    pairs = list(itertools.permutations(range(particles), 2))
    receivers, senders = (torch.zeros(particles, len(pairs)) for _ in range(2))
    for column, (receiver, sender) in enumerate(pairs):
        receivers[receiver, column] = senders[sender, column] = 1
    seen = net.norm(x.transpose(1, 2))
    both = torch.cat([seen @ receivers, seen @ senders], dim=1).transpose(1, 2)
    effects = net.last(net.f_r(net.pair(both))).transpose(1, 2) @ receivers.T
    given = net.last(net.f_o(torch.cat([seen, effects], dim=1).transpose(1, 2)))
    return net.f_c(given.sum(1) if net.summed else given.flatten(1))


@pytest.mark.parametrize("summed", [True, False])
def test_jedi_is_the_network_of_the_paper(summed: bool) -> None:
    net = built("jedi", JETS, hidden=6, effects=3, outputs=4, summed=summed, activation="selu")
    x = some(7, 5, 4)
    assert torch.allclose(net(x), by_matrices(net, x), atol=1e-5)


def test_jedi_has_as_many_weights_as_its_layers() -> None:
    """f_R 32-50-25-12, f_O 28-50-25-16, f_C 16-50-25-5, and mean and scale of 16 features."""

    def dense(*widths: int) -> int:
        return sum(before * after + after for before, after in itertools.pairwise(widths))

    net = built("jedi", Signature(x=(30, 16), y=(), classes=jets.CLASSES))
    expected = dense(32, 50, 25, 12) + dense(28, 50, 25, 16) + dense(16, 50, 25, 5) + 2 * 16
    assert sum(weights.numel() for weights in net.parameters()) == expected


def test_the_order_of_particles_does_not_matter_where_they_are_summed() -> None:
    x, order = some(3, 5, 4), torch.tensor([3, 0, 4, 1, 2])
    summed, beside = (built("jedi", JETS, hidden=6, summed=one).eval() for one in (True, False))
    assert torch.allclose(summed(x), summed(x[:, order]), atol=1e-5)
    assert not torch.allclose(beside(x), beside(x[:, order]), atol=1e-3)


def test_particles_that_are_not_there_give_nothing() -> None:
    small, large = (built("jedi", Signature(x=(size, 4), y=(), classes=KINDS), hidden=6).eval() for size in (3, 5))
    small.load_state_dict(large.state_dict())
    x = some(2, 3, 4)
    padded = torch.cat([x[:, :1], torch.zeros(2, 2, 4), x[:, 1:]], dim=1)
    assert torch.allclose(small(x), large(padded), atol=1e-6)


# --- MLPF -------------------------------------------------------------------------------------------------------------


@torch.no_grad()
def by_loops(layer: Any, h: Any, there: Any) -> Any:
    """A layer of the graph, element by element."""
    rows = []
    for event, exists in zip(h, there, strict=True):
        place, message = layer.place(event), layer.message(event)
        for one in range(len(event)):
            apart = [(float(((place[one] - place[other]) ** 2).sum()), other) for other in range(len(event))]
            near = sorted((distance, other) for distance, other in apart if exists[other])[: layer.neighbours]
            sent = [message[other] * math.exp(-distance) for distance, other in near]
            sent += [torch.zeros_like(message[0])] * (layer.neighbours - len(near))
            received = torch.stack(sent)
            update = layer.update(torch.cat([event[one], received.mean(0), received.max(0).values]))
            rows.append(layer.norm(event[one] + update))
    return torch.stack(rows).reshape(h.shape)


def test_a_layer_of_the_graph_hears_its_nearest_neighbours() -> None:
    net = built("mlpf", EVENTS, width=5, layers=1, space=2, neighbours=3, messages=4, hidden=6)
    h, there = some(2, 6, 5), torch.tensor([[1.0] * 6, [1.0, 0, 1, 0, 0, 0]])
    assert torch.allclose(net.layers[0](h, there), by_loops(net.layers[0], h, there), atol=1e-5)


def test_mlpf_gives_logits_and_momenta_of_each_element() -> None:
    logits, momentum = built("mlpf", EVENTS, neighbours=4, momentum=2)(some(3, 6, 4))
    assert logits.shape == (3, 3, 6)
    assert momentum.shape == (3, 6, 2)


def test_elements_may_come_in_any_order() -> None:
    net = built("mlpf", EVENTS, width=8, neighbours=4)
    x, order = some(3, 6, 4), torch.tensor([5, 2, 0, 1, 4, 3])
    (kinds, momentum), (kinds_2, momentum_2) = net(x), net(x[:, order])
    assert torch.allclose(kinds[:, :, order], kinds_2, atol=1e-5)
    assert torch.allclose(momentum[:, order], momentum_2, atol=1e-5)


def test_elements_that_are_not_there_change_nothing() -> None:
    net = built("mlpf", EVENTS, width=8, neighbours=4)
    x = some(2, 6, 4)
    with_rest = torch.cat([x, torch.zeros(2, 5, 4)], dim=1)
    for one, other in zip(net(x), net(with_rest), strict=True):
        sizes = (slice(None), slice(None), slice(6)) if one.shape[2] == 6 else (slice(None), slice(6))
        assert torch.allclose(one, other[sizes], atol=1e-5)


# --- generators and critics -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["gan", "wgan"])
def test_a_dense_generator_makes_samples_of_any_shape(family: str) -> None:
    assert built(family, POINTS)(some(4, 3)).shape == (4, 2)
    assert built(family, Signature(x=(3, 2)))(some(4, 3, 2)).shape == (4, 3, 2)
    assert built(family, Signature(x=(7,), y=(2, 3, 4)), hidden=())(some(4, 7)).shape == (4, 2, 3, 4)


def test_a_convolutional_generator_doubles_images_level_by_level() -> None:
    net = built("gan", Signature(x=(10,), y=(3, 16, 24)), channels=(8, 4), range="tanh")
    images = net(some(4, 10))
    assert net[0].first == (8, 4, 6)
    assert images.shape == (4, 3, 16, 24)
    assert images.abs().max() <= 1
    critic = adversarial.critic_of(adversarial.GanParameters(channels=(4, 8), critic=()), (3, 16, 24))
    assert critic(images).shape == (4, 1)


def test_the_losses_are_those_of_the_paper() -> None:
    """arXiv:1406.2661: the critic maximises log D(x) + log(1 - D(G(z))), the generator log D(G(z))."""
    game = objective("gan", built("gan", POINTS), POINTS)
    real, fake = some(6, 2), some(6, 2, seed=2)
    d_real, d_fake = torch.sigmoid(game.critic(real)), torch.sigmoid(game.critic(fake))
    assert torch.allclose(game.of_critic(real, fake), -(torch.log(d_real) + torch.log(1 - d_fake)).mean(), atol=1e-6)
    assert torch.allclose(game.of_model(game.critic(fake)), -torch.log(d_fake).mean(), atol=1e-6)


def test_a_wasserstein_critic_measures_how_far_a_point_is_from_another() -> None:
    """Of all critics of slope 1 along the line between them, none says more than their distance."""
    game = objective("wasserstein", built("wgan", POINTS), POINTS, critic=(), clip=None, penalty=10.0)
    real, fake = torch.tensor([[3.0, 4.0]]), torch.zeros(1, 2)
    with torch.no_grad():
        game.critic[1].weight.copy_(torch.tensor([[0.6, 0.8]]))
    assert number(game.of_critic(real, fake)) == pytest.approx(-5, abs=1e-5)  # slope 1: no penalty
    with torch.no_grad():
        game.critic[1].weight.mul_(2)
    assert number(game.of_critic(real, fake)) == pytest.approx(-10 + 10 * (2 - 1) ** 2, abs=1e-4)


def test_a_critic_takes_five_steps_for_one_of_the_generator() -> None:
    game = objective("wasserstein", built("wgan", POINTS), POINTS)
    assert [game.due(step) for step in range(5)] == [("critic",)] * 4 + [("critic", "model")]
    assert objective("gan", built("gan", POINTS), POINTS).due(0) == ("critic", "model")


def test_the_critics_weights_are_clipped_after_its_step_alone() -> None:
    game = objective("wasserstein", built("wgan", POINTS), POINTS)
    before = [weights.clone() for weights in game.parameters()]
    game.after("model")
    assert all(torch.equal(one, other) for one, other in zip(before, game.parameters(), strict=True))
    game.after("critic")
    assert max(number(weights.abs().max()) for weights in game.critic.parameters()) == pytest.approx(0.01)
    assert max(number(weights.abs().max()) for weights in game.model.parameters()) > 0.1


@pytest.mark.parametrize("name", ["gan", "wasserstein"])
@pytest.mark.parametrize("phase", ["critic", "model"])
def test_a_phase_has_gradients_of_its_own_weights_alone(name: str, phase: str) -> None:
    game = objective(name, built("gan", POINTS), POINTS, **({"penalty": 1.0} if name == "wasserstein" else {}))
    game({"x": some(8, 3), "y": some(8, 2)}, phase).backward()
    mine = {id(weights) for weights in game.parameters_of(phase)}
    of_others = [weights for weights in game.parameters() if id(weights) not in mine]
    assert all(weights.grad is not None for weights in game.parameters_of(phase) if weights.ndim > 1)
    assert all(weights.grad is None for weights in of_others)


def test_the_figure_of_a_batch_is_the_same_each_time() -> None:
    for batch, signature in (({"x": some(8, 3), "y": some(8, 2)}, POINTS), ({"x": some(8, 3)}, Signature(x=(3,)))):
        game = objective("gan", built("gan", signature), signature)
        assert game.measure(batch) == game.measure(batch)


def test_energy_distance_is_the_mean_over_pairs() -> None:
    a, b = some(5, 2).numpy(), some(5, 2, seed=2).numpy()

    def mean(pairs: Any) -> float:
        return float(np.mean([np.linalg.norm(one - other) for one, other in pairs]))

    loops = 2 * mean(itertools.product(a, b)) - mean(itertools.permutations(a, 2)) - mean(itertools.permutations(b, 2))
    assert ring.energy_distance(a, b) == pytest.approx(loops, rel=1e-5)
    found = adversarial.energy_distance(torch.from_numpy(a), torch.from_numpy(b))
    assert float(found) == pytest.approx(loops, rel=1e-5)


def test_energy_distance_is_zero_on_average_where_the_distributions_are_one() -> None:
    distances = [float(adversarial.energy_distance(some(50, 2, seed=n), some(50, 2, seed=-n - 1))) for n in range(200)]
    assert abs(np.mean(distances)) < 3 * np.std(distances) / math.sqrt(200)
    assert adversarial.energy_distance(some(1, 2), some(1, 2)) == 0


def test_a_generator_learns_where_points_are() -> None:
    """Thirty steps bring a generator's points towards a Gaussian at (2, -1)."""
    game = objective("wasserstein", built("wgan", POINTS, hidden=(16,)), POINTS, clip=None, penalty=1.0, critic=(32,))
    steps = {
        phase: torch.optim.Adam(list(game.parameters_of(phase)), lr=2e-2, betas=(0.0, 0.9)) for phase in game.phases
    }
    batch = {"x": some(128, 3), "y": some(128, 2, seed=2) * 0.5 + torch.tensor([2.0, -1.0])}
    before = game.measure(batch)["loss"]
    torch.manual_seed(0)
    for step in range(150):
        for phase in game.due(step):
            steps[phase].zero_grad()
            game(batch, phase).backward()
            steps[phase].step()
            game.after(phase)
    assert game.measure(batch)["loss"] < 0.3 * before


# --- the loss of particle flow ----------------------------------------------------------------------------------------


def an_event_batch() -> dict[str, Any]:
    x, kinds = some(4, 6, 4), torch.randint(3, (4, 6), generator=torch.Generator().manual_seed(3))
    x[0, 4:], x[1, 1:] = 0, 0
    kinds[2] = 0  # no particle at all
    return {"x": x, "y": kinds, "momentum": some(4, 6, 5, seed=4)}


def test_the_loss_of_particle_flow_is_a_mean_over_the_elements_that_are_there() -> None:
    flow = objective("particle-flow", built("mlpf", EVENTS, width=8, neighbours=4), EVENTS, momentum=0.5).eval()
    batch = an_event_batch()
    logits, momentum = flow.model(batch["x"])
    losses, hits = [], []
    for event in range(4):
        there = [one for one in range(6) if bool((batch["x"][event, one] != 0).any())]
        kinds = batch["y"][event]
        entropy = [-torch.log_softmax(logits[event, :, one], 0)[kinds[one]] for one in there]
        errors = [((momentum - batch["momentum"])[event, one] ** 2).mean() for one in there if kinds[one] > 0]
        losses.append(sum(entropy) / len(entropy) + 0.5 * (sum(errors) / len(errors) if errors else 0))
        hits.append(np.mean([bool(logits[event, :, one].argmax() == kinds[one]) for one in there]))
    figures = flow.measure(batch)
    assert number(flow(batch)) == pytest.approx(number(sum(losses) / 4), rel=1e-5)
    assert float(figures["loss"]) == pytest.approx(number(sum(losses) / 4), rel=1e-5)
    assert float(figures["accuracy"]) == pytest.approx(float(np.mean(hits)), rel=1e-5)


def test_the_loss_of_a_batch_is_the_mean_of_its_halves() -> None:
    """As ranks and micro-batches need it."""
    flow = objective("particle-flow", built("mlpf", EVENTS, width=8, neighbours=4), EVENTS).eval()
    batch = an_event_batch()
    halves = [{name: one[part] for name, one in batch.items()} for part in (slice(0, 2), slice(2, 4))]
    assert number(flow(batch)) == pytest.approx(number(sum(map(flow, halves)) / 2), rel=1e-5)


# --- data -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "few"), [("ring", 400), ("jets", 400), ("particle-flow", 64)])
def test_data_are_the_same_for_the_same_seed_and_cut_into_three(name: str, few: int) -> None:
    one, again, other = (made(name, samples=few, seed=seed) for seed in (0, 0, 1))
    assert [len(part) for part in (one.train, one.validation, one.test)] == [few * 3 // 4, few // 8, few // 8]
    fields = whole(one.train)
    assert all(np.array_equal(array, whole(again.train)[field]) for field, array in fields.items())
    assert not np.array_equal(fields["x"], whole(other.train)["x"])
    assert {array.dtype for array in fields.values()} <= {np.dtype(np.float32), np.dtype(np.int64)}
    assert all(np.isfinite(array).all() for array in fields.values())


def test_points_lie_around_the_modes_of_the_ring() -> None:
    y = whole(made("ring", modes=5, radius=3.0, sigma=0.05, samples=8000).train)["y"]
    modes = ring.centres(ring.Parameters(modes=5, radius=3.0))
    assert np.linalg.norm(modes, axis=1) == pytest.approx(3, rel=1e-6)
    apart = y[:, None] - modes
    nearest = np.linalg.norm(apart, axis=2).argmin(1)
    assert np.bincount(nearest) == pytest.approx(1200, rel=0.1)
    assert (apart[np.arange(len(y)), nearest]).std(0) == pytest.approx(0.05, rel=0.05)


def test_a_decay_keeps_energy_momentum_and_masses() -> None:
    rng = np.random.default_rng(0)
    momentum = rng.normal(size=(1000, 3))
    parent = np.concatenate([np.sqrt(0.17**2 + (momentum**2).sum(1))[:, None], momentum], axis=1)
    masses = np.full(1000, 0.005), np.full(1000, 0.08)
    daughters = jets.decayed(parent, *masses, rng)
    assert sum(daughters) == pytest.approx(parent, abs=1e-9)
    for daughter, mass in zip(daughters, masses, strict=True):
        assert daughter[:, 0] ** 2 - (daughter[:, 1:] ** 2).sum(1) == pytest.approx(mass**2, abs=1e-9)


def test_a_particle_at_rest_decays_in_all_directions() -> None:
    rest = np.tile([0.1, 0, 0, 0], (20000, 1))
    daughter, _ = jets.decayed(rest, np.zeros(20000), np.zeros(20000), np.random.default_rng(0))
    assert daughter[:, 0] == pytest.approx(0.05)
    assert (daughter[:, 1:] / 0.05).mean(0) == pytest.approx(0, abs=0.02)
    assert ((daughter[:, 1:] / 0.05) ** 2).mean(0) == pytest.approx(1 / 3, abs=0.02)


def test_features_of_a_jet_are_those_of_its_particles() -> None:
    """Three particles, with what the definitions say of the second."""
    particles = [(0.5, 0.1, 0.0), (0.3, -0.2, 0.1), (0.1, 0.0, -0.3), (0.0, 0.0, 0.0)]
    axis = (0.7, 3.1)
    found = jets.features(np.array([particles]), np.array([axis]))[0]
    momenta = [
        (pt * math.cos(phi + axis[1]), pt * math.sin(phi + axis[1]), pt * math.sinh(eta + axis[0]))
        for pt, eta, phi in particles
    ]
    jet = [sum(one[k] for one in momenta) for k in range(3)]
    energies = [math.hypot(*one) for one in momenta]
    of = dict(zip(jets.FEATURES, found[1], strict=True))
    assert [of["px"], of["py"], of["pz"]] == pytest.approx(list(momenta[1]), rel=1e-5)
    assert of["energy"] == pytest.approx(energies[1], rel=1e-5)
    assert of["energy / jet"] == pytest.approx(energies[1] / sum(energies), rel=1e-5)
    assert of["pt / jet"] == pytest.approx(0.3 / math.hypot(jet[0], jet[1]), rel=1e-5)
    assert of["eta"] == pytest.approx(0.5, rel=1e-5)
    assert of["phi"] == pytest.approx(3.2 - 2 * math.pi, rel=1e-5)
    assert of["distance to axis"] == pytest.approx(math.hypot(0.2, 0.1), rel=1e-5)
    assert math.hypot(of["eta rotated"], of["phi rotated"]) == pytest.approx(math.hypot(0.2, 0.1), rel=1e-5)
    assert of["cos theta"] == pytest.approx(momenta[1][2] / energies[1], rel=1e-5)
    angle = sum(a * b for a, b in zip(momenta[1], jet, strict=True)) / energies[1] / math.hypot(*jet)
    assert of["cos angle to axis"] == pytest.approx(angle, rel=1e-5)
    assert not found[3].any()


def test_jets_weigh_what_they_came_from() -> None:
    splits = made("jets", samples=4000)
    fields = whole(splits.train)
    masses = jets.mass(fields["x"])
    medians = [float(np.median(masses[fields["y"] == kind])) for kind in range(5)]
    assert medians[2:] == pytest.approx([0.0804, 0.0912, 0.1726], rel=0.12)
    assert np.median((fields["x"][..., 5] > 0).sum(1)[fields["y"] == 0]) > 1.4 * np.median(
        (fields["x"][..., 5] > 0).sum(1)[fields["y"] == 1]
    )  # gluons radiate more than quarks do
    assert (np.diff(fields["x"][..., 5], axis=1) <= 0).all()  # the hardest first
    assert 0.5 < jets.baseline(splits).value < 0.75


def test_tracks_and_clusters_have_the_particles_that_leave_them() -> None:
    fields = whole(made("particle-flow", samples=400).train)
    x, y = fields["x"], fields["y"]
    may_be = {0: {1, 4, 5}, 1: {0, 3}, 2: {0, 2}}
    for sort, kinds in may_be.items():
        assert set(np.unique(y[x[..., sort] > 0])) == kinds
    there = (x != 0).any(2)
    assert not y[~there].any()
    assert not fields["momentum"][y == 0].any()
    assert x[..., 5] ** 2 + x[..., 6] ** 2 == pytest.approx(there.astype(float), abs=1e-5)
    pt, energy = np.exp(x[..., 3]), np.exp(x[..., 7])
    assert energy[there] == pytest.approx((pt * np.cosh(x[..., 4]))[there], rel=1e-4)


def test_the_detector_measures_as_well_as_it_says() -> None:
    fields = whole(made("particle-flow", samples=3000, particles=1.0, elements=8).train)
    x, y, momentum = fields["x"], fields["y"], fields["momentum"]
    off = np.exp(x[..., 7] - momentum[..., 4]) - 1
    tracks = x[..., 0] > 0
    assert off[tracks].std() == pytest.approx(0.01, rel=0.1)
    energy = np.exp(momentum[..., 4])
    alone = (x[..., 1] > 0) & (y == 3) & ((x != 0).any(2).sum(1) == 1)[:, None]
    expected = np.hypot(0.028 / np.sqrt(energy[alone]), 0.003)
    assert np.std(off[alone] / expected) == pytest.approx(1, abs=0.15)


def test_rules_of_particle_flow_find_particles_that_are_alone() -> None:
    fields = whole(made("particle-flow", samples=3000, particles=1.0, elements=8).train)
    alone = (fields["x"] != 0).any(2).sum(1) == 1
    found, truth = particle_flow.by_rules(fields["x"])[alone], fields["y"][alone]
    photons = truth[:, 0] == 3
    assert photons.sum() > 100
    assert (found[photons, 0] == 3).all()


# --- what is told of mistakes -----------------------------------------------------------------------------------------

WRONG: list[tuple[str, dict[str, Any], Signature, str]] = [
    ("gan", {"hidden": [0]}, POINTS, "hidden must be numbers of units"),
    ("gan", {"activation": "step"}, POINTS, "activation must be one of"),
    ("gan", {"channels": [0]}, POINTS, "channels must be numbers"),
    ("gan", {"range": "wide"}, POINTS, "range must be one of"),
    ("gan", {"channels": [8]}, POINTS, r"found \(2,\)"),
    ("gan", {"channels": [8, 4]}, Signature(x=(3,), y=(1, 6, 8)), "multiples of 4"),
    ("wgan", {}, Signature(x=(3,), y=(), classes=KINDS), "found classes"),
    ("jedi", {"hidden": 1}, JETS, "hidden must be at least 2"),
    ("jedi", {"effects": 0}, JETS, "effects must be at least 1"),
    ("jedi", {"activation": "tanh"}, JETS, "activation must be one of"),
    ("jedi", {}, EVENTS, "one class a sample"),
    ("jedi", {}, Signature(x=(4,), y=(), classes=KINDS), "particles, features"),
    ("mlpf", {"layers": 0}, EVENTS, "layers must be at least 1"),
    ("mlpf", {"neighbours": 7}, EVENTS, "at most the number of elements, 6, found 7"),
    ("mlpf", {}, JETS, "a class of each of the 5 elements"),
    ("mlpf", {}, Signature(x=(6, 4), y=(6,)), "found numbers"),
    ("mlpf", {}, Signature(x=(6,), y=(6,), classes=KINDS), "elements, features"),
]


@pytest.mark.parametrize(("family", "parameters", "signature", "told"), WRONG)
def test_a_model_that_cannot_be_made_says_why(
    family: str, parameters: dict[str, Any], signature: Signature, told: str
) -> None:
    with pytest.raises(ParameterError, match=told):
        built(family, signature, **parameters)


WRONG_LOSSES: list[tuple[str, dict[str, Any], Signature, str]] = [
    ("gan", {"critic_steps": 0}, POINTS, "critic_steps must be at least 1"),
    ("gan", {"critic": [0]}, POINTS, "critic must be numbers"),
    ("gan", {"clip": 0.1}, POINTS, "takes no parameter 'clip'"),
    ("gan", {"channels": [4, 4]}, POINTS, "at least 4 pixels a side"),
    ("gan", {}, JETS, "found classes"),
    ("wasserstein", {"clip": 0}, POINTS, "clip must be above 0, or null"),
    ("wasserstein", {"penalty": -1}, POINTS, "penalty must be at least 0"),
    ("wasserstein", {"clip": None}, POINTS, "set clip, or penalty"),
    ("particle-flow", {"momentum": -1}, EVENTS, "momentum must be at least 0"),
    ("particle-flow", {}, JETS, "a class of each element"),
]


@pytest.mark.parametrize(("name", "parameters", "signature", "told"), WRONG_LOSSES)
def test_a_loss_that_does_not_fit_says_why(
    name: str, parameters: dict[str, Any], signature: Signature, told: str
) -> None:
    with pytest.raises(ParameterError, match=told):
        objective(name, torch.nn.Identity(), signature, **parameters)


def test_a_batch_without_momenta_is_told() -> None:
    flow = objective("particle-flow", built("mlpf", EVENTS, neighbours=4), EVENTS)
    with pytest.raises(ParameterError, match="field 'momentum'"):
        flow({"x": some(2, 6, 4), "y": torch.zeros(2, 6, dtype=torch.int64)})


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("ring", {"modes": 0}),
        ("ring", {"sigma": 0}),
        ("ring", {"samples": 8}),
        ("jets", {"particles": 1}),
        ("jets", {"samples": 8}),
        ("particle-flow", {"elements": 2}),
        ("particle-flow", {"particles": 0}),
        ("particle-flow", {"samples": 4}),
    ],
)
def test_data_that_cannot_be_made_are_told(name: str, parameters: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match=f"{next(iter(parameters))}.* must be"):
        made(name, **parameters)
