"""Answers of a study's surface, in the units of its hyperparameters."""

from __future__ import annotations

from itertools import product
from math import expm1, log2

import numpy as np
import pytest

from mutransfer_cli.fit.study.study_surface import StudySurface
from mutransfer_cli.fit.study.surface_fit import study_surface
from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.observation import Observation

RATES = range(-10, -2)


@pytest.fixture(scope="module")
def drifting() -> StudySurface:
    """log loss = level + .02 (log2 lr + 6 + .5 log2(w/64))²: half an octave per doubling."""
    rng = np.random.default_rng(0)
    return study_surface(
        [
            Observation(
                w,
                2.0**x,
                s,
                float(
                    (2 + 10 / w)
                    * np.exp(0.02 * (x + 6 + 0.5 * log2(w / 64)) ** 2 + rng.normal(0, 3e-4))
                ),
            )
            for w, x, s in product((64, 128, 256), RATES, (0, 1))
        ]
    )


def inside(value: float, interval: Interval) -> bool:
    assert interval.low is not None and interval.high is not None
    return interval.low <= value <= interval.high


def test_optimum_drift_and_loss(drifting: StudySurface) -> None:
    assert drifting.smallest == {"width": 64.0} and drifting.largest == {"width": 256.0}
    for width, optimum in ((64, -6), (128, -6.5), (256, -7)):
        assert inside(2.0**optimum, drifting.optimum({"width": width})["lr"])
    assert inside(-0.5, drifting.drift("width")["lr"])
    assert drifting.loss(2).value == pytest.approx(2 + 10 / 256, rel=1e-3)


def test_regret_of_a_transfer_and_of_an_error(drifting: StudySurface) -> None:
    """One octave off costs exp(.02) - 1, also from width 64 to 256; a factor of two likewise."""
    assert inside(expm1(0.02), drifting.transfer_regret(drifting.smallest, drifting.largest))
    assert inside(expm1(0.02), drifting.regret({"lr": 2.0**-6}, {"width": 256}))
    assert drifting.regret({"lr": 2.0**-7}, {"width": 256}).value < 1e-3
    for octaves in (-1, 1):
        assert inside(expm1(0.02), drifting.cost_of_step("lr", {"width": 256}, octaves))


def test_the_choice_at_an_unseen_width(drifting: StudySurface) -> None:
    assert log2(drifting.choice({"width": 512})["lr"]) == pytest.approx(-7.5, abs=0.15)


def test_entanglement_of_two_hyperparameters() -> None:
    """log loss = .02 (x² + y² + 1.2 xy): a correlation of .6; the control without xy: 0."""
    for mixed, correlation in ((1.2, 0.6), (0.0, 0.0)):
        rng = np.random.default_rng(1)
        runs = [
            Observation(
                64,
                2.0**x,
                0,
                float(2 * np.exp(0.02 * (x * x + y * y + mixed * x * y) + rng.normal(0, 3e-4))),
                params={"std": 2.0**y},
            )
            for x, y in product(range(-3, 4), range(-3, 4))
        ]
        matrix = study_surface(runs).entanglement
        assert inside(correlation, matrix[0][1]) and matrix[0][1] == matrix[1][0]
        assert matrix[0][0].value == 1
        if mixed:
            assert matrix[0][1].low is not None and matrix[0][1].low > 0.2
