"""How well predicted optima do at sizes that were held out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.laws.grouping import Groups, group_sizes
from mutransfer_cli.surface.laws.law_form import Array, LawTable, Score
from mutransfer_cli.surface.laws.optima.size_optima import size_optima

FEWEST_RUNS = 4  # for each hyperparameter and one more, from which a size has an optimum of its own
Predict = Callable[[Mapping[str, float]], dict[str, Interval]]


def score_optima(held_out: LawTable, predict: Predict) -> Score:
    """Compare predictions with the optima of held-out sizes.

    A size's own optimum is fitted to its runs where these suffice, else its best run is taken, with
    the error of its grid. The truth counts as inside where it is closer to the prediction than the
    interval's half and its own standard deviations allow in quadrature. The regret of a setting is
    that of the nearest run.

    Args:
        held_out: The runs.
        predict: The prediction at a size.
    """
    groups = group_sizes(held_out)
    names = held_out.hyperparameters
    settings = np.stack([held_out.logs(name) for name in names], axis=1) / np.log(2)
    truth, sds = _own_optima(held_out, groups, settings)
    misses = np.zeros(truth.shape)
    inside = np.zeros(truth.shape, dtype=bool)
    regrets = []
    for r in range(len(groups.sizes)):
        predicted = predict(dict(zip(held_out.sizes, map(float, groups.sizes[r]), strict=True)))
        center = np.log2([predicted[name].value for name in names])
        misses[r] = np.abs(center - truth[r])
        for j, name in enumerate(names):
            bound = predicted[name]
            assert bound.low is not None and bound.high is not None
            half = center[j] - np.log2(bound.low) if truth[r, j] < center[j] else (
                np.log2(bound.high) - center[j]
            )  # fmt: skip
            inside[r, j] = misses[r, j] <= np.hypot(half, 1.64 * sds[r, j])
        if "loss" in held_out.columns:
            own = groups.index == r
            regrets.append(nearest_regret(settings[own], held_out["loss"][own], center))
    by_name = {
        name: Score(len(truth), int(inside[:, j].sum()), float(np.median(misses[:, j])))
        for j, name in enumerate(names)
    }
    return Score(
        points=truth.size,
        inside=int(inside.sum()),
        error=float(np.median(misses)),
        regret=tuple(regrets) if regrets else None,
        by_quantity=by_name,
    )


def nearest_regret(settings: Array, losses: Array, predicted: Array) -> float:
    """Relative extra loss of the run nearest to a setting over the best run.

    Args:
        settings: log2 of the hyperparameters of each run, shape (runs, p).
        losses: Shape (runs,).
        predicted: The setting, shape (p,).
    """
    distinct, index = np.unique(np.round(settings, 6), axis=0, return_inverse=True)
    index = np.asarray(index).reshape(-1)
    means = np.bincount(index, losses) / np.bincount(index)
    nearest = int(np.argmin(((distinct - predicted) ** 2).sum(axis=1)))
    return float((means[nearest] - means.min()) / abs(means.min()))


def grid_error(settings: Array, best: float) -> float:
    """The standard deviation of an optimum about the best run: uniform between its neighbors.

    Args:
        settings: log2 of a hyperparameter of all runs, shape (runs,).
        best: That of the best run.
    """
    distinct = np.unique(np.round(settings, 6))
    if len(distinct) < 2:
        return 0.0
    gaps = np.diff(distinct)
    at = int(np.argmin(np.abs(distinct - best)))
    spacing = max(gaps[max(at - 1, 0)], gaps[min(at, len(gaps) - 1)])
    return float(spacing / np.sqrt(12))


def _own_optima(held_out: LawTable, groups: Groups, settings: Array) -> tuple[Array, Array]:
    """The optimum of each held-out size and its standard deviations, in octaves."""
    count, p = len(groups.sizes), settings.shape[1]
    runs = np.bincount(groups.index)
    best, sds = np.zeros((count, p)), np.zeros((count, p))
    if "loss" not in held_out.columns:
        best[groups.index] = settings
        return best, sds
    for r in range(count):
        own = np.flatnonzero(groups.index == r)
        best[r] = settings[own[np.argmin(held_out["loss"][own])]]
        sds[r] = [grid_error(settings[own, j], best[r, j]) for j in range(p)]
    if runs.min() < FEWEST_RUNS * (p + 1):
        return best, sds
    fitted = size_optima(settings, held_out.logs("loss"), groups.index)
    for r, reason in enumerate(fitted.reasons):
        if not reason:
            best[r] = fitted.optima[r]
            sds[r] = np.sqrt(np.diag(fitted.covariances[r]))
    return best, sds
