"""Batches that may be cut to their first rows, and those that may not."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mutransfer_cli.data.sliced_batch import has_separate_columns, has_separate_rows

X, TOKENS = torch.randn(30, 8), torch.randint(0, 50, (6, 12))
LABELS, EDGES = torch.randint(0, 5, (30,)), torch.randint(0, 30, (2, 120))


@pytest.mark.parametrize(
    ("batch", "separate"),
    [
        ((X, LABELS), True),
        ([X, LABELS], True),
        ((TOKENS, TOKENS), True),
        ((torch.randn(6, 3, 4, 4), torch.randn(6)), True),
        ((X, EDGES, LABELS), False),  # edges point to nodes
        ((X, EDGES.T[:30], LABELS), False),  # as many edges as nodes
        ((torch.randint(0, 50, (40,)), torch.tensor([0, 12, 40])), False),  # packed: starts of rows
        ((torch.randn(4, 9), torch.randn(16, 2), torch.randn(4, 16)), False),  # query points
        ((X, torch.rand(30, 30), LABELS), False),  # an adjacency matrix
        ((X, torch.rand(30, 30) < 0.2, LABELS), False),
        ((X, torch.eye(30).to_sparse(), LABELS), False),
        ((torch.randn(8, 8), torch.randint(0, 5, (8,))), True),  # as many examples as features
        ((X, torch.tensor(3)), False),
        (X, False),
        ({"x": X}, False),
        ((X, None), False),
        ((), False),
    ],
)
def test_rows(batch: object, separate: bool) -> None:
    assert has_separate_rows(batch) is separate


@pytest.mark.parametrize(
    ("batch", "separate"),
    [
        ((TOKENS, TOKENS), True),
        ((TOKENS, torch.randint(0, 5, (6,))), True),  # classes
        ((TOKENS, torch.tensor([3, 12, 5, 7, 1, 2])), False),  # lengths: the longest fills a row
        ((TOKENS, TOKENS[:, :7]), False),
    ],
)
def test_columns(batch: tuple[Tensor, ...], separate: bool) -> None:
    assert has_separate_columns(batch) is separate
