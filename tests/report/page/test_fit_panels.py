"""The plots of a fit show what was run and what the fit says."""

from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.fit.study_fit import fit_study
from mutransfer_cli.report.page.fit_panels import fit_panels
from mutransfer_cli.report.page.panels import Panel, Series, powers_of_two
from tests.helpers.loss_curves import along, sweep


def panels_of(runs: list[object]) -> dict[str, Panel]:
    study = fit_study(runs)  # type: ignore[arg-type]  # observations
    return {p.key.removeprefix("run1-"): p for p in fit_panels(study, study.document(), "run1")}


def test_losses_are_means_over_the_seeds() -> None:
    runs = sweep(np.random.default_rng(0), {32: -6.0, 64: -6.0}, diverges_above=-4.5)
    panel = panels_of([*runs])["losses"]
    curve = next(s for s in panel.series if s.name == "width 32" and s.style == "curve")
    assert curve.x == pytest.approx([2.0**x for x in range(-9, -4)])
    means = [np.mean([o.loss for o in runs if o.width == 32 and o.lr == x]) for x in curve.x]
    assert curve.y == pytest.approx(means)
    cross = next(s for s in panel.series if s.name == "width 32" and s.style == "cross")
    assert cross.x == pytest.approx([2.0**-4, 2.0**-3])


def test_the_cost_of_another_value_is_that_of_the_planted_curve() -> None:
    """The loss is l + .035 t² in octaves t: at one octave from the optimum .035 / l, l = 2.23."""
    runs = along("width", {32: -6.0, 64: -6.0, 128: -6.0}, depth=2)
    panel = panels_of([*runs])["cost-lr"]
    (series,) = panel.series
    costs = {round(float(np.log2(x)), 2): y for x, y in zip(series.x, series.y, strict=True)}
    level = 2.2 + 3 / 128
    for octaves in (-1.125, 1.125):
        expected = 100 * 0.035 * octaves**2 / level
        assert costs[round(-6.0 + octaves, 2)] == pytest.approx(expected, rel=0.1)
    assert min(series.y) == pytest.approx(0.0, abs=0.05)
    assert panel.log2_x and panel.reference == pytest.approx(0.5)


def test_optima_and_costs_are_those_of_the_document() -> None:
    runs = along("width", {32: -5.0, 64: -5.5, 128: -6.0}, depth=2)
    study = fit_study(runs)
    document = study.document()
    panels = {p.key: p for p in fit_panels(study, document, "a")}
    (optima,) = panels["a-optimum-lr-width"].series
    assert optima.x == (32.0, 64.0, 128.0)
    assert list(optima.y) == [r.optimum["lr"].value for r in document.rungs if r.optimum]
    (costs,) = panels["a-transfer-width"].series
    assert list(costs.y) == [100 * (r.value or 0) for r in document.axes["width"].regret]
    assert costs.y[-1] > 1.0  # one octave off costs .035 / 2.2


def test_ticks_are_powers_of_two() -> None:
    series = Series("a", (2.0**-9, 2.0**-3), (1.0, 1.0), "curve", 0)
    panel = Panel("a", "a", "a", "a", "a", (series,), log2_x=True)
    assert powers_of_two(panel) == list(range(-9, -2))
    wide = Series("a", (2.0**-30, 2.0**10), (1.0, 1.0), "curve", 0)
    assert len(powers_of_two(Panel("a", "a", "a", "a", "a", (wide,), log2_x=True))) <= 9
