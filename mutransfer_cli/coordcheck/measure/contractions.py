"""Measures sums over the width of activations, or of products of two: dot products, bmm, einsum."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import Any

from torch import Tensor, nn

from mutransfer_cli.coordcheck.measure.output_multipliers import factor_of
from mutransfer_cli.coordcheck.measure.recorder import rms
from mutransfer_cli.tracing.torch_functions import (
    FunctionTracer,
    contraction_parts,
    plain_name,
    tensors_in,
)

PRODUCTS = frozenset({"matmul", "mm", "bmm", "mv", "dot", "linear"})
LABELED_PRODUCTS = frozenset({"einsum", "inner", "tensordot"})
SUMS = frozenset({"sum", "mean"})
# Functions whose result is as large as the argument, or contains it.
PASSING = frozenset(
    {"reshape", "view", "flatten", "unflatten", "squeeze", "unsqueeze", "transpose", "permute"}
    | {"contiguous", "clone", "float", "to", "getitem", "cat", "stack", "expand", "where"}
    | {"add", "sub", "rsub", "neg", "clamp", "maximum", "masked_fill", "triu", "tril", "split"}
    | {"chunk", "unbind", "index_select", "gather", "mT", "T", "dropout", "type_as", "diagonal"}
)
# Functions of a sum that only normalize other activations by it.
NORMALIZING = frozenset({"sqrt", "rsqrt", "reciprocal", "norm", "log"})
DIVISIONS = frozenset({"div", "true_divide", "divide"})
SCALINGS = DIVISIONS | {"mul", "multiply"}
ATTENTION = frozenset({"softmax", "_softmax"})
INSPECTIONS = frozenset({"__get__", "size", "dim", "numel", "is_floating_point", "detach",
                         "register_hook", "get"})  # fmt: skip


@dataclass(slots=True)
class Contraction:
    """One sum over activations in a forward pass.

    Attributes:
        function: Name of the torch function.
        module: Name of the module that was running; empty for the model itself or the loss.
        terms: Number of terms in each sum.
        bound: The sum's size if all its terms are aligned, from the sizes of its operands.
        factor: The number by which the sum is multiplied before anything else uses it.
        normalizes: Whether other activations are divided by the sum, or it is an attention score.
    """

    function: str
    module: str
    terms: int
    bound: float
    factor: float = 1.0
    normalizes: bool = False


class ContractionTracer(FunctionTracer):
    """Records the sums of a forward pass, and follows each to its first use."""

    def __init__(self, model: nn.Module) -> None:
        """Create a tracer for a model."""
        super().__init__()
        self.found: list[Contraction] = []
        self.modules = [""]
        constants = [*model.parameters(), *model.buffers()]
        self.constants = {id(t) for t in constants}
        self.flows: dict[int, tuple[Contraction, float]] = {}
        self.kept: list[Tensor] = constants  # so that no other tensor gets the same id

    def called(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        result: Any,
    ) -> None:
        """Record a sum, or the use of one.

        Args:
            function: The torch function or method.
            args: Its positional arguments.
            kwargs: Its keyword arguments.
            result: The function's result.
        """
        name = plain_name(function)
        operands, results = list(tensors_in((args, kwargs))), list(tensors_in(result))
        inspects = getattr(function, "__name__", "") in INSPECTIONS or name in INSPECTIONS
        if inspects and not (name == "get" and results):  # W.T and W.mT are views
            return
        self.kept += results
        if operands and all(id(t) in self.constants for t in operands):
            self.constants.update(id(t) for t in results)
            return
        for operand in operands:
            if id(operand) in self.flows:
                self._follow(name, function, args, operand, results)
        contraction = self._contraction(name, args, kwargs, result)
        if contraction is not None:
            self.found.append(contraction)
            self.flows[id(result)] = contraction, 1.0

    @contextmanager
    def watching(self, model: nn.Module) -> Iterator[None]:
        """Record the sums over activations while the block runs."""
        handles = []
        for path, module in model.named_modules():

            def enter(*_: Any, path: str = path) -> None:
                self.modules.append(path)

            def leave(*_: Any) -> None:
                self.modules.pop()

            handles.append(module.register_forward_pre_hook(enter, prepend=True))
            handles.append(module.register_forward_hook(leave, always_call=True))
        try:
            with self:
                yield
        finally:
            self.kept.clear()
            for handle in handles:
                handle.remove()

    def _follow(
        self,
        name: str,
        function: Callable[..., Any],
        args: Sequence[Any],
        operand: Tensor,
        results: Sequence[Tensor],
    ) -> None:
        """Follow a sum through one call.

        Args:
            name: Plain name of the function.
            function: The function.
            args: Its positional arguments.
            operand: The sum, perhaps multiplied or reshaped.
            results: All tensors among the results.
        """
        contraction, factor = self.flows[id(operand)]
        number = factor_of(function, tuple(args))
        is_denominator = name in DIVISIONS and len(args) > 1 and args[1] is operand
        inverse_power = name == "pow" and len(args) > 1 and is_root(args[1])
        if name in NORMALIZING | ATTENTION or is_denominator or inverse_power:
            contraction.normalizes = True
        elif number is not None:
            for result in results:
                self.flows[id(result)] = contraction, factor * number
        elif name in PASSING or name == "get":
            for result in results:
                self.flows.setdefault(id(result), (contraction, factor))
        elif name in SCALINGS and len(results) == 1 and rms(operand) > 0:
            # by other activations, such as the norms of the operands: by how much is measured
            number = rms(results[0]) / rms(operand)
            self.flows[id(results[0])] = contraction, factor * number
        if number is not None:
            contraction.factor = factor * number

    def _contraction(
        self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any
    ) -> Contraction | None:
        """The sum that a call computes; None unless it sums over activations.

        Args:
            name: Plain name of the function.
            args: Positional arguments of the call.
            kwargs: Keyword arguments of the call.
            result: The function's result.
        """
        if not isinstance(result, Tensor) or not result.is_floating_point():
            return None
        terms, factor = 0, 1.0
        operands = [t for t in args[:2] if isinstance(t, Tensor)]
        if name in SUMS:
            given = args[1] if len(args) > 1 else kwargs.get("dim")
            if given is None or not operands:
                return None
            dims = [given] if isinstance(given, int) else list(given)
            terms = prod(operands[0].shape[d] for d in dims)
            factor = 1 / terms if name == "mean" and terms else 1.0
            operands = operands[:1]
        elif name in LABELED_PRODUCTS:
            operands, parts = contraction_parts(name, args, kwargs)
            terms = prod(operands[0].shape[d] for d in parts[0][0])
        elif name in PRODUCTS and len(operands) == 2:
            terms = int(operands[0].shape[-1])
        else:
            return None
        if not terms or not all(self._is_activation(t) for t in operands):
            return None
        bound = factor * terms * prod(rms(t) for t in operands)
        return Contraction(name, self.modules[-1], terms, bound)

    def _is_activation(self, tensor: Tensor) -> bool:
        return tensor.requires_grad and id(tensor) not in self.constants


def is_root(exponent: object) -> bool:
    """Whether a power is a root or an inverse."""
    return isinstance(exponent, int | float) and (exponent < 0 or 0 < exponent < 1)
