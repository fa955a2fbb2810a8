"""The values of one hyperparameter."""

from __future__ import annotations

import pytest

from mutransfer_cli.recipe.schema.space import Space


def test_grids() -> None:
    assert Space(log2=(-2.0, 1.0)).grid() == (0.25, 0.5, 1.0, 2.0)  # null: an octave
    assert Space(log2=(-2.0, 0.0), step=2.0).grid() == (0.25, 1.0)
    assert Space(log10=(-2.0, 0.0), step=1.0).grid() == pytest.approx((0.01, 0.1, 1.0))
    assert Space(linear=(0.0, 0.3), step=0.1).grid() == pytest.approx((0.0, 0.1, 0.2, 0.3))
    assert len(Space(linear=(0.0, 1.0)).grid()) == 11  # null: a tenth of the range
    assert Space(choice=(3.0, 1.0)).grid() == (3.0, 1.0)
    assert (Space(log2=(-2.0, 1.0)).scale, Space(choice=(3.0, 1.0)).bounds) == ("log2", (1.0, 3.0))
