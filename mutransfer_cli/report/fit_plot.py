"""Plots loss against learning rate, one curve per rung, with the interval of its optimum."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mutransfer_cli.fit.decision.wording import size_text
from mutransfer_cli.fit.rung_curves import RungCurve
from mutransfer_cli.fit.study_fit import StudyFit
from mutransfer_cli.quoting import plain_label
from mutransfer_cli.report.figure import figure, shades


def plot_fit(study: StudyFit, path: Path) -> None:
    """Plot the curves of a fitted study, with crosses for rates that diverged.

    Raises:
        InputError: The file cannot be written, or the format is unknown.
    """
    varied = study.answers.axes
    with figure(path) as (panel,):
        for rung, color in zip(study.curves, shades(len(study.curves)), strict=True):
            draw_rung(panel, rung, varied, color)
        panel.set_xscale("log", base=2)
        panel.set(xlabel="learning rate at the base", ylabel="loss")
        panel.set_title(plain_label(f"{Path(study.source).name}: {study.verdict}"))
        panel.legend()


def draw_rung(panel: Any, rung: RungCurve, varied: Sequence[str], color: Any) -> None:
    """Draw one rung.

    Args:
        panel: The matplotlib axes.
        rung: The rung; nothing is drawn if none of its rates finished.
        varied: Names of the sizes by which rungs differ, for the legend.
        color: Color of the curve.
    """
    curve, answer = rung.curve, rung.answer
    if curve is None:
        return
    single = len(answer.optimum or {}) < 2  # points of several hyperparameters are no curve
    panel.plot(
        2.0**curve.x,
        curve.means,
        "o-" if single else "o",
        color=color,
        label=plain_label(size_text(answer.sizes, varied)),
    )
    if len(curve.censored):
        top = np.full(len(curve.censored), curve.means.max())
        panel.plot(2.0**curve.censored, top, "x", color=color)
    lr = (answer.optimum or {}).get("lr")
    if lr is not None and lr.low is not None and lr.high is not None:
        reach = [[lr.value - lr.low], [lr.high - lr.value]]
        panel.errorbar(
            lr.value, answer.loss, xerr=reach, fmt="D", color=color, mec="k", ecolor="k",
            capsize=3,
        )  # fmt: skip
