"""Limits of numbers whose dependence on the size is known."""

from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.surface.limits import limit_of, vector_error

SIZES = (32, 64, 128, 256)


def planted(c: float, power: float, noise: float = 0.0, seeds: int = 5) -> np.ndarray:
    rng = np.random.default_rng(0)
    mean = 2.0 + c * np.array(SIZES, dtype=float) ** -power
    shared = 0.1 * rng.normal(size=seeds)  # seeds differ by a constant
    return mean[:, None] + shared + noise * rng.normal(size=(len(SIZES), seeds))


@pytest.mark.parametrize(("c", "power"), [(3.0, 1.0), (-3.0, 1.0), (1.0, 0.5)])
def test_errors_and_limit_are_exact_without_noise(c: float, power: float) -> None:
    found = limit_of(SIZES, planted(c, power), (1.0, 0.5))
    assert found.power == power
    for size, error in zip(SIZES, found.errors, strict=True):
        assert error.value == pytest.approx(c * size**-power, rel=1e-9)
        assert error.low is not None and error.high is not None
        assert error.high - error.low < 1e-6  # constants of the seeds do not matter
    assert found.limit.low is not None and found.limit.high is not None
    assert found.limit.low < 2.0 < found.limit.high


def test_intervals_cover() -> None:
    inside = 0
    for trial in range(200):
        rng = np.random.default_rng(trial)
        values = (2 + 3 / np.array(SIZES))[:, None] + 0.05 * rng.normal(size=(4, 4))
        limit = limit_of(SIZES, values, confidence=0.9).limit
        assert limit.low is not None and limit.high is not None
        inside += limit.low < 2.0 < limit.high
    assert inside / 200 >= 0.85


def test_refused() -> None:
    with pytest.raises(InputError, match="3 sizes or more, found 2"):
        limit_of((1, 2), np.zeros((2, 3)))
    with pytest.raises(InputError, match="two seeds"):
        limit_of(SIZES, np.zeros((4, 1)))


def test_the_error_of_a_vector_is_found_under_the_noise_of_seeds() -> None:
    """Limit of length 1 in each of 200 entries, error 0.3/size at right angles: 0.3 at size 1."""
    rng = np.random.default_rng(0)
    limit, across = rng.choice([-1.0, 1.0], 200), rng.choice([-1.0, 1.0], 200)
    sizes = np.array([1.0, 2.0, 4.0, 8.0])
    mean = limit + 0.3 * across / sizes[:, None]
    values = mean[:, None] + 0.5 * rng.normal(size=(4, 8, 200))
    found = vector_error(sizes, values, 0)
    assert found is not None and found.low is not None and found.high is not None
    assert found.low < 0.3 < found.high and found.high < 0.6
    assert found.value == pytest.approx(0.3, abs=0.1)
    none = vector_error(sizes, limit + 0.5 * rng.normal(size=(4, 8, 200)), 0)  # the control
    assert none is not None and none.low == 0.0 and none.value < 0.2
    assert none.high is not None and none.high > 0  # seeds hide what is smaller
    exact = vector_error(sizes, np.repeat(mean[:, None], 3, 1), 1)
    assert exact is not None and exact.value == pytest.approx(0.15, rel=1e-6)
    two = vector_error(sizes, values[:, :2], 0)
    assert two is not None and two.low is None  # two seeds have no interval
    opposite = np.array([1.0, -1.0])[None, :, None] * np.repeat(mean[:, None], 2, 1)
    assert vector_error(sizes, opposite, 0) is None  # seeds have no limit in common


@pytest.mark.parametrize("error", [0.0, 0.02, 0.5])
def test_intervals_of_a_vector_cover(error: float) -> None:
    """Errors of this share of the limit; of 100 draws with four seeds, an interval of none is 0."""
    rng = np.random.default_rng(1)
    limit, across = rng.choice([-1.0, 1.0], 20), rng.choice([-1.0, 1.0], 20)
    sizes, inside = np.array([1.0, 2.0, 4.0, 8.0]), 0
    for _ in range(100):
        mean = limit + error * across / sizes[:, None]
        found = vector_error(sizes, mean[:, None] + 0.3 * rng.normal(size=(4, 4, 20)), 0)
        assert found is not None and found.low is not None and found.high is not None
        assert found.high > 0
        inside += found.low <= error <= found.high
    assert inside >= 90
