"""How well the optimum at one size is known, and how well the ladder allows it to be known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mutransfer_cli.surface.bends import BentLine, bend_variance
from mutransfer_cli.surface.response.draws import inflation_of
from mutransfer_cli.surface.response.layout import DRIFT_SD, START_SD
from mutransfer_cli.surface.response.response_surface import (
    ResponseSurface,
    interval,
)
from mutransfer_cli.surface.response.runs import Array
from mutransfer_cli.surface.student import normal_reach

CONFIDENCE = 0.9  # of the interval that a search narrows
NEARLY_REACHED = 0.5  # of the tolerance: a narrower interval earns nothing more


@dataclass(frozen=True)
class Goal:
    """What a search is to find out.

    Attributes:
        size: The size in octaves at which the optimum is asked for, shape (axes,).
        tolerances: Half-width in octaves that each hyperparameter's interval may have; infinite
            where it does not matter. None: the regret counts instead.
        regret: Largest relative excess loss of the choice; None: the tolerances count.
    """

    size: Array
    tolerances: Array | None
    regret: float | None = None

    def half_widths(self, surface: ResponseSurface) -> Array:
        """Half-width of each hyperparameter's interval at the size, shape (hyperparameters,)."""
        draws = surface.at(self.size).optimum
        return np.array([interval(column, CONFIDENCE).half_width for column in draws.T])

    def regret_reached(self, surface: ResponseSurface) -> float:
        """Upper end of the regret of the best choice at the size, in units of the fit."""
        choice = surface.lowest_regret(self.size)
        return float(np.quantile(surface.excess(choice, self.size), (1 + CONFIDENCE) / 2))

    def is_reached(self, surface: ResponseSurface) -> bool:
        """Whether the surface is as sure as it is meant to be."""
        if self.tolerances is not None:
            return bool((self.half_widths(surface) <= self.tolerances).all())
        return self.regret is None or self.regret_reached(surface) <= self.regret

    def importance(self, surface: ResponseSurface) -> Array:
        """M: what each variance and covariance of the optimum costs, shape (p, p)."""
        if self.tolerances is None:
            return curvature_at(surface, self.size)
        excess = self.half_widths(surface) / self.tolerances - NEARLY_REACHED
        return np.diag((np.maximum(excess, 1e-3) / self.tolerances) ** 2)


def curvature_at(surface: ResponseSurface, size: Array) -> Array:
    """Second derivative of the loss at the optimum, averaged over the draws, shape (p, p).

    Args:
        surface: The surface.
        size: The size in octaves, shape (axes,).
    """
    draws = surface.draws
    scaled = np.exp(draws.scale)[:, :, None] * draws.mixing
    factor = surface.at(size).curvature
    return np.asarray(np.einsum("d,dki,dkj->ij", factor, scaled, scaled) / len(factor))


def attainable(surface: ResponseSurface, size: Array) -> Array:
    """Half-widths that remain however many trials the rungs get, shape (hyperparameters,).

    If every rung's optimum were known exactly, the line through them would still be uncertain by
    the departures of the rungs from it, and the optimum at the size would depart and bend too
    (derived: least squares with the surface's priors).

    Args:
        surface: The surface.
        size: The size in octaves, shape (axes,).
    """
    rungs = surface.rungs
    p = surface.runs.hyperparameters
    if surface.at(size).rung is not None:
        return np.zeros(p)
    weights = np.array([member.weight for member in surface.members])
    spread = np.array([member.mode.departure_sd for member in surface.members])
    departure = np.sqrt((weights[:, None] * spread**2).sum(0) / weights.sum())
    design = np.hstack([np.ones((len(rungs), 1)), rungs - rungs.mean(0)])
    prior = np.diag([1 / START_SD**2] + [1 / DRIFT_SD**2] * rungs.shape[1])
    at = np.concatenate([[1.0], size - rungs.mean(0)])
    bent = BentLine.of(rungs)
    bends, bends_at = bent.bends(rungs), bent.bends(size[None, :])[0]
    remaining = np.empty(p)
    for j, sd in enumerate(departure):
        line = at @ np.linalg.solve(design.T @ design / sd**2 + prior, at)
        remaining[j] = inflation_of(p) ** 2 * line + sd**2 + bend_variance(sd, bends, bends_at)
    return np.asarray(normal_reach(CONFIDENCE) * np.sqrt(remaining))


def candidate_settings(
    center: Array, half_widths: Sequence[float], count: int, seed: Sequence[int]
) -> Array:
    """Quasi-random settings in boxes about a center, in octaves, shape (count * boxes, p).

    Args:
        center: The center in octaves, shape (hyperparameters,).
        half_widths: Half the side of each box in octaves.
        count: Settings in each box.
        seed: Seed of the scrambling.
    """
    from scipy.stats import qmc

    boxes = []
    for number, half in enumerate(half_widths):
        rng = np.random.default_rng([*seed, number])
        points = qmc.Sobol(len(center), rng=rng).random(count)
        boxes.append(center + half * (2 * points - 1))
    return np.vstack(boxes)
