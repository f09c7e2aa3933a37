"""Jets of five kinds, made by a toy whose truth is known: what JEDI-net tells apart.

A quark, gluon, W, Z or top of about 1 TeV decays (W, Z: two quarks; top: a quark and a W) by exact two-body kinematics,
with the particles' masses and widths. Each quark or gluon then radiates along the leading logarithm of QCD,
dN = 2 alpha C / pi dln(angle) dln(1/z), with C = 4/3 for quarks and 3 for gluons, and what is left splits into hadrons.
A detector measures each hadron's momentum to 5 %; a jet has the hardest of those within 0.8 of its axis. So mass tells
W, Z and top from the others, and how many particles there are and how far apart tells quarks from gluons. What real
jets have beside that (hadron masses, running coupling, secondary radiation, other collisions) is left out: no figure
holds for real ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hqml.dl.dataset import Baseline, Dataset
from hqml.dl.datasets.parts import cut, whole
from hqml.dl.source import Splits
from hqml.errors import ParameterError

Array = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]

CLASSES = ("gluon", "quark", "W", "Z", "top")
FEATURES = (
    *("px", "py", "pz", "energy", "energy / jet", "pt", "pt / jet", "eta", "eta - jet", "eta rotated"),
    *("phi", "phi - jet", "phi rotated", "distance to axis", "cos theta", "cos angle to axis"),
)
"""The 16 of JEDI-net, arXiv:1908.05318, section 3; momenta and energies in TeV."""

# Particle Data Group, Phys. Rev. D 110 (2024) 030001: masses and widths in TeV.
_MASS = {"W": 80.369e-3, "Z": 91.188e-3, "top": 172.57e-3}
_WIDTH = {"W": 2.085e-3, "Z": 2.4955e-3, "top": 1.42e-3}
_COUPLING = 0.2  # of the strong force at about 6 GeV, between the hard and the soft end of the radiation
_QUARK, _GLUON = 4 / 3, 3.0  # colour factors
_RADIUS = 0.8  # of the jets, in eta and phi
_SMALLEST_ANGLE, _SMALLEST_SHARE = 0.01, 0.005
_HADRONS = 3.0  # mean number, beside the first, of a quark or gluon that no longer radiates
_KICK = 0.35e-3  # TeV across the axis, of a hadron
_RESOLUTION = 0.05
_NOTHING = 1e-12  # TeV, instead of 0, to divide by


@dataclass(frozen=True)
class Parameters:
    """
    Attributes:
        particles: of a jet, the hardest; missing ones are rows of zeros.
        samples: jets in all, as many of each kind; 3/4 to learn from, 1/8 to watch, 1/8 to test on.
        seed: of all that is drawn.
    """

    particles: int = 30
    samples: int = 16000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.particles < 2:
            raise ParameterError(f"particles must be at least 2, found {self.particles}")
        if self.samples < 80:
            raise ParameterError(f"samples must be at least 80, found {self.samples}")


@dataclass(frozen=True)
class _Partons:
    """Quarks and gluons: the jet of each, pt, eta, phi, colour factor, and the widest angle at which it radiates."""

    jet: Numbers
    momentum: Array  # (partons, 3): pt, eta, phi; eta and phi from the jet's axis
    colour: Array
    angle: Array


def _four(mass: Array, momentum: Array) -> Array:
    return np.concatenate([np.sqrt(mass**2 + (momentum**2).sum(1))[:, None], momentum], axis=1)


def decayed(parent: Array, first: Array, second: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Two-body decay, isotropic in the parent's rest frame.

    Args:
        parent: (decays, 4): energy and momentum.
        first: (decays,), mass of the first daughter.
        second: of the second one.
        rng: that draws the directions.

    Returns:
        The daughters' energies and momenta.
    """
    mass = np.sqrt(parent[:, 0] ** 2 - (parent[:, 1:] ** 2).sum(1))
    size = np.sqrt((mass**2 - (first + second) ** 2) * (mass**2 - (first - second) ** 2)) / (2 * mass)
    cosine, angle = rng.uniform(-1, 1, len(mass)), rng.uniform(0, 2 * np.pi, len(mass))
    sine = np.sqrt(1 - cosine**2)
    direction = np.stack([cosine, sine * np.cos(angle), sine * np.sin(angle)], axis=1)
    boost, gamma = parent[:, 1:] / parent[:, :1], parent[:, 0] / mass

    def moving(rest: Array) -> Array:
        along = (boost * rest[:, 1:]).sum(1)
        factor = gamma**2 / (gamma + 1) * along + gamma * rest[:, 0]
        return np.concatenate([(gamma * (rest[:, 0] + along))[:, None], rest[:, 1:] + factor[:, None] * boost], axis=1)

    one, other = size[:, None] * direction, -size[:, None] * direction
    return moving(_four(first, one)), moving(_four(second, other))


def _heavy(name: str, count: int, rng: np.random.Generator) -> Array:
    """Masses: Breit-Wigner within ten widths."""
    drawn = rng.uniform(-np.arctan(20), np.arctan(20), count)
    return _MASS[name] + _WIDTH[name] / 2 * np.tan(drawn)


def _hard(kinds: Numbers, pt: Array, rng: np.random.Generator) -> _Partons:
    """The quarks and gluons that jets begin with. A jet's axis is the x direction."""
    jets, quarks = [np.flatnonzero(kinds < 2)], [np.stack([pt, 0 * pt, 0 * pt], axis=1)[kinds < 2]]
    for kind in (2, 3, 4):
        rows = np.flatnonzero(kinds == kind)
        nothing = np.zeros(len(rows))
        along = np.stack([pt[rows], nothing, nothing], axis=1)
        if CLASSES[kind] == "top":
            bottom, boson = decayed(
                _four(_heavy("top", len(rows), rng), along), nothing, _heavy("W", len(rows), rng), rng
            )
            daughters = [bottom, *decayed(boson, nothing, nothing, rng)]
        else:
            daughters = [*decayed(_four(_heavy(CLASSES[kind], len(rows), rng), along), nothing, nothing, rng)]
        for daughter in daughters:
            jets.append(rows)
            quarks.append(_polar(daughter[:, 1:]))
    jet = np.concatenate(jets)
    colour = np.where(kinds[jet] == 0, _GLUON, _QUARK)
    angle = np.where(kinds[jet] < 2, _RADIUS, np.minimum(_RADIUS, 2 * _spread(kinds, pt)[jet]))
    return _Partons(jet, np.concatenate(quarks), colour, angle)


def _spread(kinds: Numbers, pt: Array) -> Array:
    """mass / pt: half the angle between the daughters, beyond which they radiate as one, without colour."""
    masses = np.array([0.0, 0.0, *(_MASS[name] for name in CLASSES[2:])])
    return masses[kinds] / pt


def _polar(momentum: Array) -> Array:
    pt = np.hypot(momentum[:, 0], momentum[:, 1])
    return np.stack([pt, np.arcsinh(momentum[:, 2] / pt), np.arctan2(momentum[:, 1], momentum[:, 0])], axis=1)


def _around(momentum: Array, share: Array, angle: Array, rng: np.random.Generator) -> Array:
    """Parts of a momentum, at angles from it in random directions."""
    turn = rng.uniform(0, 2 * np.pi, len(share))
    return np.stack(
        [share * momentum[:, 0], momentum[:, 1] + angle * np.cos(turn), momentum[:, 2] + angle * np.sin(turn)], axis=1
    )


def _radiated(partons: _Partons, rng: np.random.Generator) -> tuple[Numbers, Array]:
    """The gluons that partons radiate, and the partons after it: jets and momenta of all."""
    angles, shares = np.log(partons.angle / _SMALLEST_ANGLE), np.log(0.5 / _SMALLEST_SHARE)
    count = rng.poisson(2 * _COUPLING * partons.colour / np.pi * np.maximum(angles, 0) * shares)
    of = np.repeat(np.arange(len(count)), count)
    share = 0.5 * np.exp(-shares * rng.uniform(size=len(of)))
    total = np.bincount(of, share, minlength=len(count))
    share *= np.minimum(1, 0.5 / np.maximum(total, 1e-12))[of]  # the parton keeps at least half
    angle = partons.angle[of] * np.exp(-angles[of] * rng.uniform(size=len(of)))
    gluons = _around(partons.momentum[of], share, angle, rng)
    left = partons.momentum.copy()
    for axis in (1, 2):  # the parton recoils
        moved = np.bincount(of, share * (gluons[:, axis] - left[of, axis]), minlength=len(count))
        left[:, axis] -= moved / (1 - np.minimum(total, 0.5))
    left[:, 0] *= 1 - np.minimum(total, 0.5)
    return np.concatenate([partons.jet, partons.jet[of]]), np.concatenate([left, gluons])


def _hadrons(jet: Numbers, partons: Array, rng: np.random.Generator) -> tuple[Numbers, Array]:
    """Each parton splits into hadrons, in shares that are even on the simplex."""
    count = 1 + rng.poisson(_HADRONS, len(jet))
    of = np.repeat(np.arange(len(jet)), count)
    share = rng.exponential(size=len(of))
    share /= np.bincount(of, share, minlength=len(jet))[of]
    pt = share * partons[of, 0]
    angle = np.minimum(rng.rayleigh(_KICK, len(of)) / pt, 0.3)
    momentum = _around(partons[of], share, angle, rng)
    momentum[:, 0] *= np.exp(_RESOLUTION * rng.standard_normal(len(of)))
    return jet[of], momentum


def _hardest(jet: Numbers, momentum: Array, jets: int, particles: int) -> Array:
    """(jets, particles, 3), by falling pt; zeros where there are no more."""
    inside = np.hypot(momentum[:, 1], momentum[:, 2]) < _RADIUS
    jet, momentum = jet[inside], momentum[inside]
    order = np.lexsort([-momentum[:, 0], jet])
    jet, momentum = jet[order], momentum[order]
    place = np.arange(len(jet)) - np.searchsorted(jet, np.arange(jets))[jet]
    kept = place < particles
    table = np.zeros((jets, particles, 3))
    table[jet[kept], place[kept]] = momentum[kept]
    return table


def features(table: Array, axis: Array) -> npt.NDArray[np.float32]:
    """The 16 features of each particle.

    Args:
        table: (jets, particles, 3): pt, and eta and phi from the axis; zeros where there is none.
        axis: (jets, 2): eta and phi of the jets.

    Returns:
        (jets, particles, 16).
    """
    pt, d_eta, d_phi = np.moveaxis(table, 2, 0)
    eta, phi = d_eta + axis[:, :1], np.angle(np.exp(1j * (d_phi + axis[:, 1:])))
    momentum = np.stack([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)], axis=2)
    energy = pt * np.cosh(eta)
    jet = momentum.sum(1, keepdims=True)
    spread = np.stack([d_eta, d_phi], axis=2)
    tensor = np.einsum("jp,jpa,jpb->jab", pt, spread, spread)
    main = np.linalg.eigh(tensor)[1][:, :, 1]
    main = np.where(main[:, :1] < 0, -main, main)  # an axis has two directions; not LAPACK shall choose
    along = d_eta * main[:, :1] + d_phi * main[:, 1:]
    across = d_phi * main[:, :1] - d_eta * main[:, 1:]
    length, size = np.maximum(energy, _NOTHING), np.maximum(np.linalg.norm(jet, axis=2), _NOTHING)
    cosine = (momentum * jet).sum(2) / (length * size)
    columns = [*np.moveaxis(momentum, 2, 0), energy, energy / np.maximum(energy.sum(1, keepdims=True), _NOTHING)]
    columns += [pt, pt / np.maximum(np.hypot(jet[..., 0], jet[..., 1]), _NOTHING), eta, d_eta, along]
    columns += [phi, d_phi, across, np.hypot(d_eta, d_phi), momentum[..., 2] / length, cosine]
    return np.asarray(np.stack(columns, axis=2) * (pt > 0)[..., None], np.float32)


def make(parameters: Parameters) -> Splits:
    """x: particles (particles, 16), by falling pt; y: the kind of jet."""
    rng = np.random.default_rng(parameters.seed)
    kinds = rng.permutation(np.arange(parameters.samples) % len(CLASSES))
    pt = rng.uniform(0.9, 1.1, parameters.samples)
    axis = np.stack([rng.uniform(-2, 2, parameters.samples), rng.uniform(-np.pi, np.pi, parameters.samples)], axis=1)
    jet, momentum = _hadrons(*_radiated(_hard(kinds, pt, rng), rng), rng)
    x = features(_hardest(jet, momentum, parameters.samples, parameters.particles), axis)
    return cut({"x": x, "y": kinds}, parameters.samples * 3 // 4, parameters.samples // 8, CLASSES)


def mass(x: npt.NDArray[np.float32]) -> Array:
    """Of each jet, in TeV: (jets,)."""
    momentum, energy = x[..., :3].astype(float).sum(1), x[..., 3].astype(float).sum(1)
    return np.asarray(np.sqrt(np.maximum(energy**2 - (momentum**2).sum(1), 0)))


def baseline(splits: Splits) -> Baseline:
    """Accuracy of four cuts on the jet's mass, the best ones for the training jets."""
    from sklearn.tree import DecisionTreeClassifier

    train, test = whole(splits.train), whole(splits.test)
    cuts = DecisionTreeClassifier(max_leaf_nodes=5, random_state=0).fit(mass(train["x"])[:, None], train["y"])
    return Baseline("four cuts on the mass", float(cuts.score(mass(test["x"])[:, None], test["y"])))


DATASET = Dataset(
    name="jets",
    title="Jets of gluons, quarks, W, Z and top",
    source="a toy made here; the five kinds, 1 TeV and the 16 features are those of Moreno et al., arXiv:1908.05318",
    parameters=Parameters,
    make=make,
    baseline=baseline,
)
