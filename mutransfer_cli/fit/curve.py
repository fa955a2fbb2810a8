"""The loss of one rung along the learning rate: means over seeds, censored points, a window."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mutransfer_cli.fit.observation import Observation

WINDOW = 5  # points of a parabola around the best

Array = np.ndarray


@dataclass(frozen=True)
class Curve:
    """x = log2(lr), increasing; losses (points, seeds) of the rates where every seed finished."""

    width: int
    x: Array
    losses: Array
    censored: Array  # log2(lr) where a seed diverged: never a loss
    setting: dict[str, float]  # the best of what else was searched
    depth: int | None = None
    batch: int | None = None
    steps: int | None = None

    @property
    def means(self) -> Array:
        return np.asarray(self.losses.mean(axis=1))

    @property
    def best(self) -> int:
        """Index of the lowest mean."""
        return int(np.argmin(self.means))

    def window(self) -> slice | None:
        """Five consecutive points with the best inside, as nearly in the middle as there are."""
        n = len(self.x)
        if n < WINDOW or self.best in {0, n - 1}:
            return None
        start = min(max(self.best - WINDOW // 2, 0), n - WINDOW)
        return slice(start, start + WINDOW)


def curve_of(observations: Sequence[Observation]) -> Curve | None:
    """The curve of one rung at its best other hyperparameters; None where nothing finished."""
    by_setting: dict[tuple[tuple[str, float], ...], list[Observation]] = defaultdict(list)
    for o in observations:
        by_setting[tuple(sorted(o.params.items()))].append(o)
    curves = [_curve(dict(setting), runs) for setting, runs in by_setting.items()]
    known = [c for c in curves if len(c.x)]
    return min(known, key=lambda c: float(c.means.min())) if known else None


def _curve(setting: dict[str, float], runs: Sequence[Observation]) -> Curve:
    by_lr: dict[float, dict[int, float | None]] = defaultdict(dict)
    for o in runs:
        by_lr[float(np.log2(o.lr))][o.seed] = o.loss
    finished = {
        x: seeds for x, seeds in by_lr.items() if all(loss is not None for loss in seeds.values())
    }
    # a rate that only some seeds ran would shift the curve: take the seeds that all rates have
    common = set.intersection(*(set(s) for s in finished.values())) if finished else set()
    if not common:
        finished = {}
    xs = sorted(finished)
    losses = np.array([[finished[x][s] for s in sorted(common)] for x in xs], dtype=float)
    first = runs[0]
    return Curve(
        width=first.width,
        x=np.array(xs),
        losses=losses.reshape(len(xs), len(common)),
        censored=np.array(sorted(x for x, s in by_lr.items() if None in s.values())),
        setting=setting,
        depth=first.depth,
        batch=first.batch,
        steps=first.steps,
    )
