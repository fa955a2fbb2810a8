"""Draws of the surface's parameters from the mixture of all fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from mutransfer_cli.surface.bends import BentLine, bends_behind
from mutransfer_cli.surface.response.fitting.mixture import Member
from mutransfer_cli.surface.response.layout import Layout
from mutransfer_cli.surface.response.runs import Array, Indices, Mask

DRAWS = 2000
SEED = 1
# Factor on the spread of the normal approximation for one, two, and three or more hyperparameters:
# the more there are, the more the fits of the mixture differ; calibrated on synthetic truths
# (docs/accuracy.md).
INFLATION = (1.15, 1.0, 0.85)
FEWEST_FREEDOM = 3.0


@dataclass(frozen=True)
class Draws:
    """Draws of all parameters; the first dimension of every array is the draw.

    Attributes:
        level: Transformed loss at the optimum of each rung, shape (draws, rungs).
        optimum: Optimum at the mean size, in octaves, shape (draws, hyperparameters).
        drift: Octaves per octave of size over the ladder, shape (draws, hyperparameters, axes).
        decays: Whether the drift decays beyond the ladder, shape (draws,).
        departure: Of each rung's optimum from the line, shape (draws, rungs, hyperparameters).
        departure_sd: Standard deviation of departures, shape (draws, hyperparameters).
        bend: Of a steady drift, octaves per squared octave, shape (draws, hyperparameters, bends);
            0 where the drift decays, which is a bend of its own.
        skew: Half the third derivative of each direction, shape (draws, hyperparameters).
        steepening: Half the difference of its rates, shape (draws, hyperparameters).
        lopsidedness: Log of the factor on its far sides, shape (draws, hyperparameters).
        growth: Log curvature per octave of size, shape (draws, axes).
        unevenness: Of each rung's log curvature, shape (draws, rungs).
        scale: Log L_jj, shape (draws, hyperparameters).
        mixing: Mixing matrix of v = mixing u, shape (draws, hyperparameters, hyperparameters).
        flattening: t of each direction, shape (draws, hyperparameters).
        saturation: tau, shape (draws,).
        wall_location: Log of the octaves from the optimum to the wall, shape (draws,
            hyperparameters); infinite where no run diverged.
        wall_steepness: Log of its rate, shape (draws, hyperparameters).
        wall_growth: Of the location per octave of size, shape (draws, axes).
        misfit: rho of the draw's member, shape (draws,).
        noise: Standard deviation of the noise at each rung, shape (draws, rungs).
        ceiling: Largest excess loss, shape (draws,).
    """

    level: Array
    optimum: Array
    drift: Array
    decays: Mask
    departure: Array
    departure_sd: Array
    bend: Array
    skew: Array
    steepening: Array
    lopsidedness: Array
    growth: Array
    unevenness: Array
    scale: Array
    mixing: Array
    flattening: Array
    saturation: Array
    wall_location: Array
    wall_steepness: Array
    wall_growth: Array
    misfit: Array
    noise: Array
    ceiling: Array


def inflation_of(hyperparameters: int) -> float:
    """The factor by which the spread of the normal approximation is widened."""
    return INFLATION[min(hyperparameters, len(INFLATION)) - 1]


def draw(
    members: Sequence[Member], inflation: float | None = None, ceiling: float = np.inf
) -> Draws:
    """Draw from the mixture: each member by its weight, Student t about its mode.

    Args:
        members: All fits.
        inflation: Factor by which the spread of the normal approximation is widened; None: that of
            `inflation_of`.
        ceiling: Largest excess loss, in units of the fit.
    """
    rng = np.random.default_rng(SEED)
    weights = np.array([member.weight for member in members])
    counts = rng.multinomial(DRAWS, weights / weights.sum())
    layout = members[0].problem.layout
    if inflation is None:
        inflation = inflation_of(layout.hyperparameters)
    thetas, decays, departure_sd, misfit, noise = [], [], [], [], []
    for member, count in zip(members, counts, strict=True):
        if not count:
            continue
        mode = member.mode
        values, vectors = np.linalg.eigh(mode.covariance)
        root = vectors * np.sqrt(np.maximum(values, 0))
        freedom = max(mode.freedom, FEWEST_FREEDOM)
        spread = inflation * np.sqrt(freedom / rng.chisquare(freedom, count))
        thetas.append(
            mode.theta + spread[:, None] * (rng.standard_normal((count, layout.size)) @ root.T)
        )
        decays.append(np.full(count, member.problem.trend.decays))
        departure_sd.append(np.tile(mode.departure_sd, (count, 1)))
        misfit.append(np.full(count, mode.rho))
        noise.append(np.tile(mode.noise.sigma, (count, 1)))
    theta = np.vstack(thetas)
    at, r, p, k = layout.slices, layout.rungs, layout.hyperparameters, layout.axes
    departure, scatter = theta[:, at["departure"]].reshape(-1, r, p), np.vstack(departure_sd)
    rungs, decay = members[0].problem.trend.sizes, np.concatenate(decays)
    bend = bends_behind(departure, scatter, BentLine.of(rungs).bends(rungs), SEED + 1)
    bend[decay] = 0.0
    return Draws(
        level=theta[:, at["level"]],
        optimum=theta[:, at["optimum"]],
        drift=theta[:, at["drift"]].reshape(-1, p, k),
        decays=decay,
        departure=departure,
        departure_sd=scatter,
        bend=bend,
        skew=theta[:, at["skew"]],
        steepening=theta[:, at["steepening"]],
        lopsidedness=theta[:, at["lopsidedness"]],
        growth=theta[:, at["growth"]],
        unevenness=theta[:, at["unevenness"]],
        scale=theta[:, at["scale"]],
        mixing=mixings_of(theta, layout),
        flattening=np.exp(theta[:, at["flattening"]]),
        saturation=np.exp(theta[:, at["saturation"].start]),
        **walls_of(theta, layout),
        misfit=np.concatenate(misfit),
        noise=np.vstack(noise),
        ceiling=np.full(len(theta), ceiling),
    )


def mixings_of(theta: Array, layout: Layout) -> Array:
    """Mixing matrices of draws, shape (draws, hyperparameters, hyperparameters).

    Args:
        theta: Draws of the parameters, shape (draws, parameters).
        layout: Their order.
    """
    at = layout.slices
    scale = theta[:, at["scale"]]
    mixing = np.tile(np.eye(layout.hyperparameters), (len(theta), 1, 1))
    for number, (j, i) in enumerate(layout.pairs):
        coupling = theta[:, at["coupling"].start + number]
        mixing[:, j, i] = coupling * np.exp((scale[:, i] - scale[:, j]) / 2)
    return mixing


def walls_of(theta: Array, layout: Layout) -> dict[str, Array]:
    """Where the walls of draws are and how steep; infinitely far where no run diverged.

    Args:
        theta: Draws of the parameters, shape (draws, parameters).
        layout: Their order.
    """
    if layout.walls:
        names = "wall_location", "wall_steepness", "wall_growth"
        return {name: theta[:, layout.slices[name]] for name in names}
    shape = len(theta), layout.hyperparameters
    return {
        "wall_location": np.full(shape, np.inf),
        "wall_steepness": np.zeros(shape),
        "wall_growth": np.zeros((len(theta), layout.axes)),
    }


def thinned(draws: Draws, rows: Indices) -> Draws:
    """Some of the draws.

    Args:
        draws: All draws.
        rows: Indices of those to keep, each as often as it is listed.
    """
    return Draws(**{field.name: getattr(draws, field.name)[rows] for field in fields(Draws)})
