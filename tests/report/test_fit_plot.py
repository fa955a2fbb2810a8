"""The figure of a fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib import pyplot as plt

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.study_fit import fit_study
from mutransfer_cli.report import figure, fit_plot
from tests.helpers.loss_curves import along, random_settings, sweep


def test_every_rung_has_its_own_curve_where_two_axes_grow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five rungs, three of them of one width; what is drawn are the means, in units of the loss."""
    panels = []
    monkeypatch.setattr(figure, "save", lambda drawing, path: panels.append(drawing.axes[0]))
    depth = along("depth", {2: -5.0, 4: -5.5, 8: -6.0}, batch=16, steps=200)
    width = along("width", {32: -5.5, 128: -5.5}, depth=4, batch=16, steps=200)
    fit_plot.plot_fit(fit_study(depth + width), tmp_path / "fit.png")
    (panel,) = panels
    labels = [text.get_text() for text in panel.get_legend().get_texts()]
    assert labels == [
        "width 32, depth 4",
        "width 64, depth 2",
        "width 64, depth 4",
        "width 64, depth 8",
        "width 128, depth 4",
    ]
    lines = {line.get_label(): line for line in panel.get_lines()}
    drawn = lines["width 64, depth 2"]
    assert list(drawn.get_xdata()) == pytest.approx([2.0**x for x in range(-9, -2)])
    means = [
        np.mean([o.loss for o in depth if o.depth == 2 and o.lr == lr]) for lr in drawn.get_xdata()
    ]
    assert list(drawn.get_ydata()) == pytest.approx(means)


def test_a_figure_is_written_or_named(tmp_path: Path) -> None:
    runs = sweep(np.random.default_rng(0), {32: -6.0, 64: -6.0}, diverges_above=-4.5)
    study = replace(fit_study(runs), source="runs.csv")
    fit_plot.plot_fit(study, tmp_path / "new" / "fit.png")
    assert (tmp_path / "new" / "fit.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(InputError, match=r"--plot .*fit\.doc: cannot be written"):
        fit_plot.plot_fit(study, tmp_path / "fit.doc")
    assert plt.get_fignums() == []


def test_points_of_several_hyperparameters_are_not_connected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line beside them is the surface's, and is lowest at the rung's optimum."""
    panels = []
    monkeypatch.setattr(figure, "save", lambda drawing, path: panels.append(drawing.axes[0]))
    study = fit_study(random_settings())
    fit_plot.plot_fit(study, tmp_path / "fit.png")
    points, line = panels[0].get_lines()[:2]
    assert (points.get_linestyle(), line.get_linestyle()) == ("None", "-")
    lowest = line.get_xdata()[np.argmin(line.get_ydata())]
    optimum = study.curves[0].answer.optimum
    assert optimum is not None
    assert np.log2(lowest) == pytest.approx(np.log2(optimum["lr"].value), abs=0.2)
