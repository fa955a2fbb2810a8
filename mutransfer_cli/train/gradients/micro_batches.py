"""Gradient accumulation: a batch is cut into equal parts, whose gradients are averaged."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

from mutransfer_cli.errors import InputError


def micro_batches(batch: Any, parts: int, dimension: int = 0) -> list[Any]:
    """Cut a batch into equal parts, in the order of its examples.

    Args:
        batch: A nested batch; every tensor in it has the examples along the same dimension.
        parts: Number of parts.
        dimension: The dimension of the examples; 1 in a stack of the batches of several trials.

    Raises:
        InputError: Its tensors have different numbers of examples, or a number that the parts
            do not divide.
    """
    if parts == 1:
        return [batch]
    tensors = [leaf for leaf in tree_leaves(batch) if isinstance(leaf, Tensor)]
    counts = {t.shape[dimension] if t.dim() > dimension else None for t in tensors}
    count = counts.pop() if len(counts) == 1 else None
    if count is None or count % parts:
        shapes = ", ".join(str(tuple(t.shape)) for t in tensors)
        raise InputError(
            f"a batch of tensors {shapes or 'none'} cannot be cut into {parts} equal parts: "
            "expected tensors whose first dimension is the examples of one batch",
            path=("train", "accumulate"),
        )
    size = count // parts

    def part(leaf: Any, start: int) -> Any:
        return leaf.narrow(dimension, start, size) if isinstance(leaf, Tensor) else leaf

    return [
        tree_map(lambda leaf, start=start: part(leaf, start), batch)
        for start in range(0, count, size)
    ]
