"""Checks of optimizers whose first steps differ from all later ones, and of the other new ones."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mutransfer_cli.coordcheck.measure.optimizer.initial_steps import (
    initial_steps,
    take_initial_steps,
)
from mutransfer_cli.coordcheck.width_check import run_width_check
from mutransfer_cli.optimizers.adopt import ADOPT
from tests.helpers.check_requests import UNDER_MUP, request_for, with_hidden_lr
from tests.helpers.own_optimizers import Descent, LateSigns, Signs


def test_initial_steps_move_nothing() -> None:
    """The step after them moves the parameter, as ADOPT's second one does."""
    own = ADOPT.torch_class()
    assert own is not None
    p = nn.Parameter(torch.ones(3))
    optimizer = own([{"params": [p], "lr": 0.1, "weight_decay": 0.5, "weight_decouple": True}])  # type: ignore[call-arg]  # Optimizer has none of its own

    def fill_gradients() -> None:
        p.grad = torch.tensor([1.0, -2.0, 3.0])

    take_initial_steps(optimizer, fill_gradients)
    assert torch.equal(p.detach(), torch.ones(3)) and optimizer.param_groups[0]["lr"] == 0.1
    optimizer.step()  # (1 - 0.1 · 0.5) · 1, then 0.1 · (1 - 0.9) · sign
    assert p.tolist() == pytest.approx([0.94, 0.96, 0.94])


class NamedOtherwise(torch.optim.RAdam):
    """No class of the catalog, by its name."""


@pytest.mark.parametrize(
    ("own", "steps"),
    [
        (torch.optim.RAdam, 5),
        (torch.optim.AdamW, 0),
        (NamedOtherwise, 5),  # measured: RAdam's
        (Signs, 0),
        (Descent, 0),
        (LateSigns, 3),
    ],
)
def test_a_users_instance_is_known_by_its_class(own: type, steps: int) -> None:
    assert initial_steps(own([nn.Parameter(torch.ones(3))])) == steps


@pytest.mark.parametrize("name", sorted(UNDER_MUP))
@pytest.mark.slow
def test_checks_pass_and_fail_where_the_rule_is_left_out(name: str) -> None:
    request = request_for("mup", name)
    assert run_width_check(request).passed
    report = run_width_check(with_hidden_lr(request, 0.5))  # for adamh, the rule left out
    assert report.verdict == "fail"
    wrong = {t.name for t in report.tensors if t.verdict == "fail"}
    assert wrong == {"hidden.0.weight", "hidden.1.weight"}
