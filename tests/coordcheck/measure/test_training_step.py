"""Subjects that cannot be trained say so in a line; warm-up does not hide an update."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mutransfer_cli import InputError, Subject, check
from mutransfer_cli.coordcheck.measure.training_step import (
    on_tiny_batch,
    scalar_loss,
    tiny_batch,
)
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


def test_a_model_of_fixed_sequences_gets_full_ones() -> None:
    batch = (torch.arange(40).view(4, 10), torch.arange(40).view(4, 10))

    def mixer(batch: tuple[torch.Tensor, torch.Tensor]) -> int:
        if batch[0].shape[1] != 10:
            raise InputError("loss: shapes cannot be multiplied")
        return batch[0].shape[0]

    taken, rows = on_tiny_batch(batch, mixer)
    assert rows == 2 and taken[0].shape == taken[1].shape == (2, 10)
    assert on_tiny_batch(batch, lambda batch: batch[0].shape)[1] == (2, 4)  # 8 tokens, two rows


def test_a_loss_that_names_its_number_of_rows_gets_the_whole_batch() -> None:
    def named(batch: tuple[torch.Tensor, ...]) -> int:
        if batch[0].shape != (12, 5):
            raise InputError("loss: expected input batch_size (4) to match target batch_size (12)")
        return batch[0].shape[0]

    assert on_tiny_batch((torch.rand(12, 5),), named)[1] == 12
    assert on_tiny_batch((torch.rand(12, 5),), len)[0][0].shape == (4, 5)  # the control


def test_features_beside_token_ids_keep_their_columns() -> None:
    """A two-tower model takes the items of a user, and features of another number."""
    items, features = torch.arange(40).view(8, 5), torch.rand(8, 12)
    assert [t.shape for t in tiny_batch((items, features))] == [(2, 5), (2, 12)]
    assert [t.shape for t in tiny_batch((items, items))] == [(2, 4), (2, 4)]  # control: a text


def test_an_error_of_all_lengths_is_that_of_the_whole_batch() -> None:
    def broken(batch: tuple[torch.Tensor, ...]) -> None:
        raise InputError(f"loss: {batch[0].shape[1]} tokens")

    with pytest.raises(InputError, match="loss: 10 tokens"):
        on_tiny_batch((torch.arange(40).view(4, 10),), broken)


@pytest.mark.parametrize("shape", [(1,), (1, 1)])
def test_a_loss_of_one_element_counts_as_in_training(shape: tuple[int, ...]) -> None:
    loss = nn.Linear(2, 1, bias=False)(torch.ones(1, 2)).reshape(shape)
    assert scalar_loss(loss).shape == ()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (torch.ones(1).long(), "returned int64"),
        (torch.ones(()) * 1j, "returned complex64, expected a scalar tensor of real numbers"),
        (torch.ones(4), r"returned shape \(4,\)"),
        ((torch.ones(()), 1), "returned a tuple"),
        (torch.ones(()), "no gradient"),
    ],
)
def test_what_is_no_loss_is_one_line(value: object, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        scalar_loss(value)
    assert "\n" not in str(caught.value)


def test_a_backward_pass_that_the_users_code_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.Tensor, "backward", lambda loss: None)
    with pytest.raises(InputError, match=r"code replaced Tensor\.backward by"):
        check(small_subject, WIDTHS)
