"""Events of a toy detector whose truth is known: what MLPF turns from tracks and clusters into particles.

Particles fly from the centre into a tracker, an electromagnetic (ECAL) and a hadronic calorimeter (HCAL), whose cells
are 0.25 x 2 pi / 24 wide in eta and phi. Charged ones leave a track; photons and electrons a cluster in ECAL; hadrons
one in HCAL, and six in ten of them part of their energy in ECAL as well; muons hardly anything. What falls into the
same cell is one cluster: then the energy of a neutral hadron lies beneath that of a charged one, and only the
difference from the track's momentum tells. Resolutions are those of CMS (arXiv:1706.04965): tracks 1 %, ECAL 2.8 % /
sqrt(E) + 0.3 %, HCAL 100 % / sqrt(E) + 5 %, E in GeV. Tracks are given where they enter the calorimeters, so that the
magnetic field does not matter. Left out: tracks that are lost, showers wider than a cell, material, other collisions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hqml.dl.dataset import Baseline, Dataset
from hqml.dl.datasets.parts import cut, whole
from hqml.dl.source import Arrays, Splits
from hqml.errors import ParameterError

Array = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]

CLASSES = ("none", "charged hadron", "neutral hadron", "photon", "electron", "muon")
_NONE, _CHARGED, _NEUTRAL, _PHOTON, _ELECTRON, _MUON = range(6)
_SHARES = (
    0.0,
    0.55,
    0.13,
    0.25,
    0.04,
    0.03,
)  # of the particles; two thirds of a jet's energy are charged (CMS, fig. 1)
FEATURES = ("track", "ECAL", "HCAL", "log pt", "eta", "sin phi", "cos phi", "log energy")
"""Of an element: which of the three it is, and what it measured; logarithms of GeV."""
MOMENTUM = ("log pt", "eta", "sin phi", "cos phi", "log energy")
"""Of the particle of an element."""

_ETA, _CELLS = 1.5, (12, 24)  # eta from -1.5 to 1.5: the barrel
_CELL = (2 * _ETA / _CELLS[0], 2 * np.pi / _CELLS[1])
_FOUND = 0.3  # GeV: energy of the faintest cluster that is seen


@dataclass(frozen=True)
class Parameters:
    """
    Attributes:
        elements: tracks and clusters of an event, the hardest; missing ones are rows of zeros.
        particles: mean number of an event.
        samples: events in all; 3/4 to learn from, 1/8 to watch, 1/8 to test on.
        seed: of all that is drawn.
    """

    elements: int = 48
    particles: float = 20.0
    samples: int = 4000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.elements < 4:
            raise ParameterError(f"elements must be at least 4, found {self.elements}")
        if self.particles <= 0:
            raise ParameterError(f"particles must be above 0, found {self.particles}")
        if self.samples < 16:
            raise ParameterError(f"samples must be at least 16, found {self.samples}")


@dataclass(frozen=True)
class _Particles:
    """All particles of all events: (particles,) each."""

    event: Numbers
    kind: Numbers
    pt: Array
    eta: Array
    phi: Array

    @property
    def energy(self) -> Array:
        return self.pt * np.cosh(self.eta)

    @property
    def cell(self) -> Numbers:
        """Number of the calorimeter cell, of those of all events."""
        row = np.minimum((self.eta + _ETA) / _CELL[0], _CELLS[0] - 1).astype(np.int64)
        column = np.minimum((self.phi + np.pi) / _CELL[1], _CELLS[1] - 1).astype(np.int64)
        return (self.event * _CELLS[0] + row) * _CELLS[1] + column


@dataclass(frozen=True)
class _Elements:
    """Tracks or clusters: (elements,) each; `of` is the number of the particle, -1 where there is none."""

    event: Numbers
    sort: Numbers  # 0 track, 1 ECAL, 2 HCAL
    energy: Array
    eta: Array
    phi: Array
    of: Numbers


def _drawn(parameters: Parameters, rng: np.random.Generator) -> _Particles:
    """Particles in three or so bundles an event, as jets have them, with pt falling steeply from 1 GeV."""
    count = rng.poisson(parameters.particles, parameters.samples)
    event = np.repeat(np.arange(len(count)), count)
    kind = rng.choice(len(CLASSES), size=len(event), p=_SHARES)
    pt = np.minimum(rng.pareto(1.6, len(event)) + 1, 100.0)
    axes = rng.uniform([-1.2, -np.pi], [1.2, np.pi], size=(len(count), 3, 2))
    axis = axes[event, rng.integers(3, size=len(event))]
    place = axis + np.where(rng.uniform(size=len(event)) < 0.7, 0.3, 1.2)[:, None] * rng.standard_normal(axis.shape)
    eta = np.clip(place[:, 0], -0.999 * _ETA, 0.999 * _ETA)
    return _Particles(event, kind, pt, eta, np.angle(np.exp(1j * place[:, 1])))


def _tracks(particles: _Particles, rng: np.random.Generator) -> _Elements:
    [of] = np.nonzero(np.isin(particles.kind, (_CHARGED, _ELECTRON, _MUON)))
    energy = particles.energy[of] * (1 + 0.01 * rng.standard_normal(len(of)))
    return _Elements(particles.event[of], np.zeros_like(of), energy, particles.eta[of], particles.phi[of], of)


def _deposits(particles: _Particles, rng: np.random.Generator) -> tuple[Array, Array]:
    """Energy of each particle in ECAL and HCAL, as measured."""
    hadron = np.isin(particles.kind, (_CHARGED, _NEUTRAL))
    light = np.isin(particles.kind, (_PHOTON, _ELECTRON))
    early = np.where(rng.uniform(size=len(hadron)) < 0.6, rng.beta(1.2, 2, len(hadron)), 0.0)  # shower begins in ECAL
    share = np.select([hadron, light], [early, 1.0], 0.0)
    ecal = share * particles.energy
    hcal = np.where(hadron, (1 - share) * particles.energy, 0.0)
    muon = particles.kind == _MUON
    ecal, hcal = np.where(muon, 0.2, ecal), np.where(muon, 1.5, hcal)  # GeV of a particle that only ionises
    fine, coarse = rng.standard_normal((2, len(hadron)))
    # Hadrons' showers fluctuate as much in ECAL as they do in HCAL.
    ecal = ecal + np.where(light, np.hypot(0.028 * np.sqrt(ecal), 0.003 * ecal), _coarse(ecal)) * fine
    return np.maximum(ecal, 0), np.maximum(hcal + _coarse(hcal) * coarse, 0)


def _coarse(energy: Array) -> Array:
    """GeV: resolution of hadrons."""
    return np.hypot(np.sqrt(np.maximum(energy, 0)), 0.05 * energy)


def _clusters(particles: _Particles, energy: Array, sort: int, owner: int, rng: np.random.Generator) -> _Elements:
    """Deposits by cell. The particle of a cluster is the hardest of kind `owner` in it."""
    cells, at = np.unique(particles.cell, return_inverse=True)
    total = np.bincount(at, energy)
    weight = np.maximum(energy, 1e-9)
    eta = np.bincount(at, weight * particles.eta) / np.bincount(at, weight)
    column = particles.cell % _CELLS[1]
    inside = particles.phi + np.pi - column * _CELL[1]  # phi turns at pi, but never within a cell
    phi = np.bincount(at, weight * inside) / np.bincount(at, weight) + (cells % _CELLS[1]) * _CELL[1] - np.pi
    of = np.full(len(cells), -1, np.int64)
    [mine] = np.nonzero(particles.kind == owner)
    order = mine[np.argsort(particles.pt[mine])]
    of[at[order]] = order  # the last, the hardest, stays
    seen = total > _FOUND
    event = cells // (_CELLS[0] * _CELLS[1])
    blur = 0.02 * rng.standard_normal((2, len(cells)))
    sorts = np.full(int(seen.sum()), sort, np.int64)
    return _Elements(
        event[seen], sorts, np.asarray(total[seen]), (eta + blur[0])[seen], (phi + blur[1])[seen], of[seen]
    )


def _table(parts: list[_Elements], particles: _Particles, parameters: Parameters) -> Arrays:
    """The elements of each event by falling pt, with their particles."""
    event, sort, energy, eta, phi, of = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("event", "sort", "energy", "eta", "phi", "of")
    )
    pt = energy / np.cosh(eta)
    order = np.lexsort([-pt, event])
    place = np.empty_like(event)
    place[order] = np.arange(len(event)) - np.searchsorted(event[order], np.arange(parameters.samples))[event[order]]
    kept = place < parameters.elements
    x = np.zeros((parameters.samples, parameters.elements, len(FEATURES)), np.float32)
    y = np.zeros(x.shape[:2], np.int64)
    momentum = np.zeros((*x.shape[:2], len(MOMENTUM)), np.float32)
    at = event[kept], place[kept]
    measured = _momentum(pt, eta, phi)
    x[at] = np.concatenate([np.eye(3)[sort], measured], axis=1)[kept]
    mine = of[kept]
    y[at] = np.where(mine < 0, _NONE, particles.kind[mine])
    truth = _momentum(particles.pt, particles.eta, particles.phi)
    momentum[at] = np.where(mine[:, None] < 0, 0, truth[mine])
    return {"x": x, "y": y, "momentum": momentum}


def _momentum(pt: Array, eta: Array, phi: Array) -> Array:
    return np.stack([np.log(pt), eta, np.sin(phi), np.cos(phi), np.log(pt * np.cosh(eta))], axis=1)


def make(parameters: Parameters) -> Splits:
    """x: elements (elements, 8); y: kind of the particle of each, "none" for those that only share in another's energy;
    momentum: (elements, 5) of that particle."""
    rng = np.random.default_rng(parameters.seed)
    particles = _drawn(parameters, rng)
    ecal, hcal = _deposits(particles, rng)
    parts = [
        _tracks(particles, rng),
        _clusters(particles, ecal, 1, _PHOTON, rng),
        _clusters(particles, hcal, 2, _NEUTRAL, rng),
    ]
    arrays = _table(parts, particles, parameters)
    return cut(arrays, parameters.samples * 3 // 4, parameters.samples // 8, CLASSES)


def by_rules(x: npt.NDArray[np.float32]) -> Numbers:
    """Particle flow by cuts: tracks are linked to clusters within a cell's size, and what a cluster has beyond its
    tracks by more than its resolution is a neutral particle.

    Args:
        x: (events, elements, 8).

    Returns:
        Kinds: (events, elements).
    """
    energy = np.exp(x[..., 7].astype(float))
    track, ecal, hcal = (x[..., sort] > 0 for sort in range(3))
    apart = np.abs(x[:, :, None, 4] - x[:, None, :, 4]) < _CELL[0] / 2
    turn = x[:, :, None, 5] * x[:, None, :, 5] + x[:, :, None, 6] * x[:, None, :, 6]
    linked = apart & (turn > np.cos(_CELL[1] / 2))

    def sums(of: npt.NDArray[np.bool_]) -> Array:
        total: Array = np.where(linked & of[:, None], energy[:, None], 0).sum(2)
        return total

    in_tracks, in_ecal, in_hcal = sums(track), sums(ecal), sums(hcal)
    excess = energy - in_tracks
    kinds = np.zeros(energy.shape, np.int64)
    kinds[track] = _CHARGED
    kinds[track & (in_ecal > 0.8 * energy) & (in_ecal < 1.2 * energy) & (in_hcal < 0.2 * energy)] = _ELECTRON
    kinds[track & (in_ecal < 0.5) & (in_hcal < 0.3 * energy) & (energy > 5)] = _MUON
    kinds[ecal & ((in_tracks == 0) & (in_hcal < energy) | (excess > _coarse(in_tracks)))] = _PHOTON
    kinds[hcal & (excess + in_ecal > _coarse(in_tracks))] = _NEUTRAL
    return kinds


def baseline(splits: Splits) -> Baseline:
    """Share of the elements whose kind the cuts of `by_rules` find, a mean over the events."""
    test = whole(splits.test)
    there = (test["x"] != 0).any(2)
    right = (by_rules(test["x"]) == test["y"]) & there
    return Baseline("particle flow by cuts", float(np.mean(right.sum(1) / np.maximum(there.sum(1), 1))))


DATASET = Dataset(
    name="particle-flow",
    title="Particle flow in a toy detector",
    source="a toy made here; the task is that of Pata et al., arXiv:2101.08578",
    parameters=Parameters,
    make=make,
    baseline=baseline,
)
