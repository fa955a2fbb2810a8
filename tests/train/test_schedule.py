"""Schedules against values by hand, 10 steps."""

from __future__ import annotations

import pytest

from mutransfer_cli.train.schedule import Schedule


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        # warm-up over 2 steps, then (10 - t) / 8
        (Schedule("linear", 0.2), {0: 0.5, 1: 1.0, 2: 1.0, 6: 0.5, 9: 0.125}),
        (Schedule("linear", 0.0, final=0.2), {0: 1.0, 5: 0.6}),
        # half-way the cosine is at its middle
        (Schedule("cosine", 0.2), {2: 1.0, 6: 0.5}),
        (Schedule("constant", 0.2), {0: 0.5, 2: 1.0, 9: 1.0}),
        # the last 4 steps fall: (10 - t) / 4
        (Schedule("wsd", 0.2, decay=0.4), {5: 1.0, 6: 1.0, 8: 0.5, 9: 0.25}),
    ],
)
def test_values(schedule: Schedule, expected: dict[int, float]) -> None:
    assert {t: schedule.lr_factor(t, 10) for t in expected} == pytest.approx(expected)
