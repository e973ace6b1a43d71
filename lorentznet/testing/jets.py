"""Jets made from nothing, in float64 by numpy, so that a tagger can be tested without a file."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lorentznet.data.batch import JetBatch

_TOP_MASS, _W_MASS = 173.0, 80.4  # GeV
_SPREAD = 0.06  # angular width of a prong

Array = NDArray[np.float64]


def toy_jets(n: int = 32, seed: int = 0, particles: float = 24.0) -> JetBatch:
    """One-prong (class 0) and three-prong (class 1) jets in turn, pT of the parent 550-650 GeV, abs(eta) < 2, massless particles.

    Three prongs are the isotropic decay t -> b W -> b q q' of a boosted top quark; each prong becomes several particles with
    exponential energy fractions around its direction. The same arguments give the same jets.

    Parameters
    ----------
    n
        Number of jets.
    seed
        Seed of numpy's generator.
    particles
        Mean number of particles of a jet; at least three are made.

    Returns
    -------
    JetBatch
        Momenta (E, px, py, pz) in GeV, float64; ``y`` is the class.

    Examples
    --------
    >>> batch = toy_jets(4, seed=1)
    >>> batch.n_jets, batch.y.tolist()
    (4, [0, 1, 0, 1])
    """
    random = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    jets = []
    for label in labels:
        prongs = _top_decay(random) if label else _parent(random, 0.0)[None]
        count = max(3, int(random.poisson(particles)))
        jets.append(_fragment(prongs, count, random))
    momenta = np.concatenate(jets) if jets else np.zeros((0, 4))
    return JetBatch.from_arrays(momenta, [len(jet) for jet in jets], y=labels)


def degenerate_jets() -> dict[str, JetBatch]:
    """Jets at the edges of phase space, one in each batch, by name: where square roots, logarithms and rest frames end.

    Examples
    --------
    >>> sorted(degenerate_jets())[:3]
    ['all momenta zero', 'back to back massless particles', 'collinear particles']
    """
    u = np.array([0.6, 0.0, 0.8])
    ordinary = [_massless(100.0, [0.6, 0.0, 0.8]), _massless(80.0, [0.6, 0.1, 0.7]), _massless(40.0, [0.5, -0.1, 0.8])]
    jets = {
        "one massless particle": [_massless(500.0, u)],
        "one massive particle": [np.array([np.hypot(500.0, 0.14), *(500.0 * u)])],
        "one slow proton": [np.array([np.hypot(2.0, 0.938), *(2.0 * u)])],
        "one massless particle along the beam": [_massless(500.0, [0.0, 0.0, 1.0])],
        "particle at rest": [np.array([5.0, 0.0, 0.0, 0.0])],
        "two collinear massless particles": [_massless(300.0, u), _massless(200.0, u)],
        "collinear particles": [_massless(energy, u) for energy in (300.0, 150.0, 40.0, 2.0)],
        "collinear particles among others": [*ordinary, _massless(25.0, u)],
        "back to back massless particles": [_massless(50.0, u), _massless(50.0, -u)],
        "particle along the beam among others": [*ordinary, _massless(20.0, [0.0, 0.0, 1.0])],
        "equal particles": [ordinary[0], ordinary[0], ordinary[1]],
        "zero momentum among others": [*ordinary, np.zeros(4)],
        "all momenta zero": [np.zeros(4), np.zeros(4)],
        "soft particle of 1e-6 GeV": [*ordinary, _massless(1e-6, [0.5, 0.2, 0.8])],
        "particle outside the light cone by rounding": [*ordinary, np.array([1.0 - 1e-9, 0.6, 0.0, 0.8]) * 50.0],
    }
    return {name: JetBatch.from_arrays(np.stack(jet), [len(jet)]) for name, jet in jets.items()}


def _massless(energy: float, direction: Array | list[float]) -> Array:
    unit = np.asarray(direction, dtype=np.float64)
    return energy * np.concatenate(([1.0], unit / np.linalg.norm(unit)))


def _parent(random: np.random.Generator, mass: float) -> Array:
    """A momentum of the given mass with pT 550-650 GeV, abs(eta) < 2 and any azimuth."""
    pt, eta, phi = random.uniform(550, 650), random.uniform(-2, 2), random.uniform(-np.pi, np.pi)
    space = pt * np.array([np.cos(phi), np.sin(phi), np.sinh(eta)])
    return np.concatenate(([np.sqrt(mass**2 + space @ space)], space))


def _boost(p: Array, parent: Array) -> Array:
    """Momenta given in the rest frame of ``parent``, seen from the frame in which ``parent`` is given."""
    mass = np.sqrt(parent[0] ** 2 - parent[1:] @ parent[1:])
    u, gamma = parent[1:] / mass, parent[0] / mass
    along = p[..., 1:] @ u
    energy = gamma * p[..., 0] + along
    space = p[..., 1:] + (along / (1 + gamma) + p[..., 0])[..., None] * u
    return np.concatenate((energy[..., None], space), -1)


def _direction(random: np.random.Generator) -> Array:
    vector = random.normal(size=3)
    return vector / np.linalg.norm(vector)


def _top_decay(random: np.random.Generator) -> Array:
    """The three massless momenta of t -> b W -> b q q', each decay isotropic in the rest frame of its parent."""
    top = _parent(random, _TOP_MASS)
    momentum = (_TOP_MASS**2 - _W_MASS**2) / (2 * _TOP_MASS)
    axis = _direction(random)
    w = np.concatenate(([np.hypot(momentum, _W_MASS)], momentum * axis))
    quark = 0.5 * _W_MASS * _direction(random)
    pair = np.stack([np.concatenate(([0.5 * _W_MASS], sign * quark)) for sign in (1, -1)])
    b = np.concatenate(([momentum], -momentum * axis))[None]
    return _boost(np.concatenate((b, _boost(pair, w))), top)


def _fragment(prongs: Array, count: int, random: np.random.Generator) -> Array:
    """Massless particles around the prongs: fractions of a Dirichlet-like law, softer particles at wider angles."""
    owner = np.concatenate((np.arange(len(prongs)), random.integers(0, len(prongs), max(count - len(prongs), 0))))
    fraction = random.exponential(size=len(owner)) ** 2 + 1e-3
    fraction /= np.bincount(owner, fraction)[owner]
    axes = prongs[owner, 1:] / np.linalg.norm(prongs[owner, 1:], axis=1, keepdims=True)
    direction = axes + _SPREAD * random.normal(size=axes.shape) / (1 + 10 * fraction[:, None])
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    energy = fraction * prongs[owner, 0]
    return np.concatenate((energy[:, None], energy[:, None] * direction), 1)
