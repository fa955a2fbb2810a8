"""Detects multipliers that the caller applies to a module's output, such as `logits / m`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from mutransfer_cli.tracing.torch_functions import FunctionTracer, tensors_in

MULTIPLICATIONS = {torch.mul, torch.multiply, Tensor.mul, Tensor.multiply, Tensor.mul_,
                   Tensor.__mul__, Tensor.__rmul__, Tensor.__imul__}  # fmt: skip
DIVISIONS = {torch.div, torch.divide, torch.true_divide, Tensor.div, Tensor.divide,
             Tensor.true_divide, Tensor.div_, Tensor.__truediv__, Tensor.__itruediv__}  # fmt: skip
COPIES = {Tensor.float, Tensor.to, Tensor.contiguous}  # the same numbers in another form
# Neither reading an attribute nor the recorder's own copies use the values.
INSPECTIONS = {"__get__", "size", "dim", "numel", "is_floating_point", "detach", "clone",
               "register_hook"}  # fmt: skip


class OutputMultiplierTracer(FunctionTracer):
    """Follows tensors through multiplications by numbers until something else uses them."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[int, Tensor] = {}  # held, so that no other tensor gets the same id
        # of each tensor: factor and id of the product, None for any other use
        self.uses: dict[int, list[tuple[float, int] | None]] = {}

    def watch(self, tensor: Tensor) -> None:
        """Follow a tensor from here on."""
        self.kept.setdefault(id(tensor), tensor)
        self.uses.setdefault(id(tensor), [])

    def called(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        result: Any,
    ) -> None:
        """Record what a function did with the tensors that are being followed.

        Args:
            function: The torch function or method.
            args: Its positional arguments.
            kwargs: Its keyword arguments.
            result: The function's result.
        """
        used = [t for t in tensors_in(args) if id(t) in self.uses]
        if not used or getattr(function, "__name__", "") in INSPECTIONS:
            return
        factor = factor_of(function, args)
        for tensor in used:
            if factor is None or not isinstance(result, Tensor):
                self.uses[id(tensor)].append(None)
            else:
                self.uses[id(tensor)].append((factor, id(result)))
                self.watch(result)

    def multiplier(self, tensor: Tensor, end: Tensor | None = None) -> float:
        """The product of all factors applied before the tensor is used in any other way.

        Args:
            tensor: The tensor.
            end: Where to stop, if it is one of the products.
        """
        total, current, position = 1.0, id(tensor), 0
        while True:
            if end is not None and current == id(end):
                return total
            uses = self.uses.get(current, [])[position:]
            if not uses or uses[0] is None:
                return total
            factor, product = uses[0]
            if product != current and len(uses) > 1:
                return total
            total *= factor
            # an in-place product has the same id: its uses follow in the same list
            current, position = (current, position + 1) if product == current else (product, 0)


def factor_of(function: Callable[..., Any], args: tuple[Any, ...]) -> float | None:
    """The number by which a function multiplies its tensor; None if it does something else."""
    if function in COPIES:
        return 1.0
    if (function not in MULTIPLICATIONS and function not in DIVISIONS) or len(args) != 2:
        return None
    number = number_of(args[1])
    if function in DIVISIONS:
        return None if not number else 1 / number
    return number_of(args[0]) if number is None else number


def number_of(operand: Any) -> float | None:
    """The value of a number, or of an untrained tensor with one entry; else None."""
    if isinstance(operand, Tensor):
        is_number = operand.numel() == 1 and not operand.requires_grad
        return float(operand.detach()) if is_number else None
    return float(operand) if isinstance(operand, int | float) else None
