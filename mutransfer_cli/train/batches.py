"""The batches of a trial: their source, and moving nested batches to a device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.recipe.size import Size

SEED_STRIDE = 1_000_003  # combines seed and step for a user's batch(number), which takes one number


@dataclass(frozen=True, slots=True)
class DataStream:
    """The data of one trial.

    Attributes:
        batch: The batch of a training step, counted from 0.
        validation: The fixed batches on which the loss is taken before and after training.
    """

    batch: Callable[[int], Any]
    validation: Sequence[Any]


def data_stream(factory: ProxyFactory, subject: Subject, size: Size, seed: int) -> DataStream:
    """The subject's own batches if it has any, else those of the recipe's data.

    Args:
        factory: Provides the recipe's data.
        subject: A model that the factory built.
        size: Gives the number of examples in a batch.
        seed: Seed of the trial; trials with equal seeds see the same batches in the same order.
    """
    own = subject.batch
    if own is not None:
        held_out = subject.eval_batch or (lambda number: own(-1 - number))
        return DataStream(lambda step: own(seed * SEED_STRIDE + step), [held_out(0)])
    data = factory.source_at(size)
    return DataStream(lambda step: data.batch(seed, step, size.batch), data.validation(size.batch))


def to_device(batch: Any, device: torch.device) -> Any:
    """A nested batch with its tensors on the device."""
    if isinstance(batch, Tensor):
        return batch.to(device)
    if type(batch) is tuple:  # the usual case; `tree_map` would take some percent of a small step
        return tuple(to_device(part, device) for part in batch)
    return tree_map(lambda leaf: leaf.to(device) if isinstance(leaf, Tensor) else leaf, batch)


def count_examples(batch: Any) -> int:
    """Number of examples in a batch; 1 if that cannot be told from its first tensor."""
    first = batch[0] if isinstance(batch, tuple | list) else batch
    return len(first) if isinstance(first, Tensor) and first.dim() else 1
