"""The loss of one rung along the learning rate: means over seeds, censored points, a window."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mutransfer_cli.surface.observation import Observation
from mutransfer_cli.surface.seed_effects import Array, fitted, table_of

WINDOW = 5  # points of a parabola around the best
EDGE = 6.0  # how much further a window may rise above the best than below it
CLIFF = 3.0  # how much further than another a window may rise


@dataclass(frozen=True)
class Curve:
    """x = log2(lr), increasing, of the rates where every seed that ran finished.

    means: at the mean level of the seeds, since not every rate need have run all of them.
    """

    width: int
    x: Array
    means: Array
    runs: tuple[Mapping[int, float], ...]  # for each rate the loss of each seed
    censored: Array  # log2(lr) where a seed diverged: never a loss
    setting: dict[str, float]  # the best of what else was searched
    depth: int | None = None
    batch: int | None = None
    steps: int | None = None
    pruned: Array = field(default_factory=lambda: np.zeros(0))  # log2(lr) where only that happened

    @property
    def best(self) -> int:
        """Index of the lowest mean."""
        return int(np.argmin(self.means))

    def window(self) -> slice | None:
        """Five consecutive points with the best inside, as nearly in the middle as there are.

        Next to divergence the loss rises like a cliff, which no parabola follows: where another
        window with the best inside rises less than a third as far, it is taken instead. (On a
        true parabola the window beside the middle one rises 2.25 times as far.) None where every
        window has such a cliff: on a true parabola with the best in the middle or above it, the
        upper end rises at most 2.8 times as far as the lower.
        """
        n, best = len(self.x), self.best
        if n < WINDOW or best in {0, n - 1}:
            return None
        middle = min(max(best - WINDOW // 2, 0), n - WINDOW)
        starts = range(max(0, best - WINDOW + 2), min(best - 1, n - WINDOW) + 1)
        rise = {s: float(self.means[s : s + WINDOW].max() - self.means[best]) for s in starts}
        flattest = min(rise, key=lambda s: (rise[s], abs(s - middle)))
        start = flattest if rise[middle] > CLIFF * rise[flattest] else middle
        below, above = self.means[start], self.means[start + WINDOW - 1]
        lowest_mean = self.means[best]
        if best - start >= WINDOW // 2 and above - lowest_mean > EDGE * (below - lowest_mean):
            return None
        return slice(start, start + WINDOW)

    def wider(self, window: slice, reach: float) -> list[slice]:
        """By one rate on either side, at most so many octaves from the best; the nearer first."""
        best = self.x[self.best]
        found = []
        if window.start > 0 and best - self.x[window.start - 1] <= reach:
            found.append((best - self.x[window.start - 1], slice(window.start - 1, window.stop)))
        if window.stop < len(self.x) and self.x[window.stop] - best <= reach:
            found.append((self.x[window.stop] - best, slice(window.start, window.stop + 1)))
        return [wider for _, wider in sorted(found, key=lambda f: f[0])]


Setting = tuple[tuple[str, float], ...]  # the hyperparameters searched beside lr


def curves_of(observations: Sequence[Observation]) -> dict[int, Curve | None]:
    """The curve of each width along the learning rate, at one setting of what else was searched.

    The setting is the same for all widths where one has a window at each: the one whose best
    losses lie least above the best of their widths; else each width's own best. A width's curve is
    None where nothing finished.
    """
    by_width: dict[int, dict[Setting, Curve]] = {}
    for o in observations:
        by_width.setdefault(o.width, {})
    for width in by_width:
        by_setting: dict[Setting, list[Observation]] = defaultdict(list)
        for o in observations:
            if o.width == width:
                by_setting[tuple(sorted(o.params.items()))].append(o)
        found = {s: _curve(dict(s), runs) for s, runs in by_setting.items()}
        by_width[width] = {s: c for s, c in found.items() if len(c.x)}
    best = {w: min(map(lowest, of.values()), default=0.0) for w, of in by_width.items()}
    shared = set.intersection(
        *({s for s, c in of.items() if c.window()} for of in by_width.values())
    )
    if shared:
        common = min(
            sorted(shared), key=lambda s: sum(lowest(of[s]) - best[w] for w, of in by_width.items())
        )
        return {w: of[common] for w, of in sorted(by_width.items())}
    return {w: min(of.values(), key=lowest) if of else None for w, of in sorted(by_width.items())}


def lowest(curve: Curve) -> float:
    """The smallest mean loss."""
    return float(curve.means.min())


def _curve(setting: dict[str, float], runs: Sequence[Observation]) -> Curve:
    by_lr: dict[float, dict[int, float | None]] = defaultdict(dict)
    lost: dict[str, set[float]] = {"diverged": set(), "pruned": set()}
    for o in runs:
        x = float(np.log2(o.lr))
        by_lr[x][o.seed] = o.loss
        if o.loss is None:
            lost["pruned" if o.pruned else "diverged"].add(x)
    finished: dict[float, dict[int, float]] = {}
    for x, seeds in by_lr.items():
        known = {seed: loss for seed, loss in seeds.items() if loss is not None}
        if len(known) == len(seeds):
            finished[x] = known
    # levels are compared by a seed that all rates ran: the one that most of them did
    if finished:
        ran = Counter(seed for of in finished.values() for seed in of)
        shared = min(ran, key=lambda seed: (-ran[seed], seed))
        finished = {x: of for x, of in finished.items() if shared in of}
    xs = sorted(finished)
    of = tuple(finished[x] for x in xs)
    first = runs[0]
    return Curve(
        width=first.width,
        x=np.array(xs),
        means=fitted(table_of(of))[0] if of else np.zeros(0),
        runs=of,
        censored=np.array(sorted(lost["diverged"])),
        setting=setting,
        depth=first.depth,
        batch=first.batch,
        steps=first.steps,
        pruned=np.array(sorted(lost["pruned"] - lost["diverged"])),
    )
