"""What a finding says: the size of the error, and the power of m that undoes it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mutransfer_cli.coordcheck.verdict.diagnosis import correction, diagnose, excess, nearest_half
from mutransfer_cli.coordcheck.verdict.expected_exponents import Expectation
from mutransfer_cli.coordcheck.verdict.slopes import SlopeFit
from mutransfer_cli.coordcheck.verdict.tensor_verdict import TensorVerdict

CERTAIN = SlopeFit(0.0, 0.01, 4)
RIGHT = TensorVerdict("a.weight", CERTAIN, CERTAIN, CERTAIN, 0.0, 0.01, 0.0, 0.0, moved=True)
HIDDEN = Expectation("hidden", update=0.0, init=0.0, decay=0.0)


@pytest.mark.parametrize(
    ("deviation", "half"), [(0.3, 0.5), (-0.3, -0.5), (0.1, 0.5), (0.9, 1.0), (-1.4, -1.5)]
)
def test_deviations_lie_on_a_grid_of_halves(deviation: float, half: float) -> None:
    assert nearest_half(deviation) == half


def test_sizes_and_repairs_as_numbers() -> None:
    assert excess(1.02, 4) == "4 times too large at 4 times the width"
    assert excess(-0.48, 8, "depth") == "2.83 times too small at 8 times the depth"
    assert correction(1.02) == "divide it by m, m = width / base width"
    assert correction(-0.48, "depth") == "multiply it by m^0.5, m = depth / base depth"


def test_a_right_tensor_has_no_finding() -> None:
    assert diagnose(RIGHT, HIDDEN, 4) is None


def test_a_wrong_learning_rate() -> None:
    found = diagnose(replace(RIGHT, deviation=-0.41), HIDDEN, 4)
    assert found is not None and found.finding == "lr-too-small"
    assert found.message == (
        "`a.weight`: its update shrinks like m^-0.41, expected m^0: its learning rate is 2 times "
        "too small at 4 times the width"
    )
    assert found.fix == "learning rate: multiply it by m^0.5, m = width / base width"


def test_a_tensor_that_does_not_move() -> None:
    found = diagnose(replace(RIGHT, moved=False), HIDDEN, 4)
    assert found is not None and found.finding == "not-trained"
    assert "no effect of its update was measured" in found.message


@pytest.mark.parametrize("factors", [1, 2])  # Adam; SGD, whose gradient has the multiplier too
def test_a_missing_multiplier_is_told_from_a_wrong_init(factors: int) -> None:
    wrong = replace(RIGHT, init_deviation=1.0, deviation=float(factors))
    missing = diagnose(wrong, replace(HIDDEN, role="readout"), 4)
    assert missing is not None and missing.finding == "multiplier-missing"
    assert missing.fix == "multiply its input by 1/m, m = width / base width"
    init = diagnose(wrong, HIDDEN, 4)
    assert init is not None and init.finding == "init-too-large"
