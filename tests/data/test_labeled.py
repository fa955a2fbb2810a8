"""A table with classes: what is held out, and what is drawn."""

from __future__ import annotations

import torch

from mutransfer_cli.data.labeled import LabeledTable, hold_out


def table(rows: int = 10, every: int = 3) -> LabeledTable:
    """Row i is (i, -i) of class i mod 4."""
    numbers = torch.arange(rows, dtype=torch.float32)
    return hold_out(torch.stack([numbers, -numbers], 1), torch.arange(rows) % 4, "digest", every)


def test_the_first_of_every_three_rows_is_held_out() -> None:
    found = table()
    assert found.held_x[:, 0].tolist() == [0, 3, 6, 9]
    assert found.x[:, 0].tolist() == [1, 2, 4, 5, 7, 8]
    assert found.held_y.tolist() == [0, 3, 2, 1] and found.y.tolist() == [1, 2, 0, 1, 3, 0]
    assert (found.d_in, found.d_out) == (2, 4)


def test_a_class_that_only_the_held_out_rows_have_counts() -> None:
    x = torch.zeros(4, 1)
    assert hold_out(x, torch.tensor([7, 0, 1, 2]), "", 4).d_out == 8
    assert hold_out(x, torch.tensor([0, 0, 7, 2]), "", 4).d_out == 8


def test_batches_are_rows_with_their_classes_and_never_held_out() -> None:
    found = table(100, 10)
    x, y = found.batch(seed=1, step=2, size=64)
    assert torch.equal(x[:, 1], -x[:, 0]) and torch.equal(y, x[:, 0].long() % 4)
    assert not set(x[:, 0].tolist()) & set(found.held_x[:, 0].tolist())
    assert torch.equal(x, found.batch(1, 2, 64)[0])
    assert not torch.equal(x, found.batch(1, 3, 64)[0])
    assert not torch.equal(x, found.batch(2, 2, 64)[0])


def test_validation_is_every_held_out_row_once() -> None:
    batches = table(100, 10).validation(4)
    assert [len(x) for x, _ in batches] == [4, 4, 2]
    assert torch.cat([x[:, 0] for x, _ in batches]).tolist() == list(range(0, 100, 10))
