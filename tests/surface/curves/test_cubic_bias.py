"""The optimum of a curve with a cubic term."""

from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.surface.curves.loss_transform import transformed_curves
from tests.helpers.loss_curves import OCTAVES, only_rung, runs_of


def test_an_optimum_is_the_cubic_s_where_the_curve_has_a_cubic_term() -> None:
    """2 + 0.035 t² + 0.004 t³ has its lowest at t = 0.

    The parabola through t = -2..2 has the slope 0.004 Σt⁴/Σt² = 0.0136 there, so its vertex lies
    0.0136 / (2 · 0.035) = 0.194 octaves too low.
    """
    rng = np.random.default_rng(0)
    runs = runs_of(
        lambda x, s: 2 + 0.035 * (x + 6) ** 2 + 0.004 * (x + 6) ** 3 + rng.normal(0, 1e-6), OCTAVES
    )
    optimum = only_rung(runs).optimum
    assert optimum is not None and optimum.value == pytest.approx(-6, abs=0.01)
    (parabola,) = transformed_curves({64: runs}).parabolas.values()
    assert parabola.vertex == pytest.approx(-6.194, abs=0.01)
