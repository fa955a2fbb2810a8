"""Losses or their logarithms: whichever is a parabola with even noise."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from math import exp

import numpy as np
import pytest

from mutransfer_cli.surface.curves.ladder_fit import fit_ladder
from mutransfer_cli.surface.curves.loss_transform import LossTransform, transformed_curves
from mutransfer_cli.surface.observation import Observation
from tests.helpers.loss_curves import OCTAVES, only_rung, runs_of


def transform(runs: list[Observation]) -> LossTransform:
    return transformed_curves({64: runs}).transform


def square(level: float, x: float, seed: int) -> float:
    return level + (x + 6.2) ** 2


def test_losses_that_vary_several_times_are_compared_as_logarithms() -> None:
    """exp of a parabola with its lowest at -5.7: 0.05 there, 1.5 two octaves off."""
    steep = runs_of(lambda x, s: 0.05 * exp(0.85 * (x + 5.7) ** 2 + 0.1 * s), OCTAVES)
    rung = only_rung(steep)
    assert transform(steep).logarithmic
    assert rung.optimum is not None
    assert rung.optimum.value == pytest.approx(-5.7, abs=1e-6)
    assert rung.loss == pytest.approx(0.05 * exp(0.05), rel=1e-6)  # between two seeds
    # in units of the loss: 10 % of losses that are 0.3 or so on the (geometric) average
    rng = np.random.default_rng(1)
    noisy = [replace(o, loss=(o.loss or 0) * exp(0.1 * rng.standard_normal())) for o in steep]
    assert fit_ladder(noisy).noise == pytest.approx(0.03, rel=0.5)
    # the control: the parabola through the losses themselves misses
    xs = np.array([-8.0, -7, -6, -5, -4])
    plain = np.polyfit(xs, 0.05 * np.exp(0.85 * (xs + 5.7) ** 2), 2)
    assert abs(-plain[1] / (2 * plain[0]) + 5.7) > 0.05


def test_losses_that_are_a_parabola_or_not_positive_are_taken_as_they_are() -> None:
    rates = dict.fromkeys((-8.0, -7.0, -6.0, -5.0, -4.0), 2)
    for level in (1.0, -3.0):
        runs = runs_of(partial(square, level), rates)
        assert not transform(runs).logarithmic
        optimum = only_rung(runs).optimum
        assert optimum is not None and optimum.value == pytest.approx(-6.2, abs=1e-6)
