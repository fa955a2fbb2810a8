"""The runs on one line along an axis."""

from __future__ import annotations

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.study.axis_line import along_axis
from mutransfer_cli.surface.observation import Observation


def test_the_line_with_the_most_rungs() -> None:
    line = [Observation(w, 0.1, 0, 2.0, batch=16) for w in (32, 64, 128)]
    others = [Observation(w, 0.1, 0, 2.0, batch=32) for w in (32, 64)]
    kept, left = along_axis([*others, *line], "width")
    assert kept == line
    assert [(i.count, i.reason) for i in left] == [(2, "not on the line along width")]
    assert along_axis(line, "width") == (line, [])


def test_an_axis_that_does_not_vary_is_refused() -> None:
    line = [Observation(w, 0.1, 0, 2.0, batch=16) for w in (32, 64)]
    with pytest.raises(InputError, match="--axis batch: the runs do not differ in it; they do in"):
        along_axis(line, "batch")
