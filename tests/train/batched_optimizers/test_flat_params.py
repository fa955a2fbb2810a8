"""Tensors of several trials in one matrix."""

from __future__ import annotations

import torch

from mutransfer_cli.train.batched_optimizers.flat_params import ALIGNMENT, Layout, padded

TENSORS = {"a": torch.zeros(3, 5), "b": torch.zeros(2), "c": torch.zeros(16)}
ALIKE = {"a": "x", "b": "y", "c": "x"}


def layout() -> Layout:
    return Layout.of(TENSORS, ALIKE)


def test_columns_by_hand() -> None:
    """Neighbors are alike: a (15 numbers in 16 columns), c (16), b (2 in 16)."""
    found = layout()
    assert [padded(n) for n in (1, 16, 17)] == [16, 16, 32] and ALIGNMENT == 16
    assert found.names == ["a", "c", "b"] and found.width == 48
    assert (found.span("a"), found.span("c"), found.span("b")) == ((0, 15), (16, 32), (32, 34))
    assert found.within(["c", "a"]) == (0, 32)
    assert found.runs(["a", "b", "c"], ALIKE) == [("a", (0, 32)), ("b", (32, 48))]
    assert found.runs(["b", "a"], ALIKE) == [("a", (0, 16)), ("b", (32, 48))]


def test_rows_hold_every_trial_and_padding_is_zero() -> None:
    g = torch.Generator().manual_seed(0)
    states = [{n: torch.randn(t.shape, generator=g) for n, t in TENSORS.items()} for _ in range(3)]
    found = layout()
    rows = found.rows(states)
    views = found.views(rows)
    for name in TENSORS:
        assert torch.equal(views[name], torch.stack([state[name] for state in states]))
    used = sum(t.numel() for t in TENSORS.values())
    assert int((rows != 0).sum()) == 3 * used


def test_views_share_memory_with_the_rows() -> None:
    found = layout()
    rows = torch.zeros(2, found.width)
    found.views(rows)["b"][1] += 1
    assert rows[1, 32:34].tolist() == [1.0, 1.0] and float(rows.sum()) == 2.0
