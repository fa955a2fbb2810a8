"""Training steps of a check: tiny batches, recorded passes and steps of another length."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from mutransfer_cli.coordcheck.measure.recorder import Calls, recording, seed_dropout
from mutransfer_cli.data.sliced_batch import has_separate_columns, has_separate_rows
from mutransfer_cli.errors import InputError, kind_of
from mutransfer_cli.models.checked_subject import NO_GRADIENT
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.models.user_code import run_user_code

Result = TypeVar("Result")
BuildSubject = Callable[[int, int], Subject]  # size along the axis, seed -> a trainable subject

TINY_BATCH_TOKENS = 8  # tokens of a tiny batch of text; other data: twice its examples


def tiny_batch(batch: Any, cut_sequences: bool = True) -> Any:
    """The first few examples of a batch: the aligned part of an update stands out in them.

    Args:
        batch: The subject's batch; anything but tensors with one row per example is returned
            unchanged.
        cut_sequences: Whether to keep only the first tokens of every row of token ids.
    """
    if not has_separate_rows(batch):
        return batch
    x = batch[0]
    if x.dim() == 2 and not x.is_floating_point():
        rows = 2
        parts = [t[:rows] for t in batch]
        if cut_sequences and has_separate_columns(batch):
            columns = TINY_BATCH_TOKENS // rows
            parts = [t[:, :columns] if t.dim() == 2 else t for t in parts]
    else:
        parts = [t[: TINY_BATCH_TOKENS // 2] for t in batch]
    return tuple(t.contiguous() for t in parts)  # models call view on them


def on_tiny_batch(batch: Any, first_pass: Callable[[Any], Result]) -> tuple[Any, Result]:
    """The tiny batch that a model takes, and the result of the first pass on it.

    A layer that mixes a fixed number of tokens takes no shorter sequences: then the batch holds
    full ones. A loss may name its number of rows: then the batch is used whole.

    Args:
        batch: The subject's batch.
        first_pass: Runs the model on a batch.

    Raises:
        InputError: The model does not take the whole batch either.
    """
    shorter = [tiny_batch(batch), tiny_batch(batch, cut_sequences=False)]
    tried: list[Any] = []
    for candidate in shorter:
        if _shapes(candidate) in [_shapes(other) for other in (*tried, batch)]:
            continue
        tried.append(candidate)
        try:
            return candidate, first_pass(candidate)
        except InputError:
            continue
    return batch, first_pass(batch)


def _shapes(batch: Any) -> list[tuple[int, ...]]:
    return [tuple(leaf.shape) for leaf in tree_leaves(batch) if isinstance(leaf, Tensor)]


def warmed_up_subject(build: BuildSubject, size: int, seed: int) -> Subject:
    """Build a subject and end its warm-up, since with a rate of 0 nothing would move.

    Raises:
        InputError: The model has no trainable parameters.
    """
    subject = build(size, seed)
    assert subject.batch is not None and subject.optimizer is not None
    if not any(p.requires_grad for p in subject.model.parameters()):
        raise InputError("has no trainable parameters", ("model",))
    for optimizer in optimizer_parts(subject.optimizer):
        for group in optimizer.param_groups:
            if group["lr"] == 0 and group.get("initial_lr"):
                group["lr"] = group["initial_lr"]
    return subject


def require_repeatable_batches(subject: Subject, seed: int) -> None:
    """Require that drawing a batch twice gives the same batch; NaN counts as 0.

    Raises:
        InputError: The two batches differ.
    """
    assert subject.batch is not None
    first, second = (
        [leaf for leaf in tree_leaves(subject.batch(seed)) if isinstance(leaf, Tensor)]
        for _ in range(2)
    )
    if len(first) != len(second) or any(
        a.shape != b.shape or not torch.equal(a.to_dense().nan_to_num(), b.to_dense().nan_to_num())
        for a, b in zip(first, second, strict=True)
    ):
        raise InputError(
            f"batch: batch({seed}) returned two different batches; draw them from a generator "
            "seeded with its argument"
        )


def forward_backward(
    subject: Subject, batch: Any, watch: AbstractContextManager[Any] | None = None
) -> tuple[Calls, bool]:
    """One recorded forward and backward pass; the optimizer does not step.

    Args:
        subject: The subject.
        batch: The batch for the loss.
        watch: A context in which the loss is computed.

    Returns:
        The calls of all modules, and whether the loss is finite.

    Raises:
        InputError: The loss raises, is not a scalar tensor, or has no gradient.
    """
    assert subject.optimizer is not None and subject.loss is not None
    seed_dropout()
    subject.model.zero_grad(set_to_none=True)  # not every optimizer has a zero_grad of its own
    with recording(subject.model) as calls:
        with watch or nullcontext():
            loss = run_user_code(partial(subject.loss, subject.model, batch), "loss")
        loss = scalar_loss(loss)
        reached: list[Tensor] = []
        loss.register_hook(reached.append)  # type: ignore[no-untyped-call]  # torch has no type for it
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no type for it
        if not reached:
            raise InputError(
                "loss: loss.backward() computed no gradient; the model's code replaced "
                f"Tensor.backward by {Tensor.backward!r}"
            )
    return calls, bool(torch.isfinite(loss))


def scalar_loss(value: Any) -> Tensor:
    """A loss as a tensor of shape (); one of shape (1,) or (1, 1) is reshaped, as in training.

    Raises:
        InputError: It is no tensor of real numbers, has several elements, or has no gradient.
    """
    if not isinstance(value, Tensor) or value.numel() != 1:
        kind = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else kind_of(value)
        raise InputError(f"loss: returned {kind}, expected one scalar tensor")
    if not value.is_floating_point():
        dtype = str(value.dtype).removeprefix("torch.")
        raise InputError(f"loss: returned {dtype}, expected a scalar tensor of real numbers")
    if not value.requires_grad:
        raise InputError(f"loss: {NO_GRADIENT}")
    return value.reshape(())


def optimizer_parts(optimizer: Any) -> list[Any]:
    """The optimizers that an optimizer consists of; usually only itself."""
    parts: list[Any] = getattr(optimizer, "parts", [optimizer])
    return parts


@torch.no_grad()
def take_step(subject: Subject, factors: Mapping[str, float] | None = None) -> dict[str, Tensor]:
    """Step the optimizer; returns the parameters' values before.

    Single tensors may take a step that is longer or shorter, as with another learning rate. The
    optimizer and its groups stay as they are, which a scheduler or a wrapper may have counted.

    Args:
        subject: The subject, with its gradients.
        factors: Factor on the step by parameter name.

    Raises:
        InputError: The optimizer raises.
    """
    assert subject.optimizer is not None
    named = dict(subject.model.named_parameters())
    before = {name: p.detach().clone() for name, p in named.items()}
    with torch.enable_grad():
        run_user_code(subject.optimizer.step, "optimizer.step()")
    for name, factor in (factors or {}).items():
        change = named[name] - before[name]
        named[name].copy_(before[name] + factor * change)
    return before


@torch.no_grad()
def write_values(named: Mapping[str, nn.Parameter], values: Mapping[str, Tensor]) -> None:
    """Write values into parameters, in place.

    Args:
        named: The parameters by name.
        values: Their values by the same names.
    """
    for name, p in named.items():
        p.copy_(values[name])
