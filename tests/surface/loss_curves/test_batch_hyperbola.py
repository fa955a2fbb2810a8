"""The batch hyperbola of planted loss curves."""

from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.surface.loss_curves.batch_hyperbola import StepCurve, batch_hyperbola

FEWEST_STEPS, FEWEST_EXAMPLES = 50.0, 3200.0  # to a loss of 1; the critical batch is 64


def planted(batch: float, seed: int) -> StepCurve:
    """A loss that falls steadily, by 1 in S(B) = S_min + E_min/B steps."""
    steps = np.arange(1, 1001, dtype=float)
    noise = 0.01 * np.random.default_rng(seed).normal(size=len(steps))
    return steps, 2 - steps / (FEWEST_STEPS + FEWEST_EXAMPLES / batch) + noise


def test_fewest_steps_and_examples_are_found() -> None:
    curves = {float(b): [planted(b, s) for s in range(3)] for b in (8, 32, 128, 512)}
    found = batch_hyperbola(curves)
    fall = 2 - found.target  # that of the slowest runs
    assert fall == pytest.approx(1000 / 450, rel=0.05)
    assert found.fewest_steps.value == pytest.approx(fall * FEWEST_STEPS, rel=0.03)
    assert found.fewest_examples.value == pytest.approx(fall * FEWEST_EXAMPLES, rel=0.03)
    assert found.critical.value == pytest.approx(64.0, rel=0.05)
    assert found.critical.low is not None and found.misfit < 0.02
    assert found.steps == tuple(sorted(found.steps, reverse=True))


def test_the_line_is_exact_where_steps_are() -> None:
    """Two-point curves that reach 1 at exactly S(B): the window is one point."""
    curves = {}
    for b in (16.0, 64.0, 256.0):
        end = FEWEST_STEPS + FEWEST_EXAMPLES / b
        curves[b] = [(np.array([0.0, end]), np.array([2.0, 1.0]))] * 2
    found = batch_hyperbola(curves)
    assert found.fewest_steps.value == pytest.approx(FEWEST_STEPS)
    assert found.fewest_examples.value == pytest.approx(FEWEST_EXAMPLES)
    assert found.critical.value == pytest.approx(64.0)
    assert found.misfit < 1e-9
    assert found.expected(64.0) == pytest.approx(100.0)
    s, e = np.array(found.steps), np.array(found.steps) * np.array(found.batches)
    assert (s / FEWEST_STEPS - 1) * (e / FEWEST_EXAMPLES - 1) == pytest.approx(np.ones(3))


def test_without_fewest_steps_the_critical_batch_has_no_upper_bound() -> None:
    """Steps that fall as 1/B at every batch: no batch was too large."""
    rng = np.random.default_rng(0)
    curves = {
        b: [(np.array([0.0, 4096 / b + rng.normal()]), np.array([2.0, 1.0])) for _ in range(3)]
        for b in (16.0, 64.0, 256.0)
    }
    found = batch_hyperbola(curves)
    assert found.critical.high is None and found.critical.value >= 256.0


def test_another_law_is_seen() -> None:
    """Steps as 1/√B are no hyperbola: the control."""
    curves = {
        b: [(np.array([0.0, 1000 / b**0.5]), np.array([2.0, 1.0]))] * 2
        for b in (1.0, 16.0, 256.0, 4096.0)
    }
    assert batch_hyperbola(curves).misfit > 0.3


def test_too_few_batches() -> None:
    with pytest.raises(InputError, match="needs 3 batches, found 2"):
        batch_hyperbola({b: [planted(b, 0)] for b in (8.0, 16.0)})
