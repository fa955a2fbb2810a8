"""How far the runs of each rung are from the surface that all rungs share."""

from __future__ import annotations

import numpy as np

from mutransfer_cli.surface.response.fitting.mixture import Member
from mutransfer_cli.surface.response.response_surface import ResponseSurface
from mutransfer_cli.surface.response.runs import Array

NEAR = 0.05  # of the excess loss: runs farther from the optimum are noisier


def rung_scatter(surface: ResponseSurface, fewest: int) -> Array:
    """Root mean square distance of the losses near each rung's optimum from the surface.

    The level of each seed is taken out. Units of the fit, shape (rungs,); NaN for a rung with
    fewer runs.

    Args:
        surface: The surface.
        fewest: Fewest runs near the optimum of a rung that has a value.
    """
    total = sum(member.weight for member in surface.members)
    squares = sum(member.weight / total * _squares(member, fewest) for member in surface.members)
    return np.asarray(np.sqrt(squares))


def _squares(member: Member, fewest: int) -> Array:
    """Mean squares by one fit, shape (rungs,)."""
    problem, theta = member.problem, member.mode.theta
    shape = problem.shape(theta)
    left = problem.residuals(theta, shape)
    near = shape.excess < NEAR
    squares = np.full(problem.layout.rungs, np.nan)
    for r in range(problem.layout.rungs):
        rows = np.flatnonzero((problem.rung == r) & near)
        seeds = np.unique(problem.runs.seeds[rows])
        freedom = len(rows) - len(seeds)
        if len(rows) < fewest or not freedom:
            continue
        own = left[rows].copy()
        for seed in seeds:
            members = problem.runs.seeds[rows] == seed
            own[members] -= own[members].mean()
        squares[r] = float((own**2).sum()) / freedom
    return squares
