"""The best setting beside a hyperparameter that is best at 0."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import product

import numpy as np
import pytest

from mutransfer_cli.fit.study.choices.held_at_zero import beside, best_at_zero
from mutransfer_cli.fit.study.study_runs import study_runs
from mutransfer_cli.surface.observation import Observation
from mutransfer_cli.surface.response.draws import Draws


def draws(coupling: float) -> Draws:
    """One draw of L = [[1, 0], [c, 1]]: the loss is x₁² + (c x₁ + x₂)²."""
    parts = {f.name: np.zeros((1, 2)) for f in fields(Draws)}
    return Draws(**{**parts, "mixing": np.array([[[1.0, 0.0], [coupling, 1.0]]])})


@pytest.mark.parametrize("coupling", [0.0, 1.0, -2.0])
def test_the_others_move_along_the_valley(coupling: float) -> None:
    """At x₂ = 1 the derivative by x₁ is 2 x₁ + 2c(c x₁ + 1): the minimum is -c/(1 + c²)."""
    found = beside(np.zeros((1, 2)), draws(coupling), {1: 1.0})
    np.testing.assert_allclose(found, [[-coupling / (1 + coupling**2), 1.0]], atol=1e-12)
    free = np.array([[0.3, 1.2]])
    np.testing.assert_array_equal(beside(free, draws(coupling), {}), free)


def test_a_hyperparameter_without_effect_stays() -> None:
    """The loss is x₁² and says nothing of x₂."""
    flat = replace(draws(0.0), scale=np.array([[0.0, -np.inf]]))
    optima = np.array([[0.3, 1.2]])
    np.testing.assert_array_equal(beside(optima, flat, {0: 0.5}), [[0.5, 1.2]])
    np.testing.assert_array_equal(beside(optima, flat, {1: 2.0}), [[0.3, 2.0]])


def test_several_that_are_held_leave_the_others_to_themselves() -> None:
    """At x₁ = a and x₂ = b nothing is left to move: the answer is (a, b), whatever is coupled."""
    found = beside(np.array([[0.3, 1.2]]), draws(2.0), {0: -1.0, 1: 4.0})
    np.testing.assert_array_equal(found, [[-1.0, 4.0]])


def decays(lowest: float, values: tuple[float, ...]) -> list[Observation]:
    return [
        Observation(w, 0.01, 0, 2 + 0.1 * abs(d - lowest), params={"decay": d})
        for w, d in product((64, 128), values)
    ]


def best(observations: list[Observation]) -> dict[int, float]:
    study = study_runs(observations)
    return best_at_zero(
        study.observations, study.rung_keys, study.scale, study.hyperparameters.coordinates
    )


def test_zero_is_best_where_every_other_value_is_worse() -> None:
    """In octaves .01 and .1 are 3.32 apart, and 0 stands as far below .01; in steps it is 0."""
    found = best(decays(0.0, (0.0, 0.01, 0.1)))
    assert found == {0: pytest.approx(2 * np.log2(0.01) - np.log2(0.1))}
    assert best(decays(0.0, (0.0, 0.4, 0.5))) == {0: 0.0}


@pytest.mark.parametrize(("lowest", "values"), [(0.1, (0.0, 0.1, 1.0)), (0.0, (-0.1, 0.0, 0.1))])
def test_else_it_is_a_value_like_any_other(lowest: float, values: tuple[float, ...]) -> None:
    assert best(decays(lowest, values)) == {}
