"""Which size leaves the others, by the departures of its loss curves."""

from __future__ import annotations

from collections.abc import Iterable

from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.loss_curves.curve_collapse import Collapse, Departure

FAR = 2.0  # standard deviations of the seeds by which a size may depart from the others
# Assumption, a share of the loss: a size that is off by less is not accused, however alike seeds
# are.
SLIGHT = 0.01
# Share of the loss by which shapes may follow the size: right ladders with a loss that no width
# reduces make up to 0.014, a rate that doubles with the width 0.01 to 0.26 (five families of
# planted curves, four and five sizes).
SMOOTH = 0.03
# Of the largest distance in standard errors: such a size may be the one at fault (assumption).
NEARLY = 0.5


def parts(departure: Departure) -> list[Interval]:
    """What is known of a size: its shape, and from four sizes on its level."""
    return [v for v in (departure.shape, departure.level) if v is not None]


def distance(departure: Departure) -> float:
    """By how many standard deviations of the seeds a size is off."""
    return max(abs(v.value) for v in parts(departure))


def reach(departure: Departure) -> float:
    """The largest distance that the intervals of a size allow."""
    return max(max(abs(v.low or 0), abs(v.high or 0)) for v in parts(departure))


def certain(departure: Departure) -> float:
    """The least distance that the intervals of a size allow."""
    return max(max(v.low or 0, -(v.high or 0), 0.0) for v in parts(departure))


def is_near(departure: Departure) -> bool:
    """Whether a size is certainly no further from the others than seeds may be."""
    known = all(v.low is not None and v.high is not None for v in parts(departure))
    return known and reach(departure) < FAR


def far_sizes(found: Collapse) -> list[Departure]:
    """Sizes that are certainly further from the others than seeds from each other, and than sizes.

    Where there are too few sizes for a trend, shapes may follow the size without one being at
    fault.
    """
    return [
        d
        for d in found.departures
        if certain(d) > FAR
        and certain(d) * found.seed_spread > (SMOOTH if d.level is None else SLIGHT)
    ]


def suspects(far: Iterable[Departure]) -> list[str]:
    """The sizes that may be at fault, the likeliest first.

    One size at fault moves the trend that the others are held against; by how many standard errors
    each is off tells them apart better than by how much.
    """
    errors: dict[str, float] = {}
    for departure in far:
        for v in parts(departure):
            assert v.high is not None
            off = abs(v.value) / max(v.high - v.value, 1e-12)
            errors[departure.name] = max(off, errors.get(departure.name, 0.0))
    least = NEARLY * max(errors.values())
    return [n for n in sorted(errors, key=lambda n: -errors[n]) if errors[n] >= least]
