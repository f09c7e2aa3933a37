"""Network of radial basis functions: bells around centres that k-means finds, and a linear layer over them."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hqml.dl.architecture import Architecture
from hqml.dl.signature import Signature
from hqml.errors import ParameterError


@dataclass(frozen=True)
class Parameters:
    """
    Attributes:
        centres: how many bells there are.
        overlap: width of a bell, in distances to the nearest other centre.
        move: whether training moves the centres and widths as well, or the linear layer alone.
    """

    centres: int = 100
    overlap: float = 1.0
    move: bool = True

    def __post_init__(self) -> None:
        if self.centres < 2:
            raise ParameterError(f"centres must be at least 2, found {self.centres}")
        if not (math.isfinite(self.overlap) and self.overlap > 0):
            raise ParameterError(f"overlap must be a finite number above 0, found {self.overlap}")


class Rbf(nn.Module):
    """(samples, *x) -> (samples, *y), or (samples, classes): sum_c w_c exp(-gamma_c |x - centre_c|**2) + bias."""

    def __init__(self, parameters: Parameters, x: tuple[int, ...], y: tuple[int, ...]) -> None:
        super().__init__()
        self.y, self.overlap = y, parameters.overlap
        features = math.prod(x)
        # Until `begin` has seen data: standardised inputs lie about sqrt(2 * features) apart.
        self.centres = nn.Parameter(torch.randn(parameters.centres, features), requires_grad=parameters.move)
        gammas = torch.full((parameters.centres,), -math.log(2 * features * parameters.overlap**2))
        self.log_gammas = nn.Parameter(gammas, requires_grad=parameters.move)
        self.weights = nn.Linear(parameters.centres, math.prod(y))

    def forward(self, x: Tensor) -> Tensor:
        # The differences are written out: |x|**2 - 2 x c + |c|**2 would lose digits far from the origin.
        apart = (x.flatten(1).unsqueeze(1) - self.centres).square().sum(2)
        bells = torch.exp(-self.log_gammas.exp() * apart)
        return torch.reshape(self.weights(bells), (-1, *self.y))


def begin(module: Rbf, inputs: Tensor) -> None:
    """Centres by k-means, and widths by the nearest other centre, as in the paper.

    Raises:
        ParameterError: there are fewer inputs than centres.
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    number = len(module.centres)
    rows = inputs.detach().flatten(1).double().cpu().numpy()
    if len(rows) < number:
        raise ParameterError(f"rbf with centres={number} needs as many training samples, found {len(rows)}")
    seed = int(torch.randint(2**31 - 1, ()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct inputs than centres: some coincide
        found = KMeans(number, n_init=1, random_state=seed).fit(rows).cluster_centers_
    centres = torch.as_tensor(found)
    apart = torch.cdist(centres, centres).fill_diagonal_(torch.inf).amin(1)
    apart = apart.clamp(min=float(apart.mean()) / 10 + 1e-6)  # centres that coincide would make needles
    with torch.no_grad():
        module.centres.copy_(centres)
        module.log_gammas.copy_(-(2 * (module.overlap * apart) ** 2).log())


def build(parameters: Parameters, signature: Signature) -> Rbf:
    """A network with one output for each class, or of the targets' shape."""
    if signature.y is None:
        raise ParameterError("rbf needs targets; name them with data: {targets: ...}")
    y = signature.y if signature.classes is None else (*signature.y, len(signature.classes))
    return Rbf(parameters, signature.x, y)


ARCHITECTURE = Architecture(
    name="rbf",
    title="Network of radial basis functions",
    source="Moody and Darken, Neural Computation 1 (1989) 281, doi:10.1162/neco.1989.1.2.281",
    parameters=Parameters,
    build=build,
    begin=begin,
)
