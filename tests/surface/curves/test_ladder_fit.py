"""The verdict on a ladder, and the hyperparameters it recommends."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.curves.ladder_fit import fit_ladder, judge
from mutransfer_cli.surface.curves.rung_optima import RungFit
from mutransfer_cli.surface.observation import Observation
from tests.helpers.loss_curves import sweep


def test_constant_optimum_holds() -> None:
    found = fit_ladder(sweep(np.random.default_rng(1), {32: -6.1, 64: -6.1, 128: -6.1}))
    assert found.verdict == "holds", found.reason


def test_everything_diverged() -> None:
    found = fit_ladder([Observation(w, 2.0**x, 0, None) for w in (32, 64) for x in (-5, -4)])
    assert found.verdict == "inconclusive"
    assert found.source is None and found.hyperparameters == {}


def test_other_hyperparameters_take_their_best() -> None:
    runs = [
        Observation(64, 2.0**x, 0, 2 + (x + 6) ** 2 + 0.5 * (std - 2) ** 2, params={"std": std})
        for x in range(-9, -2)
        for std in (1.0, 2.0, 4.0)
    ]
    runs = [Observation(o.width, o.lr, s, o.loss, params=o.params) for o in runs for s in (0, 1)]
    assert fit_ladder(runs).hyperparameters["std"] == 2.0


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-0.25, 0.25, "holds"),
        (-0.26, 0.1, "inconclusive"),
        (-0.1, 0.26, "inconclusive"),
        (0.26, 0.4, "fails"),
        (-0.4, -0.26, "fails"),
    ],
)
def test_the_verdict_is_that_of_the_whole_interval(low: float, high: float, verdict: str) -> None:
    """Within ±0.25 octaves per doubling, outside, or across."""
    drift = Interval(value=(low + high) / 2, low=low, high=high)
    rungs = {size: RungFit(Interval(value=-6.0)) for size in (32, 64)}
    found, reason = judge(rungs, drift, "depth")
    assert found == verdict and "per doubling of the depth" in reason


def test_decisions_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "mutransfer_cli.surface"):
        fit_ladder(sweep(np.random.default_rng(1), {32: -6.1, 64: -9.6}))
    assert "rungs of width 32, 64: parabolas through the losses" in caplog.text
    assert "width 64: no optimum: the best learning rate is at the low end" in caplog.text
