"""How far the verdict can be trusted: planted and random errors, correct models, and time.

`make figures` prints what these measure. The random errors are drawn anew for each seed.
"""

from __future__ import annotations

import pytest

from tests.benchmarks.false_alarms import alarms
from tests.benchmarks.planted import planted, randoms, tally

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]


def test_planted_errors_are_found_and_named() -> None:
    count = tally(planted())
    assert count["all"] >= 100
    assert count["found"] == count["all"]
    assert count["exact"] >= 0.97 * count["all"]
    assert count["classical"] < count["found"]  # the control: the usual check misses some


def test_random_errors_are_found_and_named() -> None:
    count = tally(randoms(100, 20261124))
    assert count["found"] == count["all"]
    assert count["exact"] >= 0.98 * count["all"]


def test_correct_models_raise_no_alarm() -> None:
    verdicts = alarms(5)
    assert verdicts["fail"] == 0
    assert verdicts["inconclusive"] <= 0.01 * verdicts.total()
