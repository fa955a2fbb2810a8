"""The loss of one rung against the learning rate: means over seeds, censored rates, a window."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

import numpy as np

from mutransfer_cli.surface.curves.seed_effects import Array, LossesBySeed, run_table
from mutransfer_cli.surface.observation import Observation

log = logging.getLogger(__name__)

WINDOW_POINTS = 5  # rates around the best, through which a parabola is fitted
MAX_ASYMMETRY = 6.0  # largest rise of a window above the best rate, relative to that below it
CLIFF_RATIO = 3.0  # largest rise of a window, relative to that of another window

RungKey = TypeVar("RungKey", bound=Hashable)
Setting: TypeAlias = tuple[tuple[str, float], ...]  # hyperparameters searched beside lr, sorted


@dataclass(frozen=True)
class Curve:
    """Mean losses of one rung at the learning rates at which every seed that ran finished.

    Attributes:
        x: log2 of these learning rates, increasing, shape (rates,).
        means: Mean loss at each rate, shape (rates,), adjusted to the mean level of the seeds,
            since not every rate need have run all of them.
        runs: The loss of each seed, for each rate.
        censored: log2 of the rates at which a seed diverged.
        setting: The hyperparameters searched beside the learning rate.
        pruned: log2 of the rates at which a seed was pruned and none diverged.
    """

    x: Array
    means: Array
    runs: tuple[LossesBySeed, ...]
    censored: Array
    setting: dict[str, float]
    pruned: Array = field(default_factory=lambda: np.zeros(0))

    @property
    def best(self) -> int:
        """Index of the lowest mean."""
        return int(np.argmin(self.means))

    @property
    def lowest_mean(self) -> float:
        """The smallest mean loss."""
        return float(self.means.min())

    def window(self) -> slice | None:
        """Five consecutive points with the best inside, as near to the middle as possible.

        Next to divergence the loss rises like a cliff, which no parabola follows: if another window
        with the best inside rises less than a third as far, that one is used instead. (On a true
        parabola, the window next to the middle one rises 2.25 times as far.) The result is None if
        every window has such a cliff: on a true parabola with the best in the middle or above it,
        the upper end rises at most 2.8 times as far as the lower.
        """
        n, best = len(self.x), self.best
        if n < WINDOW_POINTS or best in {0, n - 1}:
            return None
        middle = min(max(best - WINDOW_POINTS // 2, 0), n - WINDOW_POINTS)
        starts = range(max(0, best - WINDOW_POINTS + 2), min(best - 1, n - WINDOW_POINTS) + 1)
        rise = {
            s: float(self.means[s : s + WINDOW_POINTS].max() - self.means[best]) for s in starts
        }
        flattest = min(rise, key=lambda s: (rise[s], abs(s - middle)))
        start = flattest if rise[middle] > CLIFF_RATIO * rise[flattest] else middle
        below, above = self.means[start], self.means[start + WINDOW_POINTS - 1]
        lowest = self.means[best]
        if best - start >= WINDOW_POINTS // 2 and above - lowest > MAX_ASYMMETRY * (below - lowest):
            return None
        return slice(start, start + WINDOW_POINTS)


def curves_of(rungs: Mapping[RungKey, Sequence[Observation]]) -> dict[RungKey, Curve | None]:
    """The curve of each rung along the learning rate, at one setting of the other hyperparameters.

    If some settings have a window at every rung, all rungs use the one whose best losses exceed
    the best of their rungs the least. Otherwise each rung uses its own best setting. The curve of a
    rung is None if no rate finished there.

    Args:
        rungs: The observations of each rung, small to large.
    """
    by_rung: dict[RungKey, dict[Setting, Curve]] = {}
    for rung, observations in rungs.items():
        by_setting: dict[Setting, list[Observation]] = defaultdict(list)
        for o in observations:
            by_setting[tuple(sorted(o.params.items()))].append(o)
        curves = {s: curve_of(dict(s), runs) for s, runs in by_setting.items()}
        by_rung[rung] = {s: c for s, c in curves.items() if len(c.x)}
    common = common_setting(by_rung.values())
    if common is not None:
        return {rung: curves[common] for rung, curves in by_rung.items()}
    return {
        rung: min(curves.values(), key=lambda c: c.lowest_mean) if curves else None
        for rung, curves in by_rung.items()
    }


def common_setting(rungs: Collection[Mapping[Setting, Curve]]) -> Setting | None:
    """The setting with a window at every rung whose best losses exceed the rungs' best the least.

    The result is None if no setting has a window at every rung.
    """
    shared = set.intersection(*({s for s, c in curves.items() if c.window()} for curves in rungs))

    def cost(setting: Setting) -> float:
        return sum(
            curves[setting].lowest_mean - min(c.lowest_mean for c in curves.values())
            for curves in rungs
        )

    return min(sorted(shared), key=cost) if shared else None


def curve_of(setting: dict[str, float], runs: Sequence[Observation]) -> Curve:
    """The curve of one rung.

    Args:
        setting: The other hyperparameters, which all runs share.
        runs: The runs of this rung at this setting.
    """
    by_rate: dict[float, dict[int, float | None]] = defaultdict(dict)
    diverged: set[float] = set()
    pruned: set[float] = set()
    for o in runs:
        x = float(np.log2(o.lr))
        by_rate[x][o.seed] = o.loss
        if o.loss is None:
            (pruned if o.pruned else diverged).add(x)
    finished: dict[float, dict[int, float]] = {}
    for x, losses in by_rate.items():
        known = {seed: loss for seed, loss in losses.items() if loss is not None}
        if len(known) == len(losses):
            finished[x] = known
    comparable = with_common_seed(finished)
    xs = sorted(comparable)
    losses_by_rate = tuple(comparable[x] for x in xs)
    return Curve(
        x=np.array(xs),
        means=run_table(losses_by_rate).effects()[0] if xs else np.zeros(0),
        runs=losses_by_rate,
        censored=np.array(sorted(diverged)),
        setting=setting,
        pruned=np.array(sorted(pruned - diverged)),
    )


def with_common_seed(finished: Mapping[float, dict[int, float]]) -> dict[float, dict[int, float]]:
    """Keep the rates that ran the most common seed: only these can be compared.

    Args:
        finished: The loss of each seed, for each log2(lr).
    """
    if not finished:
        return {}
    count = Counter(seed for losses in finished.values() for seed in losses)
    common = min(count, key=lambda seed: (-count[seed], seed))
    kept = {x: losses for x, losses in finished.items() if common in losses}
    if len(kept) < len(finished):
        log.debug(
            "learning rates without seed %d, which most others ran, are left out: %s",
            common,
            ", ".join(f"{2**x:.4g}" for x in sorted(set(finished) - set(kept))),
        )
    return kept
