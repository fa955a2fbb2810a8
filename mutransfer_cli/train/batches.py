"""The batches of a trial: where they come from, whether they follow the sizes, and devices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

from mutransfer_cli.catalog.axes import AXES
from mutransfer_cli.errors import InputError
from mutransfer_cli.models.builder import build
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


def require_own_batches(proxies: ProxyFactory, rungs: Sequence[Size]) -> None:
    """Check, before any training, that own batches grow where the ladder's batches or inputs do.

    Such rungs would train on the same batches under different names.

    Raises:
        InputError: The batches of a model that brings its own are the same at all rungs of an axis.
    """
    recipe = proxies.recipe
    if recipe.train is not None and recipe.train.command is not None:
        return  # the program reads its own data
    for axis in AXES:
        by_size = {getattr(size, axis.size): size for size in rungs}
        if len(by_size) < 2 or not (axis.size == "batch" or axis.from_inputs):
            continue
        low, high = min(by_size), max(by_size)
        shapes = [own_shapes(proxies, by_size[size]) for size in (low, high)]
        if shapes[0] is None or shapes[0] != shapes[1]:
            continue
        say = (
            f"let it take an argument {axis.size}"
            if axis.size == "batch"
            else f"name the argument that follows, model: {{{axis.size}: {{ARGUMENT: 1}}}}"
        )
        raise InputError(
            f"{proxies.model_name} brings its own batches, and they are the same at {axis.size} "
            f"{low} and {high}: {say}",
            path=("ladder", axis.size),
        )


def own_shapes(proxies: ProxyFactory, size: Size) -> list[tuple[int, ...]] | None:
    """The shapes of the first batch that a model brings at a size; None: it brings none."""
    batch = build(proxies.recipe, size).batch
    if batch is None:
        return None
    return [tuple(leaf.shape) for leaf in tree_leaves(batch(0)) if isinstance(leaf, Tensor)]
