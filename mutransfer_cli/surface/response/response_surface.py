"""The fitted response surface: every answer is a functional of its draws."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.optimize import minimize

from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.bends import BentLine
from mutransfer_cli.surface.response.draws import Draws, draw, thinned
from mutransfer_cli.surface.response.fitting.mixture import Member, fit_members
from mutransfer_cli.surface.response.layout import UNEVENNESS_SD
from mutransfer_cli.surface.response.runs import Array, Indices, Runs
from mutransfer_cli.surface.response.shape import side_factor, valley
from mutransfer_cli.surface.response.trend import Trend
from mutransfer_cli.surface.response.wall import wall_at

# Bounds of the largest excess loss. No setting is worse than the worst run that finished: a model
# that does not train. Where every run was good, and where one was absurd, these bounds hold.
CEILING = (0.5, 1.0)


@dataclass(frozen=True)
class SurfaceAt:
    """The surface at one size.

    Attributes:
        optimum: Draws of the optimum, in octaves, shape (draws, hyperparameters).
        curvature: Draws of the curvature's factor a, shape (draws,).
        rung: Index of the rung with this size; None if no run has it.
        wall: Draws of the wall's log location less that at the mean size, shape (draws,).
    """

    optimum: Array
    curvature: Array
    rung: int | None
    wall: Array


@dataclass(frozen=True)
class ResponseSurface:
    """A fitted surface.

    Attributes:
        runs: The runs that it was fitted to.
        members: The fits of which it is a mixture.
    """

    runs: Runs
    members: tuple[Member, ...]

    @cached_property
    def draws(self) -> Draws:
        """Draws of all parameters."""
        return draw(self.members, ceiling=self.ceiling)

    @cached_property
    def ceiling(self) -> float:
        """The largest excess loss that any setting is taken to have, in units of the fit."""
        finished = self.runs.select(~self.runs.diverged)
        least = np.full(len(self.rungs), np.inf)
        rung = self.runs.rung[~self.runs.diverged]
        np.minimum.at(least, rung, finished.losses)
        return float(np.clip((finished.losses - least[rung]).max(), *CEILING))

    @property
    def rungs(self) -> Array:
        """Sizes of all rungs in octaves, shape (rungs, axes)."""
        return self.runs.rungs

    @cached_property
    def _at(self) -> dict[tuple[float, ...], SurfaceAt]:
        return {}

    def at(self, size: Array) -> SurfaceAt:
        """The surface at a size: that of a rung, or an unseen one.

        At an unseen size the optimum departs from the line as those of the rungs do, and the line
        may bend.

        Args:
            size: The size in octaves, shape (axes,).
        """
        key = _key(size)
        if key not in self._at:
            self._at[key] = self._surface_at(np.asarray(size, dtype=float), key)
        return self._at[key]

    def _surface_at(self, size: Array, key: tuple[float, ...]) -> SurfaceAt:
        draws, rungs = self.draws, self.rungs
        z = size - rungs.mean(0)
        steady, decaying = Trend(rungs).at(size), Trend(rungs, decays=True).at(size)
        trend = np.where(draws.decays[:, None], decaying, steady)
        optimum = draws.optimum + np.einsum("dpk,dk->dp", draws.drift, trend)
        growth, wall = draws.growth @ z, draws.wall_growth @ z
        same = np.flatnonzero(np.abs(rungs - size).max(1) < 1e-6)
        if len(same):
            rung = int(same[0])
            optimum = optimum + draws.departure[:, rung]
            return SurfaceAt(optimum, np.exp(growth + draws.unevenness[:, rung]), rung, wall)
        rng = np.random.default_rng([abs(int(1000 * x)) for x in key])
        optimum = optimum + draws.departure_sd * rng.standard_normal(optimum.shape)
        optimum = optimum + draws.bend @ BentLine.of(rungs).bends(size[None, :])[0]
        uneven = UNEVENNESS_SD * rng.standard_normal(len(growth))
        return SurfaceAt(optimum, np.exp(growth + uneven), None, wall)

    def excess(self, setting: Array, size: Array) -> Array:
        """Draws of the loss above the optimum at a size, in units of the fit, shape (draws,).

        Args:
            setting: Hyperparameters in octaves, shape (hyperparameters,), or one for each draw,
                shape (draws, hyperparameters).
            size: The size in octaves, shape (axes,).
        """
        return excess_at(self.draws, self.at(size), setting)

    def resampled(self, rows: Indices, size: Array) -> ResponseSurface:
        """The surface with some of its draws, and the surface at one size with the same ones.

        Args:
            rows: Indices of the draws to keep, each as often as it is listed.
            size: The size in octaves, shape (axes,).
        """
        at, revised = self.at(size), replace(self)
        vars(revised)["draws"] = thinned(self.draws, rows)
        revised._at[_key(size)] = SurfaceAt(
            at.optimum[rows], at.curvature[rows], at.rung, at.wall[rows]
        )
        return revised

    def lowest_regret(self, size: Array) -> Array:
        """The setting of lowest expected excess at a size, in octaves, shape (hyperparameters,).

        Args:
            size: The size in octaves, shape (axes,).
        """
        median = np.median(self.at(size).optimum, axis=0)
        step = 0.1 * np.eye(len(median))
        simplex = np.vstack([median, median + step])
        found = minimize(
            lambda setting: float(self.excess(setting, size).mean()),
            median,
            method="Nelder-Mead",
            options={"initial_simplex": simplex, "xatol": 1e-3, "fatol": 1e-9, "maxiter": 400},
        )
        return np.asarray(found.x)


def _key(size: Array) -> tuple[float, ...]:
    return tuple(float(x) for x in np.round(size, 6))


def excess_at(draws: Draws, at: SurfaceAt, setting: Array) -> Array:
    """Draws of the loss above the optimum, in units of the fit, shape (draws,).

    Args:
        draws: Draws of all parameters.
        at: The surface at a size.
        setting: Hyperparameters in octaves, shape (hyperparameters,), or one for each draw, shape
            (draws, hyperparameters).
    """
    v = np.einsum("dij,dj->di", draws.mixing, setting - at.optimum)
    f = valley(v, draws.skew, draws.steepening)[0] * side_factor(v, draws.lopsidedness)[0]
    along = draws.flattening * np.log1p(f / draws.flattening)
    q = at.curvature * (np.exp(2 * draws.scale) * along).sum(1)
    location = draws.wall_location + at.wall[:, None]
    q = q + wall_at(v, location, draws.wall_steepness).cost.sum(1)
    excess = draws.saturation * np.log1p(q / draws.saturation)
    return np.asarray(np.minimum(excess, draws.ceiling))


def fit_response(runs: Runs, decay_odds: float = 1.0) -> ResponseSurface:
    """Fit the response surface to runs.

    Args:
        runs: The runs, at one rung or more.
        decay_odds: Factor of the prior weight of drifts that decay with the size, above 1 where
            optima are known to settle.
    """
    return ResponseSurface(runs, tuple(fit_members(runs, decay_odds)))


def interval(draws: Array, confidence: float, value: float | None = None) -> Interval:
    """The central interval of draws about their median.

    Args:
        draws: Draws of one number, shape (draws,).
        confidence: Confidence level, between 0 and 1.
        value: The estimate; by default the median.
    """
    low, middle, high = np.quantile(draws, [(1 - confidence) / 2, 0.5, (1 + confidence) / 2])
    return Interval(
        value=float(middle if value is None else value), low=float(low), high=float(high)
    )
