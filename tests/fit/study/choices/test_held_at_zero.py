"""The best setting beside a hyperparameter that is best at 0."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from mutransfer_cli.fit.study.choices.held_at_zero import beside_zero, best_at_zero
from mutransfer_cli.fit.study.study_runs import study_runs
from mutransfer_cli.surface.observation import Observation
from mutransfer_cli.surface.response.draws import Draws


def draws(coupling: float) -> Draws:
    """One draw of L = [[1, 0], [c, 1]]: the loss is x₁² + (c x₁ + x₂)²."""
    one = np.zeros((1, 2))
    return Draws(
        level=one, optimum=one, drift=one[:, :, None], departure=one[:, None], departure_sd=one,
        skew=one, steepening=one, growth=one, unevenness=one, scale=one,
        mixing=np.array([[[1.0, 0.0], [coupling, 1.0]]]), flattening=one, saturation=one[:, 0],
        misfit=one[:, 0], noise=one,
    )  # fmt: skip


@pytest.mark.parametrize("coupling", [0.0, 1.0, -2.0])
def test_the_others_move_along_the_valley(coupling: float) -> None:
    """At x₂ = 1 the derivative by x₁ is 2 x₁ + 2c(c x₁ + 1): the minimum is -c/(1 + c²)."""
    found = beside_zero(np.zeros((1, 2)), draws(coupling), {1: 1.0})
    np.testing.assert_allclose(found, [[-coupling / (1 + coupling**2), 1.0]], atol=1e-12)
    free = np.array([[0.3, 1.2]])
    np.testing.assert_array_equal(beside_zero(free, draws(coupling), {}), free)


def decays(best: float, values: tuple[float, ...]) -> list[Observation]:
    return [
        Observation(w, 0.01, 0, 2 + 0.1 * abs(d - best), params={"decay": d})
        for w, d in product((64, 128), values)
    ]


def test_zero_is_best_where_every_other_value_is_worse() -> None:
    """In octaves .01 and .1 are 3.32 apart, and 0 stands as far below .01; in steps it is 0."""
    found = best_at_zero(study_runs(decays(0.0, (0.0, 0.01, 0.1))))
    assert found == {0: pytest.approx(2 * np.log2(0.01) - np.log2(0.1))}
    assert best_at_zero(study_runs(decays(0.0, (0.0, 0.4, 0.5)))) == {0: 0.0}


@pytest.mark.parametrize(("best", "values"), [(0.1, (0.0, 0.1, 1.0)), (0.0, (-0.1, 0.0, 0.1))])
def test_else_it_is_a_value_like_any_other(best: float, values: tuple[float, ...]) -> None:
    assert best_at_zero(study_runs(decays(best, values))) == {}
