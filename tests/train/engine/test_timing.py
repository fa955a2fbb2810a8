"""The time of a step, on a clock that the test turns."""

from __future__ import annotations

import time

import pytest

from mutransfer_cli.train.engine.timing import seconds_per_step, time_limit


class Clock:
    """Time that passes only inside steps."""

    def __init__(self, seconds: list[float]) -> None:
        self.now, self.seconds, self.steps = 0.0, seconds, list[int]()

    def step(self, number: int) -> None:
        self.steps.append(number)
        self.now += self.seconds[min(number, len(self.seconds) - 1)]


def timed(seconds: list[float], steps: int, limit: float, patch: pytest.MonkeyPatch) -> object:
    clock = Clock(seconds)
    patch.setattr(time, "perf_counter", lambda: clock.now)
    return seconds_per_step(clock.step, steps, limit), clock.steps


def test_the_fastest_step_after_the_warm_up_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    # 0.5 is the fastest, but still warms up; a disturbance of 9 seconds costs nothing
    found = timed([4.0, 0.5, 2.0, 9.0, 3.0], 5, 100.0, monkeypatch)
    assert found == (2.0, [0, 1, 2, 3, 4])


def test_it_ends_at_the_limit_with_three_timed_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    # the limit of 1.5 seconds has passed after two steps; two warm up and three are timed
    assert timed([1.0], 50, 1.5, monkeypatch) == (1.0, [0, 1, 2, 3, 4])
    assert timed([1.0], 50, 7.5, monkeypatch) == (1.0, list(range(8)))


def test_a_trial_shorter_than_the_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    assert timed([2.0], 2, 1.0, monkeypatch) == (4.0, [0, 1])  # all that there is


@pytest.mark.parametrize(
    ("seconds", "steps", "count", "limit"),
    [
        (0.001, 100, 10, 0.05),  # 0.15 % of a second is too little
        (0.01, 1000, 10, 0.15),  # of 100 seconds
        (0.01, 10_000, 100, 0.5),  # never more
    ],
)
def test_timing_takes_a_share_of_the_training(
    seconds: float, steps: int, count: int, limit: float
) -> None:
    assert time_limit(seconds, steps, count) == pytest.approx(limit)
