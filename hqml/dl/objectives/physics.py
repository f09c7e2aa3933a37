"""A field that obeys an equation: what is known of it, and how far it is from the equation everywhere else.

Targets are values of the field; a point where none is known has NaN. The loss is a mean over all points,

    residual**2 + (weight * (prediction - target)**2 where the target is known, else 0),

so that it is the same whether a batch goes through one rank or many, whole or in parts. Raissi et al. (J. Comput. Phys.
378 (2019) 686) add one mean over the known points to one over all; a `weight` of points / known points is the same.
Derivatives are exact, by automatic differentiation. The last coordinate is time, the others are those of space.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from hqml.dl.objective import Batch, Objective
from hqml.dl.parameters import filled
from hqml.dl.scaling import unit_of
from hqml.dl.signature import Signature
from hqml.dl.spec import LossSpec
from hqml.errors import ParameterError
from hqml.options import finite_number, one_of


class Equation(Protocol):
    """A partial differential equation, written with everything on one side."""

    def residual(self, u: Tensor, x: Tensor) -> Tensor:
        """What is left of it, (points,), for a field u (points,) that was computed from x (points, coordinates)."""
        ...


def gradient(u: Tensor, x: Tensor) -> Tensor:
    """First derivatives of a field (points,) at each point, (points, coordinates); they can be derived again."""
    [derivatives] = torch.autograd.grad(u.sum(), x, create_graph=True)
    return derivatives


@dataclass(frozen=True)
class Burgers:
    """u_t + u u_x = viscosity u_xx, in one dimension."""

    viscosity: float = 0.01 / math.pi

    def residual(self, u: Tensor, x: Tensor) -> Tensor:
        u_x, u_t = gradient(u, x).unbind(1)
        u_xx = gradient(u_x, x)[:, 0]
        return u_t + u * u_x - self.viscosity * u_xx


@dataclass(frozen=True)
class Heat:
    """u_t = diffusivity (u_xx + u_yy + ...), in as many dimensions as there are coordinates beside time."""

    diffusivity: float = 1.0

    def residual(self, u: Tensor, x: Tensor) -> Tensor:
        first = gradient(u, x)
        second = [gradient(first[:, axis], x)[:, axis] for axis in range(x.shape[1] - 1)]
        return first[:, -1] - self.diffusivity * torch.stack(second).sum(0)


EQUATIONS: dict[str, type[Burgers | Heat]] = {"burgers": Burgers, "heat": Heat}

_COEFFICIENTS = {"burgers": "viscosity", "heat": "diffusivity"}


@dataclass(frozen=True)
class Parameters:
    """
    Attributes:
        equation: burgers or heat.
        viscosity: of burgers; None: 0.01 / pi, as Raissi et al. have it.
        diffusivity: of heat; None: 1.
        weight: of a known value against a residual.
    """

    equation: str | None = None
    viscosity: float | None = None
    diffusivity: float | None = None
    weight: float = 10.0

    def __post_init__(self) -> None:
        one_of("equation", self.equation, list(EQUATIONS))
        finite_number("weight", self.weight, above=0.0)
        for equation, coefficient in _COEFFICIENTS.items():
            value = getattr(self, coefficient)
            if value is not None and equation != self.equation:
                raise ParameterError(f"{coefficient} is of equation {equation}, and the equation is {self.equation}")
            if value is not None:
                finite_number(coefficient, value, above=0.0)

    def written(self) -> Equation:
        """The equation with its coefficient."""
        name = self.equation or ""
        value = getattr(self, _COEFFICIENTS[name])
        return EQUATIONS[name]() if value is None else EQUATIONS[name](value)


PARAMETERS = {"physics": Parameters}
"""Of each loss."""


class Physics(Objective):
    """A field against an equation and the values that are known of it.

    Args:
        model: (points, coordinates) -> (points,) or (points, 1).
        equation: that it has to obey.
        weight: of a known value against a residual.
    """

    figure = "rmse"
    roots = ("residual", "rmse")

    def __init__(self, model: nn.Module, equation: Equation, weight: float) -> None:
        super().__init__(model)
        self.equation = equation
        self.weight = weight

    def _parts(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Squares of the residuals, and of the errors, which are 0 where nothing is known: (points,)."""
        x = batch["x"].detach().clone().requires_grad_()
        u = self.model(x).flatten()
        target = batch["y"].flatten()
        error = torch.where(target.isnan(), 0.0, u - target.nan_to_num())
        return self.equation.residual(u, x).square(), error.square()

    def forward(self, batch: Batch, phase: str = "model") -> Tensor:
        residual, error = self._parts(batch)
        return self._loss(residual, error)

    def _loss(self, residual: Tensor, error: Tensor) -> Tensor:
        """In the scale of the model, where it has one."""
        loss: Tensor = (residual.mean() + self.weight * error.mean()) / torch.as_tensor(
            unit_of(self.model)
        ).square().mean()
        return loss

    def measure(self, batch: Batch) -> dict[str, Tensor]:
        """The loss, and root mean squares of the residual and of the error, which counts as 0 where nothing is known:
        over any batches, "rmse" is that of all points, and where all are known, as in data to test on, the usual one.
        """
        with torch.inference_mode(False), torch.enable_grad():  # the loss itself needs derivatives
            residual, error = (part.detach() for part in self._parts(batch))
        loss = self._loss(residual, error)
        return {"loss": loss, "residual": residual.mean().sqrt(), "rmse": error.mean().sqrt()}


def make(loss: LossSpec, model: nn.Module, signature: Signature) -> Physics:
    """The objective of `loss: {name: physics, equation: burgers, ...}`.

    Raises:
        ParameterError: there is no such equation, or inputs and targets are not coordinates and a field.
    """
    parameters: Parameters = filled(Parameters, loss.parameters, "loss 'physics'")
    planar = parameters.equation == "burgers"
    if len(signature.x) != 1 or signature.x[0] < 2 or (planar and signature.x[0] != 2):
        wanted = "(2,): place and time" if planar else "(coordinates,), with time as the last"
        raise ParameterError(
            f"equation {parameters.equation} needs inputs {wanted}; a sample's inputs are {signature.x}"
        )
    if signature.y not in ((), (1,)) or signature.classes is not None:
        found = "classes" if signature.classes is not None else signature.y
        raise ParameterError(f"loss 'physics' needs one number as target, NaN where it is not known; found {found}")
    return Physics(model, parameters.written(), parameters.weight)
