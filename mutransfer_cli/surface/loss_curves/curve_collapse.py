"""Whether the loss curves of several sizes have one shape, up to the differences among seeds.

Curves are compared as ln ℓ(x), with ℓ(x) = L(x)/L(end) over the progress x of a run: the
normalization of Qiu et al. (arXiv 2507.02119) with an irreducible loss of zero. A positive
irreducible loss can be subtracted from the losses before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mutransfer_cli.confidence import CONFIDENCE
from mutransfer_cli.errors import InputError
from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.loss_curves.loss_curve import Array, LossCurve
from mutransfer_cli.surface.rung_departures import departures_of
from mutransfer_cli.surface.student import student_reach

BINS = 16
TAIL = 4  # bins at the end, whose mean normalizes a curve
START = 0.25  # of the part that is compared: before, curves differ by their initialization
FEWEST_SEEDS = 3
FEWEST_FOR_TREND = 4  # sizes: a rung is then compared with the trend of the others


@dataclass(frozen=True)
class Departure:
    """How far the curves of one size are from those of the others.

    Attributes:
        name: The size.
        shape: Mean difference of ln ℓ, in units of the seeds' standard deviation.
        level: Difference of ln L at the end of the part, from the trend over the other sizes, in
            the same units; None with fewer than four sizes.
    """

    name: str
    shape: Interval
    level: Interval | None


@dataclass(frozen=True)
class Collapse:
    """How well curves of several sizes collapse.

    Attributes:
        ratio: Standard deviation of ln ℓ over sizes and seeds, divided by that of ln L over the
            seeds of a size: below 1 for a supercollapse.
        spread: Standard deviation of ln ℓ over sizes and seeds.
        seed_spread: Standard deviation of ln L over the seeds of a size.
        departures: For every size, small to large.
        progress: Middle of each bin (bins,).
        shapes: The mean ℓ of every size at these (sizes, bins).
    """

    ratio: Interval
    spread: float
    seed_spread: float
    departures: tuple[Departure, ...]
    progress: Array
    shapes: Array


def curve_collapse(
    curves: Sequence[LossCurve], end: float = 1.0, confidence: float = CONFIDENCE
) -> Collapse:
    """Compare the loss curves of several sizes.

    Args:
        curves: Curves of two sizes or more, with the same three seeds or more for each.
        end: Share of the runs up to which they are compared.
        confidence: Of the intervals.

    Raises:
        InputError: There are too few sizes or seeds, or losses are not positive.
    """
    sizes, names, logs = _by_size(curves, end)
    seeds = logs.shape[1]
    ratio, spread, seed_spread = _ratio(logs)
    without = np.array([_ratio(np.delete(logs, i, axis=1))[0] for i in range(seeds)])
    error = np.sqrt((seeds - 1) / seeds * ((without - without.mean()) ** 2).sum())
    shapes = logs - logs[:, :, -TAIL:].mean(2, keepdims=True)
    shape = shapes[:, :, :-TAIL].mean(2) / seed_spread  # (sizes, seeds)
    level = logs[:, :, -TAIL:].mean(2) / seed_spread
    trend = len(sizes) >= FEWEST_FOR_TREND
    of_shape = departures_of(shape, sizes, trend, confidence)
    of_level = departures_of(level, sizes, trend, confidence) if trend else [None] * len(sizes)
    departures = tuple(
        Departure(name, s, v) for name, s, v in zip(names, of_shape, of_level, strict=True)
    )
    reach = student_reach(confidence, seeds - 1) * float(error)
    edges = _edges(end)
    return Collapse(
        ratio=Interval(value=ratio, low=max(0.0, ratio - reach), high=ratio + reach),
        spread=spread,
        seed_spread=seed_spread,
        departures=departures,
        progress=(edges[1:] + edges[:-1]) / 2,
        shapes=np.exp(shapes.mean(1)),
    )


def _edges(end: float) -> Array:
    return np.linspace(START * end, end, BINS + 1)


def _by_size(curves: Sequence[LossCurve], end: float) -> tuple[Array, list[str], Array]:
    """Sizes, their names, and ln L of every size, seed and bin; seeds that every size has."""
    rows: dict[tuple[float, str], dict[int, Array]] = defaultdict(dict)
    for curve in curves:
        if curve.size is None:
            raise InputError("the curves name no size; expected a column such as width")
        levels = curve.levels(list(_edges(end)))
        if not (levels > 0).all():
            raise InputError(
                f"{curve.name or curve.size}: losses that are not positive have no shape; "
                "subtract a number that all losses stay above"
            )
        rows[(curve.size, curve.name)][curve.seed] = np.log(levels)
    if len(rows) < 2:
        raise InputError(f"curves of two sizes or more are needed, found {len(rows)}")
    common = sorted(set.intersection(*(set(seeds) for seeds in rows.values())))
    if len(common) < FEWEST_SEEDS:
        raise InputError(
            "the loss curves of a size are compared with those of its seeds: expected the same "
            f"{FEWEST_SEEDS} seeds or more at every size, found {len(common)}; train with "
            f"search.seeds: {FEWEST_SEEDS} (a sweep of its own), or add seeds to the table"
        )
    ordered = sorted(rows)
    logs = np.array([[rows[key][seed] for seed in common] for key in ordered])
    return np.array([size for size, _ in ordered]), [name for _, name in ordered], logs


def _ratio(logs: Array) -> tuple[float, float, float]:
    """Spread over sizes and seeds against that of seeds, and both.

    Args:
        logs: ln L (sizes, seeds, bins).
    """
    shapes = (logs - logs[:, :, -TAIL:].mean(2, keepdims=True))[:, :, :-TAIL]
    everything = shapes.reshape(-1, shapes.shape[2])
    spread = float(np.sqrt(everything.var(0, ddof=1).mean()))
    seeds = float(np.sqrt(logs[:, :, :-TAIL].var(1, ddof=1).mean()))
    if seeds <= 0:
        raise InputError("the seeds do not differ: their spread is no measure of anything")
    return spread / seeds, spread, seeds
