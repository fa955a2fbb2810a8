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


def gates_in(args: Sequence[Any], index: int) -> list[tuple[int, float, float]]:
    """The gates of one operand of an einsum: dimension, number of terms and total, see `Gate`.

    Args:
        args: Positional arguments of the call.
        index: Index of the operand, a parameter.
    """
    operands, labels, output = einsum_labels(args)
    found = []
    for dim, label in enumerate(labels[index].replace("...", "")):
        if label in output or len(operands) < 3:
            continue
        weights = [
            (t.detach().abs().movedim(place - len(own), -1), own)
            for i, (t, own) in enumerate(zip(operands, labels, strict=True))
            for own in [own.replace("...", "")]
            for place in [own.find(label)]
            if i != index and place >= 0
        ]
        sizes = [measured(t) for t, _ in weights]
        if sizes:
            found.append((dim, min(n for n, _ in sizes), min(total for _, total in sizes)))
    return found


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
            if a.dim not in stacks or a.total <= 0:
                continue
            if exponent(a.total, b.total, ratios[a.dim]) < -BOUNDED:
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
