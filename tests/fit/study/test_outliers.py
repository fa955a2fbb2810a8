"""Outliers are runs that others contradict."""

from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.fit.study.outliers import absurdly_low, outliers
from mutransfer_cli.surface.response.response_surface import fit_response
from mutransfer_cli.surface.response.runs import Array, Runs

RATES = np.arange(-3.0, 4.0)


def ladder(*changed: tuple[int, float]) -> Runs:
    """Three rungs with two seeds of .02 u² + noise of .001; some losses changed by an amount."""
    rng = np.random.default_rng(2)
    losses: Array = np.tile(0.02 * RATES**2, 6) + 0.001 * rng.standard_normal(42)
    for index, amount in changed:
        losses[index] += amount
    return Runs(
        np.tile(RATES, 6)[:, None],
        np.repeat([0.0, 1.0, 2.0], 14)[:, None],
        np.tile(np.repeat([0, 1], 7), 3),
        losses,
    )


@pytest.mark.parametrize("index", [2, 3, 4, 17])
def test_a_crashed_run_is_found(index: int) -> None:
    assert np.flatnonzero(outliers(fit_response(ladder((index, 0.5))))).tolist() == [index]


def test_what_is_no_outlier() -> None:
    assert not outliers(fit_response(ladder())).any()
    # the same at another seed and on every rung: a property of the rate
    ridge = [(3 + 7 * k, 0.3) for k in range(6)]
    assert not outliers(fit_response(ladder(*ridge))).any()
    # nothing farther out is better: a cliff
    assert not outliers(fit_response(ladder((6, 0.5), (13, 0.5)))).any()


def test_an_absurdly_low_loss() -> None:
    assert np.flatnonzero(absurdly_low(ladder((3, -2.0)))).tolist() == [3]
    assert not absurdly_low(ladder()).any()
