"""Measures a few optimizer steps at one depth: residual stream, tensors, attention."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import sqrt
from statistics import fmean

from torch import Tensor, nn

from mutransfer_cli.coordcheck.measure.attention_logits import attention_logits
from mutransfer_cli.coordcheck.measure.optimizer.initial_steps import take_initial_steps
from mutransfer_cli.coordcheck.measure.recorder import Calls, real_numbers, rerun, rms
from mutransfer_cli.coordcheck.measure.training_step import (
    BuildSubject,
    forward_backward,
    on_tiny_batch,
    take_step,
)
from mutransfer_cli.errors import InputError
from mutransfer_cli.tracing.blocks import Blocks

STREAM, CHANGE, ATTENTION = "residual stream", "its change", "change of attention logits"


@dataclass(slots=True)
class DepthMeasurement:
    """Everything measured at one depth with one seed.

    Attributes:
        size: The depth.
        network: The network's quantities STREAM, CHANGE and, if there is attention, ATTENTION.
        shares: Each tensor's part in the decrease of the loss, by name with `*` for the block's
            number.
        updates: The size of each kind of tensor's update, a mean over the blocks.
        updates_per_gradient: The same, divided by the size of the gradient.
        finite: Whether all losses were finite.
    """

    size: int
    network: dict[str, float] = field(default_factory=dict)
    shares: dict[str, float] = field(default_factory=dict)
    updates: dict[str, float] = field(default_factory=dict)
    updates_per_gradient: dict[str, float] = field(default_factory=dict)
    finite: bool = True


def measure_depth(
    build: BuildSubject,
    depth: int,
    seed: int,
    steps: int,
    blocks: Blocks,
    block_lr_factor: float = 1.0,
    all_blocks: bool = False,
) -> DepthMeasurement:
    """Take a few steps on one tiny batch.

    Args:
        build: Builds the subject for a depth and a seed.
        depth: The depth.
        seed: Seed of the model and of its batch.
        steps: Number of optimizer steps.
        blocks: The blocks that repeat along the depth.
        block_lr_factor: Factor on the learning rates inside the blocks, for the negative control.
        all_blocks: Measure the outputs of all blocks, and not of the last one of each stack.

    Raises:
        InputError: No block is called as a module.
    """
    subject = build(depth, seed)
    assert subject.batch is not None and subject.optimizer is not None
    named = dict(subject.model.named_parameters())
    planted = block_lr_factor != 1.0
    factors = {n: block_lr_factor for n in named if planted and blocks.holds(n)}
    subject.model.train()
    result = DepthMeasurement(depth)

    batch, (first, result.finite) = on_tiny_batch(
        subject.batch(seed), partial(forward_backward, subject)
    )
    logits = block_attention_logits(first, blocks)
    take_initial_steps(subject.optimizer, partial(forward_backward, subject, batch))
    before = take_step(subject, factors)
    result.shares = loss_shares(named, before, blocks)
    result.updates = update_sizes(named, before, blocks, per_gradient=False)
    result.updates_per_gradient = update_sizes(named, before, blocks, per_gradient=True)
    for _ in range(steps - 1):
        result.finite &= forward_backward(subject, batch)[1]
        take_step(subject, factors)
    last, finite = forward_backward(subject, batch)
    result.finite &= finite

    ends = stream_modules(first, depth, blocks, all_blocks)
    sizes = [rms(first.by_module[n].output) for n in ends]
    moves = [rms(last.by_module[n].output - first.by_module[n].output) for n in ends]
    mean = root_mean_square if all_blocks else fmean
    result.network[STREAM] = mean(sizes)
    result.network[CHANGE] = mean(moves)
    logits_after = block_attention_logits(first, blocks)
    if logits:
        pairs = zip(logits, logits_after, strict=True)
        result.network[ATTENTION] = sum(rms(b - a) for a, b in pairs) / len(logits)
    return result


def root_mean_square(values: Sequence[float]) -> float:
    """The root of the mean of the squares."""
    return sqrt(fmean(value * value for value in values))


def loss_shares(
    named: Mapping[str, nn.Parameter], before: Mapping[str, Tensor], blocks: Blocks
) -> dict[str, float]:
    """Each tensor's part in the decrease of the loss by one step, -gradient · update.

    Args:
        named: The parameters after the step, with the gradients of the pass before it.
        before: The parameters' values before the step.
        blocks: The blocks; tensors of the same kind in different blocks are added up.
    """
    kinds = Counter(tensor_pattern(name, blocks) for name in named)
    shares: dict[str, float] = {}
    for name, p in named.items():
        kind = tensor_pattern(name, blocks)
        if p.grad is not None and (blocks.position(name) is None or kinds[kind] > 1):
            step = real_numbers(p.detach() - before[name])
            share = -float((real_numbers(p.grad) * step).sum())
            shares[kind] = shares.get(kind, 0.0) + share
    return shares


def update_sizes(
    named: Mapping[str, nn.Parameter],
    before: Mapping[str, Tensor],
    blocks: Blocks,
    per_gradient: bool,
) -> dict[str, float]:
    """The size of each kind of tensor's update by one step, a mean over the blocks.

    Args:
        named: The parameters after the step, with the gradients of the pass before it.
        before: The parameters' values before the step.
        blocks: The blocks.
        per_gradient: Divide by the size of the gradient.
    """
    sizes: dict[str, list[float]] = {}
    for name, p in named.items():
        if p.grad is None:
            continue
        size = rms(p.detach() - before[name])
        if per_gradient:
            size /= rms(p.grad) or 1.0
        sizes.setdefault(tensor_pattern(name, blocks), []).append(size)
    return {kind: fmean(found) for kind, found in sizes.items()}


def block_attention_logits(calls: Calls, blocks: Blocks) -> list[Tensor]:
    """Attention logits of each block by itself, with current weights on the recorded input."""
    with attention_logits() as logits:
        for name, call in calls.by_module.items():
            if blocks.is_block(name):
                rerun(call, {})
    return logits


def tensor_pattern(name: str, blocks: Blocks) -> str:
    """A tensor's name with its block's number as `*`."""
    position = blocks.position(name)
    return name if position is None else f"{position[0]}.*.{position[2]}"


def stream_modules(calls: Calls, depth: int, blocks: Blocks, all_blocks: bool = False) -> list[str]:
    """Names of the modules whose output is the residual stream: the last block of each stack.

    Of a block that is applied several times the last call is recorded.

    Args:
        calls: What was recorded.
        depth: The depth, for the message.
        blocks: The blocks.
        all_blocks: Return every block.

    Raises:
        InputError: No block is called as a module.
    """
    names = [name for name in calls.by_module if blocks.is_block(name)]
    if all_blocks and names:
        return names
    called = [name.rpartition(".") for name in names]
    last_blocks = [name for name in names if name in blocks.looped][-1:]
    last_blocks += [
        f"{container}.{max(numbers)}"
        for container in blocks.counts
        if (numbers := [int(number) for of, _, number in called if of == container])
    ]
    if not last_blocks:
        raise InputError(
            f"check: at depth {depth} no block of {', '.join(blocks.counts) or 'the model'} is "
            "called as a module; the depth axis needs blocks in a ModuleList"
        )
    return last_blocks
