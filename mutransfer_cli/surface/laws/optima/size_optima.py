"""The optimum of each size: bowls of one shape, fitted to the runs of all sizes at once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mutransfer_cli.surface.divergence_jump import diverged_settings
from mutransfer_cli.surface.laws.law_form import Array, Indices, Mask
from mutransfer_cli.surface.laws.optima.bowl import exponents
from mutransfer_cli.surface.laws.optima.bowl_search import BowlProblem, BowlState, search_bowls
from mutransfer_cli.surface.laws.optima.two_valleys import two_valleys
from mutransfer_cli.surface.range_end import range_end

# Settings near the optimum, for each hyperparameter and one more: the median of sizes has so many
# in a window. The two windows' fits are averaged, and their difference is part of the error.
WINDOWS = (4, 9)
LEAST_WINDOW = 1e-6
LAPLACE = 1.1  # normal intervals at the mode are short by this factor (measured on simulations)
# Octaves; the error that the optima of all sizes share, as their bowls have one skew, beside what
# the search knows of it: 0.06 on simulated octave grids whose curvature differs by 0 to 40 %
# between the sides of the optimum. More sizes do not average it out.
SHARED = 0.06
FLAT = 1.5  # octaves; the largest standard deviation of an optimum that is used
FEWEST_VALUES = 3
# Octaves beyond the values that were run up to which a hyperparameter's optimum is inferred well
# enough to answer the others beside it (assumption)
BEYOND = 0.5
BEST_RUNS = 2  # both at an end of the range: the optimum may be beyond


@dataclass(frozen=True)
class SizeOptima:
    """Optima of sizes, small to large.

    Attributes:
        optima: log2 of each hyperparameter, shape (sizes, p).
        covariances: Shape (sizes, p, p).
        levels: log loss at the optimum, shape (sizes,).
        level_sds: Their standard deviations, shape (sizes,).
        reasons: Why a size has no optimum inside its range; empty where it has one.
        known: Which optima are known well enough for a law, shape (sizes, p): all of a size with
            an optimum, and those beside a hyperparameter that matters little there.
        runs: Number of runs of each size.
        diverged: How many of all runs are left out as diverged, beyond a jump of the loss.
    """

    optima: Array
    covariances: Array
    levels: Array
    level_sds: Array
    reasons: tuple[str, ...]
    known: Mask
    runs: Indices
    diverged: int = 0

    def of(self, sizes: Mask) -> SizeOptima:
        """Those of some sizes, shape (sizes,)."""
        return SizeOptima(
            optima=self.optima[sizes],
            covariances=self.covariances[sizes],
            levels=self.levels[sizes],
            level_sds=self.level_sds[sizes],
            reasons=tuple(r for r, one in zip(self.reasons, sizes, strict=True) if one),
            known=self.known[sizes],
            runs=self.runs[sizes],
            diverged=self.diverged,
        )


def size_optima(settings: Array, log_loss: Array, size: Indices) -> SizeOptima:
    """Fit the optimum of each size.

    Args:
        settings: log2 of each hyperparameter, shape (runs, p).
        log_loss: Shape (runs,).
        size: Index of each run's size, 0 to sizes − 1, shape (runs,).
    """
    valley = ~diverged(settings, log_loss, size)
    first = BowlProblem(settings[valley], log_loss[valley], size[valley])
    rough, _ = search_bowls(first)
    _, rise = first.residuals(rough)
    fits = [_in_window(first, rough, rise, count * (first.p + 1)) for count in WINDOWS]
    averaged = _average(fits)
    count = first.count
    runs, lost = np.bincount(size, minlength=count), int(np.sum(~valley))
    found = replace(averaged, runs=runs, diverged=lost)
    valleys = two_valleys(first.settings, first.log_loss, first.size, first.sigma)
    if valleys:
        return replace(found, reasons=(valleys,) * count, known=np.zeros_like(found.known))
    reasons, known = [], found.known.copy()
    for r in range(count):
        own = settings[size == r]
        best = own[np.argsort(log_loss[size == r])[:BEST_RUNS]]
        each = _reasons(own, best, found.optima[r], found.covariances[r])
        near = _near(own, found.optima[r])
        for j in range(first.p):
            known[r, j] = not each[j] and all(
                near[k] or not each[k] for k in range(first.p) if k != j
            )
        reasons.append(next(filter(None, each), ""))
    return replace(found, reasons=tuple(reasons), known=known)


def diverged(settings: Array, log_loss: Array, size: Indices) -> Mask:
    """Runs of one hyperparameter at and above a value where the loss jumps, shape (runs,).

    With several, the far field flattens, and the jump costs nothing (measured on simulations).

    Args:
        settings: log2 of each hyperparameter, shape (runs, p).
        log_loss: Shape (runs,).
        size: Index of each run's size, shape (runs,).
    """
    found = np.zeros(len(log_loss), dtype=bool)
    if settings.shape[1] > 1:
        return found
    for r in np.unique(size):
        own = size == r
        means: dict[tuple[float, ...], float] = {
            (float(value),): float(log_loss[own & (settings[:, 0] == value)].mean())
            for value in np.unique(settings[own, 0])
        }
        for setting in diverged_settings(means):
            found |= own & (settings[:, 0] == setting[0])
    return found


def _in_window(
    problem: BowlProblem, rough: BowlState, rise: Array, per_size: int
) -> tuple[BowlState, Array]:
    """Fit the runs near the optimum, with the terms that the rough fit does without."""
    # repeats of one setting rise equally, and count once
    order = [np.unique(rise[problem.size == r].round(12)) for r in range(problem.count)]
    window = float(np.median([own[min(per_size, len(own)) - 1] for own in order]))
    kept = rise.round(12) <= window
    for r, own in enumerate(order):
        kept |= (problem.size == r) & (rise.round(12) <= own[min(problem.p + 3, len(own)) - 1])
    terms = np.zeros(len(exponents(problem.p)))
    shape = replace(rough.shape, terms=terms, window=max(window, LEAST_WINDOW))
    near = BowlProblem(
        problem.settings[kept],
        problem.log_loss[kept],
        problem.size[kept],
        replace(rough, shape=shape),
    )
    return search_bowls(near)


def _average(fits: list[tuple[BowlState, Array]]) -> SizeOptima:
    """The mean of fits; their differences add to the covariances."""
    optima = np.mean([state.optima for state, _ in fits], axis=0)
    levels = np.mean([state.levels for state, _ in fits], axis=0)
    count, p = optima.shape
    covariances, level_variances = np.zeros((count, p, p)), np.zeros(count)
    for state, inverse in fits:
        for r in range(count):
            level = r * (p + 2)
            block = slice(level + 1, level + 1 + p)
            apart = state.optima[r] - optima[r]
            covariances[r] += inverse[block, block] * LAPLACE**2 + np.outer(apart, apart)
            level_variances[r] += inverse[level, level] * LAPLACE**2
            level_variances[r] += (state.levels[r] - levels[r]) ** 2
    return SizeOptima(
        optima=optima,
        covariances=covariances / len(fits),
        levels=levels,
        level_sds=np.sqrt(level_variances / len(fits)),
        reasons=("",) * count,
        known=np.ones((count, p), dtype=bool),
        runs=np.zeros(count, dtype=int),
    )


def _reasons(settings: Array, best: Array, optimum: Array, covariance: Array) -> list[str]:
    """Why the optimum of each hyperparameter at a size is not known; empty where it is.

    The names of the hyperparameters are not known here: `{j}` stands for that of index j.
    """
    low, high = settings.min(axis=0), settings.max(axis=0)
    sd = np.sqrt(np.diag(covariance))
    reasons = [""] * len(optimum)
    for j in range(len(optimum)):
        at_an_end = len(settings) > BEST_RUNS and (
            np.all(best[:, j] == low[j]) or np.all(best[:, j] == high[j])
        )
        if len(np.unique(settings[:, j])) < FEWEST_VALUES:
            reasons[j] = f"fewer than three values of {{{j}}}; run more"
        elif optimum[j] <= low[j] or optimum[j] >= high[j]:
            reasons[j] = range_end(f"{{{j}}}", "low" if optimum[j] <= low[j] else "high")
        elif at_an_end:
            reasons[j] = range_end(f"{{{j}}}", "low" if best[0, j] == low[j] else "high")
        elif sd[j] > FLAT:
            reasons[j] = f"the loss is flat in {{{j}}}; run values farther out"
    return reasons


def _near(settings: Array, optimum: Array) -> Mask:
    """Whether each hyperparameter's optimum is at most `BEYOND` outside of three values or more."""
    low, high = settings.min(axis=0) - BEYOND, settings.max(axis=0) + BEYOND
    values = np.array([len(np.unique(column)) for column in settings.T])
    near: Mask = (optimum >= low) & (optimum <= high) & (values >= FEWEST_VALUES)
    return near
