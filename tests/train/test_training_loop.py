"""When a trial counts as diverged."""

from __future__ import annotations

import pytest
import torch

from mutransfer_cli.train.training_loop import ended_above_start

CASES = [
    # (final, initial, losses, diverged), by hand: a tenth of the start above it
    (2.2, 2.0, [2.0, 2.1], False),
    (2.3, 2.0, [2.0, 2.3], True),
    (1.0, 2.0, [2.0, 90.0, 1.0], False),
    (2.3, 2.0, [2.0, 90.0, 2.3], True),  # a spike does not excuse it
    # log densities: a loss of -5.2 is better than one of -5, though it is above 1.1 times -5
    (-5.2, -5.0, [-5.0, -5.2], False),
    (-5.0, -5.0, [-5.0, -5.0], False),
    (-4.6, -5.0, [-5.0, -4.9], False),
    (-4.0, -5.0, [-5.0, -4.0], True),
    (3.0, -5.0, [-5.0, 3.0], True),
    # a start at zero has no scale of its own
    (0.01, 0.0, [0.0, -3.0, 0.5], False),
    (-1.0, 0.0, [0.0, -1.0], False),
    (9.0, 0.0, [0.0, -3.0, 9.0], True),
]


@pytest.mark.parametrize(("final", "initial", "losses", "diverged"), CASES)
def test_the_end_is_compared_with_the_start(
    final: float, initial: float, losses: list[float], diverged: bool
) -> None:
    assert ended_above_start(final, initial, torch.tensor(losses)) is diverged
