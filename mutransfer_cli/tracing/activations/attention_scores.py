"""Detects attention that a model computes itself: a scaled product of activations and a softmax."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from torch import Tensor

from mutransfer_cli.tracing.activations.residual_branches import storage_pointer
from mutransfer_cli.tracing.torch_functions import einsum_parts

PRODUCTS = frozenset({"matmul", "bmm", "baddbmm", "einsum"})
# Functions whose result has the scale of the argument: casts, masks, biases, rotations, stacks.
SCALE_PRESERVING = frozenset(
    {"contiguous", "clone", "float", "half", "bfloat16", "to", "type", "type_as", "detach"}
    | {"reshape", "expand", "cat", "stack", "repeat_interleave", "getitem", "roll", "flatten"}
    | {"add", "sub", "neg", "where", "masked_fill", "tril", "triu", "clamp", "maximum", "mul"}
)
SOFTMAX = frozenset({"softmax", "_softmax"})


@dataclass(frozen=True, slots=True)
class ScaledActivation:
    """An activation that was multiplied by numbers, and perhaps comes from a product.

    Attributes:
        factor: The product of those numbers.
        head_size: Number of terms in each entry of the product; None: there was no product yet.
    """

    factor: float
    head_size: int | None


class AttentionScores:
    """Follows scaled activations and their products to a softmax."""

    def __init__(self) -> None:
        """Start without activations."""
        self.activations: dict[int, ScaledActivation] = {}
        self.alive: list[Tensor] = []  # a freed storage's address could be given out again

    def follow(
        self,
        name: str,
        args: Sequence[Any],
        operands: Sequence[Tensor],
        results: Sequence[Tensor],
        learned: Callable[[Any], bool],
        alpha: float = 1.0,
    ) -> tuple[int, float] | None:
        """Follow one call.

        Args:
            name: Name of the function.
            args: Positional arguments of the call.
            operands: All tensors among the arguments.
            results: All tensors among the results.
            learned: Returns whether a tensor is a parameter.
            alpha: The number by which baddbmm multiplies its product.

        Returns:
            Head size and scale if the function is the softmax of attention, else None.
        """
        known = [
            self.activations[storage_pointer(t)]
            for t in operands
            if storage_pointer(t) in self.activations
        ]
        if name in SOFTMAX:
            first = known[0] if known else None
            return (first.head_size, first.factor) if first and first.head_size else None
        if not results or any(learned(t) for t in operands):
            return None
        if name in PRODUCTS:
            left, right = operands[-2:] if len(operands) > 1 else (None, None)
            if left is not None and right is not None:
                size = summed_products(name, args, left, right)
                self._keep(results[0], ScaledActivation(alpha * self.factor(left, right), size))
            return None
        number = scalar_factor(name, args)
        if number is not None:
            previous = known[0] if known else ScaledActivation(1.0, None)
            self._keep(results[0], ScaledActivation(previous.factor * number, previous.head_size))
        elif name in SCALE_PRESERVING and known:
            products = [m for m in known if m.head_size is not None]
            self._keep(results[0], (products or known)[0])
        return None

    def factor(self, *tensors: Tensor) -> float:
        """The product of the numbers by which these tensors were multiplied."""
        return prod(
            self.activations[storage_pointer(t)].factor
            for t in tensors
            if storage_pointer(t) in self.activations
        )

    def _keep(self, tensor: Tensor, activation: ScaledActivation) -> None:
        self.activations[storage_pointer(tensor)] = activation
        self.alive.append(tensor)


def scalar_factor(name: str, args: Sequence[Any]) -> float | None:
    """The number by which a call multiplies a tensor; None: it does something else."""
    if name not in {"mul", "div", "true_divide"} or len(args) < 2:
        return None
    for value, inverse in ((args[1], name != "mul"), (args[0], False)):
        if isinstance(value, Tensor) and value.dim() == 0:
            value = value.item()
        if isinstance(value, int | float) and value:
            return float(1 / value if inverse else value)
    return None


def summed_products(name: str, args: Sequence[Any], left: Tensor, right: Tensor) -> int | None:
    """Number of products that are summed in each entry of the result.

    Args:
        name: Name of the function.
        args: Positional arguments of the call.
        left: The first operand.
        right: The second operand.
    """
    if name != "einsum":
        return int(left.shape[-1])
    _, parts = einsum_parts(args)
    return prod(left.shape[d] for d in parts[0][0])


def attention_operands(
    args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[Tensor, Tensor, float]:
    """Query, key and scale of q·k in a call of `scaled_dot_product_attention`."""
    query = args[0] if args else kwargs["query"]
    key = args[1] if len(args) > 1 else kwargs["key"]
    scale = kwargs.get("scale")
    return query, key, float(scale) if scale is not None else float(query.shape[-1] ** -0.5)
