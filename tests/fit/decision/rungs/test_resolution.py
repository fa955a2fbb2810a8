"""What to run where the best value is at an end of those that were tried."""

from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.fit.decision.answering import answer
from mutransfer_cli.fit.decision.answers import Question
from mutransfer_cli.fit.decision.rungs.resolution import (
    Findings,
    Tried,
    end_message,
    unresolved_reason,
)
from mutransfer_cli.fit.study.coordinates import Coordinate
from mutransfer_cli.surface.observation import Observation


@pytest.mark.parametrize(
    ("coordinate", "end", "low", "high", "value"),
    [
        (Coordinate("lr"), "high", 0.01, 0.1, "0.2"),
        (Coordinate("lr"), "low", 0.01, 0.1, "0.005"),
        (Coordinate("beta2", "memory"), "high", 0.5, 0.9375, "0.969"),  # 16 steps, then 32
        (Coordinate("momentum", "linear", unit=0.1), "high", 0.7, 0.95, "0.975"),  # not 1.05
        (Coordinate("warmup", "linear", unit=0.3), "high", 0.1, 0.9, "1"),
        (Coordinate("warmup", "linear", unit=0.3), "low", 0.1, 0.9, "0"),
    ],
)
def test_the_next_value_can_be_run(
    coordinate: Coordinate, end: str, low: float, high: float, value: str
) -> None:
    assert end_message(coordinate, end, low, high).endswith(f"such as {value}")


def test_the_optimum_of_a_decay_per_step() -> None:
    """Best over 32 steps, beta2 = 1 - 2^-5, in a parabola of octaves; lr best at 2^-6."""
    runs = [
        Observation(
            width, 2.0**x, 0, 3 - 0.1 * (width == 32) + 0.02 * (x + 6) ** 2 + 0.02 * (b - 5) ** 2,
            params={"beta2": 1 - 2.0**-b},
        )
        for width in (16, 32)
        for x in range(-9, -3)
        for b in range(2, 9)
    ]  # fmt: skip
    found = answer(runs, Question())
    for rung in found.rungs:
        assert rung.optimum is not None
        assert 1 - rung.optimum["beta2"].value == pytest.approx(2.0**-5, rel=0.05)
    assert any("half and double are those of 1/(1 - beta2)" in note for note in found.notes)


@pytest.mark.parametrize(
    ("best", "said"),
    [
        (
            -10.0,
            "the best learning rate that was run, 0.000977, is inside the range, but the other",
        ),
        (-11.0, "is at the low end of the range; run lower ones"),  # the next to the last value
        (-12.0, "is at the low end of the range; run lower ones"),
        (-8.0, "is at the low end of the range; run lower ones"),  # no value beyond it
    ],
)
def test_a_best_run_inside_the_range_is_not_at_its_end(best: float, said: str) -> None:
    """The surface of all rungs puts the optimum below the five values of this one."""
    tried = Tried((-12.0, -11.0, -10.0, -9.0, -8.0), None, in_study=9, best=best)
    found = Findings()
    reason = unresolved_reason(Coordinate("lr"), tried, np.linspace(-13.0, -12.1, 50), found)
    assert reason is not None and said in reason
    assert ("lr" in found.at_end) == (best != -10.0)
