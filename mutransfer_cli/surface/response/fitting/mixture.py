"""The mixture of fits: windows, sizes of the misfit, trends of the optimum, departures from them.

Which of them is right is uncertain: those of one window are mixed by their evidence, windows alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from mutransfer_cli.surface.response.fitting.starting_point import on_trend, start_of
from mutransfer_cli.surface.response.fitting.window import WINDOWS, in_window, problem_of
from mutransfer_cli.surface.response.layout import DEPARTURE_SD, DRIFT_SD
from mutransfer_cli.surface.response.linearization import Problem
from mutransfer_cli.surface.response.mode import Mode, find_mode
from mutransfer_cli.surface.response.runs import Array, Runs
from mutransfer_cli.surface.response.trend import Trend

MISFITS = (0.05, 0.15, 0.45)  # sizes of the misfit relative to the excess loss
MISFIT, MISFIT_SD = 0.15, 0.8  # median of the misfit, and sd of its logarithm
# Prior weight of valleys that may be lopsided near the optimum alone. Chosen among .15, .3 and .5
# on synthetic truths: .3 keeps intervals on octave grids as narrow as without (docs/accuracy.md).
LOPSIDED = 0.3
# Of how many hyperparameters at most: sweeps of three and more have too few runs in each direction
# to tell, and only get wider intervals (docs/accuracy.md)
MOST_LOPSIDED = 2
STARTS = (0.15, 0.3)  # fractions of the best runs whose mean setting is a start
TRANSFER_SD = 0.03  # octaves per octave, of the drift of an optimum that transfers
STEADY, OTHER = 0.5, 0.25  # prior weight of a steady drift, and of each other trend
DEPARTURES = (0.02, 0.2)  # octaves from a steady drift, tried beside the usual ones
FAR = DEPARTURES[1]  # tried beside the usual departures from other trends


@dataclass(frozen=True)
class Member:
    """One fit of the mixture.

    Attributes:
        mode: The fit.
        weight: Its probability.
        window: The window of its runs.
        problem: The runs in the window, and the trend of the optimum.
    """

    mode: Mode
    weight: float
    window: float
    problem: Problem


@dataclass(frozen=True)
class Candidate:
    """A fit with the log of its posterior probability, up to a constant."""

    mode: Mode
    problem: Problem
    evidence: float


def fit_members(runs: Runs, decay_odds: float = 1.0) -> list[Member]:
    """All fits of the mixture, weighted: by evidence inside a window, windows alike.

    Windows that hold the same runs are fitted once.

    Args:
        runs: All runs.
        decay_odds: Factor of the prior weight of drifts that decay.
    """
    members = []
    fitted: dict[bytes, list[Candidate]] = {}
    before: Mode | None = None
    for window in WINDOWS:
        kept = in_window(runs, window)
        candidates = fitted.get(kept.tobytes()) or fit_window(
            problem_of(runs, kept), before, decay_odds
        )
        fitted[kept.tobytes()] = candidates
        before = candidates[MISFITS.index(MISFIT)].mode
        evidence = np.array([c.evidence for c in candidates])
        weights = np.exp(evidence - evidence.max())
        weights /= weights.sum() * len(WINDOWS)
        members += [
            Member(c.mode, float(weight), window, c.problem)
            for c, weight in zip(candidates, weights, strict=True)
        ]
    return members


def first_mode(problem: Problem, before: Mode | None) -> Mode:
    """The likeliest of the modes at which two starts end, with the usual misfit.

    Args:
        problem: The runs, with a steady trend.
        before: A fit of the window before, which is the first start; None: there is none.
    """
    starts = [start_of(problem, fraction) for fraction in STARTS]
    if before is not None:
        own = starts[0][1]
        noise = replace(own, sigma=before.noise.sigma, omega=before.noise.omega)
        starts[0] = before.theta, noise
    first = find_mode(problem, *starts[0], MISFIT)
    other = find_mode(problem, *starts[1], MISFIT, known=first)
    return max(first, other, key=lambda mode: mode.evidence)


def fit_window(
    problem: Problem, before: Mode | None = None, decay_odds: float = 1.0
) -> list[Candidate]:
    """The fits of one window.

    Sizes of the misfit, and whether the valley is lopsided near the optimum alone, are tried with
    the usual departures from a steady drift; further departures and trends with the likeliest of
    these fits alone, which has the weight of all.

    Args:
        problem: The runs, with a steady trend.
        before: The first fit of the window before; None: there is none.
        decay_odds: Factor of the prior weight of drifts that decay.
    """
    first = first_mode(problem, before)
    modes = [
        first if rho == first.rho else find_mode(problem, first.theta, first.noise, rho)
        for rho in MISFITS
    ]
    share = np.log(STEADY / (1 + len(DEPARTURES)))
    candidates = [
        Candidate(
            mode, problem, share + mode.evidence - (np.log(mode.rho / MISFIT) / MISFIT_SD) ** 2 / 2
        )
        for mode in modes
    ]
    if problem.layout.hyperparameters <= MOST_LOPSIDED:
        candidates = with_lopsided(candidates)
    likeliest = max(candidates, key=lambda c: c.evidence)
    total = float(np.logaddexp.reduce([c.evidence for c in candidates]))
    offset = total - share - likeliest.mode.evidence
    for departure in DEPARTURES:
        mode = refit(likeliest, problem, wide_drifts(problem), departure)
        candidates.append(Candidate(mode, problem, share + offset + mode.evidence))
    share = np.log(OTHER / 2)
    for other in other_trends(likeliest):
        odds = decay_odds if other[0].problem.trend.decays else 1.0
        weight = share + offset + np.log(odds)
        candidates += [replace(c, evidence=weight + c.evidence) for c in other]
    return candidates


def with_lopsided(candidates: list[Candidate]) -> list[Candidate]:
    """Fits, and the likeliest again with a valley that may be lopsided near the optimum alone.

    It has `LOPSIDED` of the prior weight of all.

    Args:
        candidates: Fits whose valley is not lopsided in that way.
    """
    likeliest = max(candidates, key=lambda c: c.evidence)
    mode, problem = likeliest.mode, likeliest.problem
    lopsided = find_mode(problem, mode.theta, mode.noise, mode.rho, lopsided=True)
    total = float(np.logaddexp.reduce([c.evidence for c in candidates]))
    evidence = total + np.log(LOPSIDED) + lopsided.evidence - mode.evidence
    others = [replace(c, evidence=c.evidence + np.log(1 - LOPSIDED)) for c in candidates]
    return [*others, Candidate(lopsided, problem, evidence)]


def other_trends(likeliest: Candidate) -> Iterator[list[Candidate]]:
    """The fits with another trend than a steady drift of every optimum.

    No optimum drifts; all drifts decay; and, of several drifts, only those that are clear, which
    are steady or decay. Where all of them are clear, or none, that is a trend that is fitted
    already.

    Args:
        likeliest: The likeliest fit with a steady drift.
    """
    steady = likeliest.problem
    decaying = replace(steady, trend=Trend(steady.trend.sizes, decays=True))
    wide = wide_drifts(steady)
    yield refits(likeliest, steady, np.full_like(wide, TRANSFER_SD))
    decayed = refits(likeliest, decaying, wide)
    yield decayed
    if len(wide) > 1:
        for problem, fit in ((steady, likeliest), (decaying, decayed[0])):
            clear = clear_drifts(fit)
            if 0 < np.sum(clear == DRIFT_SD) < len(clear):
                yield refits(likeliest, problem, clear)


def refits(likeliest: Candidate, problem: Problem, drift: Array) -> list[Candidate]:
    """The fits with another trend, with the usual departures from it and with far ones.

    Args:
        likeliest: The likeliest fit with a steady drift.
        problem: Its runs, with the other trend.
        drift: Prior standard deviation of each drift, shape (hyperparameters * axes,).
    """
    modes = [refit(likeliest, problem, drift, departure) for departure in (DEPARTURE_SD, FAR)]
    return [Candidate(mode, problem, mode.evidence) for mode in modes]


def refit(likeliest: Candidate, problem: Problem, drift: Array, departure: float) -> Mode:
    """A fit that starts from the likeliest one.

    Args:
        likeliest: The likeliest fit with a steady drift.
        problem: Its runs, with the trend of the refit.
        drift: Prior standard deviation of each drift, shape (hyperparameters * axes,).
        departure: Expected departure of a rung's optimum from the trend, in octaves.
    """
    mode = likeliest.mode
    start = on_trend(problem, mode.theta, likeliest.problem, drift)
    return find_mode(problem, start, mode.noise, mode.rho, departure, drift, lopsided=mode.lopsided)


def wide_drifts(problem: Problem) -> Array:
    """Standard deviations of drifts of which nothing is known."""
    return np.full(problem.layout.hyperparameters * problem.layout.axes, DRIFT_SD)


def clear_drifts(candidate: Candidate) -> Array:
    """Standard deviations of drifts: those that are not clear are taken to be small.

    A drift is clear where its likelihood at its estimate outweighs the width of its prior (the
    Savage-Dickey ratio against no drift, Dickey 1971).

    Args:
        candidate: A fit with wide priors of all drifts.
    """
    at, mode = candidate.problem.layout.slices["drift"], candidate.mode
    variance = np.diag(mode.covariance)[at]
    log_ratio = mode.theta[at] ** 2 / (2 * variance) + np.log(variance) / 2 - np.log(DRIFT_SD)
    return np.where(log_ratio > 0, DRIFT_SD, TRANSFER_SD)
