"""Checks what a user's own loss and batches return, with errors of one line."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from mutransfer_cli.errors import InputError, kind_of
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.models.user_code import BUILD, run_user_code

# of an embedding, of cross-entropy or an index, of a bag of embeddings
TORCH_INDEX_ERRORS = (
    "index out of range in self",
    "is out of bounds",
    "which is not in the valid range",
)
TABLES = (nn.Embedding, nn.EmbeddingBag)
CLASS = re.compile(r"Target (\d+) is out of bounds")

NO_GRADIENT = (
    "its loss has no gradient: it does not depend on a parameter, or was detached or computed "
    "under no_grad"
)


def checked(subject: Subject, name: str, key: Sequence[str] = BUILD) -> Subject:
    """A subject whose loss and batches are checked whenever they are called.

    Args:
        subject: What the user's callable returned.
        name: The callable as the recipe names it, for messages.
        key: The key of the recipe that names the callable; empty: no recipe does.
    """
    loss = subject.loss
    if loss is not None:

        def own_loss(model: nn.Module, batch: Any) -> Tensor:
            with index_errors_named(model, batch, key):
                return scalar(loss(model, batch), name, key)

        subject.loss = own_loss
    if subject.batch is not None:
        subject.batch = checked_batch(subject.batch, f"{name}: its batch", key)
    if subject.eval_batch is not None:
        subject.eval_batch = checked_batch(subject.eval_batch, f"{name}: its eval_batch", key)
    return subject


def scalar(value: Any, name: str, key: Sequence[str] = BUILD) -> Tensor:
    """A loss as a tensor of shape (); one of shape (1,) or (1, 1) is reshaped.

    Raises:
        InputError: It is no tensor, no real number, or has several elements.
    """
    expected = "expected a scalar tensor of real numbers"
    if not isinstance(value, Tensor):
        at = where_loss(value)
        hint = f": return {at} of it" if at else ""
        raise InputError(f"{name}: its loss is {kind_of(value)}, {expected}{hint}", key)
    if not value.is_floating_point():
        dtype = str(value.dtype).removeprefix("torch.")
        raise InputError(f"{name}: its loss is {dtype}, {expected}", key)
    if value.numel() != 1:
        raise InputError(
            f"{name}: its loss has the shape {tuple(value.shape)}, {expected}: take its mean", key
        )
    return value.reshape(())


def where_loss(value: Any) -> str:
    """Where in a dict, a tuple or a model's output the loss is; empty where none is recognized."""
    match value:
        case {"loss": Tensor()}:  # also transformers' ModelOutput, which is a mapping
            return "['loss']"
        case (Tensor() as first, *_) if first.numel() == 1:
            return "[0]"
    return ".loss" if isinstance(getattr(value, "loss", None), Tensor) else ""


def checked_batch(
    batch: Callable[[int], Any], where: str, key: Sequence[str] = BUILD
) -> Callable[[int], Any]:
    """A function that calls `batch` and checks what it returns.

    Args:
        batch: Called with a number.
        where: The function, for messages.
        key: The key of the recipe that names the callable; empty: no recipe does.
    """

    def call(seed: int) -> Any:
        """The batch; an error in it or an empty one is one line."""
        action = f"{where}({seed})"
        value = run_user_code(lambda: batch(seed), action, key)
        if is_empty(value):
            raise InputError(f"{action} returned no examples", key)
        return value

    return call


def is_empty(batch: Any) -> bool:
    """Whether a batch is None, or has tensors but no number in any of them, or nothing at all."""
    leaves = tree_leaves(batch)
    tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
    if tensors:
        return all(tensor.numel() == 0 for tensor in tensors)
    return all(leaf is None for leaf in leaves)


@contextmanager
def index_errors_named(model: nn.Module, batch: Any, key: Sequence[str] = BUILD) -> Iterator[None]:
    """Say which token or class exceeds the model's sizes; torch names neither.

    Args:
        model: The model that runs inside the block.
        batch: Its input, or the batch that contains it.
        key: The key of the recipe that names the model; empty: no recipe does.

    Raises:
        InputError: A token or class of the batch is too large for the model.
    """
    try:
        yield
    except (IndexError, RuntimeError) as error:
        text = " ".join(str(error).split())
        if not any(part in text for part in TORCH_INDEX_ERRORS):
            raise
        reason = too_few_classes(text) or too_few_rows(model, batch, error) or exceeds(batch)
        raise InputError(f"{type(error).__name__}: {text} ({reason})", key) from error


def too_few_classes(text: str) -> str | None:
    """How many outputs the model lacks, by what cross-entropy raised; None: something else did."""
    found = CLASS.search(text)
    if found is None:
        return None
    largest = int(found[1])
    least = largest + 1
    return f"the data hold classes up to {largest}: vocab_size or d_out must be at least {least}"


def too_few_rows(model: nn.Module, batch: Any, error: BaseException) -> str | None:
    """Which embedding has too few rows for the data's tokens or for their positions.

    Args:
        model: The model that ran.
        batch: Its input, or the batch that contains it.
        error: What an embedding raised; its traceback holds the embedding and the indices.

    Returns:
        None where no embedding raised it.
    """
    for frame, _ in traceback.walk_tb(error.__traceback__):
        module, indices = (frame.f_locals.get(name) for name in ("self", "input"))
        if not isinstance(module, TABLES) or not isinstance(indices, Tensor):
            continue
        name = next((n for n, m in model.named_modules() if m is module), "an embedding")
        rows = module.num_embeddings
        if indices.dim() and counts_upwards(indices):
            return (
                f"{name} has {rows} positions, and the sequences of the data have "
                f"{indices.shape[-1]} tokens: data.seq_len must be at most {rows}, or the model "
                "must have more positions"
            )
        largest = largest_integer(indices)
        if largest is None or largest < rows:  # a negative one, or hidden inside vmap
            largest = largest_integer(batch)
        if largest is None or largest < rows:
            return None
        return (
            f"the data hold token {largest}, but {name} has {rows} rows: the model's vocab_size "
            f"must be at least {largest + 1}"
        )
    return None


def counts_upwards(indices: Tensor) -> bool:
    """Whether the last dimension of an index tensor is 0, 1, 2 and so on."""
    try:
        return bool((indices == torch.arange(indices.shape[-1], device=indices.device)).all())
    except RuntimeError:  # inside vmap, which hides values
        return False


def exceeds(batch: Any) -> str:
    """That something in a batch is too large, where it is not known for what."""
    largest = largest_integer(batch)
    if largest is None:
        return "a token or class of the data exceeds the model's sizes"
    return f"the data hold tokens or classes up to {largest}; is vocab_size or d_out too small?"


def largest_integer(values: Any) -> int | None:
    """The largest integer among tensors; None: there is none, or vmap hides it."""
    try:
        return max(
            int(leaf.max())
            for leaf in tree_leaves(values)
            if isinstance(leaf, Tensor) and not leaf.is_floating_point() and leaf.numel()
        )
    except (ValueError, RuntimeError):
        return None
