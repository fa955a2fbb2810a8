"""Revises the surface at a target by a pilot: a few short runs there, at several settings.

Each draw of the surface says what the pilot's losses should be, up to a common level. Draws are
kept in proportion to the likelihood of the losses that were measured (importance sampling). The
optimum of short runs differs from that of the target by an uncertain shift, and their curvature by
an uncertain factor; the likelihood is averaged over both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mutransfer_cli.surface.response.response_surface import (
    ResponseSurface,
    excess_at,
)
from mutransfer_cli.surface.response.runs import Array

SHIFTS = 32  # draws of shift and curvature for each draw of the surface
CURVATURE_SD = 0.4  # of the log of the curvature of short runs relative to the target's
MISFIT = 0.15  # noise per unit of excess: the shape is less certain far from the optimum
SEED = 2


@dataclass(frozen=True)
class PilotRuns:
    """The runs of a pilot, all of one size.

    Attributes:
        settings: Hyperparameters in octaves, shape (runs, hyperparameters).
        losses: In units of the fit, shape (runs,).
        shift: By how much the optimum of the pilot is above that of the target, in octaves, shape
            (hyperparameters,).
        shift_sd: Its standard deviation, shape (hyperparameters,).
    """

    settings: Array
    losses: Array
    shift: Array
    shift_sd: Array


def revised_by(surface: ResponseSurface, size: Array, pilot: PilotRuns) -> ResponseSurface:
    """The surface with its draws in proportion to the likelihood of a pilot.

    Args:
        surface: The surface.
        size: The target's size in octaves, shape (axes,).
        pilot: The pilot's runs.
    """
    weights = pilot_weights(surface, size, pilot)
    rng = np.random.default_rng(SEED)
    return surface.resampled(rng.choice(len(weights), size=len(weights), p=weights), size)


def pilot_weights(surface: ResponseSurface, size: Array, pilot: PilotRuns) -> Array:
    """The likelihood of a pilot for each draw, normalized, shape (draws,).

    Args:
        surface: The surface.
        size: The target's size in octaves, shape (axes,).
        pilot: The pilot's runs.
    """
    draws, at = surface.draws, surface.at(size)
    count, p = at.optimum.shape
    rng = np.random.default_rng(SEED)
    sigma = draws.noise[:, int(np.argmax(surface.rungs.sum(1)))]
    log_likelihood = np.empty((SHIFTS, count))
    for k in range(SHIFTS):
        shift = pilot.shift + pilot.shift_sd * rng.standard_normal((count, p))
        factor = np.exp(CURVATURE_SD * rng.standard_normal(count))
        short = replace(at, optimum=at.optimum + shift, curvature=at.curvature * factor, rung=None)
        excess = np.stack([excess_at(draws, short, row) for row in pilot.settings])
        precision = 1 / (sigma**2 + (MISFIT * excess) ** 2)
        residual = pilot.losses[:, None] - excess
        level = (precision * residual).sum(0) / precision.sum(0)
        squares = (precision * (residual - level) ** 2).sum(0)
        # the level is unknown: integrated over, it costs one freedom
        log_likelihood[k] = (np.log(precision).sum(0) - np.log(precision.sum(0)) - squares) / 2
    log_mean = np.logaddexp.reduce(log_likelihood, axis=0)
    weights = np.exp(log_mean - log_mean.max())
    return np.asarray(weights / weights.sum())
