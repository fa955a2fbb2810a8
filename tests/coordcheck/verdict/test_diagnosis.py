"""What a finding says: the size of the error, and the power of m that undoes it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mutransfer_cli.coordcheck.verdict.deviations.exponent_deviation import UseDeviation
from mutransfer_cli.coordcheck.verdict.diagnosis import correction, diagnose, excess, nearest_half
from mutransfer_cli.coordcheck.verdict.expected_exponents import Expectation
from mutransfer_cli.coordcheck.verdict.slopes import SlopeFit
from mutransfer_cli.coordcheck.verdict.tensor_verdict import TensorVerdict
from mutransfer_cli.optimizers.geometry import GRADIENT, SIGN, Geometry

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


@pytest.mark.parametrize(
    ("geometry", "factors"),
    [(SIGN, 1), (GRADIENT, 2)],  # SGD's gradient has the multiplier too
)
def test_a_missing_multiplier_is_told_from_a_wrong_init(geometry: Geometry, factors: int) -> None:
    wrong = replace(RIGHT, init_deviation=1.0, deviation=float(factors))
    readout = replace(HIDDEN, role="readout", geometry=geometry)
    missing = diagnose(wrong, readout, 4)
    assert missing is not None and missing.finding == "multiplier-missing"
    assert missing.fix == "multiply its input by 1/m, m = width / base width"
    (repair,) = missing.repairs
    assert (repair.name, repair.quantity, repair.power) == ("a.weight", "multiplier", -1.0)
    init = diagnose(wrong, HIDDEN, 4)
    assert init is not None and init.finding == "init-too-large"


def test_a_readout_in_standard_parameterization_under_adam() -> None:
    """std n^-1/2 and a constant rate: outputs are n^1/2 too large, updates n.

    No multiplier undoes both: after 1/m^1/2 the update would still be m^1/2 too large. In Table 3
    of Tensor Programs V, std goes as 1/n and the rate as 1/n.
    """
    readout = replace(HIDDEN, role="readout", geometry=SIGN)
    found = diagnose(replace(RIGHT, init_deviation=0.5, deviation=1.0), readout, 4)
    assert found is not None and found.finding == "init-too-large"
    repairs = {r.quantity: r.power for r in found.repairs}
    assert (repairs["init"], repairs["lr"]) == (-0.5, -1.0)
    assert "learning rate: divide it by m," in found.fix


def test_a_repaired_rate_keeps_the_decay_per_step() -> None:
    """lr × weight_decay is constant before the repair; so it has to be after it."""
    found = diagnose(replace(RIGHT, deviation=1.0), HIDDEN, 4)
    assert found is not None
    assert {r.quantity: r.power for r in found.repairs} == {"lr": -1.0, "weight_decay": 1.0}
    without_decay = diagnose(replace(RIGHT, deviation=1.0, decay=None), HIDDEN, 4)
    assert without_decay is not None
    assert [r.quantity for r in without_decay.repairs] == ["lr"]


def test_tied_logits_without_their_multiplier() -> None:
    """One rate serves both uses: if the embedding's update is right, the logits lack 1/m."""
    logits = UseDeviation(CERTAIN, 0.71, 0.0, module="head", aligned=0.86)
    wrong = replace(RIGHT, deviation=0.71, unscaled_logits=logits)
    tied = replace(HIDDEN, role="tied", init=None)
    found = diagnose(wrong, tied, 4)
    assert found is not None and found.finding == "multiplier-missing"
    assert found.fix == "multiply the logits, before a bias, by 1/m, m = width / base width"
    (repair,) = found.repairs
    assert (repair.name, repair.quantity, repair.power) == ("head", "multiplier", -1.0)
    rate = diagnose(replace(wrong, unscaled_logits=None), tied, 4)
    assert rate is not None and rate.finding == "lr-too-large"
