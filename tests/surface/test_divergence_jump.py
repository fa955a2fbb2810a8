"""Where the loss jumps because runs diverge."""

from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.surface.divergence_jump import diverged_settings, first_diverged


@pytest.mark.parametrize(
    ("losses", "first"),
    [
        ((4.0, 3.3, 3.2, 7.6, 12.0), 3),
        ((4.0, 3.3, 3.2, 3.9, 7.8, 59.0), 4),
        ((4.0, 3.3, 3.2, 4.4, 5.6, 6.8), None),  # a slope, without a jump
        ((4.0, 3.3, 3.2, 6.1), None),  # less than twice the best
        ((3.2, 7.6, 12.0), None),  # nothing would be left
        ((4.0, 3.3, 3.2, 7.6, 3.4), None),  # the next value is good
        ((), None),
    ],
)
def test_the_first_value_beyond_the_jump(losses: tuple[float, ...], first: int | None) -> None:
    assert first_diverged(list(np.log(losses))) == first


def test_the_jump_is_along_the_rate_with_all_others_fixed() -> None:
    """A second hyperparameter moves the cliff; a line that only climbs far above the best stays."""
    rates, losses = (1.0, 2.0, 3.0, 4.0, 5.0), {
        0.0: (3.6, 3.3, 3.2, 3.4, 9.0),
        1.0: (3.5, 3.2, 3.1, 8.0, 40.0),
        2.0: (4.4, 5.0, 5.6, 6.4, 7.2),
        3.0: (3.5, 8.0, 9.0, 9.5, 9.9),  # one value would be left
    }  # fmt: skip
    means = {
        (rate, other): float(np.log(loss))
        for other, line in losses.items()
        for rate, loss in zip(rates, line, strict=True)
    }
    assert diverged_settings(means) == {(5.0, 0.0), (4.0, 1.0), (5.0, 1.0)}
    assert (
        diverged_settings({(other, rate): loss for (rate, other), loss in means.items()}) == set()
    )
    assert diverged_settings({}) == set()


@pytest.mark.parametrize(("fourth", "jumps"), [(10.5, False), (12.5, True)])
def test_a_line_that_is_poor_everywhere_is_steep_and_has_no_cliff(
    fourth: float, jumps: bool
) -> None:
    """From 6.2 to 10.5 is 1.7 times in a step, but less than twice; 12.5 is more than twice."""
    good, poor = (3.6, 3.3, 3.1, 3.4, 3.9), (7.0, 6.5, 6.2, fourth, fourth + 0.5)
    means = {
        (float(rate), other): float(np.log(loss))
        for other, line in ((0.0, good), (1.0, poor))
        for rate, loss in enumerate(line)
    }
    assert diverged_settings(means) == ({(3.0, 1.0), (4.0, 1.0)} if jumps else set())
