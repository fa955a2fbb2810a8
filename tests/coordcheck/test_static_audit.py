"""The static audit reads the optimizer's groups."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mutransfer_cli import Subject, check
from mutransfer_cli.coordcheck.static_audit import audit
from tests.helpers.check_requests import TRAINABLE, hidden_tensors, request_for, with_hidden_lr
from tests.helpers.check_subjects import (
    WIDTHS,
    SmallMLP,
    small_batch,
    small_loss,
    subject,
    unscaled_second,
)


@pytest.mark.parametrize("model", ["mlp", "gpt"])
@pytest.mark.parametrize("kind", ["adam", "sgd"])
def test_static_audit_passes_what_is_right(model: str, kind: str) -> None:
    report = check(subject(model, kind), WIDTHS, static=True)
    assert report.passed, report.sentences


def test_static_audit_names_a_wrong_group() -> None:
    report = check(subject(lr=unscaled_second), WIDTHS, static=True)
    assert report.verdict == "fail"
    assert {t.name: t.finding for t in report.tensors if t.verdict == "fail"} == {
        "second.weight": "lr-too-large"
    }


def ntk_form(width: int, lr: float = 0.01) -> Subject:
    """muP in other clothes: unit init of the hidden matrix, its 1/√n in the forward pass."""

    class Scaled(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return F.linear(x, self.weight * width**-0.5, self.bias)

    model = SmallMLP(width)
    model.second = Scaled(width, width)
    nn.init.normal_(model.second.weight)
    nn.init.zeros_(model.last.weight)
    m = width / 64
    groups = [
        {"params": [model.second.weight], "lr": lr * m**-0.5},
        {"params": [model.last.weight], "lr": lr / m},
        {"params": [*model.first.parameters(), model.second.bias, model.last.bias], "lr": lr},
    ]
    return Subject(model, torch.optim.Adam(groups, lr=lr), loss=small_loss, batch=small_batch)


def test_other_forms_of_the_same_pass_both_ways() -> None:
    assert check(ntk_form, WIDTHS).passed
    static = check(ntk_form, WIDTHS, static=True)
    assert static.passed, static.sentences


@pytest.mark.parametrize(
    ("optimizer", "power", "finding"),
    [
        # Tensor Programs V: Adam's rate of a readout is constant behind the multiplier 1/m (Table
        # 8), and ∝ 1/m without it (Table 3); SGD's ∝ m and ∝ 1/m
        ("Adam", 0.0, None),
        ("Adam", -0.5, None),  # Table 9
        ("Adam", -1.0, None),
        ("Adam", -1.5, "lr-too-small"),
        ("Adam", 0.5, "lr-too-large"),
        ("SGD", 1.0, None),
        ("SGD", -1.0, None),
        ("SGD", 2.0, "lr-too-large"),
        ("SGD", -2.0, "lr-too-small"),
    ],
)
def test_a_zero_readout_does_not_tell_where_its_factor_is(
    optimizer: str, power: float, finding: str | None
) -> None:
    def build(width: int) -> Subject:
        model = nn.Sequential(nn.Linear(4, width), nn.Linear(width, 3))
        nn.init.zeros_(model[1].weight)
        m = width / 64
        lr = 0.01 * (m if optimizer == "SGD" else 1.0)  # of the input, Table 8
        groups = [
            {"params": list(model[0].parameters()), "lr": lr},
            {"params": [model[1].weight], "lr": 0.01 * m**power},
            {"params": [model[1].bias], "lr": 0.01},
        ]
        made = getattr(torch.optim, optimizer)(groups, lr=0.01)
        return Subject(model, made, loss=lambda m, x: m(x).square().mean(), batch=small_inputs)

    report = check(build, WIDTHS, static=True)
    failed = {t.name: t.finding for t in report.tensors if t.verdict == "fail"}
    assert failed == ({"1.weight": finding} if finding else {})


def small_inputs(seed: int) -> torch.Tensor:
    return torch.ones(8, 4) + seed


@pytest.mark.parametrize(("parameterization", "optimizer"), TRAINABLE)
def test_groups_of_every_plan(parameterization: str, optimizer: str) -> None:
    request = request_for(parameterization, optimizer)
    right = audit(request)
    assert right.passed, right.sentences
    for power, finding in ((-0.5, "lr-too-small"), (0.5, "lr-too-large")):
        report = audit(with_hidden_lr(request, power))
        failed = {t.name: t.finding for t in report.tensors if t.verdict == "fail"}
        assert failed == dict.fromkeys(hidden_tensors(request), finding), (power, failed)


@pytest.mark.parametrize("optimizer", [o for p, o in TRAINABLE if p == "mup"])
def test_groups_of_a_plan_in_another_form(optimizer: str) -> None:
    """The readout's multiplier is in its init, where the table's row has it in the forward pass."""
    request = request_for("mup", optimizer, "rules: {readout: absorbed}\n")
    report = audit(request)
    assert report.passed, report.sentences
