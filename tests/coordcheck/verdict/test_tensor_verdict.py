"""Every parameterization with every optimizer: the right plan passes, a wrong hidden rate fails.

The error is m^(1/2) on the learning rate of the hidden matrices, in both directions: the smallest
step of theory's exponents, and as large as the difference between the gradients that reach the
hidden layers of mup and of sp.
"""

from __future__ import annotations

import pytest

from mutransfer_cli.catalog.optimizers import OPTIMIZERS
from mutransfer_cli.catalog.parameterizations import PARAMETERIZATIONS
from mutransfer_cli.coordcheck.width_check import run_width_check
from mutransfer_cli.errors import InputError
from tests.helpers.check_requests import (
    TRAINABLE,
    UNDER_MUP,
    hidden_tensors,
    request_for,
    tied_request,
    with_hidden_lr,
    with_lr,
)

# In the first two, and under umup, a gradient taken for that of sp would hide the error.
QUICK = [
    ("mean-field", "sgd"),
    ("mup", "sgd"),
    ("sp", "adafactor"),
    ("mup", "muon"),
]


def judge_three_ways(parameterization: str, optimizer: str) -> None:
    request = request_for(parameterization, optimizer)
    right = run_width_check(request)
    assert right.passed, right.sentences
    assert right.document.control.verdict == "fail"
    for power, finding in ((-0.5, "lr-too-small"), (0.5, "lr-too-large")):
        report = run_width_check(with_hidden_lr(request, power))
        assert report.verdict == "fail", (power, report.sentences)
        failed = {t.name: t.finding for t in report.tensors if t.verdict == "fail"}
        assert failed == dict.fromkeys(hidden_tensors(request), finding), (power, failed)


@pytest.mark.parametrize(("parameterization", "optimizer"), QUICK)
def test_wrong_hidden_rate(parameterization: str, optimizer: str) -> None:
    judge_three_ways(parameterization, optimizer)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("parameterization", "optimizer"), [pair for pair in TRAINABLE if pair not in QUICK]
)
def test_wrong_hidden_rate_in_every_pair(parameterization: str, optimizer: str) -> None:
    judge_three_ways(parameterization, optimizer)


def test_pairs_that_are_not_trained_say_so() -> None:
    """So no pair is missing above without a reason."""
    for parameterization in PARAMETERIZATIONS.names:
        for optimizer in OPTIMIZERS.names:
            if (parameterization, optimizer) in TRAINABLE or optimizer in UNDER_MUP:
                continue
            with pytest.raises(InputError, match=r"has no|umup is trained with"):
                request_for(parameterization, optimizer).build(64, 0)


def judge_tied(parameterization: str, optimizer: str) -> None:
    """The embedding's two uses have exponents of their own: 0 and 1 under sp, for Adam."""
    request = tied_request(parameterization, optimizer)
    right = run_width_check(request)
    assert right.passed, right.sentences
    for power, finding in ((-0.5, "lr-too-small"), (0.5, "lr-too-large")):
        report = run_width_check(with_lr(request, ["token.weight"], power))
        failed = {t.name: t.finding for t in report.tensors if t.verdict == "fail"}
        assert failed == {"token.weight": finding}, (power, failed)


def test_wrong_rate_of_a_tied_embedding() -> None:
    judge_tied("sp", "adam")


@pytest.mark.slow
@pytest.mark.parametrize("parameterization", ["mup", "sp", "mean-field", "ntk"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_wrong_rate_of_a_tied_embedding_in_every_pair(
    parameterization: str, optimizer: str
) -> None:
    judge_tied(parameterization, optimizer)
