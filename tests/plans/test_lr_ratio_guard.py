"""Schedules that keep the ratios of learning rates, and those that do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.optim import AdamW, Optimizer
from torch.optim import lr_scheduler as schedules

from mutransfer_cli import InputError, Plan
from mutransfer_cli.plans.lr_ratio_guard import attach_guards, remove_guard
from tests.helpers.planned_net import STEPS, batch_loss, prepared, train, training_batch

RELATIVE: dict[str, Callable[[Optimizer], Any]] = {
    "LambdaLR": lambda o: schedules.LambdaLR(o, lambda s: max(0.0, 1 - s / 4)),
    "CosineAnnealingLR": lambda o: schedules.CosineAnnealingLR(o, STEPS - 2),
    "StepLR": lambda o: schedules.StepLR(o, 2, gamma=0.1),
    "ReduceLROnPlateau": lambda o: Plateau(o),
    "warmup": lambda o: schedules.SequentialLR(
        o,
        [schedules.LinearLR(o, 0.01, total_iters=2), schedules.CosineAnnealingLR(o, 2)],
        milestones=[2],
    ),
}
ABSOLUTE: dict[str, Callable[[Optimizer], Any]] = {
    "OneCycleLR": lambda o: schedules.OneCycleLR(o, max_lr=0.01, total_steps=STEPS + 1),
    "CosineAnnealingLR": lambda o: schedules.CosineAnnealingLR(o, STEPS, eta_min=1e-4),
    "CyclicLR": lambda o: schedules.CyclicLR(o, 1e-4, 1e-2, cycle_momentum=False),
}


class Plateau(schedules.ReduceLROnPlateau):
    """Called without a metric: every step is a plateau."""

    def __init__(self, optimizer: Optimizer) -> None:
        super().__init__(optimizer, patience=0)

    def step(self, *_: Any) -> None:  # type: ignore[override]
        super().step(1.0)


@pytest.mark.parametrize("name", RELATIVE)
def test_relative_schedules(plan: Plan, name: str) -> None:
    model, optimizer = prepared(plan)
    schedule = RELATIVE[name](optimizer)
    train(model, optimizer, schedule)
    plan.verify(model, optimizer)
    rates = {g["lr"] for g in optimizer.param_groups}
    assert rates == {0.0} or max(rates) / min(rates) == pytest.approx(4)  # WIDTH / BASE


@pytest.mark.parametrize("name", ABSOLUTE)
def test_schedules_that_set_rates_are_an_error(plan: Plan, name: str) -> None:
    model, optimizer = prepared(plan)
    schedule = ABSOLUTE[name](optimizer)
    with pytest.raises(
        InputError, match=rf"^plan: .*hidden\.weight.*: {name} sets rates"
    ) as raised:
        train(model, optimizer, schedule)
    assert "\n" not in str(raised.value) and "LambdaLR" in str(raised.value)


def test_a_function_for_each_group_is_told_as_that(plan: Plan) -> None:
    """The name of the remedy is no fault: one function for all groups is right."""
    model, optimizer = prepared(plan)
    functions = [lambda s, i=i: 1 / (1 + i * s) for i in range(len(optimizer.param_groups))]
    schedule = schedules.LambdaLR(optimizer, functions)
    with pytest.raises(InputError, match="LambdaLR has a function for each group; give") as raised:
        train(model, optimizer, schedule)
    assert "such as LambdaLR" not in str(raised.value)


def test_rates_set_by_hand_are_an_error(plan: Plan) -> None:
    """As nanoGPT's loop does it; multiplied by hand they are none."""
    model, optimizer = prepared(plan)
    peaks = [g["lr"] for g in optimizer.param_groups]
    for group, peak in zip(optimizer.param_groups, peaks, strict=True):
        group["lr"] = 0.3 * peak
    train(model, optimizer)
    for group in optimizer.param_groups:
        group["lr"] = 0.001
    with pytest.raises(InputError, match="something set them"):
        train(model, optimizer)
    remove_guard(optimizer)
    train(model, optimizer)


def test_verify_one_s_own_optimizer(plan: Plan) -> None:
    model, _ = prepared(plan)
    own = AdamW(plan.param_groups(model))
    plan.verify(model, own)
    own.param_groups[0]["lr"] *= 1.001
    with pytest.raises(InputError, match="has the rate"):
        plan.verify(model, own)
    few = AdamW(plan.param_groups(model)[:1])
    with pytest.raises(InputError, match="is in no group of the optimizer"):
        plan.verify(model, few)
    plan.verify(model, few, AdamW(plan.param_groups(model)[1:]))
    model.hidden.weight.requires_grad_(False)
    plan.verify(model, AdamW(plan.param_groups(model)))


def test_a_tensor_unfrozen_too_late_is_an_error(plan: Plan) -> None:
    model, _ = prepared(plan)
    model.hidden.weight.requires_grad_(False)
    (optimizer,) = plan.optimizers(model)
    train(model, optimizer)  # still frozen: nothing to say
    model.hidden.weight.requires_grad_(True)
    with pytest.raises(InputError, match=r"hidden\.weight is in no group of the optimizer"):
        train(model, optimizer)
    with pytest.raises(InputError, match=r"hidden\.weight is in no group of the optimizer"):
        plan.verify(model, optimizer)
    lr = plan.tensor("hidden.weight").lr
    optimizer.add_param_group({"params": [model.hidden.weight], "lr": lr})
    train(model, optimizer)


def test_two_optimizers_share_the_tensors(plan: Plan) -> None:
    """Muon with AdamW: a tensor that either of them trains is trained."""
    model, _ = prepared(plan)
    model.first.bias.requires_grad_(False)
    first, second = (
        AdamW([{"params": [p], "lr": plan.tensor(n).lr}])
        for n, p in model.named_parameters()
        if n in {"first.weight", "hidden.weight"}
    )
    attach_guards(plan, dict(model.named_parameters()), [first, second])
    model.first.bias.requires_grad_(True)
    with pytest.raises(InputError, match=r"first\.bias is in no group"):
        first.step()
    second.add_param_group({"params": [model.first.bias], "lr": plan.tensor("first.bias").lr})
    first.step()
    second.step()


def test_a_compiled_step_is_guarded(plan: Plan) -> None:
    expected = train(*prepared(plan))
    model, optimizer = prepared(plan)
    step, losses = torch.compile(optimizer.step, backend="eager"), []
    for number in range(STEPS):
        loss = batch_loss(model, training_batch(number))
        optimizer.zero_grad()
        loss.backward()
        step()
        losses.append(loss.item())
    assert losses == pytest.approx(expected, rel=1e-5)
    optimizer.param_groups[0]["lr"] *= 2
    with pytest.raises(InputError, match="something set them"):
        step()
