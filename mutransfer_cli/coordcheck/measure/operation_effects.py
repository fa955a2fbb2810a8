"""Measures a tensor and its update by the torch functions that use it inside of a module."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from mutransfer_cli.coordcheck.measure.effects import (
    ENLARGED_STEP,
    ISOTROPIC_INPUTS,
    RESOLVED,
    ROUNDING,
    Effect,
)
from mutransfer_cli.coordcheck.measure.operations.computed_weights import Computation
from mutransfer_cli.coordcheck.measure.operations.factor_inputs import input_of_factor
from mutransfer_cli.coordcheck.measure.operations.operation import (
    LOOKUPS,
    MATRIX_FUNCTIONS,
    SUMS,
    Operation,
    grouped,
)
from mutransfer_cli.coordcheck.measure.recorder import Call, Calls, real_numbers, rms
from mutransfer_cli.tracing.torch_functions import RIGHT_OR_LEFT

Group = list[Operation]


def inner_operations(calls: Calls) -> dict[str, list[Group]]:
    """For each tensor the operations that are not the whole of a module, by function and module."""
    inner = {}
    for name, operations in calls.operations.items():
        groups = [
            group
            for group in grouped(operations)
            if not all(is_whole(op, calls.by_module.get(op.module)) for op in group)
        ]
        if groups:
            inner[name] = groups
    return inner


def is_whole(op: Operation, call: Call | None) -> bool:
    """Whether an operation is all that its module does: its input and result are the module's."""
    return call is not None and call.ends == op.ends


def effect_of_group(group: Group, before: Tensor, after: Tensor, tensor_gradient: Tensor) -> Effect:
    """The effect of an update in the operations of one group.

    Args:
        group: The operations.
        before: The tensor's value in those operations.
        after: The tensor's value after the step.
        tensor_gradient: Gradient of the loss with respect to the tensor, at `before`.
    """
    changes = [op.inside * change_of_result(op, before, after) for op in group]
    change = joined(changes)
    raw, aligned, size, idle = rms(change), None, 0.0, False
    gradients = [op.gradient / op.inside for op in group if op.gradient is not None]
    if len(gradients) == len(group):
        gradient = joined(gradients)
        size = rms(gradient)
        if size > 0:
            step = real_numbers(after - before)
            first_order = abs(float((step * real_numbers(tensor_gradient)).sum()))
            aligned = -float((change * gradient).sum()) / (size * change.numel())
            idle = first_order < ROUNDING * raw * size * change.numel()
    given, last = input_of_group(group, before), group[-1]
    is_lookup = group[0].operand is None
    return Effect(raw, aligned, given, size, last.outside, is_lookup, idle, last.module)


def joined(tensors: Sequence[Tensor]) -> Tensor:
    """The entries of all tensors."""
    return torch.cat([real_numbers(t).flatten() for t in tensors])


def change_of_result(op: Operation, before: Tensor, after: Tensor) -> Tensor:
    """The change of an operation's result; small updates are enlarged to resolve it.

    Args:
        op: The operation.
        before: The tensor's value in it.
        after: The tensor's value after the step.
    """
    old = op.run(before)
    change = op.run(after) - old
    step = rms(after - before)
    if step > 0 and rms(change) <= RESOLVED * rms(old):
        factor = ENLARGED_STEP * (rms(before) or rms(old)) / step
        if factor > 1:
            return (op.run(before + factor * (after - before)) - old) / factor
    return change


def input_of_group(group: Group, value: Tensor) -> float:
    """RMS of what the tensor is multiplied by; 1 if its effect does not depend on anything.

    Args:
        group: The operations.
        value: The tensor's value in them.
    """
    first = group[0]
    if first.operand is None or first.name in SUMS:
        return 1.0
    if any(op.position == op.additive for op in group):
        return 1.0
    size = rms(operands(group))
    if not mixes(first) or value.dim() < 2:
        return size
    summed = -2 if first.name in RIGHT_OR_LEFT and first.position == 1 else -1
    return input_of_factor(lambda v: joined([op.run(v) for op in group]), value, summed, size)


def operands(group: Group) -> Tensor:
    """The entries of all activations that the tensor acts on."""
    return joined([op.leaves[op.operand] for op in group if op.operand is not None])


def gain_of_group(group: Group, value: Tensor) -> float | None:
    """RMS of the result, without bias, on isotropic inputs of the recorded size.

    Args:
        group: The operations.
        value: The tensor.

    Returns:
        The gain, of lookups their RMS; None unless the tensor is the matrix of a function with one
        activation.
    """
    if group[0].name in LOOKUPS:
        return rms(joined([op.inside * op.run(value) for op in group]))
    if group[0].name not in MATRIX_FUNCTIONS or any(
        op.position == op.additive or op.activations != 1 or mixes(op) for op in group
    ):
        return None
    generator = torch.Generator().manual_seed(0)
    results = []
    for op in group:
        assert op.operand is not None
        x = op.leaves[op.operand]
        if not (x.is_floating_point() or x.is_complex()):
            return None
        like, dtype = (x, x.dtype) if x.is_complex() else (value, None)
        for _ in range(max(1, ISOTROPIC_INPUTS // max(1, x[..., 0].numel() * len(group)))):
            noise = torch.randn(x.shape, generator=generator, dtype=dtype).to(like) * rms(x)
            zero = (
                {}
                if op.additive is None
                else {op.additive: torch.zeros_like(op.leaves[op.additive], dtype=value.dtype)}
            )
            changes = {op.operand: noise, **zero}
            result = op.run(value, changes)
            if isinstance(op.view, Computation):  # without the share of other parameters
                rest = op.run(torch.zeros_like(value), changes)
                result = result - rest if bool(rest.isfinite().all()) else result
            results.append(op.inside * result)
    return rms(joined(results))


def mixes(op: Operation) -> bool:
    """Whether the weight is a product of matrices, whose size is not that of the parameter."""
    return isinstance(op.view, Computation) and op.view.mixes
