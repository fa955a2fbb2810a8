"""The curve of a result is thinned out evenly, and leaves out what is not finite."""

from __future__ import annotations

import torch

from mutransfer_cli.train.trial_result import CURVE_POINTS, Result


def test_a_short_curve_is_whole() -> None:
    losses = torch.tensor([3.0, 2.0, float("nan"), 1.0])
    result = Result.of_losses("diverged", losses, 1.5, why="lost")
    assert result.curve == ((0, 3.0), (1, 2.0), (3, 1.0))
    assert (result.loss, result.seconds, result.why) == (None, 1.5, "lost")
    assert Result.of_losses("failed", torch.zeros(0), 0.0).curve == ()


def test_a_long_curve_keeps_both_ends() -> None:
    """By hand: of 1023 steps every second one, 0, 2, …, 1022."""
    curve = Result.of_losses("finished", torch.arange(1023.0), 1.0, 0.5).curve
    assert len(curve) == CURVE_POINTS == 512
    assert [step for step, _ in curve] == list(range(0, 1023, 2))
    assert all(loss == step for step, loss in curve)
