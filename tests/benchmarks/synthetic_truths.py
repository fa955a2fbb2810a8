"""Synthetic truths: losses with known optima, and the runs that a sweep of them would have made.

A truth is a loss over p hyperparameters and one size, all in octaves: six kinds of curve, drift of
the optimum, entangled hyperparameters, noise, seed effects, divergence. All draws come from its
seed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.stats import qmc

from mutransfer_cli.surface.response.runs import Array, Runs

FIRST_SIZE = 5.0  # octaves: width 32
CEILING = 1.2  # log loss above the optimum, from where on the loss hardly grows
MIRRORED = "-"  # added to the name of a kind whose steep side is below the optimum


@dataclass(frozen=True)
class Kind:
    """A curve f(u) with f(0) = f'(0) = 0 and, cliffs aside, f''(0) = 1.

    Attributes:
        name: The kind's name.
        curve: f, of octaves from the optimum.
        diverges_above: Octaves above the optimum from where runs diverge.
    """

    name: str
    curve: Callable[[Array], Array]
    diverges_above: float = np.inf


def linex(rng: np.random.Generator) -> Kind:
    """Exponential above, linear below."""
    k = rng.uniform(0.15, 0.7)
    return Kind("linex", lambda u: (np.exp(np.minimum(k * u, 30)) - k * u - 1) / k**2)


def two_exponentials(rng: np.random.Generator) -> Kind:
    """Exponentials of different rates on either side."""
    a, b = rng.uniform(0.25, 0.9), rng.uniform(0.1, 0.5)

    def curve(u: Array) -> Array:
        above, below = np.exp(np.minimum(a * u, 30)), np.exp(np.minimum(-b * u, 30))
        return np.asarray((b * above + a * below - a - b) / (a * b * (a + b)))

    return Kind("two-exp", curve)


def soft_v(rng: np.random.Generator) -> Kind:
    """Linear on both sides, rounded between."""
    a, b = rng.uniform(0.5, 1.2), rng.uniform(0.3, 0.8)
    shift = np.log(b / a) / (a + b)

    def v(u: Array) -> Array:
        return np.asarray(np.logaddexp(a * (u + shift), -b * (u + shift)))

    return Kind("softV", lambda u: (v(u) - v(np.zeros(()))) / (a * b))


def saturating(rng: np.random.Generator) -> Kind:
    """Flat far from the optimum."""
    tau, k = rng.uniform(1, 4), rng.uniform(0, 0.3)

    def curve(u: Array) -> Array:
        q = (np.exp(np.minimum(k * u, 30)) - k * u - 1) / k**2 if k > 1e-3 else u * u / 2
        return np.asarray(tau * np.log1p(q / tau))

    return Kind("saturating", curve)


def cliff(rng: np.random.Generator) -> Kind:
    """A parabola with a wall, beyond which runs diverge."""
    wall, steepness = rng.uniform(1.0, 2.5), rng.uniform(3, 6)

    def raw(u: Array) -> Array:
        return np.asarray(u * u / 2 + 0.15 * np.exp(np.clip(steepness * (u - wall), -50, 6)))

    lowest = float(minimize_scalar(raw, bounds=(-1.5, 1.0), method="bounded").x)
    floor = float(raw(np.asarray(lowest)))
    return Kind("cliff", lambda u: raw(u + lowest) - floor, wall + 1.2 - lowest)


def quadratic(rng: np.random.Generator) -> Kind:
    """A parabola."""
    return Kind("quadratic", lambda u: u * u / 2)


KINDS = {
    linex: 0.2,
    two_exponentials: 0.25,
    soft_v: 0.15,
    saturating: 0.15,
    cliff: 0.15,
    quadratic: 0.1,
}


def mirrored(kind: Kind) -> Kind:
    """The same curve with its sides exchanged; nothing diverges."""
    return Kind(kind.name + MIRRORED, lambda u: kind.curve(-u))


def random_kind(rng: np.random.Generator) -> Kind:
    """A kind with random parameters."""
    make = list(KINDS)[int(rng.choice(len(KINDS), p=list(KINDS.values())))]
    return make(rng)


@dataclass
class Truth:
    """A loss whose optimum is known at every size.

    Attributes:
        seed: Of all its draws.
        hyperparameters: Their number, p.
        rungs: Number of rungs, one octave apart.
    """

    seed: int
    hyperparameters: int = 1
    rungs: int = 4
    rng: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        """Draw the truth."""
        rng = self.rng = np.random.default_rng([self.seed, self.hyperparameters, self.rungs])
        p = self.hyperparameters
        self.sizes = FIRST_SIZE + np.arange(self.rungs)
        self.target = float(self.sizes[-1] + rng.choice([2.0, 4.0]))
        self.optimum = rng.uniform(-1, 1, p)
        self.drift = np.where(rng.random(p) < 0.3, rng.uniform(-0.4, 0.4, p), 0.0)
        self.drift[0] = rng.uniform(-0.9, 0.5) if rng.random() < 0.5 else 0.0
        self.finite_width = rng.normal(0, 0.25, p) if rng.random() < 0.35 else np.zeros(p)
        coupled = (rng.random((p, p)) < 0.35) & ~np.eye(p, dtype=bool)
        self.mixing = np.eye(p) + np.where(coupled, rng.uniform(-0.6, 0.6, (p, p)), 0.0)
        self.kinds = [random_kind(rng) for _ in range(p)]
        self.kinds[1:] = [mirrored(k) if rng.random() < 0.5 else k for k in self.kinds[1:]]
        self.cost_of_two = np.exp(rng.uniform(np.log(0.003), np.log(0.03), p))
        self.cost_of_two[1:] *= rng.uniform(0.3, 1, p - 1)
        self.growth, self.unevenness = rng.normal(0, 0.12), rng.normal(0, 0.07, self.rungs)
        self.floor, self.reducible = rng.uniform(1.5, 3), rng.uniform(0.5, 1.5)
        self.exponent = rng.uniform(0.25, 0.7)
        self.noise = float(np.exp(rng.uniform(np.log(0.0005), np.log(0.006))))
        self.seed_sd = self.noise * rng.uniform(0.3, 2)
        self.noise_growth = rng.uniform(0, 3)
        self.seed_effects: dict[tuple[float, int], float] = {}

    def optimum_at(self, size: float) -> Array:
        """The optimum at a size, in octaves, shape (p,)."""
        z = size - FIRST_SIZE
        return np.asarray(self.optimum + self.drift * z + self.finite_width * 2.0**-z)

    def lowest_loss(self, size: float) -> float:
        """The loss at the optimum of a size."""
        return float(self.floor + self.reducible * 2.0 ** (-self.exponent * (size - FIRST_SIZE)))

    def excess(self, settings: Array, size: float) -> Array:
        """Log loss above the optimum, shape (runs,).

        Args:
            settings: In octaves, shape (runs, p).
            size: In octaves.
        """
        return self._excess(settings, size)[0]

    def _excess(self, settings: Array, size: float) -> tuple[Array, Array]:
        v = (np.atleast_2d(settings) - self.optimum_at(size)) @ self.mixing.T
        costs = [
            2 * c * k.curve(v[:, j])
            for j, (c, k) in enumerate(zip(self.cost_of_two, self.kinds, strict=True))
        ]
        rung = round(size - FIRST_SIZE)
        uneven = self.unevenness[rung] if rung < self.rungs else 0.0
        return np.exp(self.growth * (size - FIRST_SIZE) + uneven) * np.sum(costs, axis=0), v

    def losses(self, settings: Array, size: float, seed: int) -> Array:
        """What runs at these settings would end with; NaN where they diverge, shape (runs,).

        Args:
            settings: In octaves, shape (runs, p).
            size: In octaves.
            seed: Seed of the runs, whose effect they share.
        """
        excess, v = self._excess(settings, size)
        diverged = (v > np.array([kind.diverges_above for kind in self.kinds])).any(1)
        key = round(size, 3), seed
        if key not in self.seed_effects:
            self.seed_effects[key] = float(self.rng.normal(0, self.seed_sd))
        above = np.maximum(excess, CEILING)
        excess = np.where(excess > CEILING, CEILING + 0.2 * np.log(above / CEILING), excess)
        sd = self.noise * (1 + self.noise_growth * np.minimum(excess / 0.1, 3))
        log_excess = excess + self.seed_effects[key] + self.rng.normal(0, sd)
        return np.where(diverged, np.nan, self.lowest_loss(size) * np.exp(log_excess))


def grid(truth: Truth, *, step: float = 1.0, seeds: int = 2, half: int = 3) -> Runs:
    """A grid of one hyperparameter that grows at its ends until the best is inside by two.

    It is centered near the smallest rung's optimum, not at it.

    Args:
        truth: What is run.
        step: Distance of neighbors, in octaves.
        seeds: Number of seeds.
        half: Number of settings on either side of the center.
    """
    offset = truth.rng.uniform(-0.5, 0.5) * step + truth.rng.normal(0, 0.7)
    center = truth.optimum[0] + offset
    pieces = []
    for size in truth.sizes:
        settings = list(center + step * np.arange(-half, half + 1))
        for _ in range(5):
            best = int(np.argmin(truth.excess(np.array(settings)[:, None], size)))
            if best < 2:
                settings.insert(0, settings[0] - step)
            elif best > len(settings) - 3:
                settings.append(settings[-1] + step)
            else:
                break
        pieces.append((size, np.array(settings)[:, None]))
    return run_all(truth, pieces, seeds)


def sobol(truth: Truth, *, points: int, seeds: int = 1, half: float = 3.0) -> Runs:
    """Sobol points in a box about a center near the smallest rung's optimum.

    Args:
        truth: What is run.
        points: Settings at each rung.
        seeds: Number of seeds.
        half: Half the width of the box, in octaves.
    """
    p = truth.hyperparameters
    center = truth.optimum_at(truth.sizes[0]) + truth.rng.normal(0, 0.7, p)
    pieces = []
    for size in truth.sizes:
        unit = qmc.Sobol(p, seed=int(truth.rng.integers(10**9))).random(points)
        pieces.append((size, center + (2 * unit - 1) * half))
    return run_all(truth, pieces, seeds)


def run_all(truth: Truth, pieces: list[tuple[float, Array]], seeds: int) -> Runs:
    """The runs at all settings of all rungs with all seeds.

    Args:
        truth: What is run.
        pieces: Size and settings of each rung.
        seeds: Number of seeds.
    """
    settings, sizes, numbers, losses = [], [], [], []
    for size, points in pieces:
        for seed in range(seeds):
            settings.append(points)
            sizes.append(np.full((len(points), 1), size))
            numbers.append(np.full(len(points), seed))
            losses.append(np.log(truth.losses(points, size, seed)))
    return Runs(
        np.vstack(settings), np.vstack(sizes), np.concatenate(numbers), np.concatenate(losses)
    )
