"""Windows: the runs near the optimum that a fit uses."""

from __future__ import annotations

import numpy as np

from mutransfer_cli.surface.response.layout import Layout
from mutransfer_cli.surface.response.linearization import Problem
from mutransfer_cli.surface.response.runs import Indices, Mask, Runs
from mutransfer_cli.surface.response.trend import Trend

KEPT = 3  # times (p + 1) best settings of a rung that always stay
MOST_RUNS = 320  # in one window
FEWEST_OF_RUNG = 8
REPEATED = 2  # runs per setting from which seeds count as repeats


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


def problem_of(runs: Runs, kept: Mask) -> Problem:
    """The runs of a window, ready to fit.

    Args:
        runs: All runs.
        kept: Those in the window, shape (runs,).
    """
    rungs = runs.rungs
    centered = rungs - rungs.mean(0)
    finished = runs.select(kept)
    diverged = runs.diverged
    return Problem(
        runs=finished,
        rung=runs.rung[kept],
        sizes=centered,
        trend=Trend(rungs),
        layout=Layout(len(rungs), runs.hyperparameters, runs.axes, walls=bool(diverged.any())),
        same_seed=seed_matrix(finished),
        diverged=runs.settings[diverged],
        diverged_rung=runs.rung[diverged],
    )
