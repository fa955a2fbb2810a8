"""Plots loss against learning rate, one curve per rung, with the interval of its optimum."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mutransfer_cli.catalog.sizes import SIZES
from mutransfer_cli.fit.axis_lines import by_name
from mutransfer_cli.fit.study_fit import FittedRung, StudyFit
from mutransfer_cli.report.figure import figure, shades


def plot_fit(study: StudyFit, path: Path) -> None:
    """Plot the curves of a fitted study, with crosses for rates that diverged.

    Raises:
        InputError: The file cannot be written, or the format is unknown.
    """
    varied = [size for size in SIZES if size in study.ladders] or [SIZES[0]]
    with figure(path) as (panel,):
        for rung, color in zip(study.rungs, shades(len(study.rungs)), strict=True):
            draw_rung(panel, rung, varied, color)
        panel.set_xscale("log", base=2)
        panel.set(xlabel="learning rate at the base", ylabel="loss")
        panel.set_title(f"{Path(study.source).name}: {study.verdict}")
        panel.legend()


def draw_rung(panel: Any, rung: FittedRung, varied: Sequence[str], color: Any) -> None:
    """Draw one rung.

    Args:
        panel: The matplotlib axes.
        rung: The rung; nothing is drawn if none of its rates finished.
        varied: Names of the sizes by which rungs differ, for the legend.
        color: Color of the curve.
    """
    curve, transform, optimum = rung.fit.curve, rung.ladder.transform, rung.fit.optimum
    if curve is None:
        return
    sizes = by_name(rung.size)
    label = ", ".join(f"{name} {sizes[name]}" for name in varied)
    means = np.array([transform.loss(value) for value in curve.means])
    panel.plot(2.0**curve.x, means, "o-", color=color, label=label)
    if len(curve.censored):
        top = np.full(len(curve.censored), means.max())
        panel.plot(2.0**curve.censored, top, "x", color=color)
    lr = optimum.exp2() if optimum is not None else None
    if lr is not None and lr.low is not None and lr.high is not None:
        reach = [[lr.value - lr.low], [lr.high - lr.value]]
        panel.errorbar(
            lr.value, rung.fit.loss, xerr=reach, fmt="D", color=color, mec="k", ecolor="k",
            capsize=3,
        )  # fmt: skip
