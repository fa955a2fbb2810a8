"""Kernel movement, alignment and the feature ansatz, against values by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.probes.feature_learning.kernel_matrices import (
    feature_ansatz,
    kernel_alignment,
    kernel_movement,
)


def test_the_kernel_of_a_linear_model_never_moves_and_a_scaled_one_does() -> None:
    x = np.random.default_rng(0).normal(size=(6, 3))
    assert kernel_movement(x @ x.T, x @ x.T) == 0
    assert kernel_movement(x @ x.T, (2 * x) @ (2 * x).T) == pytest.approx(3)  # |4 - 1|


def test_alignment_is_one_for_the_target_itself_and_zero_for_what_is_orthogonal() -> None:
    y, other = np.array([1.0, -1, 1, -1]), np.array([1.0, 1, -1, -1])
    assert kernel_alignment(np.outer(y, y) + 5, y + 2) == pytest.approx(1)  # centring drops both
    assert kernel_alignment(np.outer(other, other), y) == pytest.approx(0)
    # the centring matrix of n points has norm √(n - 1), and yᵀHy = |y|²
    assert kernel_alignment(np.eye(4), y) == pytest.approx(3**-0.5)
    assert kernel_alignment(np.eye(4), np.full(4, 3.0)) is None


def test_ansatz_of_a_deep_linear_net() -> None:
    """Of y = w₂W₁x the gradient by x is W₁ᵀw₂ everywhere: AGOP = W₁ᵀw₂w₂ᵀW₁."""
    rng = np.random.default_rng(0)
    v, u = rng.normal(size=8), rng.normal(size=5)
    aligned = np.outer(u, v)  # rank one
    assert feature_ansatz(aligned, np.tile(aligned.T @ u, (3, 1))) == pytest.approx(1)
    # W₁ = diag(2, 1), w₂ = (1, 0): WᵀW = diag(4, 1), AGOP = diag(4, 0): 16/(4√17)
    found = feature_ansatz(np.diag([2.0, 1]), np.array([[2.0, 0]]))
    assert found == pytest.approx(4 / 17**0.5)
    weight = rng.normal(size=(64, 64))
    random = feature_ansatz(weight, weight[:1] * 0 + rng.normal(size=(1, 64)))
    assert random is not None and random < 0.3
    assert feature_ansatz(weight, np.zeros((1, 64))) is None
