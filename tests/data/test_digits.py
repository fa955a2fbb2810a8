"""scikit-learn's digits."""

from __future__ import annotations

import pytest

from mutransfer_cli.data.digits import open_digits
from mutransfer_cli.data.protocol import DataSettings


def test_digits() -> None:
    pytest.importorskip("sklearn")
    source = open_digits(DataSettings())
    x, y = source.batch(0, 0, 32)
    assert x.shape == (32, 64) and float(x.min()) >= 0 and float(x.max()) <= 1
    assert sum(len(x) for x, _ in source.validation(100)) == 360  # every fifth of 1797, rounded up
    assert set(y.tolist()) <= set(range(10))
    assert (source.d_in, source.d_out) == (64, 10)
