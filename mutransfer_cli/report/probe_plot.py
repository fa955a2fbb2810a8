"""Plots what probes measured: one panel for each kind of curve, theory dashed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from math import log10
from pathlib import Path
from typing import Any

from mutransfer_cli.catalog.probes import PROBES
from mutransfer_cli.confidence import percentage
from mutransfer_cli.documents.probe import ProbeDocument, Series
from mutransfer_cli.errors import InputError
from mutransfer_cli.report.figure import figure, shades

PANEL_WIDTH, HEIGHT = 5.4, 4.4  # inches
LEGEND_ROW = 0.22  # inches
MOST_LABELS = 12
MOST_INSIDE = 4  # labels; a legend of more would cover curves, and stands below the axes
MOST_BANDS = 3  # bands of more curves would hide each other: bars
MARKERS = "os^DvPX"  # curves differ in print, and to the colour-blind
MOST_MARKERS = 40  # points of a curve that has them all; of one with more, so many have one:
FEW_MARKERS = 8
MOST_TICKS = 8  # steps
COLUMNS = 3
LOGARITHMIC = ("width", "depth", "step")
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
    below = [len(c) for c in panels.values() if MOST_INSIDE < len(c) <= MOST_LABELS]
    height = HEIGHT + LEGEND_ROW * max(((n + 2) / 2 for n in below), default=0)
    size = PANEL_WIDTH * across, height * -(-len(panels) // across)
    level = percentage(documents[0].confidence)
    with figure(path, len(panels), size, across) as axes:
        for panel, ((probe, title), curves) in zip(axes, panels.items(), strict=True):
            _draw(panel, curves, level)
            panel.set(xlabel=curves[0].x_name, ylabel=curves[0].y_name)
            panel.set_title(title if title == probe else f"{probe}: {title}")
            _scale(panel, curves, PROBES[probe].logarithmic)
            if len(curves) <= MOST_LABELS:
                _name(panel, len(curves))


def _draw(panel: Any, curves: Sequence[Series], level: str) -> None:
    """Draw every curve with its intervals, and what theory predicts.

    Args:
        panel: The axes.
        curves: The curves.
        level: Of the intervals, for people.
    """
    bounded = [c for c in curves if c.low is not None and c.high is not None]
    interval: str | None = f"{level} {INTERVAL}"  # in the legend once
    for series, color, marker in zip(curves, shades(len(curves)), cycle(MARKERS), strict=False):
        every = 1 if len(series.x) <= MOST_MARKERS else -(-len(series.x) // FEW_MARKERS)
        style = {"marker": marker, "markersize": 4, "markevery": every}
        panel.plot(series.x, series.y, color=color, label=series.name, **style)
        if series.low is None or series.high is None:
            continue
        drawn = {"color": color, "label": interval}
        if len(series.x) == 1 or len(bounded) > MOST_BANDS:  # a band of one point has no width
            panel.vlines(series.x, series.low, series.high, linewidth=1, **drawn)
        else:
            panel.fill_between(series.x, series.low, series.high, alpha=0.15, linewidth=0, **drawn)
        interval = None
    label: str | None = curves[0].expected_name
    for series in curves:  # after all curves, also in the legend
        if series.expected is not None:
            dashes = {"linewidth": 1, "color": "0.4", "label": label}
            panel.plot(series.x, series.expected, "--", **dashes)
            label = None


def _scale(panel: Any, curves: Sequence[Series], powers: bool) -> None:
    """Choose logarithmic or linear axes, with ticks that can be read.

    Args:
        panel: The axes.
        curves: Its curves.
        powers: Whether ratios of the values matter.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    if curves[0].x_name in LOGARITHMIC and min(min(s.x) for s in curves) > 0:
        panel.set_xscale("log", base=2)
        places = sorted({x for series in curves for x in series.x})
        if curves[0].x_name != "step" or len(places) <= MOST_TICKS:
            panel.set_xticks(places, [f"{place:g}" for place in places])
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


def _name(panel: Any, curves: int) -> None:
    """Name the curves in the axes, or below them where they are many."""
    drawn = zip(*panel.get_legend_handles_labels(), strict=True)
    handles, labels = zip(*sorted(drawn, key=lambda d: d[1].endswith(INTERVAL)), strict=True)
    style: dict[str, Any] = {"fontsize": "small"}
    if curves > MOST_INSIDE:
        style |= {"loc": "upper center", "bbox_to_anchor": (0.5, -0.13), "ncols": 2}
    panel.legend(handles, labels, **style)
