"""The lines of rungs through the base."""

from __future__ import annotations

import pytest

from mutransfer_cli.fit.axis_lines import axes_between, axis_lines, most_connected
from mutransfer_cli.surface.observation import Observation


@pytest.mark.parametrize(
    ("size", "axes"),
    [
        ((64, 4, 16, 200), ()),
        ((32, 4, 16, 200), ("width",)),
        ((64, 4, 32, 100), ("batch",)),  # 3200 examples both
        ((64, 4, 48, 67), ("batch",)),  # 3216: steps are rounded
        ((64, 4, 32, 200), ("batch",)),
        ((64, 4, 32, 150), ("batch", "steps")),  # half as many examples more
        ((64, 4, 16, 100), ("steps",)),
        ((32, 2, 16, 200), ("width", "depth")),
        ((64, 4, None, None), ("batch", "steps")),
    ],
)
def test_axes_between(size: tuple[int | None, ...], axes: tuple[str, ...]) -> None:
    assert axes_between(size, (64, 4, 16, 200)) == axes


def test_the_axes_cross_where_most_rungs_are_reached() -> None:
    star = {(64, 4, 16, 200), (32, 4, 16, 200), (128, 4, 16, 200), (64, 8, 16, 200)}
    assert most_connected(star) == (64, 4, 16, 200)
    assert most_connected({(64, 1, 1, 1), (32, 1, 1, 1)}) == (32, 1, 1, 1)  # of several


def test_what_differs_along_two_axes_is_on_no_line() -> None:
    def run(width: int, depth: int) -> Observation:
        return Observation(width, 0.01, 0, 2.0, depth=depth)

    runs = [run(32, 2), run(64, 2), run(64, 4), run(32, 4)]
    lines = axis_lines(runs, base=(32, 2, None, None))
    assert lines == {"width": runs[:2], "depth": [runs[0], runs[3]]}
    assert axis_lines(runs[:1]) == {"width": runs[:1]}  # a single rung
    assert axis_lines(runs[:2], base=(128, 2, None, None)) == {"width": runs[:2]}
    assert axis_lines([run(32, 4), run(64, 2)]) == {}
