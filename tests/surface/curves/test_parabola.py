"""The window that a parabola is fitted to."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from mutransfer_cli.surface.curves.loss_transform import transformed_curves
from mutransfer_cli.surface.curves.parabola import Parabola
from mutransfer_cli.surface.observation import Observation
from tests.helpers.loss_curves import runs_of

HALVES = {x / 2: 3 for x in range(-20, -5)}


def parabola(runs: list[Observation]) -> Parabola:
    (found,) = transformed_curves({64: runs}).parabolas.values()
    return found


def noisy(shape: Callable[[float], float], rates: Mapping[float, int]) -> list[Observation]:
    rng = np.random.default_rng(4)
    return runs_of(lambda x, s: shape(x) + rng.normal(0, 0.004), rates)


def test_a_fine_grid_is_used_as_far_as_the_curve_is_a_parabola() -> None:
    wide = parabola(noisy(lambda x: 2 + 0.035 * (x + 6.1) ** 2, HALVES))
    assert list(wide.x) == [-8, -7.5, -7, -6.5, -6, -5.5, -5, -4.5, -4]
    # the control: beyond an octave from the best this curve rises no further
    narrow = parabola(noisy(lambda x: 2 + 0.07 * min((x + 6.1) ** 2, 1.0), HALVES))
    assert len(narrow.x) <= 6 and narrow.low >= -7.5 and narrow.high <= -4.5
    # nor does a grid of octaves grow
    octaves = parabola(noisy(lambda x: 2 + 0.035 * (x + 6.1) ** 2, {x: 3 for x in range(-10, -2)}))
    assert len(octaves.x) == 5
