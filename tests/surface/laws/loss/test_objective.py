from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.surface.laws.loss.objective import huber, softmax_terms


def test_huber_is_quadratic_inside_and_linear_outside() -> None:
    """By hand, δ = 1e-3, in units of δ²: r = δ/2 gives 1/8; r = 3δ gives 3 − 1/2."""
    values, slopes = huber(np.array([5e-4, -3e-3]))
    assert values == pytest.approx([0.125, 2.5])
    assert slopes == pytest.approx([500.0, -1000.0])  # d/dr of r²/2δ² and |r|/δ


def test_softmax_terms() -> None:
    """log(1 + 3) with shares 1/4 and 3/4; no overflow at 800."""
    total, shares = softmax_terms([np.array([0.0, 800.0]), np.array([np.log(3.0), 800.0])])
    assert total == pytest.approx([np.log(4), 800 + np.log(2)])
    assert shares[1] == pytest.approx([0.75, 0.5])
