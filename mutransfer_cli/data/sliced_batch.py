"""Whether a batch may be made smaller by taking the first rows of its tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeGuard

import torch
from torch import Tensor


def has_separate_rows(batch: Any) -> TypeGuard[Sequence[Tensor]]:
    """Whether a batch is a sequence of tensors with one row per example.

    The tensors of a graph, of packed sequences or of query points differ in their first dimension,
    and some of them index rows of others: such a batch has to be used in full.
    """
    if not (isinstance(batch, tuple | list) and batch):
        return False
    if not all(isinstance(t, Tensor) and t.dim() > 0 and is_dense(t) for t in batch):
        return False
    rows = {t.shape[0] for t in batch}
    return len(rows) == 1 and not any(indexes_rows(t, rows.copy().pop()) for t in batch[1:])


def is_dense(tensor: Tensor) -> bool:
    """Whether a tensor is stored entry by entry; sparse ones are mostly matrices between rows."""
    return tensor.layout is torch.strided


def indexes_rows(tensor: Tensor, rows: int) -> bool:
    """Whether a tensor looks like pairs of rows, such as edges of a graph or its adjacency matrix.

    Args:
        tensor: A tensor behind the first of a batch.
        rows: The number of rows.
    """
    is_matrix = tensor.is_floating_point() or tensor.dtype is torch.bool
    if is_matrix and tensor.shape[:2] == (rows, rows):
        return True
    integers = not (tensor.is_floating_point() or tensor.is_complex() or tensor.element_size() == 1)
    pairs = tensor.dim() == 2 and tensor.shape[1] == 2
    return integers and pairs and bool(tensor.numel()) and int(tensor.max()) < rows


def has_separate_columns(batch: Sequence[Tensor]) -> bool:
    """Whether a batch of token ids may also be cut to its first columns.

    All matrices have as many columns as the first, and no vector holds lengths.
    """
    columns = batch[0].shape[1]
    matrices = [t for t in batch if t.dim() > 1]
    lengths = any(
        t.dim() == 1 and not t.is_floating_point() and int(t.max()) == columns for t in batch[1:]
    )
    return not lengths and all(t.shape[1] == columns for t in matrices)
