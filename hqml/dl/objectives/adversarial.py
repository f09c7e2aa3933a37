"""A generator against a critic that tells its samples from real ones: "gan" and "wasserstein".

A batch holds real samples in "y", and in "x" noise of the standard normal distribution; training draws its own noise of
that shape. Where there is no "y", "x" holds the real samples, and the noise has their shape.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from hqml.dl.objective import Batch, Objective
from hqml.dl.parameters import filled
from hqml.dl.signature import Signature
from hqml.dl.spec import LossSpec
from hqml.errors import ParameterError


@dataclass(frozen=True)
class GanParameters:
    """
    Attributes:
        critic: units of each hidden layer of the critic.
        channels: of each level of a critic of images, each of which halves height and width. Empty: it is dense.
        critic_steps: steps of the critic for each of the generator.
    """

    critic: tuple[int, ...] = (128, 128)
    channels: tuple[int, ...] = ()
    critic_steps: int = 1

    def __post_init__(self) -> None:
        if self.critic_steps < 1:
            raise ParameterError(f"critic_steps must be at least 1, found {self.critic_steps}")
        for name in ("critic", "channels"):
            if any(width < 1 for width in getattr(self, name)):
                raise ParameterError(f"{name} must be numbers, each at least 1, found {list(getattr(self, name))}")


@dataclass(frozen=True)
class WassersteinParameters(GanParameters):
    """
    Attributes:
        clip: largest absolute weight of the critic, which makes it Lipschitz; None: weights are not clipped.
        penalty: weight of (|gradient| - 1)^2 between real and generated samples instead, 10 in the paper (Gulrajani et
            al., arXiv:1704.00028, equation 3); 0: none.
    """

    critic_steps: int = 5
    clip: float | None = 0.01
    penalty: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.clip is not None and self.clip <= 0:
            raise ParameterError(f"clip must be above 0, or null, found {self.clip}")
        if self.penalty < 0:
            raise ParameterError(f"penalty must be at least 0, found {self.penalty}")
        if self.clip is None and not self.penalty:
            raise ParameterError("a critic that is not Lipschitz measures no distance: set clip, or penalty")


def critic_of(parameters: GanParameters, shape: tuple[int, ...]) -> nn.Module:
    """A network (samples, *shape) -> (samples, 1)."""
    layers: list[nn.Module] = []
    if parameters.channels:
        if len(shape) != 3 or min(shape[1:]) < 1 << len(parameters.channels):
            raise ParameterError(
                f"{len(parameters.channels)} levels of a critic need images (channels, height, width) of at least "
                f"{1 << len(parameters.channels)} pixels a side, found {shape}; leave `channels` out, or shorten it"
            )
        widths = (shape[0], *parameters.channels)
        for before, after in itertools.pairwise(widths):
            layers += [nn.Conv2d(before, after, 4, 2, 1), nn.LeakyReLU(0.2)]  # arXiv:1511.06434
        levels = len(parameters.channels)
        shape = (widths[-1], shape[1] >> levels, shape[2] >> levels)
    layers.append(nn.Flatten())
    widths = (math.prod(shape), *parameters.critic)
    for before, after in itertools.pairwise(widths):
        layers += [nn.Linear(before, after), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Linear(widths[-1], 1))


def energy_distance(a: Tensor, b: Tensor) -> Tensor:
    """2 E|a - b| - E|a - a'| - E|b - b'|, unbiased: 0 on average where both are of one distribution.

    Args:
        a: (samples, ...), at least 2.
        b: as `a`.

    Source: Székely and Rizzo, J. Stat. Plan. Inference 143 (2013) 1249, doi:10.1016/j.jspi.2013.03.018.
    """
    a, b = a.flatten(1).double(), b.flatten(1).double()
    pairs = len(a) * (len(a) - 1)
    within = (torch.cdist(a, a).sum() + torch.cdist(b, b).sum()) / max(pairs, 1)  # a single sample has no pair
    distance: Tensor = 2 * torch.cdist(a, b).mean() - within
    return distance


class Adversarial(Objective):
    """The critic's and the generator's losses by turns. "loss" of `measure` is the energy distance: neither of the two
    losses says how good the samples are, and early stopping needs a number that does."""

    phases = ("critic", "model")
    figure = "energy_distance"

    def __init__(self, model: nn.Module, shape: tuple[int, ...], parameters: GanParameters) -> None:
        super().__init__(model)
        self.parameters_of_loss = parameters
        self.critic = critic_of(parameters, shape)

    def due(self, step: int) -> tuple[str, ...]:
        return self.phases if (step + 1) % self.parameters_of_loss.critic_steps == 0 else ("critic",)

    def parameters_of(self, phase: str) -> Iterable[nn.Parameter]:
        return self.critic.parameters() if phase == "critic" else self.model.parameters()

    def forward(self, batch: Batch, phase: str = "model") -> Tensor:
        noise = torch.randn_like(batch["x"])
        if phase == "critic":
            with torch.no_grad():
                made = self.model(noise)
            return self.of_critic(batch.get("y", batch["x"]), made)
        fixed = {name: weights.detach() for name, weights in self.critic.named_parameters()}
        return self.of_model(functional_call(self.critic, fixed, (self.model(noise),)))

    def of_critic(self, real: Tensor, made: Tensor) -> Tensor:
        """The critic's loss: -log D(real) - log(1 - D(made))."""
        return F.softplus(-self.critic(real)).mean() + F.softplus(self.critic(made)).mean()

    def of_model(self, verdict: Tensor) -> Tensor:
        """The generator's loss, the one that does not saturate: -log D(made); arXiv:1406.2661, section 3."""
        return F.softplus(-verdict).mean()

    @torch.no_grad()
    def measure(self, batch: Batch) -> dict[str, Tensor]:
        real, noise = batch.get("y", batch["x"]), batch["x"]
        if "y" not in batch:  # the same noise each time, so that figures can be compared
            drawn = torch.Generator().manual_seed(0)
            noise = torch.randn(noise.shape, generator=drawn).to(noise)
        distance = energy_distance(self.model(noise), real).to(torch.float32)
        return {"loss": distance, "energy_distance": distance}


class Wasserstein(Adversarial):
    """The critic's verdicts differ by as much as a Lipschitz function can make them: an estimate of the distance that
    earth has to be moved."""

    parameters_of_loss: WassersteinParameters

    def of_critic(self, real: Tensor, made: Tensor) -> Tensor:
        loss: Tensor = self.critic(made).mean() - self.critic(real).mean()
        if self.parameters_of_loss.penalty:
            loss = loss + self.parameters_of_loss.penalty * self._excess(real, made)
        return loss

    def _excess(self, real: Tensor, made: Tensor) -> Tensor:
        share = torch.rand(len(real), *[1] * (real.ndim - 1), dtype=real.dtype, device=real.device)
        between = (share * real + (1 - share) * made).requires_grad_()
        with torch.enable_grad():
            [gradient] = torch.autograd.grad(self.critic(between).sum(), between, create_graph=True)
        excess: Tensor = (torch.linalg.vector_norm(gradient.flatten(1), dim=1) - 1).square().mean()
        return excess

    def of_model(self, verdict: Tensor) -> Tensor:
        return -verdict.mean()

    @torch.no_grad()
    def after(self, phase: str) -> None:
        if phase == "critic" and (bound := self.parameters_of_loss.clip) is not None:
            for weights in self.critic.parameters():
                weights.clamp_(-bound, bound)


PARAMETERS = {"gan": GanParameters, "wasserstein": WassersteinParameters}
"""Of each loss."""


def make(loss: LossSpec, model: nn.Module, signature: Signature) -> Objective:
    """The objective of a generator.

    Raises:
        ParameterError: a parameter is unknown or wrong, or the targets are classes.
    """
    name = loss.name or "gan"
    if signature.classes is not None:
        raise ParameterError(f"loss {name!r} needs samples of numbers as targets, found classes")
    parameters = filled(PARAMETERS[name], loss.parameters, f"loss {name!r}")
    kind = Wasserstein if name == "wasserstein" else Adversarial
    return kind(model, signature.x if signature.y is None else signature.y, parameters)
