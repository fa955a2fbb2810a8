"""The scale on which losses are fitted."""

from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.fit.study.loss_scale import loss_scale


def test_positive_losses_are_fitted_as_logarithms() -> None:
    scale = loss_scale([1.0, 2.0])
    assert scale.logarithmic
    assert scale.loss(float(scale.transformed(np.array(2.5)))) == pytest.approx(2.5)
    assert scale.relative(np.log(np.array(1.02))) == pytest.approx(0.02)


def test_other_losses_are_fractions_of_what_training_gained() -> None:
    """An untrained model at 3 and a best run at -1: a difference of 0.04 is 1 % of the 4 gained."""
    scale = loss_scale([-1.0, 2.0], untrained=3.0)
    excess = scale.transformed(np.array(-0.96)) - scale.transformed(np.array(-1.0))
    assert scale.relative(excess) == pytest.approx(0.01)
    assert scale.loss(float(scale.transformed(np.array(-0.96)))) == pytest.approx(-0.96)


def test_losses_that_are_all_alike_have_a_unit() -> None:
    assert loss_scale([0.0, 0.0]).unit == 1.0
