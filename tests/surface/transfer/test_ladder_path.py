"""Rungs of growing size as one path."""

from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.surface.response.response_surface import ResponseSurface, fit_response
from mutransfer_cli.surface.response.runs import Runs
from mutransfer_cli.surface.transfer.ladder_path import ladder_path, slopes


def test_a_ladder_along_one_axis(still: ResponseSurface) -> None:
    path = ladder_path(still, range(4))
    assert path.rungs == (0, 1, 2, 3)
    assert path.octaves.tolist() == pytest.approx([0, 1, 2, 3])
    assert path.optima.shape == (2000, 4, 1)


def test_rungs_that_are_smaller_along_some_axis_are_left_out() -> None:
    # in the order of cost: (0,0), (0,2), (2,0), (2,2); (2,0) is smaller than (0,2) along the second
    sizes = [(0.0, 0.0), (2.0, 0.0), (0.0, 2.0), (2.0, 2.0)]
    x = np.arange(-3.0, 3.5, 0.5)
    runs = Runs(
        np.tile(x, 4)[:, None],
        np.repeat(np.array(sizes), len(x), axis=0),
        np.zeros(4 * len(x), dtype=np.int64),
        np.tile(0.01 * x**2, 4),
    )
    surface = fit_response(runs)  # its rungs are sorted: (0,0), (0,2), (2,0), (2,2)
    path = ladder_path(surface, [0, 1, 2, 3])
    assert path.rungs == (0, 1, 3)
    # projected on the diagonal, (0,2) is half-way
    assert path.octaves.tolist() == pytest.approx([0, 1, 2])


def test_slopes() -> None:
    found = slopes(np.array([0.0, 1.0, 2.0]), np.array([[1.0, 3.0, 5.0], [4.0, 4.0, 4.0]]))
    assert found.tolist() == pytest.approx([2, 0])
