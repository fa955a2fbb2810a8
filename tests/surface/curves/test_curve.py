"""Windows, and the setting at which the curves of a ladder are compared."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from mutransfer_cli.surface.curves.curve import Curve, curves_of
from tests.helpers.loss_curves import runs_of


def curve(x: Sequence[float], means: Sequence[float]) -> Curve:
    runs = tuple({0: mean} for mean in means)
    return Curve(np.array(x), np.array(means), runs, np.zeros(0), {})


@pytest.mark.parametrize(
    ("means", "window"),
    [
        ([9, 4, 1, 0, 1, 4, 9], slice(1, 6)),  # two on either side of the best
        ([1, 0, 1, 4, 9, 16], slice(0, 5)),  # fewer below it
        ([9, 4, 1, 0, 1, 80, 90], slice(0, 5)),  # a cliff two above: one rate further down
        ([4, 1, 0, 80, 90, 99], None),  # a cliff next to the best, in every window
        ([0, 1, 4, 9, 16], None),  # the best at an end
        ([1, 0, 1, 4], None),  # four rates
    ],
)
def test_window(means: list[float], window: slice | None) -> None:
    assert curve(range(len(means)), means).window() == window


def test_a_rung_where_nothing_finished_has_no_curve() -> None:
    runs = runs_of(lambda x, s: x**2, {x: 1 for x in (-1.0, 0.0, 1.0)})
    lost = [type(o)(32, o.lr, o.seed, None) for o in runs]
    found = curves_of({32: lost, 64: runs})
    assert found[32] is None
    whole = found[64]
    assert whole is not None and list(whole.x) == [-1, 0, 1] and whole.lowest_mean == 0
