from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.surface.laws.law_form import Array, Indices
from mutransfer_cli.surface.laws.loss.batched_bfgs import minimize


def rosenbrock(x: Array, problems: Indices) -> tuple[Array, Array]:
    """(1 − a)² + 100(b − a²)²: its minimum is at (1, 1)."""
    a, b = x.T
    value = (1 - a) ** 2 + 100 * (b - a**2) ** 2
    return value, np.stack([-2 * (1 - a) - 400 * a * (b - a**2), 200 * (b - a**2)], axis=1)


def test_every_start_finds_the_minimum() -> None:
    minima = minimize(rosenbrock, np.array([[-1.2, 1.0], [2.0, 2.0], [0.0, 5.0]]))
    assert minima.converged.all()
    assert minima.parameters == pytest.approx(np.ones((3, 2)), abs=1e-4)


def test_problems_do_not_mix() -> None:
    centres = np.array([[1.0, 2.0], [-3.0, 0.5]])

    def bowls(x: Array, problems: Indices) -> tuple[Array, Array]:
        apart = x - centres[problems]
        return (apart**2).sum(axis=1), 2 * apart

    assert minimize(bowls, np.zeros((2, 2))).parameters == pytest.approx(centres, abs=1e-6)


def test_an_unfinished_or_infinite_search_has_not_converged() -> None:
    assert not minimize(rosenbrock, np.array([[-1.2, 1.0]]), iterations=3).converged.any()

    def nowhere(x: Array, problems: Indices) -> tuple[Array, Array]:
        return np.full(len(x), np.nan), np.zeros_like(x)

    assert not minimize(nowhere, np.zeros((1, 2))).converged.any()
