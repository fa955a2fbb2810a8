"""Optimizers that keep numbers by the position of their groups, or write rates at every step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from mutransfer_cli import InputError, Subject, check
from mutransfer_cli.coordcheck.measure.training_step import take_step
from tests.helpers.check_subjects import WIDTHS, failed, small_subject, subject, unscaled_second


class Scheduled:
    """Steps a scheduler of its own, which writes one rate for every group that it has seen."""

    def __init__(self, inner: torch.optim.Optimizer) -> None:
        self.inner, self.param_groups = inner, inner.param_groups
        self.schedule = torch.optim.lr_scheduler.LambdaLR(inner, lambda step: 1.0 / (1 + step))

    def step(self) -> None:
        self.inner.step()
        self.schedule.step()


class Lookahead:
    """arXiv 1907.08610: every second step goes half the way back to the slow weights."""

    def __init__(self, inner: torch.optim.Optimizer) -> None:
        self.inner, self.param_groups, self.steps = inner, inner.param_groups, 0
        self.slow = [[p.detach().clone() for p in g["params"]] for g in self.param_groups]

    @torch.no_grad()
    def step(self) -> None:
        self.inner.step()
        self.steps += 1
        if self.steps % 2 == 0:
            for group, slow in zip(self.param_groups, self.slow, strict=True):
                for fast, kept in zip(group["params"], slow, strict=True):
                    fast.copy_(kept.lerp_(fast, 0.5))


def wrapped(build: Callable[..., Subject], wrapper: Callable[[Any], Any]) -> Callable[..., Subject]:
    def changed(width: int, seed: int) -> Subject:
        made = build(width, seed)
        return Subject(made.model, wrapper(made.optimizer), made.loss, made.batch)

    return changed


@pytest.mark.parametrize("wrapper", [Scheduled, Lookahead])
def test_right_and_wrong_rates_behind_a_wrapper(wrapper: Callable[[Any], Any]) -> None:
    report = check(wrapped(subject(), wrapper), WIDTHS)
    assert report.passed, report.reason
    assert failed(check(wrapped(subject(lr=unscaled_second), wrapper), WIDTHS)) == {
        "second.weight": "lr-too-large"
    }


def test_a_step_of_another_length() -> None:
    """SGD with a rate of 1: the step is minus the gradient, and here three times that."""
    made = small_subject(8)
    made.optimizer = torch.optim.SGD(made.model.parameters(), lr=1.0)
    named = dict(made.model.named_parameters())
    for p in named.values():
        p.grad = torch.ones_like(p)
    groups = len(made.optimizer.param_groups)
    before = take_step(made, {"second.weight": 3.0})
    for name, p in named.items():
        expected = before[name] - (3.0 if name == "second.weight" else 1.0)
        torch.testing.assert_close(p.detach(), expected)
    assert len(made.optimizer.param_groups) == groups


class Sharpness(torch.optim.SGD):
    """Its step needs the loss again, as that of SAM (arXiv 2010.01412) does."""

    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]  # required here
        return super().step(closure)


@pytest.mark.parametrize("kind", [Sharpness, torch.optim.LBFGS])
def test_a_step_that_needs_the_loss_is_refused(kind: Callable[..., Any]) -> None:
    def build(width: int, seed: int) -> Subject:
        made = subject()(width, seed)
        return Subject(made.model, kind(made.model.parameters(), lr=0.1), made.loss, made.batch)

    with pytest.raises(InputError, match="whose step requires closure; expected") as caught:
        check(build, WIDTHS)
    assert "\n" not in str(caught.value)
