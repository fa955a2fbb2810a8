"""Rules of batch size and training length, against numbers from the papers named beside them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mutransfer_cli.optimizers.geometry import GRADIENT, SIGN
from mutransfer_cli.parameterization.rules.horizon_rules import horizon_rule, scaled_beta2

ratio = st.floats(0.1, 1000)


@given(ratio, ratio)
def test_steps_alone_count_under_the_steps_rule(m: float, other: float) -> None:
    """Complete(d)P: batch and duration doubled together change nothing."""
    one = horizon_rule("steps", "scale", SIGN, m, other)
    two = horizon_rule("steps", "scale", SIGN, 2 * m, 2 * other)
    assert one == pytest.approx(two)
    assert one.lr * one.weight_decay * other / m == pytest.approx(1)  # lr · decay ∝ 1/steps


def test_twice_the_tokens_at_one_batch() -> None:
    """Complete(d)P: rate and decay ÷ √2, epsilon × √2, β2 .95 → .95^½ = .97468."""
    rule = horizon_rule("steps", "keep", SIGN, 1, 2)
    assert (rule.lr, rule.weight_decay, rule.eps) == pytest.approx((2**-0.5, 2**-0.5, 2**0.5))
    assert 0.95**rule.beta2 == pytest.approx(0.97468, abs=1e-5)
    assert rule.beta1 == 1.0


def test_twice_the_batch_at_one_length() -> None:
    """Malladi: Adam √2, SGD 2; Marek: β2' = β2²; decay keeps lr · decay · steps."""
    rule = horizon_rule("none", "keep", SIGN, 2, 1)
    assert (rule.lr, rule.beta2, rule.beta1) == pytest.approx((2**0.5, 2, 1))
    assert rule.lr * rule.weight_decay * 0.5 == pytest.approx(1)
    assert horizon_rule("none", "keep", GRADIENT, 2, 1).lr == pytest.approx(2)
    # Bjorck: at one batch the rate falls as tokens^-0.32
    assert horizon_rule("empirical", "keep", SIGN, 1, 10).lr == pytest.approx(10**-0.32)


@given(ratio, ratio, ratio, ratio, st.sampled_from(["steps", "empirical", "none"]))
def test_scaling_twice_is_scaling_once(a: float, b: float, c: float, d: float, name: str) -> None:
    first, second = (horizon_rule(name, "scale", SIGN, x, y) for x, y in ((a, b), (c, d)))
    both = horizon_rule(name, "scale", SIGN, a * c, b * d)
    for field in ("lr", "weight_decay", "eps", "beta1", "beta2"):
        product = getattr(first, field) * getattr(second, field)
        assert getattr(both, field) == pytest.approx(product, rel=1e-9)


@pytest.mark.parametrize(
    ("beta2", "power", "expected"),
    [(0.95, 0.5, 0.97468), (0.95, 2, 0.9025), (0.95, 16, 0.9), (0.8, 16, 0.8), (0.8, 0.5, 0.89443)],
)
def test_beta2_stays_long_enough(beta2: float, power: float, expected: float) -> None:
    # MARIN's Delphi runs: clip(beta2^κ, 0.9, 0.9999)
    assert scaled_beta2(beta2, power) == pytest.approx(expected, abs=1e-5)
