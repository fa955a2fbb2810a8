"""Plots as data, which the page draws with Plotly and `--png` and `--svg` with matplotlib."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, floor, log2, log10
from typing import Literal, TypeAlias

Numbers: TypeAlias = tuple[float, ...]
Style = Literal["line", "dashed", "curve", "points", "cross", "optimum"]

# Okabe and Ito's palette for color blindness, without yellow and black, which a light or a dark
# page swallows (jfly.uni-koeln.de/color).
COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9")


GRAY = "#888888"  # of what theory predicts: seen on every curve that follows it
MOST_MARKERS = 40  # points of a curve that has them all; of one with more, so many have one:
FEW_MARKERS = 8
WIDE = 3.0  # ratio of values from which their axis is logarithmic
FINE_DECADES = 1.5  # range of a logarithmic axis up to which 2 and 5 of a decade have ticks


@dataclass(frozen=True)
class Series:
    """One curve or set of points.

    Attributes:
        name: Text of the legend; series of one name are shown and hidden together.
        x: Positions, shape (points,).
        y: Values, shape (points,).
        style: `curve` has its points marked, `dashed` is what theory predicts, `cross` marks
            divergence, `optimum` an optimum.
        color: Index of its color; no color is the only sign, points have shapes too.
        low: Lower ends of a band about y, if there is one.
        high: Upper ends of that band.
        x_low: Lower ends of the intervals of x, if there are any.
        x_high: Upper ends of these.
        in_legend: Whether the legend names it.
    """

    name: str
    x: Numbers
    y: Numbers
    style: Style
    color: int
    low: Numbers | None = None
    high: Numbers | None = None
    x_low: Numbers | None = None
    x_high: Numbers | None = None
    in_legend: bool = True


@dataclass(frozen=True)
class Panel:
    """One plot.

    Attributes:
        key: Its name in file names, unique on a page.
        title: What it shows.
        caption: How to read it, in a sentence.
        x_label: Label of the x axis, with the unit.
        y_label: Label of the y axis, with the unit.
        series: What is drawn.
        log2_x: Whether x is positive and its axis logarithmic, in powers of two.
        log10_x: The same in powers of ten, for numbers of parameters, tokens or FLOPs.
        log_y: Whether y is positive and its axis logarithmic.
        reference: A horizontal line, such as the tolerated cost.
    """

    key: str
    title: str
    caption: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    log2_x: bool = False
    log10_x: bool = False
    log_y: bool = False
    reference: float | None = None


def crowded(series: Series) -> bool:
    """Whether the marks of a curve would hide it, and what theory predicts of it."""
    return series.style == "curve" and len(series.x) > MOST_MARKERS


def spans_decades(values: Iterable[float]) -> bool:
    """Whether a logarithmic axis shows values better: all positive, and far from each other."""
    found = list(values)
    return bool(found) and min(found) > 0 and max(found) > WIDE * min(found)


def decade_ticks(values: Iterable[float]) -> dict[float, str]:
    """Ticks of a logarithmic axis with their texts: 1, 2 and 5 of every decade, or powers of ten.

    Args:
        values: What is drawn; positive.
    """
    exponents = [log10(v) for v in values if v > 0]
    if not exponents:
        return {}
    low, high = min(exponents) - 0.05, max(exponents) + 0.05
    steps = (1, 2, 5) if high - low < FINE_DECADES else (1,)
    ticks = {}
    for decade in range(floor(low), ceil(high) + 1):
        for step in steps:
            value = step * 10.0**decade
            if low <= log10(value) <= high:
                large = not -4 < decade < 5
                power = f"10<sup>{decade}</sup>" if step == 1 else f"{step}·10<sup>{decade}</sup>"
                ticks[value] = power if large else f"{value:.10g}"
    return ticks


def powers_of_two(panel: Panel, most: int = 8) -> list[int]:
    """Exponents of the ticks of a logarithmic x axis, at most so many of them."""
    values = [x for s in panel.series for x in s.x if x > 0]
    if not values:
        return []
    low, high = floor(log2(min(values))), ceil(log2(max(values)))
    return list(range(low, high + 1, max(1, ceil((high - low) / most))))
