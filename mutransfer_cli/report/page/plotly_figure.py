"""Draws a panel with Plotly: traces and layout as plain data, which the page's script adopts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mutransfer_cli.quoting import one_line
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

TITLE_DISTANCE = 12  # pixels between the title of an axis and its tick labels
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "pentagon", "star")
MODES = {
    "line": "lines",
    "dashed": "lines",
    "curve": "lines+markers",
    "points": "markers",
    "cross": "markers",
    "optimum": "markers",
}


def plotly_figure(panel: Panel) -> dict[str, Any]:
    """The figure of a panel: `data` and `layout`; colors of text and grid are the page's."""
    axis: dict[str, Any] = {"title": {"text": label(panel.x_label)}}
    if panel.log2_x:
        ticks = powers_of_two(panel)
        axis |= {
            "type": "log",
            "tickvals": [2.0**t for t in ticks],
            "ticktext": [f"2<sup>{t}</sup>" for t in ticks],
        }
    elif panel.log10_x:
        axis |= logarithmic(x for s in panel.series for x in s.x)
    layout: dict[str, Any] = {
        "xaxis": axis,
        "yaxis": {
            "title": {"text": label(panel.y_label), "standoff": TITLE_DISTANCE},
            "automargin": True,  # long tick labels would reach the title
        },
        "margin": {"l": 64, "r": 16, "t": 16, "b": 56},
        "legend": {"orientation": "h", "y": -0.25},
        "hovermode": "closest",
    }
    if panel.log_y:
        layout["yaxis"] |= logarithmic(y for s in panel.series for y in s.y)
    if panel.reference is not None:
        layout["shapes"] = [
            {
                "type": "line",
                "xref": "paper",
                "x0": 0,
                "x1": 1,
                "y0": panel.reference,
                "y1": panel.reference,
                "line": {"dash": "dash", "width": 1, "color": GRAY},
            }
        ]
    return {"data": [t for s in panel.series for t in traces(s)], "layout": layout}


def logarithmic(values: Iterable[float]) -> dict[str, Any]:
    """Settings of a logarithmic axis, with ticks whose texts are whole numbers of a decade."""
    ticks = decade_ticks(values)
    return {"type": "log", "tickvals": list(ticks), "ticktext": list(ticks.values())}


def label(text: str) -> str:
    """A text that Plotly shows as it is; it reads a few HTML tags."""
    return one_line(text).replace("&", "&amp;").replace("<", "&lt;")


def traces(series: Series) -> list[dict[str, Any]]:
    """The traces of a series: a band behind it, where it has one, and itself."""
    color = COLORS[series.color % len(COLORS)]
    symbol = SYMBOLS[series.color % len(SYMBOLS)]
    trace: dict[str, Any] = {
        "type": "scatter",
        "mode": MODES[series.style],
        "name": label(series.name),
        "legendgroup": label(series.name),
        "showlegend": series.in_legend,
        "x": list(series.x),
        "y": list(series.y),
        "line": {"color": color, "width": 2},
        "marker": {"color": color, "symbol": symbol, "size": 7},
        "hovertemplate": "%{x:.4g}, %{y:.5g}<extra>%{fullData.name}</extra>",
    }
    if series.style == "dashed":
        trace["line"] |= {"dash": "dash", "color": GRAY}
    if crowded(series):
        trace["marker"]["maxdisplayed"] = FEW_MARKERS
    if series.style == "cross":
        trace["marker"] = {"color": color, "symbol": "x-thin", "size": 9, "line": {"width": 2}}
        trace["marker"]["line"]["color"] = color
        trace["hovertemplate"] = "%{x:.4g}: diverged<extra>%{fullData.name}</extra>"
    if series.style == "optimum":
        trace["marker"] = {"color": color, "symbol": "diamond-tall", "size": 13}
        trace["marker"]["line"] = {"color": GRAY, "width": 1}
    if series.x_low is not None and series.x_high is not None:
        trace["error_x"] = {
            "type": "data",
            "symmetric": False,
            "array": [h - x for x, h in zip(series.x, series.x_high, strict=True)],
            "arrayminus": [x - low for x, low in zip(series.x, series.x_low, strict=True)],
            "color": color,
        }
    if series.low is None or series.high is None:
        return [trace]
    if series.style in ("points", "curve"):
        trace["error_y"] = {
            "type": "data",
            "symmetric": False,
            "array": [h - y for y, h in zip(series.y, series.high, strict=True)],
            "arrayminus": [y - low for y, low in zip(series.y, series.low, strict=True)],
            "color": color,
        }
        return [trace]
    band = {
        "type": "scatter",
        "mode": "lines",
        "x": [*series.x, *reversed(series.x)],
        "y": [*series.high, *reversed(series.low)],
        "fill": "toself",
        "fillcolor": f"{color}33",
        "line": {"width": 0},
        "hoverinfo": "skip",
        "legendgroup": label(series.name),
        "showlegend": False,
    }
    return [band, trace]
