"""Plots what probes measured: one panel for each kind of curve, theory dashed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from math import log10
from pathlib import Path
from typing import Any

from mutransfer_cli.catalog.probes import PROBES
from mutransfer_cli.catalog.sizes import SIZES
from mutransfer_cli.confidence import percentage
from mutransfer_cli.documents.probe import ProbeDocument, Series
from mutransfer_cli.errors import InputError
from mutransfer_cli.report.figure import figure, shades
from mutransfer_cli.report.page.panels import FEW_MARKERS, MOST_MARKERS

PANEL_WIDTH, HEIGHT = 5.4, 4.4  # inches
LEGEND_ROW = 0.22  # inches
MOST_LABELS = 12
MOST_BANDS = 3  # bands of more curves would hide each other: bars
APART = 0.008  # of the axis, between bars of one x
MARKERS = "os^DvPX"  # curves differ in print, and to the colour-blind
PALE = {"linewidth": 4, "alpha": 0.5}
MOST_TICKS = 8  # steps
COLUMNS = 3
LOGARITHMIC = (*SIZES, "step")
COSINE = "cosine"
INTERVAL = "interval"
WIDE = 3.0  # ratio of values from which a probe of powers has a logarithmic axis
DECADES = 3.0  # up to which the ticks of a logarithmic axis are plain numbers
Panels = dict[tuple[str, str], list[Series]]  # curves by probe and title


def plot_probes(documents: Sequence[ProbeDocument], path: Path) -> None:
    """Plot the series of some probes.

    Args:
        documents: What the probes found.
        path: The file, whose suffix determines the format.

    Raises:
        InputError: No probe has a curve, or the file cannot be written.
    """
    panels: Panels = {}
    for document in documents:
        for series in document.series:
            panels.setdefault((document.probe, series.panel), []).append(series)
    if not panels:
        raise InputError(f"--plot {path}: these probes measure numbers only, and no curves")
    across = min(len(panels), COLUMNS)
    named = [len(c) for c in panels.values() if len(c) <= MOST_LABELS]
    height = HEIGHT + LEGEND_ROW * max(((n + 2) / 2 for n in named), default=0)
    size = PANEL_WIDTH * across, height * -(-len(panels) // across)
    level = percentage(documents[0].confidence)
    with figure(path, len(panels), size, across) as axes:
        for panel, ((probe, title), curves) in zip(axes, panels.items(), strict=True):
            _draw(panel, curves, level)
            panel.set(xlabel=curves[0].x_name, ylabel=curves[0].y_name)
            panel.set_title(title if title == probe else f"{probe}: {title}")
            _scale(panel, curves, PROBES[probe].logarithmic)
            if len(curves) <= MOST_LABELS:
                _name(panel)


def _draw(panel: Any, curves: Sequence[Series], level: str) -> None:
    """Draw every curve with its intervals, and what theory predicts.

    Args:
        panel: The axes.
        curves: The curves.
        level: Of the intervals, for people.
    """
    bounded = [c for c in curves if c.low is not None and c.high is not None]
    interval: str | None = f"{level} {INTERVAL}"  # in the legend once
    for i, (series, color, marker) in enumerate(
        zip(curves, shades(len(curves)), cycle(MARKERS), strict=False)
    ):
        x = _beside(series, i, len(curves)) if len(bounded) > MOST_BANDS else series.x
        every = 1 if len(series.x) <= MOST_MARKERS else -(-len(series.x) // FEW_MARKERS)
        style: dict[str, Any] = {"marker": marker, "markersize": 4, "markevery": every}
        if len({*(series.expected or ())}) > 1:  # dashes must be seen on a curve that follows them
            style |= PALE
        panel.plot(x, series.y, color=color, label=series.name, **style)
        if series.low is None or series.high is None:
            continue
        drawn = {"color": color, "label": interval}
        if len(series.x) == 1 or len(bounded) > MOST_BANDS:  # a band of one point has no width
            panel.vlines(x, series.low, series.high, linewidth=1, **drawn)
        else:
            panel.fill_between(series.x, series.low, series.high, alpha=0.15, linewidth=0, **drawn)
        interval = None
    label: str | None = curves[0].expected_name
    for series in curves:  # after all curves, also in the legend
        if series.expected is not None:
            dashes = {"linewidth": 1, "color": "k", "label": label}
            panel.plot(series.x, series.expected, "--", **dashes)
            label = None


def _beside(series: Series, i: int, curves: int) -> tuple[float, ...]:
    """Positions of a curve whose bars stand beside those of the others.

    Args:
        series: The curve.
        i: Its number, from 0.
        curves: Number of curves.
    """
    shift = APART * (i - (curves - 1) / 2)
    if series.x_name in LOGARITHMIC and min(series.x) > 0:
        return tuple(x * (max(series.x) / min(series.x)) ** shift for x in series.x)
    return tuple(x + shift * (max(series.x) - min(series.x)) for x in series.x)


def _scale(panel: Any, curves: Sequence[Series], powers: bool) -> None:
    """Choose logarithmic or linear axes, with ticks that can be read.

    Args:
        panel: The axes.
        curves: Its curves.
        powers: Whether ratios of the values matter.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    places = sorted({x for series in curves for x in series.x})
    if curves[0].x_name in LOGARITHMIC and min(min(s.x) for s in curves) > 0:
        panel.set_xscale("log", base=2)
        if curves[0].x_name != "step" or len(places) <= MOST_TICKS:
            panel.set_xticks(places, [f"{place:g}" for place in places])
    elif len(places) <= MOST_TICKS and all(place.is_integer() for place in places):
        panel.set_xticks(places)
    values = [y for s in curves for y in (*s.y, *(s.low or ()), *(s.high or ()))]
    if curves[0].y_name == COSINE:
        panel.set_ylim(min(0, *values), 1)
    elif powers and min(values) > 0:
        if max(values) <= WIDE * min(values):  # small changes look small
            panel.set_ylim(0, 1.1 * max(values))
            return
        panel.set_yscale("log")
        if log10(max(values) / min(values)) < DECADES:
            panel.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            panel.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
            panel.yaxis.set_minor_formatter(NullFormatter())


def _name(panel: Any) -> None:
    """Name the curves below the axes, in which a legend would cover some of them."""
    drawn = zip(*panel.get_legend_handles_labels(), strict=True)
    handles, labels = zip(*sorted(drawn, key=lambda d: d[1].endswith(INTERVAL)), strict=True)
    style = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.13), "ncols": 2}
    panel.legend(handles, labels, fontsize="small", **style)
