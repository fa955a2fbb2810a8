"""Subjects that cannot be trained say so in a line; warm-up does not hide an update."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mutransfer_cli import InputError, Subject, check
from tests.helpers.check_subjects import WIDTHS, small_subject, subject


def test_warm_up_from_zero() -> None:
    def build(width: int) -> Subject:
        made = small_subject(width)
        torch.optim.lr_scheduler.LambdaLR(made.optimizer, lambda step: min(1.0, step / 100))
        assert made.optimizer.param_groups[0]["lr"] == 0
        return made

    assert check(build, WIDTHS).passed


def test_bad_input_is_one_line() -> None:
    def frozen(width: int) -> Subject:
        made = small_subject(width)
        made.model.requires_grad_(False)
        return made

    def named(width: int) -> Subject:
        made = small_subject(width)
        made.model.add_module(f"extra{width}", nn.Linear(2, 2))
        return made

    def noisy(width: int) -> Subject:
        made = small_subject(width)
        made.batch = lambda seed: (torch.randn(8, 6), torch.randint(0, 3, (8,)))
        return made

    def vector(width: int) -> Subject:
        made = small_subject(width)
        made.loss = lambda model, b: model(b[0]).sum(0)
        return made

    for build, line in (
        (frozen, "no trainable parameters"),
        (named, "extra"),
        (noisy, "batch"),
        (vector, "scalar"),
    ):
        with pytest.raises(InputError, match=line) as caught:
            check(build, WIDTHS)
        assert "\n" not in str(caught.value)


def test_a_loss_that_raises_names_its_line() -> None:
    def build(width: int, seed: int) -> Subject:
        made = subject()(width, seed)
        made.loss = lambda model, batch: model(batch[0]).view(3, 7)
        return made

    with pytest.raises(
        InputError, match=r"loss at width 64: .*test_training_step\.py:\d+: RuntimeError"
    ):
        check(build, WIDTHS)
