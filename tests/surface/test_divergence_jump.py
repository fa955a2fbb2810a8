"""Where the loss jumps because runs diverge."""

from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.surface.divergence_jump import first_diverged


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
