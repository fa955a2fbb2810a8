"""Final losses predicted from the first part of planted curves."""

from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.surface.loss_curves.final_loss import (
    early_level,
    expected_level,
    predict_final_loss,
)
from mutransfer_cli.surface.loss_curves.loss_curve import LossCurve
from tests.helpers.planted_curves import planted


def test_without_noise_the_prediction_is_exact() -> None:
    """ln L(final) is ln L(early) plus a constant where curves differ by a factor."""
    curves = planted(seed_scatter=1e-4, noise=0.0)
    *smaller, largest = [c for c in curves if c.seed == 0]
    found = predict_final_loss(largest, 0.25, [c for c in curves if c.size != 256])
    assert found.value == pytest.approx(largest.final, rel=1e-3)
    assert smaller[-1].size == 128


def test_intervals_cover() -> None:
    inside = total = 0
    for rng_seed in range(20):
        curves = planted(rng_seed=rng_seed)
        smaller = [c for c in curves if c.size != 256]
        for curve in (c for c in curves if c.size == 256):
            found = predict_final_loss(curve, 0.25, smaller)
            assert found.low is not None and found.high is not None
            inside += found.low <= curve.final <= found.high
            total += 1
    assert inside / total >= 0.85


def test_another_rate_leaves_the_interval_of_the_early_loss() -> None:
    curves = planted(speed={256: 0.25})
    smaller = [c for c in curves if c.size != 256]
    for curve in (c for c in curves if c.size == 256):
        expected = expected_level(curve, 0.25, smaller, 0.99)
        assert expected is not None and expected.high is not None
        assert early_level(curve, 0.25) > expected.high
    right = planted()
    for curve in (c for c in right if c.size == 256):  # the control
        expected = expected_level(curve, 0.25, [c for c in right if c.size != 256], 0.99)
        assert expected is not None and expected.low is not None and expected.high is not None
        assert expected.low <= early_level(curve, 0.25) <= expected.high


def test_a_power_law_is_continued() -> None:
    """L = x^-0.2: the final loss, the mean over 0.9 to 1, is 0.95^-0.2 = 1.0103."""
    x = np.linspace(0.005, 0.25, 100)
    found = predict_final_loss(LossCurve(x, x**-0.2), 0.25)
    assert found.value == pytest.approx(0.95**-0.2, rel=0.01)
    assert found.low is not None and found.low < 0.95**-0.2


def test_losses_below_zero() -> None:
    curves = [LossCurve(c.progress, c.losses - 3, c.size, c.seed) for c in planted()]
    largest = curves[-1]
    found = predict_final_loss(largest, 0.25, [c for c in curves if c.size != 256])
    assert found.low is not None and found.high is not None
    assert found.low < largest.final < found.high


def test_refused() -> None:
    curves = planted()
    with pytest.raises(InputError, match="between 0 and 1"):
        predict_final_loss(curves[0], 1.5)
    with pytest.raises(InputError, match="fewer than two points"):
        predict_final_loss(curves[0], 0.004)
    with pytest.raises(InputError, match="2 completed runs"):
        predict_final_loss(curves[0], 0.25, curves[1:3])
