"""Plots loss against learning rate, one curve per rung, with the interval of its optimum."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mutransfer_cli.fit.decision.wording import size_text
from mutransfer_cli.fit.rung_curves import RungCurve, is_joint, lowest_losses, surface_line
from mutransfer_cli.fit.study_fit import StudyFit
from mutransfer_cli.quoting import plain_label
from mutransfer_cli.report.figure import figure, shades
from mutransfer_cli.surface.curves.curve import Curve


def plot_fit(study: StudyFit, path: Path) -> None:
    """Plot the curves of a fitted study, with crosses for rates that diverged.

    Where optima are of several hyperparameters at once, a point is the lowest loss at its learning
    rate, and a line the fitted surface at the rung's best values of the others.

    Raises:
        InputError: The file cannot be written, or the format is unknown.
    """
    joint = is_joint(study.curves, study.surface)
    with figure(path) as (panel,):
        for rung, color in zip(study.curves, shades(len(study.curves)), strict=True):
            label = plain_label(size_text(rung.answer.sizes, study.answers.axes))
            if joint:
                draw_lowest(panel, study, rung, label, color)
            else:
                draw_curve(panel, rung, label, color)
            draw_optimum(panel, rung, color)
        panel.set_xscale("log", base=2)
        panel.set(xlabel="learning rate at the base", ylabel="loss")
        if joint:
            panel.set_ylabel("loss, the lowest at each learning rate")
        panel.set_title(plain_label(f"{Path(study.source).name}: {study.verdict}"))
        panel.legend()


def draw_curve(panel: Any, rung: RungCurve, label: str, color: Any) -> None:
    """Draw the means of a rung along its learning rates.

    Args:
        panel: The matplotlib axes.
        rung: The rung; nothing is drawn if none of its rates finished.
        label: Of the legend.
        color: Color of the curve.
    """
    if rung.curve is None:
        return
    panel.plot(2.0**rung.curve.x, rung.curve.means, "o-", color=color, label=label)
    draw_diverged(panel, rung.curve, color)


def draw_lowest(panel: Any, study: StudyFit, rung: RungCurve, label: str, color: Any) -> None:
    """Draw the lowest loss of a rung at every learning rate, and the surface.

    Args:
        panel: The matplotlib axes.
        study: The fit.
        rung: The rung; nothing is drawn if none of its rates finished.
        label: Of the legend.
        color: Color of the points and the line.
    """
    if rung.curve is None:
        return
    lowest = lowest_losses(study.observations, rung.answer)
    line = surface_line(study.surface, rung.answer, [lr for lr, _ in lowest])
    panel.plot(*zip(*lowest, strict=True), "o", ms=4, color=color, label=None if line else label)
    if line:
        panel.plot(*zip(*line, strict=True), "-", color=color, label=label)
    draw_diverged(panel, rung.curve, color)


def draw_diverged(panel: Any, curve: Curve, color: Any) -> None:
    """Mark the rates that diverged, at the highest loss of the curve."""
    if len(curve.censored):
        top = np.full(len(curve.censored), curve.means.max())
        panel.plot(2.0**curve.censored, top, "x", color=color)


def draw_optimum(panel: Any, rung: RungCurve, color: Any) -> None:
    """Draw the optimum of a rung with its interval, where it has one."""
    answer = rung.answer
    lr = (answer.optimum or {}).get("lr")
    if rung.curve is not None and lr is not None and lr.low is not None and lr.high is not None:
        reach = [[lr.value - lr.low], [lr.high - lr.value]]
        panel.errorbar(
            lr.value, answer.loss, xerr=reach, fmt="D", color=color, mec="k", ecolor="k",
            capsize=3,
        )  # fmt: skip
