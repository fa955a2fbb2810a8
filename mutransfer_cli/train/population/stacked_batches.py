"""Stacks the nested batches of several trials into one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map


def stack_batches(batches: Sequence[Any]) -> Any:
    """Stack batches of one structure; every tensor gets a leading trial dimension."""

    def stack(*leaves: Any) -> Any:
        return torch.stack(leaves) if isinstance(leaves[0], Tensor) else leaves[0]

    return tree_map(stack, batches[0], *batches[1:])


def trial_dimensions(batch: Any) -> Any:
    """The `in_dims` of a stacked batch for vmap: 0 for tensors, None for what all trials share."""
    return tree_map(lambda leaf: 0 if isinstance(leaf, Tensor) else None, batch)
