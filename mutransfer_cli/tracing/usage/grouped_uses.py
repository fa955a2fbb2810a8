"""Uses of which one output reads only a part: groups of channels, and experts behind gates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from mutransfer_cli.errors import InputError
from mutransfer_cli.tracing.roles import Gate, Shape, Use
from mutransfer_cli.tracing.torch_functions import einsum_labels

BOUNDED = 0.25  # exponent in the size of a dimension below which a sum over it does not grow
FADING = -0.5  # exponent of gates times activations below which it is the gates that shrink
GateOf = tuple[int, float, float, bool]


def gates_in(args: Sequence[Any], index: int) -> list[GateOf]:
    """The gates of one operand of an einsum, with its own dimensions: the fields of `Gate`.

    Gates may be an operand of their own, or have been multiplied into the activations before; the
    latter counts only for a stack of matrices that is summed over more than one dimension.

    Args:
        args: Positional arguments of the call.
        index: Index of the operand, a parameter.
    """
    operands, labels, output = einsum_labels(args)
    own_labels = [text.replace("...", "") for text in labels]
    summed = [label for label in own_labels[index] if label not in output]
    if len(operands) < 3 and len(summed) < 2:
        return []
    found = []
    for label in summed:
        for i, (tensor, own) in enumerate(zip(operands, own_labels, strict=True)):
            if i != index and label in own:
                others = [own.index(c) - len(own) for c in summed if c != label and c in own]
                weights = largest(tensor.detach().abs(), others)
                weights = weights.movedim(own.index(label) - len(own), -1)
                mixed = len(operands) < 3
                found.append((own_labels[index].index(label), *measured(weights), mixed))
    return found


def mixed_gates(into: Sequence[Sequence[tuple[int, int]]], other: Any) -> tuple[Gate, ...]:
    """The gates in activations that a stack of matrices, flattened, is multiplied by.

    Args:
        into: For each dimension that is summed over, the parameter's own dimensions with their
            sizes.
        other: The activations.
    """
    if len(into) != 1:
        return ()
    found = flattened_gates(other, [size for _, size in into[0]])
    return tuple(Gate(d, *gate, mixed=True) for (d, _), gate in zip(into[0], found, strict=False))


def flattened_gates(given: Any, sizes: Sequence[int]) -> list[tuple[float, float]]:
    """Number of terms and total of activations along each dimension of a flattened stack.

    Args:
        given: The activations; their last dimension has one entry for each of the stack.
        sizes: Sizes of the flattened dimensions.
    """
    if len(sizes) < 2 or not isinstance(given, Tensor) or given.shape[-1] != math.prod(sizes):
        return []
    stack = given.detach().abs().reshape(*given.shape[:-1], *sizes)
    dims = [d - len(sizes) for d in range(len(sizes))]
    return [measured(largest(stack, [o for o in dims if o != d]).movedim(d, -1)) for d in dims]


def largest(weights: Tensor, dims: Sequence[int]) -> Tensor:
    """The largest entries along some dimensions, which are kept with size 1."""
    return weights.amax(list(dims), keepdim=True) if dims else weights


def measured(weights: Tensor) -> tuple[float, float]:
    """Mean number of entries along the last dimension that are not 0, and their mean sum."""
    values = weights.float()
    return float((values != 0).float().sum(-1).mean()), float(values.sum(-1).mean())


def without_gated(
    name: str, uses: Sequence[Use], later: Sequence[Use], ratios: Sequence[float]
) -> list[Use]:
    """The uses without those dimensions in which only a few experts see an input.

    Where the number of experts grows and each input is seen by k of them, or by all with weights
    that sum to one, a sum over experts has no more terms at a larger width (derived).

    Args:
        name: Name of the tensor, for messages.
        uses: Uses at the base.
        later: Uses at the other size.
        ratios: Growth of each dimension.

    Raises:
        InputError: The weights of the experts that an input sees shrink with the number of experts.
    """
    if len(uses) != len(later):
        return list(uses)
    reduced = []
    for use, other in zip(uses, later, strict=True):
        stacks = {
            a.dim
            for a, b in zip(use.gates, other.gates, strict=False)
            if a.dim in use.in_dims and ratios[a.dim] != 1.0 and is_bounded(a, b, ratios[a.dim])
        }
        for a, b in zip(use.gates, other.gates, strict=False):
            if a.dim not in stacks or not is_bounded(a, b, ratios[a.dim]) or a.total <= 0:
                continue
            if fades(a, b, ratios[a.dim]):
                raise InputError(
                    f"parameter {name}: the number of experts grows with the width, and the "
                    f"weights of those that an input sees sum to {a.total:.2g} at one width and "
                    f"{b.total:.2g} at another, so that what they add fades; divide the weights of "
                    "the chosen experts by their sum, or keep the number of experts fixed",
                    path=("model",),
                )
        into = tuple(d for d in use.in_dims if d not in stacks)
        reduced.append(replace(use, in_dims=into, stacked=use.stacked or bool(stacks)))
    return reduced


def is_bounded(small: Gate, big: Gate, ratio: float) -> bool:
    """Whether the sum over a gated dimension does not grow with its size."""
    pairs = ((small.terms, big.terms), (small.total, big.total))
    return any(exponent(a, b, ratio) < BOUNDED for a, b in pairs if a > 0 and b > 0)


def fades(small: Gate, big: Gate, ratio: float) -> bool:
    """Whether the weights of a few experts shrink with the number of experts.

    In activations that they were multiplied into, this shows only if the others are 0.
    """
    change = exponent(small.total, big.total, ratio)
    if small.mixed:
        return change < FADING and exponent(small.terms, big.terms, ratio) < BOUNDED
    return change < -BOUNDED


def exponent(small: float, big: float, ratio: float) -> float:
    """The power of a dimension's size by which a number grows."""
    return math.log(big / small) / math.log(ratio)


def by_group(uses: Sequence[Use], later: Sequence[Use], shape: Shape) -> tuple[list[Use], float]:
    """The uses of a tensor with the fans of one group, and its share (see `TensorShape`).

    Weights of grouped transposed convolutions have shape (in, out/groups, kernel). If the number of
    groups grows, the number of input channels per group does not.

    Args:
        uses: Uses at the base.
        later: Uses at the other size.
        shape: Shape at the base.
    """
    ungrouped = list(uses)
    groups = max((u.groups for u in uses if u.function.startswith("conv_transpose")), default=1)
    if groups == 1:
        return ungrouped, 1.0
    if max((u.groups for u in later), default=groups) == groups:
        return ungrouped, 1 / groups
    kernel = tuple(d for d in uses[0].in_dims if d)
    return [replace(u, in_dims=kernel, out_dims=(0, *u.out_dims)) for u in uses], shape[0] / groups
