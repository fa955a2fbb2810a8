"""A deviation of the smaller widths only is no proof; the reason names the widths to give."""

from __future__ import annotations

from dataclasses import replace

import mup
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mutransfer_cli import CheckReport, Subject, check
from mutransfer_cli.coordcheck.verdict.expected_exponents import Expectation
from mutransfer_cli.coordcheck.verdict.slopes import SlopeFit
from mutransfer_cli.coordcheck.verdict.tensor_verdict import TensorVerdict
from mutransfer_cli.coordcheck.verdict.undecided import (
    doubt_about,
    notes_on_excused,
    persists,
    wider_widths,
    without_effects_of_small_widths,
)
from mutransfer_cli.coordcheck.verdict.width_verdict import tensor_report
from mutransfer_cli.documents.check import FaultReport
from tests.helpers.changed_rates import multiply_learning_rates
from tests.helpers.check_subjects import failed

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


def test_a_fault_of_activations_that_larger_widths_do_not_show_proves_nothing() -> None:
    fault = FaultReport(finding="activation-scale", where="feat", message="", fix="")
    assert doubt_about([fault], [fault], (64, 128, 256)) == doubt_about([], [], (64, 128)) == ""
    doubt = doubt_about([fault], [], (64, 128, 256))
    assert "behind `feat`" in doubt and doubt.endswith("give --widths 128,256,512")
    assert [persists(d, 0.0) for d in (0.3, -0.45, 0.5)] == ["pass", "fail", "fail"]


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


def convnet(width: int) -> nn.Module:
    """The small convnet of the mup package's tests (`mup/test/models.py`)."""
    return nn.Sequential(
        nn.Conv2d(3, width, 5), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        nn.Conv2d(width, 2 * width, 5), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(2 * width * 25, 16 * width), nn.ReLU(inplace=True),
        nn.Linear(16 * width, 10 * width), nn.ReLU(inplace=True), mup.MuReadout(10 * width, 10),
    )  # fmt: skip


def images(seed: int) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    return torch.randn(8, 3, 32, 32, generator=g), torch.randint(0, 10, (8,), generator=g)


def classes(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return F.cross_entropy(model(batch[0]), batch[1])


def convnet_report(widths: tuple[int, ...], unscaled: str = "") -> CheckReport:
    def build(width: int, seed: int) -> Subject:
        torch.manual_seed(seed)
        model = convnet(width)
        mup.set_base_shapes(model, convnet(8), delta=convnet(16))
        for p in model.parameters():
            if p.dim() > 1:
                mup.init.kaiming_normal_(p, mode="fan_in")
        nn.init.zeros_(model[-1].weight)  # type: ignore[index,arg-type]  # a sequence of layers
        nn.init.zeros_(model[-1].bias)  # type: ignore[index,arg-type]  # the same
        optimizer = mup.MuSGD(model.parameters(), lr=0.1)
        if unscaled:
            multiply_learning_rates(model, optimizer, {unscaled: width / 8})
        return Subject(model, optimizer, classes, images)

    return check(build, widths)


@pytest.mark.slow
def test_a_convnet_that_is_too_narrow_is_told_which_widths_would_do() -> None:
    """At widths of 4 to 16 even the deliberate error hides."""
    narrow = convnet_report((4, 8, 16))
    assert narrow.verdict == "inconclusive"
    assert narrow.document.reason.endswith("give --widths 64,128,256")
    assert convnet_report((16, 32, 64)).passed
    assert failed(convnet_report((16, 32, 64), "7.weight")) == {"7.weight": "lr-too-large"}


@pytest.mark.slow
def test_the_convnet_passes_at_the_widths_that_it_was_told() -> None:
    assert convnet_report((64, 128, 256)).passed
