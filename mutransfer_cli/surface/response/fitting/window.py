"""Windows: the runs near the optimum that a fit uses."""

from __future__ import annotations

import numpy as np

from mutransfer_cli.surface.response.layout import Layout
from mutransfer_cli.surface.response.linearization import Problem
from mutransfer_cli.surface.response.runs import Indices, Mask, Runs
from mutransfer_cli.surface.response.trend import Trend

WINDOWS = (0.25, 0.08, 0.03)  # largest loss above the best of a rung, in log loss
KEPT = 3  # times (p + 1) best settings of a rung that always stay
MOST_RUNS = 320  # in one window
FEWEST_OF_RUNG = 8
BRACKET = 3  # values of a hyperparameter that can bracket an optimum
FARTHEST = 0.25  # log loss above a rung's best of a value that is kept to bracket it
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
        order = with_brackets(runs, order, max(always, near), KEPT * runs.hyperparameters * seeds)
        if len(order) > most:
            best, others = order[: most // 2], order[most // 2 :]
            even = np.linspace(0, len(others) - 1, most - len(best)).round().astype(int)
            order = np.concatenate([best, others[even]])
        kept[order] = True
    return kept


def with_brackets(runs: Runs, order: Indices, count: int, each: int) -> Indices:
    """The best runs of a rung, and of each hyperparameter those at its best three values.

    Of values far apart, as three of an init std over eight octaves, the best runs may all have one:
    they say nothing of its curvature, nor of how the other optima depend on it. Values that lose
    more than the widest window holds are no help.

    Args:
        runs: All runs.
        order: Indices of the runs of one rung, the best first.
        count: How many of the best are kept.
        each: How many are kept, at least, with a value that the best runs lack.
    """
    kept, losses = np.arange(len(order)) < count, runs.losses[order]
    for column in runs.settings[order].round(9).T:
        values, first = np.unique(column, return_index=True)
        if len(np.unique(column[kept])) >= BRACKET:
            continue
        for value in values[np.argsort(first)][:BRACKET]:
            of_value = np.flatnonzero(column == value)[:each]
            if losses[of_value[0]] <= losses[0] + FARTHEST:
                kept[of_value] = True
    return order[kept]


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
