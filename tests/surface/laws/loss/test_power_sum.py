from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.surface.laws.law_form import LawOptions
from mutransfer_cli.surface.laws.loss.power_sum import fit_power_sum, objective_of
from tests.helpers.law_tables import loss_table

QUICK = LawOptions(resamples=100)


def test_a_law_without_noise_is_recovered() -> None:
    table = loss_table(noise=0.0)
    sizes = np.stack([table.logs(name) for name in table.sizes], axis=1)
    fitted = fit_power_sum(sizes, table.logs("loss"), QUICK)
    floor, factors, exponents = fitted.natural(fitted.estimate)
    assert floor == pytest.approx(1.7, rel=1e-3)
    assert factors == pytest.approx([400, 900], rel=0.02)
    assert exponents == pytest.approx([0.34, 0.30], rel=2e-3)


def test_the_gradient_is_that_of_the_objective() -> None:
    """By central differences, for E fitted, fixed and absent."""
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((30, 2)), 1 + 0.1 * rng.standard_normal(30)
    for floor, count in ((None, 5), (0.5, 4), (0.0, 4)):
        objective = objective_of(x, y[None], np.ones((1, 30)), floor)
        at, index = rng.standard_normal((1, count)), np.zeros(1, dtype=np.intp)
        _, gradient = objective(at, index)
        for j in range(count):
            step = np.zeros((1, count))
            step[0, j] = 1e-7
            up, down = objective(at + step, index)[0], objective(at - step, index)[0]
            assert gradient[0, j] == pytest.approx((up - down)[0] / 2e-7, rel=1e-3, abs=1e-3)


def test_a_fixed_floor_is_kept() -> None:
    table = loss_table(noise=0.0)
    sizes = np.stack([table.logs(name) for name in table.sizes], axis=1)
    fitted = fit_power_sum(sizes, table.logs("loss"), QUICK, floor=1.7)
    floor, _, exponents = fitted.natural(fitted.estimate)
    assert floor == 1.7 and exponents == pytest.approx([0.34, 0.30], rel=2e-3)
