"""The HTML of a plot: where it is drawn, its caption, and its values as a table."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element

from mutransfer_cli.report.page.markup import Child, details, element, table
from mutransfer_cli.report.page.panels import Panel


def figure(panel: Panel) -> Element:
    """A plot with its caption, and its values for those who cannot see it."""
    return element(
        "figure",
        element("h4", panel.title),
        element(
            "div",
            class_="plot",
            role="img",
            aria_label=f"{panel.title}. {panel.caption} The values are in the table below.",
            data_figure=panel.key,
        ),
        element("figcaption", panel.caption),
        details("Values", values_table(panel)),
    )


def values_table(panel: Panel) -> Element:
    """The values of a plot."""
    rows: list[Sequence[Child]] = []
    for series in panel.series:
        for i, (x, y) in enumerate(zip(series.x, series.y, strict=True)):
            low, high = series.low or series.x_low, series.high or series.x_high
            reach = interval(None if low is None else low[i], None if high is None else high[i])
            shown = "diverged" if series.style == "cross" else f"{y:.5g}"
            rows.append((series.name, f"{x:.5g}", shown, reach))
    return table(panel.title, ("curve", panel.x_label, panel.y_label, "interval"), rows)


def interval(low: float | None, high: float | None) -> str:
    """Both bounds, or a dash."""
    return "-" if low is None or high is None else f"{low:.4g} to {high:.4g}"
