"""What is known of a function after a few measurements: factorisation machines drawn from their posterior.

A target is bias + sum_i w_i x_i + sum_{i<j} <v_i, v_j> x_i x_j + noise, with Gaussian priors on w and v, whose widths
are learnt for each group, and with neighbouring levels of an ordered axis alike. Given all other groups the machine is
linear in one group's w and v; so these are drawn from their exact joint posterior, group after group (block Gibbs
sampling). Each chain ends at one machine. To minimise a machine drawn so is Thompson sampling: what is not yet known
differs between draws, and is explored.

Source: Rendle, ACM TIST 3 (2012) 57, doi:10.1145/2168752.2168771 (Gibbs sampling of factorisation machines);
Baptista and Poloczek, Proc. ICML (2018), arXiv:1806.08838 (Thompson sampling of a quadratic model by a QUBO).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri
from scipy.stats import rankdata

from hqml.problems.factorization_machine import FactorizationMachine
from hqml.qubo import Floats
from hqml.tuning.encoding import Encoding, Indices

_SWEEPS = 40
"""Rounds over all groups. On the Landsat grid of benchmarks/tuning.py 30 and 60 gave the same regret (20 seeds)."""

_START = 0.3
"""Spread of the factors at the start, in units of the target: zero would be a fixed point."""


def normal_scores(scores: npt.ArrayLike) -> Floats:
    """Targets of a fit: lower is better, by rank alone, spread as a standard normal distribution.

    Ranks make the fit deaf to how very bad the bad ones are. Scores that are not finite, of failed trials, are the
    worst.

    Args:
        scores: (n,), higher is better.
    """
    values = np.asarray(scores, dtype=np.float64)
    lost = np.where(np.isfinite(values), -values, np.inf)
    return np.asarray(ndtri((rankdata(lost) - 0.5) / len(values)))


def drawn_machines(
    encoding: Encoding, choices: Indices, targets: Floats, *, rank: int, count: int, rng: np.random.Generator
) -> list[FactorizationMachine]:
    """Draw machines that explain what was measured, lower targets being better.

    Args:
        encoding: of the variables.
        choices: (n, groups), as `encoding.choices` gives.
        targets: (n,), about standard normal.
        rank: length of the vectors v.
        count: how many machines.
        rng: decides all.
    """
    chains = _Chains.start(encoding.precisions, choices, targets, rank, count, rng)
    for _ in range(_SWEEPS):
        for group in range(len(encoding.sizes)):
            chains.draw_group(group)
        chains.draw_bias_and_noise()
    weights = np.concatenate([drawn[:, :-1] for drawn in chains.weights], axis=1)
    return [
        FactorizationMachine(one[:, 0], one[:, 1:], float(bias), encoding.one_hot)
        for one, bias in zip(weights, chains.bias, strict=True)
    ]


@dataclass
class _Chains:
    """The state of M chains. Column 0 of `weights` is w, the others are v; a row of zeros stands for none.

    Attributes:
        precisions: for each group (size, size).
        choices: (n, groups).
        targets: (n,).
        weights: for each group (M, size + 1, 1 + rank).
        widths: for each group (M, 2): precision of w and of v.
        bias: (M,).
        noise: (M,), variance.
        rng: decides all.
    """

    precisions: tuple[Floats, ...]
    choices: Indices
    targets: Floats
    weights: list[Floats]
    widths: list[Floats]
    bias: Floats
    noise: Floats
    rng: np.random.Generator

    @classmethod
    def start(
        cls,
        precisions: tuple[Floats, ...],
        choices: Indices,
        targets: Floats,
        rank: int,
        count: int,
        rng: np.random.Generator,
    ) -> _Chains:
        weights: list[Floats] = [_START * rng.normal(size=(count, len(one) + 1, 1 + rank)) for one in precisions]
        for drawn in weights:
            drawn[:, :, 0] = drawn[:, -1] = 0.0
        widths: list[Floats] = [np.tile([2.0, 4.0], (count, 1)) for _ in precisions]
        return cls(precisions, choices, targets, weights, widths, np.zeros(count), np.full(count, 0.2), rng)

    def draw_group(self, group: int) -> None:
        """Draw the weights of one group given all others, then their widths given the weights."""
        others, rest = self._without(group)
        size = len(self.precisions[group])
        count, _, width = self.weights[group].shape
        member = (self.choices[:, group, None] == np.arange(size)).astype(np.float64)
        inside = others[..., :, None] * others[..., None, :]
        evidence = np.tensordot(member, inside, axes=(0, 1)) / self.noise[:, None, None]  # (size, M, width, width)
        pull = np.tensordot(member, others * (self.targets - rest)[..., None], axes=(0, 1)) / self.noise[:, None]
        precision = self._prior(group)
        levels = np.arange(size)
        precision[:, levels, :, levels, :] += evidence
        drawn = self._normal(
            precision.reshape(count, size * width, -1), pull.transpose(1, 0, 2).reshape(count, -1)
        ).reshape(count, size, width)
        self.weights[group][:, :-1] = drawn
        self._draw_widths(group, drawn)

    def draw_bias_and_noise(self) -> None:
        error = self.targets - self._values()
        points = len(self.targets)
        precision = points / self.noise + 1
        mean = error.sum(axis=1) / self.noise / precision
        self.bias = mean + self.rng.normal(size=len(mean)) / np.sqrt(precision)
        left = ((error - self.bias[:, None]) ** 2).sum(axis=1)
        self.noise = (0.1 + left / 2) / self.rng.gamma(1 + points / 2, size=len(left))

    def _picked(self, group: int) -> Floats:
        """Weights of the chosen variable of a group at each point: (M, n, 1 + rank)."""
        return self.weights[group][:, self.choices[:, group]]

    def _without(self, group: int) -> tuple[Floats, Floats]:
        """What the other groups multiply this one's (w, v) with, (M, n, 1 + rank), and their own value, (M, n)."""
        picked = np.stack(
            [self._picked(other) for other in range(len(self.weights)) if other != group]
            or [np.zeros((len(self.bias), len(self.targets), self.weights[0].shape[2]))]
        )
        total = picked.sum(axis=0)
        rest = self.bias[:, None] + _value(total, picked)
        total[..., 0] = 1.0
        return total, rest

    def _values(self) -> Floats:
        """The machines without their bias: (M, n)."""
        picked = np.stack([self._picked(group) for group in range(len(self.weights))])
        return _value(picked.sum(axis=0), picked)

    def _prior(self, group: int) -> Floats:
        """Prior precision of a group: (M, size, 1 + rank, size, 1 + rank)."""
        own, widths = self.precisions[group], self.widths[group]
        count, _, width = self.weights[group].shape
        each = np.repeat(widths, (1, width - 1), axis=1)
        prior = np.zeros((count, len(own), width, len(own), width))
        column = np.arange(width)
        prior[:, :, column, :, column] = each.T[:, :, None, None] * own
        return prior

    def _normal(self, precision: Floats, pull: Floats) -> Floats:
        """Draw from the normal distributions of mean precision^-1 pull: (M, d)."""
        root = np.linalg.cholesky(precision)
        half = np.linalg.solve(root, pull[..., None]) + self.rng.normal(size=(*pull.shape, 1))
        return np.asarray(np.linalg.solve(root.swapaxes(1, 2), half)[..., 0])

    def _draw_widths(self, group: int, drawn: Floats) -> None:
        size, rank = drawn.shape[1], drawn.shape[2] - 1
        spread = np.einsum("mif,ij,mjf->mf", drawn, self.precisions[group], drawn)
        self.widths[group][:, 0] = self.rng.gamma(1 + size / 2, size=len(drawn)) / (0.5 + spread[:, 0] / 2)
        self.widths[group][:, 1] = self.rng.gamma(1 + size * rank / 2, size=len(drawn)) / (
            0.25 + spread[:, 1:].sum(axis=1) / 2
        )


def _value(total: Floats, picked: Floats) -> Floats:
    """sum w + sum_{i<j} <v_i, v_j> over the picked variables (groups, M, n, 1 + rank), whose sum is `total`."""
    squares = (picked[..., 1:] ** 2).sum(axis=(0, 3))
    return np.asarray(total[..., 0] + ((total[..., 1:] ** 2).sum(axis=2) - squares) / 2)
