"""Finite losses that belong to no surface: a run that crashed early, or a misread cell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from mutransfer_cli.fit.study.coordinates import setting_of_run
from mutransfer_cli.surface.divergence_jump import diverged_settings
from mutransfer_cli.surface.observation import Observation
from mutransfer_cli.surface.response.response_surface import ResponseSurface
from mutransfer_cli.surface.response.runs import Runs

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

DEVIATIONS = 8.0  # standard deviations beyond which a loss is no noise
LEAST = 0.05  # and its least distance from the surface, in log loss
NEAR = 0.25  # predicted excess loss up to which the surface is known well enough to judge
SAME_DIRECTION = 0.7  # cosine between the offsets of two runs from the optimum
GAP = 0.3  # log loss by which an absurdly low loss lies below all others of its rung
GAP_RATIO = 3.0  # and that gap relative to the distance from the next lowest to the median
FEWEST_RUNS = 5  # of a rung that can show an outlier
LARGEST_SHARE = 0.1  # of all runs that can be outliers; more of them contradict the surface


def absurdly_low(runs: Runs) -> Mask:
    """Losses far below all others of their rung, shape (runs,).

    Args:
        runs: The runs.
    """
    found = np.zeros(len(runs.losses), dtype=bool)
    for r in range(len(runs.rungs)):
        members = np.flatnonzero((runs.rung == r) & ~runs.diverged)
        if len(members) < FEWEST_RUNS:
            continue
        losses = np.sort(runs.losses[members])
        gap, spread = losses[1] - losses[0], np.median(losses) - losses[1]
        if gap > max(GAP, GAP_RATIO * spread):
            found[members[np.argmin(runs.losses[members])]] = True
    return found


@dataclass(frozen=True)
class _Residuals:
    """What the likeliest fit leaves of every loss.

    Attributes:
        values: Loss less the surface, shape (runs,); NaN where a run diverged.
        deviations: The same in standard deviations of the noise and of the misfit.
        excess: The surface above its rung's level, shape (runs,).
        offset: Octaves from the rung's optimum, shape (runs, hyperparameters).
    """

    values: Array
    deviations: Array
    excess: Array
    offset: Array


def _residuals(surface: ResponseSurface) -> _Residuals:
    member = max(surface.members, key=lambda m: m.weight)
    mode, problem, runs = member.mode, member.problem, surface.runs
    theta, layout = mode.theta, problem.layout
    shape = problem.shape_of(theta, runs.settings, runs.rung)
    level = theta[layout.slices["level"]][runs.rung]
    values = runs.losses - level - shape.excess
    typical = np.median(mode.noise.sigma)
    spread = np.sqrt(typical**2 + ((mode.noise.omega + mode.rho) * shape.excess) ** 2)
    return _Residuals(values, values / spread, shape.excess, shape.offset)


def outliers(surface: ResponseSurface) -> Mask:
    """Runs whose loss stands out of a surface that the others support, shape (runs,).

    A loss that is too high counts only where another run of its rung is better although it is
    farther from the optimum in the same direction, or has the same setting: else it may be a cliff.

    Args:
        surface: The surface fitted to all runs.
    """
    runs = surface.runs
    left = _residuals(surface)
    size = np.where(np.isnan(left.values), 0.0, np.abs(left.values))
    suspicious = (size > LEAST) & (np.abs(left.deviations) > DEVIATIONS) & (left.excess < NEAR)
    found = np.zeros(len(runs.losses), dtype=bool)
    for i in np.flatnonzero(suspicious):
        alike = np.abs(runs.settings[suspicious] - runs.settings[i]).max(1) < 1e-9
        if alike.sum() == 1:  # else other seeds or rungs have the same: a ridge, no accident
            low = left.values[i] < 0
            found[i] = low or _better_farther_out(runs, left, int(i), suspicious)
    if found.sum() > max(1.0, LARGEST_SHARE * len(found)):
        return np.zeros_like(found)
    return found


def _better_farther_out(runs: Runs, left: _Residuals, i: int, suspicious: Mask) -> bool:
    """Whether a run with the same setting, or one farther out, has a clearly lower loss.

    Args:
        runs: All runs.
        left: What the surface leaves of them.
        i: Index of the run that is too high.
        suspicious: Other runs that may be outliers.
    """
    others = np.flatnonzero((runs.rung == runs.rung[i]) & ~runs.diverged & ~suspicious)
    lower = others[runs.losses[others] < runs.losses[i] - size_of_gap(left, i)]
    same = np.abs(runs.settings[lower] - runs.settings[i]).max(1, initial=0) < 1e-9
    own, offsets = left.offset[i], left.offset[lower]
    lengths = np.linalg.norm(offsets, axis=1)
    along = offsets @ own / np.maximum(np.linalg.norm(own) * lengths, 1e-12)
    farther = (lengths >= np.linalg.norm(own)) & (along > SAME_DIRECTION)
    return bool((same | farther).any())


def size_of_gap(left: _Residuals, i: int) -> float:
    """By how much another loss has to be lower: half of what the surface leaves."""
    return float(left.values[i]) / 2


def exploded(observations: Sequence[Observation], rungs: Sequence[Sequence[int]]) -> set[int]:
    """Indices of runs at and above the rate where the loss jumps far above the best of the rung.

    Args:
        observations: Runs with positive losses.
        rungs: Indices of the runs of each rung.
    """
    found: set[int] = set()
    for members in rungs:
        by_setting: dict[tuple[float, ...], list[int]] = defaultdict(list)
        for i in members:
            if observations[i].loss is not None:
                by_setting[tuple(setting_of_run(observations[i]).values())].append(i)
        means = {
            setting: fmean(log(observations[i].loss or 1.0) for i in runs)
            for setting, runs in by_setting.items()
        }
        for setting in diverged_settings(means):
            found.update(by_setting[setting])
    return found
