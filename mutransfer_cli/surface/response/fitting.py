"""Fits the response surface: windows, starts, sizes of the misfit, and the mixture of them all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mutransfer_cli.surface.response.layout import FLATTENING, STEEPENING, Layout
from mutransfer_cli.surface.response.linearization import Problem
from mutransfer_cli.surface.response.mode import Mode, find_mode
from mutransfer_cli.surface.response.noise_model import GROWTH, NoiseModel
from mutransfer_cli.surface.response.runs import Array, Indices, Mask, Runs

WINDOWS = (0.25, 0.08, 0.03)  # largest loss above the best of a rung, in log loss
KEPT = 3  # times (p + 1) best settings of a rung that always stay
MOST_RUNS = 320  # in one window
FEWEST_OF_RUNG = 8
REPEATED = 2  # runs per setting from which seeds count as repeats
MISFITS = (0.05, 0.15, 0.45)  # sizes of the misfit relative to the excess loss
MISFIT, MISFIT_SD = 0.15, 0.8  # median of the misfit, and sd of its logarithm
DEPARTURES = (0.02, 0.2)  # octaves from the line, tried beside the usual ones
STARTS = (0.15, 0.3)  # fractions of the best runs whose mean setting is a start


@dataclass(frozen=True)
class Member:
    """One fit of the mixture.

    Attributes:
        mode: The fit.
        weight: Its probability.
        window: The window of its runs.
        problem: The runs in the window.
    """

    mode: Mode
    weight: float
    window: float
    problem: Problem


def in_window(runs: Runs, window: float) -> Mask:
    """The runs that one window keeps: those near the best of their rung.

    Of a rung with many, only the best and an even selection of the others by their loss stay, since
    the cost of a fit grows with the cube of their number. Seeds that repeat the same settings are
    left out before: the best runs of many seeds would be those with the luckiest noise.

    Args:
        runs: All runs.
        window: Largest loss above the best of the rung.
    """
    kept = np.zeros(len(runs.losses), dtype=bool)
    most = max(MOST_RUNS // len(runs.rungs), FEWEST_OF_RUNG)
    for r in range(len(runs.rungs)):
        members = np.flatnonzero((runs.rung == r) & ~runs.diverged)
        if not len(members):
            continue
        members = without_repeats(runs, members, most)
        losses = runs.losses[members]
        seeds = len(np.unique(runs.seeds[members]))
        order = members[np.argsort(losses, kind="stable")]
        always = KEPT * (runs.hyperparameters + 1) * seeds
        near = int(np.sum(losses <= losses.min() + window))
        order = order[: max(always, near)]
        if len(order) > most:
            best, others = order[: most // 2], order[most // 2 :]
            even = np.linspace(0, len(others) - 1, most - len(best)).round().astype(int)
            order = np.concatenate([best, others[even]])
        kept[order] = True
    return kept


def without_repeats(runs: Runs, members: Indices, most: int) -> Indices:
    """The runs of as many seeds of a rung as `most` runs hold, where seeds repeat settings.

    Args:
        runs: All runs.
        members: Indices of the runs of one rung.
        most: Number of runs that can be kept.
    """
    if len(members) <= most:
        return members
    settings = len(np.unique(runs.settings[members].round(9), axis=0))
    if len(members) < REPEATED * settings:
        return members
    seeds = np.unique(runs.seeds[members])
    fewer = seeds[: max(1, most * len(seeds) // len(members))]
    return members[np.isin(runs.seeds[members], fewer)]


def seed_matrix(runs: Runs) -> Mask | None:
    """Which runs share a seed's effect: same rung and seed, where a rung has several seeds."""
    same = (runs.rung[:, None] == runs.rung) & (runs.seeds[:, None] == runs.seeds)
    several = np.array(
        [len(np.unique(runs.seeds[runs.rung == r])) > 1 for r in range(len(runs.rungs))]
    )[runs.rung]
    same &= several[:, None] & several[None, :]
    return same if same.any() else None


def problem_of(runs: Runs, window: float) -> Problem:
    """The runs of a window, ready to fit."""
    rungs = runs.rungs
    centered = rungs - rungs.mean(0)
    kept = in_window(runs, window)
    finished = runs.select(kept)
    diverged = runs.diverged
    return Problem(
        runs=finished,
        rung=runs.rung[kept],
        sizes=centered,
        layout=Layout(len(rungs), runs.hyperparameters, runs.axes),
        same_seed=seed_matrix(finished),
        diverged=runs.settings[diverged],
        diverged_rung=runs.rung[diverged],
    )


def start_of(problem: Problem, fraction: float) -> tuple[Array, NoiseModel]:
    """Parameters and noise to start from.

    Args:
        problem: The runs.
        fraction: Fraction of the best runs of each rung whose mean setting is the optimum.
    """
    layout, runs, rung = problem.layout, problem.runs, problem.rung
    p, at = layout.hyperparameters, layout.slices
    theta = np.zeros(layout.size)
    best = np.zeros((layout.rungs, p))
    for r in range(layout.rungs):
        members = np.flatnonzero(rung == r)
        order = members[np.argsort(runs.losses[members], kind="stable")]
        count = max(1, round(fraction * len(order)))
        best[r] = runs.settings[order[:count]].mean(0)
        theta[at["level"].start + r] = runs.losses[order[0]]
    design = np.hstack([np.ones((layout.rungs, 1)), problem.sizes])
    ridge = np.diag([1e-6] + [0.3] * layout.axes)
    line = np.linalg.solve(design.T @ design + ridge, design.T @ best)
    theta[at["optimum"]] = line[0]
    theta[at["drift"]] = line[1:].T.reshape(-1)
    u = runs.settings - (design @ line)[rung]
    excess = np.maximum(runs.losses - theta[at["level"]][rung], 0)
    near = np.abs(u).max(1) < 3
    features = (u**2)[near] / 2
    if len(features) > p:
        solution = np.linalg.lstsq(features, excess[near], rcond=None)[0]
    else:
        solution = np.full(p, np.nan)
    typical = np.median(excess[excess > 0]) if (excess > 0).any() else 0.01
    scale = np.where(np.isfinite(solution) & (solution > 1e-5), solution, max(typical / 2, 1e-5))
    theta[at["scale"]] = np.log(scale) / 2
    theta[at["flattening"]] = FLATTENING[0]
    theta[at["steepening"]] = STEEPENING[0]
    sigma = np.full(layout.rungs, max(0.1 * typical, 1e-4))
    return theta, NoiseModel(sigma, GROWTH, np.ones(len(runs.losses)))


def fit_members(runs: Runs) -> list[Member]:
    """All fits of the mixture, weighted: by evidence inside a window, windows alike."""
    members = []
    for window in WINDOWS:
        problem = problem_of(runs, window)
        modes, evidence = fit_window(problem)
        weights = np.exp(evidence - evidence.max())
        weights /= weights.sum() * len(WINDOWS)
        members += [
            Member(mode, float(weight), window, problem)
            for mode, weight in zip(modes, weights, strict=True)
        ]
    return members


def fit_window(problem: Problem) -> tuple[list[Mode], Array]:
    """The fits of one window, and the log of their posterior probability up to a constant.

    Sizes of the misfit are tried with usual departures from the line; further departures with the
    likeliest misfit alone.
    """
    starts = [start_of(problem, fraction) for fraction in STARTS]
    tried = [find_mode(problem, theta, noise, MISFITS[1]) for theta, noise in starts]
    first = max(tried, key=lambda mode: mode.evidence)
    modes = [
        first if rho == first.rho else find_mode(problem, first.theta, first.noise, rho)
        for rho in MISFITS
    ]
    evidence = [m.evidence - (np.log(m.rho / MISFIT) / MISFIT_SD) ** 2 / 2 for m in modes]
    best = int(np.argmax(evidence))
    likeliest = modes[best]
    total = float(np.logaddexp.reduce(evidence))
    for departure in DEPARTURES:
        mode = find_mode(problem, likeliest.theta, likeliest.noise, likeliest.rho, departure)
        modes.append(mode)
        evidence.append(total + mode.evidence - likeliest.evidence)
    return modes, np.array(evidence)
