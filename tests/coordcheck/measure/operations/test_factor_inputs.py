"""What a factor of a weight acts on: for B in x A^T B^T that is A x, for A it is x behind B."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from mutransfer_cli.coordcheck.measure.operations.factor_inputs import input_of_factor
from mutransfer_cli.coordcheck.measure.recorder import rms


def test_size_of_what_a_factor_acts_on() -> None:
    torch.manual_seed(0)
    x, a, b = torch.randn(256, 64), torch.randn(8, 64) / 4, torch.randn(32, 8)
    size = input_of_factor(lambda v: F.linear(x, v @ a), b, -1, 9.0)
    assert size == pytest.approx(rms(x @ a.T), rel=0.1)
    assert rms(x @ a.T) == pytest.approx(2 * rms(x), rel=0.1)  # √64 / 4: not that of x
    # behind B each entry of A x has the weight of a column of B: √8 times as large
    size = input_of_factor(lambda v: F.linear(x, b @ v), a, -1, 9.0)
    assert size == pytest.approx(8**0.5 * rms(x), rel=0.15)
    assert input_of_factor(lambda v: F.linear(x, 0 * b @ v), a, -1, 9.0) == 9.0
