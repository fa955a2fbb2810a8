"""Plots a scaling law beside the runs that it was fitted to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mutransfer_cli.fit.law.law_fit import LawResult
from mutransfer_cli.quoting import plain_label
from mutransfer_cli.report.figure import figure, shades
from mutransfer_cli.surface.laws.law_form import Picture, Series

PANEL_WIDTH, HEIGHT = 5.4, 4.4  # inches
MOST_LABELS = 12


def plot_law(result: LawResult, path: Path) -> None:
    """Plot a law.

    Raises:
        InputError: The file cannot be written, or the format is unknown.
    """
    pictures = result.law.pictures()
    with figure(path, len(pictures), (PANEL_WIDTH * len(pictures), HEIGHT)) as panels:
        for panel, picture in zip(panels, pictures, strict=True):
            draw_panel(panel, picture)
        panels[0].set_title(
            plain_label(f"{Path(result.document.source).name}: {result.document.form}")
        )


def draw_panel(panel: Any, picture: Picture) -> None:
    """Draw observed values and the law on logarithmic axes."""
    for series, color in zip(picture.points, shades(len(picture.points)), strict=True):
        draw_points(panel, series, color, joined=len(picture.points) > 1)
    for series in picture.lines:
        order = np.argsort(series.x)
        panel.plot(
            series.x[order], series.y[order], "-", color="tab:red", label=plain_label(series.label)
        )
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.set(xlabel=plain_label(picture.x_label), ylabel=plain_label(picture.y_label))
    if len(picture.points) + len(picture.lines) <= MOST_LABELS:
        panel.legend(fontsize="small")


def draw_points(panel: Any, series: Series, color: Any, *, joined: bool) -> None:
    """Draw observed values, with intervals where they have any.

    Args:
        panel: The matplotlib axes.
        series: The values.
        color: Their color.
        joined: Whether a line joins them.
    """
    style = ".-" if joined else "."
    if series.low is None or series.high is None:
        panel.plot(
            series.x, series.y, style, color=color, label=plain_label(series.label), alpha=0.7
        )
        return
    reach = np.stack([series.y - series.low, series.high - series.y])
    panel.errorbar(
        series.x,
        series.y,
        yerr=reach,
        fmt=style,
        color=color,
        label=plain_label(series.label),
        capsize=2,
    )
