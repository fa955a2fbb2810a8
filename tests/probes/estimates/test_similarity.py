"""Similarities whose values are known."""

from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.probes.estimates.similarity import debiased_cka, shared_neighbors

RNG = np.random.default_rng(0)
X = RNG.normal(size=(100, 20))


def test_rotation_and_scale_do_not_matter() -> None:
    turned = 3 * X @ np.linalg.qr(RNG.normal(size=(20, 20)))[0] + 5
    assert debiased_cka(X, turned) == pytest.approx(1.0)
    assert shared_neighbors(X, turned) == 1.0


def test_independent_features_have_none_on_average() -> None:
    """Plain linear CKA is about 0.9 here, where features outnumber examples: the control."""
    values, plain = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        x, y = rng.normal(size=(30, 300)), rng.normal(size=(30, 300))
        values.append(debiased_cka(x, y))
        k, m = (c @ c.T for c in (x - x.mean(0), y - y.mean(0)))
        plain.append((k * m).sum() / np.sqrt((k * k).sum() * (m * m).sum()))
    assert np.mean(values) == pytest.approx(0.0, abs=0.02)
    assert np.mean(plain) > 0.8
    a, b = RNG.normal(size=(200, 5)), RNG.normal(size=(200, 5))
    assert shared_neighbors(a, b) == pytest.approx(10 / 199, abs=0.03)


def test_the_estimator_by_its_definition() -> None:
    """Averages over all quadruples of different examples: Gretton et al. (2005), equation 1."""
    x, y = X[:6, :3], X[:6, 3:5] + 0.5 * X[:6, :2]
    k, m = x @ x.T, y @ y.T

    def average(a: np.ndarray, b: np.ndarray) -> float:
        n, total, count = len(a), 0.0, 0
        for i in range(n):
            for j in range(n):
                for q in range(n):
                    for r in range(n):
                        if len({i, j, q, r}) == 4:
                            total += a[i, j] * (b[i, j] + b[q, r] - 2 * b[i, q])
                            count += 1
        return total / count

    right = average(k, m) / np.sqrt(average(k, k) * average(m, m))
    assert debiased_cka(x, y) == pytest.approx(right)
