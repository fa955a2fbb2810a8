"""Buffers at fixed addresses that hold the batches of captured steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_leaves, tree_map

CONSTANT_TYPES = (int, float, str, bool, type(None))


def structure_of(batch: Any) -> Any:
    """A key that is equal for batches that fit the same buffers; None if buffers cannot hold it.

    It consists of the shapes and types of tensors, and of the values of other leaves, which a
    captured step treats as constants.
    """
    leaves, structure = tree_flatten(batch)
    parts: list[Any] = []
    for leaf in leaves:
        if isinstance(leaf, Tensor):
            parts.append((tuple(leaf.shape), leaf.dtype))
        elif isinstance(leaf, CONSTANT_TYPES):
            parts.append(("value", leaf))
        else:
            return None
    return structure, parts


def allocate_like(batch: Any, device: torch.device) -> Any:
    """A copy of a batch on the device, in newly allocated memory."""

    def copy(leaf: Any) -> Any:
        if not isinstance(leaf, Tensor):
            return leaf
        return torch.empty_like(leaf, device=device).copy_(leaf)

    return tree_map(copy, batch)


def copy_into(buffers: Sequence[Any], batch: Any) -> None:
    """Write a batch into buffers; the device may still be busy with the batch before.

    Args:
        buffers: The leaves of a batch of the same structure.
        batch: The batch to write.
    """
    for buffer, leaf in zip(buffers, tree_leaves(batch), strict=True):
        if isinstance(buffer, Tensor):
            buffer.copy_(leaf, non_blocking=True)
