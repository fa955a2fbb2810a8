"""Wrong inits are repaired before updates are judged."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from mutransfer_cli.coordcheck.verdict.repair import init_errors, separated, with_repaired_inits
from mutransfer_cli.coordcheck.verdict.slopes import SlopeFit
from mutransfer_cli.coordcheck.verdict.tensor_verdict import TensorVerdict
from mutransfer_cli.models.subject import Subject

EXACT = SlopeFit(0.0, 0.01, 4)


def verdict(name: str, init: float = 0.0, update: float = 0.0, decay: float = 0.0) -> TensorVerdict:
    """Deviations of the exponents, each with a standard error of 0.01."""
    return TensorVerdict(name, EXACT, EXACT, EXACT, update, 0.01, init, decay, True)


def test_only_inits_that_are_wrong_beyond_doubt_count() -> None:
    doubtful = TensorVerdict("c", EXACT, SlopeFit(0.5, 0.4, 4), None, 0, 0.01, 0.5, 0, True)
    found = init_errors([verdict("a", init=0.45), verdict("b", init=0.2), doubtful])
    assert found == {"a": 0.5}  # the nearest multiple of 1/2


def test_inits_are_divided_by_the_excess_power() -> None:
    def build(width: int, seed: int) -> Subject:
        model = nn.Linear(width, 1)
        nn.init.ones_(model.weight)
        nn.init.ones_(model.bias)
        return Subject(model)

    repaired = with_repaired_inits(build, {"weight": 0.5}, 16)
    for width, factor in ((16, 1.0), (64, 0.5)):  # (64 / 16)^-1/2
        model = repaired(width, 0).model
        assert torch.equal(model.get_parameter("weight"), torch.full((1, width), factor))
        assert torch.equal(model.get_parameter("bias"), torch.ones(1))


@pytest.mark.parametrize("consequence", [True, False])
def test_a_deviation_that_vanishes_was_a_consequence(consequence: bool) -> None:
    before = [verdict("a", init=0.5, update=0.7), verdict("b", update=0.5, decay=0.3)]
    after = [verdict("a"), verdict("b", update=0.0 if consequence else 0.5, decay=9.0)]
    first, second = separated(before, after)
    assert replace(first, repaired_deviation=None) == before[0]  # its own error, as measured
    assert first.repaired_deviation == 0.0  # what is left of its update once the init is right
    assert second.verdict == ("warn" if consequence else "fail")
    assert second.decay_deviation == 0.3  # decay does not depend on the repair
