"""Plots a check: the classical curves, and each tensor's deviation with its interval."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mutransfer_cli.coordcheck.verdict.slopes import EXPONENT_TOLERANCE
from mutransfer_cli.documents.check import CheckDocument, TensorReport
from mutransfer_cli.quoting import plain_label
from mutransfer_cli.report.figure import VERDICT_COLORS, figure

PANEL_WIDTH, ROW_HEIGHT, MIN_HEIGHT = 5.0, 0.22, 4.0  # inches
MARKERS = {"pass": "o", "warn": "s", "fail": "X"}  # beside the color; any other verdict: D


def plot(document: CheckDocument, path: Path) -> None:
    """Plot a check to a file, whose suffix determines the format.

    Raises:
        InputError: The file cannot be written, or the format is unknown.
    """
    judged = [t for t in document.tensors if t.update_slope is not None]
    height = max(MIN_HEIGHT, ROW_HEIGHT * len(judged))
    with figure(path, panels=3, size=(3 * PANEL_WIDTH, height)) as (init, change, deviations):
        draw_curves(init, [m.init for m in document.modules])
        init.set(title="outputs of modules at init", xlabel=plain_label(document.axis))
        draw_curves(change, [m.change for m in document.modules])
        change.set(title="their change", xlabel=plain_label(document.axis))
        draw_deviations(deviations, judged)
        deviations.set(
            title=f"deviation of each tensor's update: {document.verdict}", xlabel="exponent"
        )


def draw_curves(axes: Any, curves: list[dict[int, float]]) -> None:
    """Draw one line per module, without curves that have values at or below 0."""
    for curve in curves:
        if all(value > 0 for value in curve.values()):
            axes.loglog(list(curve), list(curve.values()), marker=".", alpha=0.6)
    sizes = sorted({size for curve in curves for size in curve})
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.set_xticks([], minor=True)
    axes.set_ylabel("root mean square")


def draw_deviations(axes: Any, tensors: list[TensorReport]) -> None:
    """Draw one row per tensor: the deviation of its exponent, with its interval."""
    for row, t in enumerate(tensors):
        slope = t.update_slope
        assert slope is not None
        half_width = 0.0 if slope.high is None else slope.high - slope.value
        axes.errorbar(
            slope.value - (slope.expected or 0.0),
            row,
            xerr=half_width,
            fmt=MARKERS.get(t.verdict, "D"),
            color=VERDICT_COLORS[t.verdict],
        )
    axes.set_yticks(range(len(tensors)), [plain_label(t.name) for t in tensors], fontsize=6)
    axes.axvspan(-EXPONENT_TOLERANCE, EXPONENT_TOLERANCE, color="tab:green", alpha=0.1)
