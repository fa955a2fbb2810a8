"""Detects attention that a model computes itself: a scaled product of activations and a softmax."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import torch
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
LEAST_ROWS = 4
SAME_NORM = 1e-3  # relative; random rows of 10,000 entries differ more
SAME_ROW = 0.1  # relative
SOFTMAX = frozenset({"softmax", "_softmax"})


@dataclass(frozen=True, slots=True)
class ScaledActivation:
    """An activation that was multiplied by numbers, and perhaps comes from a product.

    Attributes:
        factor: The product of those numbers.
        head_size: Number of terms in each entry of the product; None: there was no product yet.
        norm: Norms of the product's operands, where they were normalized; see `relative_norm`.
    """

    factor: float
    head_size: int | None
    norm: float = 1.0


class AttentionScores:
    """Follows scaled activations and their products to a softmax."""

    def __init__(self) -> None:
        """Start without activations."""
        self.activations: dict[int, ScaledActivation] = {}
        self.entrywise: dict[int, tuple[Tensor, Tensor]] = {}  # factors of products, by storage
        self.alive: list[Tensor] = []  # a freed storage's address could be given out again

    def follow(
        self,
        name: str,
        args: Sequence[Any],
        operands: Sequence[Tensor],
        results: Sequence[Tensor],
        learned: Callable[[Any], bool],
        alpha: float = 1.0,
    ) -> ScaledActivation | None:
        """Follow one call.

        Args:
            name: Name of the function.
            args: Positional arguments of the call.
            operands: All tensors among the arguments.
            results: All tensors among the results.
            learned: Returns whether a tensor is a parameter.
            alpha: The number by which baddbmm multiplies its product.

        Returns:
            The scores if the function is the softmax of attention, else None.
        """
        known = [
            self.activations[storage_pointer(t)]
            for t in operands
            if storage_pointer(t) in self.activations
        ]
        if name in SOFTMAX:
            first = known[0] if known else None
            return first if first and first.head_size else None
        if not results or any(learned(t) for t in operands):
            return None
        if name in PRODUCTS:
            if len(operands) == 2 or (name == "baddbmm" and len(operands) == 3):
                left, right = operands[-2:]
                size = summed_products(name, args, left, right)
                dims = summed_dims(name, args, left, right)
                scores = ScaledActivation(
                    alpha * self.factor(left, right),
                    size,
                    self.norm(left, dims[0]) * self.norm(right, dims[1]),
                )
                self._keep(results[0], scores)
            return None
        number = scalar_factor(name, args)
        if name == "mul" and number is None and len(operands) == 2:
            self.entrywise[storage_pointer(results[0])] = operands[0], operands[1]
        if name == "sum" and storage_pointer(operands[0]) in self.entrywise:
            self._sum(operands[0], results[0])
        elif number is not None:
            previous = known[0] if known else ScaledActivation(1.0, None)
            self._keep(results[0], replace(previous, factor=previous.factor * number))
        elif name in SCALE_PRESERVING and known:
            products = [m for m in known if m.head_size is not None]
            self._keep(results[0], (products or known)[0])
        return None

    def _sum(self, product: Tensor, result: Tensor) -> None:
        """Follow a sum over the last dimension of an entrywise product, as of queries and keys.

        Args:
            product: The product.
            result: The sum.
        """
        if result.numel() * product.shape[-1] != product.numel():
            return
        if result.shape[: product.dim() - 1] != product.shape[:-1]:
            return
        left, right = self.entrywise[storage_pointer(product)]
        norms = self.norm(left, [left.dim() - 1]) * self.norm(right, [right.dim() - 1])
        factor = self.factor(left, right)
        self._keep(result, ScaledActivation(factor, int(product.shape[-1]), norms))

    def factor(self, *tensors: Tensor) -> float:
        """The product of the numbers by which these tensors were multiplied."""
        return prod(
            self.activations[storage_pointer(t)].factor
            for t in tensors
            if storage_pointer(t) in self.activations
        )

    def norm(self, tensor: Tensor, dims: Sequence[int]) -> float:
        """How large a normalized operand of a product is, but for the numbers that multiply it.

        Args:
            tensor: The operand.
            dims: The dimensions that are summed over.
        """
        size = relative_norm(tensor, dims)
        return 1.0 if size is None else size / abs(self.factor(tensor))

    def _keep(self, tensor: Tensor, activation: ScaledActivation) -> None:
        self.activations[storage_pointer(tensor)] = activation
        self.alive.append(tensor)


def relative_norm(tensor: Tensor, dims: Sequence[int]) -> float | None:
    """The norm of each row over the root of its length, if all rows have the same; else None.

    Rows of random entries of order 1 have about 1; rows of unit length have length^-1/2.

    Args:
        tensor: An activation.
        dims: The dimensions that make up a row.
    """
    if tensor.layout is not torch.strided:
        return None
    kept = [d for d in range(tensor.dim()) if d not in {e % tensor.dim() for e in dims}]
    rows = tensor.detach().float().permute(*kept, *dims)
    rows = rows.reshape(prod(tensor.shape[d] for d in kept), -1)
    norms = rows.norm(dim=1)
    if len(rows) < LEAST_ROWS or not bool(norms.min() > 0):
        return None
    differ = bool((rows - rows[0]).norm(dim=1).max() > SAME_ROW * norms.max())
    if not differ or bool(norms.max() - norms.min() > SAME_NORM * norms.max()):
        return None
    return float(norms.mean()) / math.sqrt(rows.shape[1])


def summed_dims(
    name: str, args: Sequence[Any], left: Tensor, right: Tensor
) -> tuple[Sequence[int], Sequence[int]]:
    """The dimensions of both operands of a product that are summed over.

    Args:
        name: Name of the function.
        args: Positional arguments of the call.
        left: The first operand.
        right: The second operand.
    """
    if name != "einsum":
        return [left.dim() - 1], [max(right.dim() - 2, 0)]
    _, parts = einsum_parts(args)
    return parts[0][0], parts[1][0]


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
