"""Which trials to run next: those that narrow the optimum at one size the most for their cost.

Linearized at a mode, the loss of a further trial is normal given the runs so far. With the runs'
gradients G and covariance V, a trial's gradient g, its misfit's covariance k with those of the
runs, and the parameters' covariance C:

    gradient that is left    g~ = g - G' V^-1 k
    variance                 P = g~' C g~ + (k** - k' V^-1 k),  observed with noise s^2
    covariance with h*       c = W C g~,  W = dh*/dtheta at the size that is asked about
    Var h* shrinks by        c c' / (P + s^2)

(normal conditioning). Trials are chosen one after the other, each by its score

    sum_ij M_ij c_i c_j / (P + s^2) / cost

averaged over the members of the mixture; P and c of the others are then updated by rank one. A
repeat of a setting brings no news of the misfit, which C and V alone would not say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from mutransfer_cli.surface.response.fitting.mixture import Member
from mutransfer_cli.surface.response.layout import Layout
from mutransfer_cli.surface.response.misfit import misfit_correlation
from mutransfer_cli.surface.response.response_surface import ResponseSurface
from mutransfer_cli.surface.response.runs import Array, Indices

SMALLEST_WEIGHT = 0.05  # members with less of the mixture have no say


@dataclass(frozen=True)
class Candidates:
    """Trials that could be run.

    Attributes:
        settings: Hyperparameters in octaves, shape (candidates, hyperparameters).
        rung: Index of each one's rung among those of the surface, shape (candidates,).
        costs: Cost of each in any unit, shape (candidates,).
    """

    settings: Array
    rung: Indices
    costs: Array


@dataclass(frozen=True)
class Outlook:
    """What one member of the mixture expects of the candidates.

    Attributes:
        weight: Probability of the member.
        shared: Covariance of each hyperparameter's optimum with each candidate's loss, shape
            (hyperparameters, candidates).
        covariance: Of the candidates' losses without their noise, shape (candidates, candidates).
        noise: Variance of each candidate's noise, shape (candidates,).
    """

    weight: float
    shared: Array
    covariance: Array
    noise: Array

    @property
    def variance(self) -> Array:
        """Variance of each candidate's loss, its noise included, shape (candidates,)."""
        return np.asarray(np.diag(self.covariance) + self.noise)

    def gain(self, importance: Array) -> Array:
        """By how much each candidate shrinks the weighted variance of the optimum.

        Args:
            importance: M, symmetric, shape (hyperparameters, hyperparameters).
        """
        spread = (self.shared * (importance @ self.shared)).sum(0)
        return np.asarray(self.weight * spread / self.variance)

    def after(self, index: int) -> Outlook:
        """What it expects once a candidate has been run.

        Args:
            index: The candidate.
        """
        column = self.covariance[:, index]
        variance = column[index] + self.noise[index]
        shared = self.shared - np.outer(self.shared[:, index], column) / variance
        covariance = self.covariance - np.outer(column, column) / variance
        return Outlook(self.weight, shared, covariance, self.noise)


def optimum_gradient(layout: Layout, trend: Array, rung: int | None) -> Array:
    """W: derivative of the optimum at a size by the parameters, shape (p, parameters).

    Args:
        layout: The order of the parameters.
        trend: What the drift is multiplied by at the size, shape (axes,).
        rung: Index of the rung that has this size; None if no run has it.
    """
    p, at = layout.hyperparameters, layout.slices
    gradient = np.zeros((p, layout.size))
    gradient[:, at["optimum"]] = np.eye(p)
    gradient[:, at["drift"]] = np.kron(np.eye(p), trend)
    if rung is not None:
        start = at["departure"].start + rung * p
        gradient[:, start : start + p] = np.eye(p)
    return gradient


def outlook_of(member: Member, candidates: Candidates, size: Array, rung: int | None) -> Outlook:
    """What a member expects of candidates.

    Args:
        member: One fit of the mixture.
        candidates: The candidates.
        size: The size in octaves at which the optimum is asked for, shape (axes,).
        rung: Index of the rung that has this size; None if no run has it.
    """
    problem, mode = member.problem, member.mode
    layout, sizes = problem.layout, problem.sizes
    here = problem.shape(mode.theta)
    there = problem.shape_of(mode.theta, candidates.settings, candidates.rung)
    z, z_there = sizes[problem.rung], sizes[candidates.rung]
    amplitude, amplitude_there = mode.rho * here.excess, mode.rho * there.excess
    cross = misfit_correlation(here.offset, there.offset, z, z_there)
    cross *= np.outer(amplitude, amplitude_there)
    own = misfit_correlation(there.offset, there.offset, z_there, z_there)
    own *= np.outer(amplitude_there, amplitude_there)
    factor = cho_factor(problem.covariance(here, mode.noise, mode.rho), lower=True)
    explained = cho_solve(factor, cross)
    left = there.gradient - explained.T @ here.gradient
    spread = mode.covariance @ left.T
    noise = mode.noise.sigma[candidates.rung] ** 2 + (mode.noise.omega * there.excess) ** 2
    return Outlook(
        weight=member.weight,
        shared=optimum_gradient(layout, problem.trend.at(size), rung) @ spread,
        covariance=left @ spread + own - cross.T @ explained,
        noise=noise,
    )


def outlooks(surface: ResponseSurface, candidates: Candidates, size: Array) -> list[Outlook]:
    """What the members of the mixture that matter expect of candidates.

    Args:
        surface: The surface fitted so far.
        candidates: The candidates.
        size: The size in octaves at which the optimum is asked for, shape (axes,).
    """
    rung = surface.at(size).rung
    heaviest = max(member.weight for member in surface.members)
    return [
        outlook_of(member, candidates, size, rung)
        for member in surface.members
        if member.weight >= min(SMALLEST_WEIGHT, heaviest)
    ]


def next_trials(
    expected: Sequence[Outlook], costs: Array, importance: Array, count: int, budget: float
) -> list[int]:
    """The candidates to run next, best first; a candidate can be chosen repeatedly.

    Args:
        expected: What the members of the mixture expect of the candidates.
        costs: Cost of each candidate, shape (candidates,).
        importance: M, shape (hyperparameters, hyperparameters): how much each variance and
            covariance of the optimum matters.
        count: How many trials to choose at most.
        budget: What they may cost in all.
    """
    expected, chosen = list(expected), []
    for _ in range(count):
        score = np.sum([outlook.gain(importance) for outlook in expected], axis=0) / costs
        score[costs > budget] = -np.inf
        best = int(np.argmax(score))
        if not score[best] > 0:
            break
        chosen.append(best)
        budget -= costs[best]
        expected = [outlook.after(best) for outlook in expected]
    return chosen
