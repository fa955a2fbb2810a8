"""Batches in memory that stays where it is, for steps that are captured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_leaves, tree_map

PLAIN = (int, float, str, bool, type(None))


def structure_of(batch: Any) -> Any:
    """What two batches must share to be held by the same memory; None where none can hold them.

    Shapes and types of tensors; what is not a tensor by its value, which a captured step would
    keep.
    """
    leaves, structure = tree_flatten(batch)
    parts: list[Any] = []
    for leaf in leaves:
        if isinstance(leaf, Tensor):
            parts.append((tuple(leaf.shape), leaf.dtype))
        elif isinstance(leaf, PLAIN):
            parts.append(("value", leaf))
        else:
            return None
    return structure, parts


def allocate_like(batch: Any, device: torch.device) -> Any:
    """A copy on the device, in memory of its own."""

    def copy(leaf: Any) -> Any:
        if not isinstance(leaf, Tensor):
            return leaf
        return torch.empty_like(leaf, device=device).copy_(leaf)

    return tree_map(copy, batch)


def copy_into(buffers: Sequence[Any], batch: Any) -> None:
    """Write a batch into buffers; the device may still be busy with the batch before.

    Args:
        buffers: The leaves of a batch of the same structure.
        batch: What is written.
    """
    for buffer, leaf in zip(buffers, tree_leaves(batch), strict=True):
        if isinstance(buffer, Tensor):
            buffer.copy_(leaf, non_blocking=True)
