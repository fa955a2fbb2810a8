"""Records sums of two activations, such as a residual branch that is added to the stream.

A norm behind such a sum hides by how much the branch was multiplied: both are measured before it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from mutransfer_cli.coordcheck.measure.operations.operation import address
from mutransfer_cli.tracing.activations.residual_branches import ADD, LINEAR
from mutransfer_cli.tracing.torch_functions import FunctionTracer, plain_name


@dataclass(frozen=True, slots=True)
class Term:
    """One of the two activations of a sum.

    Attributes:
        module: Name of the module that was running.
        origin: Name of the module whose output, perhaps multiplied, the activation is.
        layer: Name of the first module that returned it, before modules that hand it on.
        value: A copy of the activation.
    """

    module: str
    origin: str
    layer: str
    value: Tensor


class StreamSums(FunctionTracer):
    """Records the terms of sums that are outputs of modules, in the order of the forward pass."""

    def __init__(self) -> None:
        """Start without sums."""
        super().__init__()
        self.terms: list[Term] = []
        self._origins: dict[int, str] = {}
        self._layers: dict[int, str] = {}
        self._alive: list[Tensor] = []  # so that no other tensor gets the same id
        self._modules = [""]

    def entered(self, module: str) -> None:
        """Record that a module of this name runs from here on."""
        self._modules.append(module)

    def left(self, output: object) -> None:
        """Record that the innermost module has ended, with this output."""
        module = self._modules.pop()
        if isinstance(output, Tensor):
            self._origins[id(output)] = module
            self._layers.setdefault(id(output), module)
            self._alive.append(output)

    def called(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        result: Any,
    ) -> None:
        """Record a sum, or follow an output of a module through a factor.

        Args:
            function: The torch function or method.
            args: Its positional arguments.
            kwargs: Its keyword arguments.
            result: Its result.
        """
        if not isinstance(result, Tensor) or not args or not isinstance(args[0], Tensor):
            return
        name = plain_name(function)
        with torch._C.DisableTorchFunction():
            pair = [t for t in args[:2] if isinstance(t, Tensor)]
            if name in ADD and len(pair) == 2:
                self._sum(pair, float(kwargs.get("alpha", 1.0)), result)
            elif name in LINEAR:
                outputs = [t for t in pair if id(t) in self._origins]
                others = [t for t in pair if id(t) not in self._origins]
                # numbers, and tensors of numbers that are not trained, such as buffers
                if len(outputs) == 1 and not any(t.requires_grad for t in others):
                    self._origins[id(result)] = self._origins[id(outputs[0])]
                    self._layers[id(result)] = self._layers[id(outputs[0])]
                    self._alive.append(result)

    def _sum(self, pair: list[Tensor], alpha: float, result: Tensor) -> None:
        """Record the terms of a sum.

        Args:
            pair: The two operands.
            alpha: The number by which the second is multiplied.
            result: The sum.
        """
        for tensor, factor in zip(pair, (1.0, alpha), strict=True):
            origin = self._origins.get(id(tensor))
            changed = address(tensor) == address(result)  # in place: its value is gone
            if origin and not changed and tensor.requires_grad and tensor.is_floating_point():
                value = factor * tensor.detach().clone()
                layer = self._layers[id(tensor)]
                self.terms.append(Term(self._modules[-1], origin, layer, value))


@dataclass(frozen=True, slots=True)
class AddedTerm:
    """The output of a module that is added to another activation.

    Attributes:
        module: Name of the module in whose forward pass it is added.
        origin: Name of the module that returned it.
        layer: Name of the first module that returned it, before modules that hand it on.
        init: Its RMS at init, with all factors up to the sum.
        change: RMS of its change after the last step.
    """

    module: str
    origin: str
    layer: str
    init: float
    change: float


def added_terms(first: Sequence[Term], last: Sequence[Term]) -> list[AddedTerm]:
    """Sizes and changes of the terms of two passes; none if the passes differ in their terms."""
    if [(t.origin, t.value.shape) for t in last] != [(t.origin, t.value.shape) for t in first]:
        return []
    return [
        AddedTerm(a.module, a.origin, a.layer, size(a.value), size(b.value - a.value))
        for a, b in zip(first, last, strict=True)
    ]


def size(tensor: Tensor) -> float:
    """Root mean square of the entries."""
    return float(tensor.detach().float().square().mean().sqrt())
