"""The test of lack of fit, and which residuals the noise is pooled from."""

from __future__ import annotations

import pytest

from mutransfer_cli.surface.curves.noise import LackOfFit, SumOfSquares, pooled_noise


def residuals(misfit: float, pure_error: float) -> LackOfFit:
    return LackOfFit(SumOfSquares(misfit, 2), SumOfSquares(pure_error, 10))


def test_a_lack_of_fit_is_significant_above_the_tabulated_quantile() -> None:
    """F(2, 10) has its upper 5 % point at 4.103 (Snedecor and Cochran, table A14)."""
    assert not residuals(2 * 4.09, 10.0).significant
    assert residuals(2 * 4.12, 10.0).significant
    assert not LackOfFit(SumOfSquares(9.0, 2), SumOfSquares(0.0, 0)).significant  # nothing to test


def test_noise_is_pooled_unless_the_curve_is_no_parabola() -> None:
    """By hand: (1 + 9 + 1 + 9) / 24 together; the misfit alone, 40 / 4, where it stands out."""
    pooled = pooled_noise([residuals(1.0, 9.0), residuals(1.0, 9.0)])
    assert pooled is not None
    assert (pooled.variance, pooled.degrees_of_freedom) == (pytest.approx(20 / 24), 24)
    # Student's t with 24 degrees of freedom: 2.064 (the same tables)
    assert pooled.quantile(0.95) == pytest.approx(2.064, abs=1e-3)
    alone = pooled_noise([residuals(20.0, 9.0), residuals(20.0, 9.0)])
    assert alone is not None
    assert (alone.variance, alone.degrees_of_freedom) == (10.0, 4)
    assert pooled_noise([]) is None
