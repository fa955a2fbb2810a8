"""Plots what probes measured: one panel for each kind of curve, theory dashed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

from mutransfer_cli.catalog.probes import PROBES
from mutransfer_cli.documents.probe import ProbeDocument, Series
from mutransfer_cli.errors import InputError
from mutransfer_cli.report.figure import figure, shades

PANEL_WIDTH, HEIGHT = 5.4, 4.4  # inches
MOST_LABELS = 12
MARKERS = "os^DvPX"  # curves differ in print, and to the colour-blind
MOST_MARKERS = 40  # points of a curve that has them
MOST_TICKS = 8  # steps
COLUMNS = 3
LOGARITHMIC = ("width", "depth", "step")
COSINE = "cosine"
WIDE = 3.0  # ratio of values from which a probe of powers has a logarithmic axis


def plot_probes(documents: Sequence[ProbeDocument], path: Path) -> None:
    """Plot the series of some probes.

    Args:
        documents: What the probes found.
        path: The file, whose suffix determines the format.

    Raises:
        InputError: No probe has a curve, or the file cannot be written.
    """
    panels: dict[tuple[str, str], list[Series]] = {}
    for document in documents:
        for series in document.series:
            panels.setdefault((document.probe, series.panel), []).append(series)
    if not panels:
        raise InputError(f"--plot {path}: these probes measure numbers only, and no curves")
    across = min(len(panels), COLUMNS)
    size = PANEL_WIDTH * across, HEIGHT * -(-len(panels) // across)
    with figure(path, len(panels), size, across) as axes:
        for panel, ((probe, title), curves) in zip(axes, panels.items(), strict=True):
            colors = shades(len(curves))
            for series, color, marker in zip(curves, colors, cycle(MARKERS), strict=False):
                style = {"marker": marker if len(series.x) <= MOST_MARKERS else "", "markersize": 4}
                panel.plot(series.x, series.y, color=color, label=series.name, **style)
                if series.low is not None and series.high is not None:
                    if len(series.x) == 1:  # a band would have no width
                        panel.vlines(series.x, series.low, series.high, color=color)
                    else:
                        band = {"color": color, "alpha": 0.15, "linewidth": 0}
                        panel.fill_between(series.x, series.low, series.high, **band)
            label: str | None = curves[0].expected_name
            for series in curves:  # after all curves, also in the legend
                if series.expected is not None:
                    dashes = {"linewidth": 1, "color": "0.4", "label": label}
                    panel.plot(series.x, series.expected, "--", **dashes)
                    label = None
            panel.set(xlabel=curves[0].x_name, ylabel=curves[0].y_name)
            panel.set_title(title if title == probe else f"{probe}: {title}")
            if curves[0].x_name in LOGARITHMIC and min(min(s.x) for s in curves) > 0:
                panel.set_xscale("log", base=2)
                places = sorted({x for series in curves for x in series.x})
                if curves[0].x_name != "step" or len(places) <= MOST_TICKS:
                    panel.set_xticks(places, [f"{place:g}" for place in places])
            values = [y for s in curves for y in (*s.y, *(s.low or ()), *(s.high or ()))]
            if curves[0].y_name == COSINE:
                panel.set_ylim(min(0, *values), 1)
            elif PROBES[probe].logarithmic and min(values) > 0:
                if max(values) > WIDE * min(values):
                    panel.set_yscale("log")
                else:  # small changes look small
                    panel.set_ylim(0, 1.1 * max(values))
            if len(curves) <= MOST_LABELS:
                panel.legend(fontsize="small")
