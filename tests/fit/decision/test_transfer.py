"""The verdict on a transfer is that of its cost."""

from __future__ import annotations

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.decision.transfer import (
    TransferCost,
    tolerance_of,
    verdict_on_cost,
    verdict_on_drift,
    verdict_on_transfer,
    worst,
)
from mutransfer_cli.interval import Interval


def between(low: float, high: float) -> Interval:
    return Interval(value=(low + high) / 2, low=low, high=high)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.0, 0.0012, "holds"),  # at most the tolerance of .5 %
        (0.0, 0.005, "holds"),
        (0.004, 0.006, "inconclusive"),
        (0.0051, 0.03, "fails"),
    ],
)
def test_the_interval_of_the_cost_decides(low: float, high: float, verdict: str) -> None:
    assert verdict_on_cost(between(low, high), 0.005) == verdict


def test_the_drift_has_its_own_test() -> None:
    assert verdict_on_drift(between(-0.2, 0.2)) == "holds"
    assert verdict_on_drift(between(0.3, 0.5)) == "fails"
    assert verdict_on_drift(between(-0.5, -0.3)) == "fails"
    assert verdict_on_drift(between(0.2, 0.3)) == "inconclusive"
    assert verdict_on_drift(None) == "inconclusive"


def test_the_worst_of_several_sizes_decides_and_is_named() -> None:
    near = TransferCost("width 128", between(0.0, 0.001))
    far = TransferCost("the target (width 512)", between(0.01, 0.02), predicted=True)
    verdict, reason = verdict_on_transfer([near, far], 0.005)
    assert verdict == "fails" and "width 512" in reason and "width 128" not in reason
    assert verdict_on_transfer([near], 0.005)[0] == "holds"
    assert worst([]) == "inconclusive"


def test_a_tolerance_is_a_share() -> None:
    assert tolerance_of("0.5%") == tolerance_of("0.005") == tolerance_of(None) == 0.005
    for text in ("5", "much", "-1%", "0"):
        with pytest.raises(InputError, match=r"--tolerance .*such as 0\.5%"):
            tolerance_of(text)


def test_a_small_tolerance_is_told_from_the_costs() -> None:
    cost = TransferCost("width 128", between(0.0, 0.000004))
    verdict, reason = verdict_on_transfer([cost], 0.000001)
    assert verdict == "inconclusive"
    assert "0.00020% (0.00000% to 0.00040%)" in reason
    assert reason.endswith("on both sides of 0.00010%")
