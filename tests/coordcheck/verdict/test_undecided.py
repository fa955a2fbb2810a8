"""A deviation of the smaller widths only is no proof; the reason names the widths to give."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mutransfer_cli.coordcheck.verdict.expected_exponents import Expectation
from mutransfer_cli.coordcheck.verdict.slopes import SlopeFit
from mutransfer_cli.coordcheck.verdict.tensor_verdict import TensorVerdict
from mutransfer_cli.coordcheck.verdict.undecided import (
    notes_on_excused,
    wider_widths,
    without_effects_of_small_widths,
)
from mutransfer_cli.coordcheck.verdict.width_verdict import tensor_report

EXACT = SlopeFit(0.0, 0.01, 4)
RIGHT = TensorVerdict("h", EXACT, EXACT, None, 0.0, 0.01, 0.0, 0.0, moved=True)
HIDDEN = Expectation("hidden", update=0.0, init=0.0, decay=0.0)


@pytest.mark.parametrize("aspect", ["deviation", "init_deviation"])
def test_an_error_persists_between_larger_widths(aspect: str) -> None:
    wrong = replace(RIGHT, **{aspect: 0.5})  # type: ignore[arg-type]  # a number
    failing = tensor_report(wrong, HIDDEN, 4.0)
    assert failing.verdict == "fail"
    (same,) = without_effects_of_small_widths([failing], [wrong], (16, 32, 64))
    assert same == failing
    (other,) = without_effects_of_small_widths([failing], [RIGHT], (16, 32, 64))
    assert (other.verdict, other.finding, other.repairs) == ("inconclusive", None, ())
    assert other.message is not None and other.message.endswith("give --widths 64,128,256")


def test_a_tensor_that_does_not_move_stays_wrong() -> None:
    idle = replace(RIGHT, moved=False)
    failing = tensor_report(idle, HIDDEN, 4.0)
    assert without_effects_of_small_widths([failing], [idle], (16, 32, 64)) == (failing,)


def test_a_slope_outside_the_tolerance_that_passes_says_why() -> None:
    steep = replace(RIGHT, update=SlopeFit(0.6, 0.01, 4), deviation=0.05)
    (note,) = notes_on_excused([steep, RIGHT], [tensor_report(steep, HIDDEN, 4.0)])
    assert "slope of +0.60" in note and "deviates by +0.05" in note
    wrong = replace(steep, deviation=0.6)
    assert notes_on_excused([wrong], [tensor_report(wrong, HIDDEN, 4.0)]) == ()


@pytest.mark.parametrize(
    ("widths", "given"),
    [((4, 8, 16), "64,128,256"), ((32, 64, 128), "64,128,256"), ((64, 128, 256), "128,256,512")],
)
def test_which_widths_to_give(widths: tuple[int, ...], given: str) -> None:
    """Those with the same ratios and at least 64, and larger ones in any case."""
    assert wider_widths(widths) == f"give --widths {given}"
