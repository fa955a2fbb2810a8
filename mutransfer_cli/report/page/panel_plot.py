"""Draws a panel with matplotlib, for papers: `report --png` and `--svg`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mutransfer_cli.quoting import plain_label
from mutransfer_cli.report.figure import figure
from mutransfer_cli.report.page.panels import (
    COLORS,
    FEW_MARKERS,
    GRAY,
    Panel,
    Series,
    crowded,
    decade_ticks,
    powers_of_two,
)

MARKERS = ("o", "s", "D", "^", "p", "*")
LINE_STYLES = {"line": "-", "curve": "-", "dashed": "--"}


def plot_panel(panel: Panel, path: Path) -> None:
    """Write a panel to a file, whose suffix is the format.

    Raises:
        InputError: The file cannot be written.
    """
    with figure(path) as (axes,):
        for series in panel.series:
            draw(axes, series)
        if panel.log2_x:
            axes.set_xscale("log", base=2)
            axes.set_xticks([2.0**t for t in powers_of_two(panel)])
        elif panel.log10_x:
            axes.set_xscale("log")
            name_decades(axes.xaxis, [x for series in panel.series for x in series.x])
        if panel.log_y:
            axes.set_yscale("log")
            name_decades(axes.yaxis, [y for series in panel.series for y in series.y])
        if panel.reference is not None:
            axes.axhline(panel.reference, color="0.5", linestyle="--", linewidth=1)
        axes.set(xlabel=plain_label(panel.x_label), ylabel=plain_label(panel.y_label))
        axes.set_title(plain_label(panel.title), fontsize=10)
        if any(series.in_legend for series in panel.series):
            axes.legend(fontsize=8)


def name_decades(axis: Any, values: Sequence[float]) -> None:
    """The ticks of the page on an axis of matplotlib's, whose own overlap within a decade."""
    ticks = decade_ticks(values)
    axis.set_ticks(list(ticks), [superscripts(text) for text in ticks.values()])
    axis.set_ticks([], minor=True)


def superscripts(text: str) -> str:
    """A text with HTML's superscripts in the notation of matplotlib."""
    return re.sub(r"<sup>(.*?)</sup>", r"$^{\1}$", text.replace("−", "-"))


def draw(axes: Any, series: Series) -> None:
    """Draw one series on matplotlib's axes."""
    color = GRAY if series.style == "dashed" else COLORS[series.color % len(COLORS)]
    marker = MARKERS[series.color % len(MARKERS)]
    name = plain_label(series.name) if series.in_legend else "_"
    if series.style == "cross":
        axes.plot(series.x, series.y, "x", color=color, label=name)
        return
    band = series.low is not None and series.high is not None
    if band and series.style == "line":
        axes.fill_between(series.x, series.low, series.high, color=color, alpha=0.2, linewidth=0)
    linestyle = LINE_STYLES.get(series.style, "none")
    reach: dict[str, Any] = {}
    if series.x_low is not None and series.x_high is not None:
        reach["xerr"] = [
            [x - low for x, low in zip(series.x, series.x_low, strict=True)],
            [high - x for x, high in zip(series.x, series.x_high, strict=True)],
        ]
    if band and series.style != "line":
        assert series.low is not None and series.high is not None
        reach["yerr"] = [
            [y - low for y, low in zip(series.y, series.low, strict=True)],
            [high - y for y, high in zip(series.y, series.high, strict=True)],
        ]
    axes.errorbar(
        series.x,
        series.y,
        fmt="none" if not series.x else "",
        linestyle=linestyle,
        marker=None
        if series.style in ("line", "dashed")
        else "D"
        if series.style == "optimum"
        else marker,
        markevery=-(-len(series.x) // FEW_MARKERS) if crowded(series) else 1,
        markersize=8 if series.style == "optimum" else 4,
        markeredgecolor="k" if series.style == "optimum" else color,
        color=color,
        ecolor="k" if series.style == "optimum" else color,
        capsize=3,
        label=name,
        **reach,
    )
