"""Records the torch functions that use a parameter, with their operands and output gradients.

A module may use a parameter in the middle of its forward pass, where neither its input nor its
output is that of the parameter: raw parameters of a model, stacks of experts, layers applied by
another module. The function itself is then what the parameter is judged by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten

from mutransfer_cli.coordcheck.measure.operations.computed_weights import ComputedWeights
from mutransfer_cli.coordcheck.measure.operations.operation import (
    FUNCTIONS,
    LOOKUPS,
    MATRIX_FUNCTIONS,
    Operation,
    address,
    bias_position,
    has_gradients,
)
from mutransfer_cli.coordcheck.measure.operations.parameter_view import (
    ParameterView,
    WeightSource,
)
from mutransfer_cli.coordcheck.measure.output_multipliers import factor_of
from mutransfer_cli.tracing.torch_functions import FunctionTracer, in_place, plain_name
from mutransfer_cli.tracing.usage.modulated_weights import makes_weight
from mutransfer_cli.tracing.usage.summed_products import summed_dimensions

MOST_CALLS = 8  # recorded calls of one function on one view, as in a loop over time


class OperationRecorder(FunctionTracer):
    """Records the operations of one forward and backward pass, by parameter.

    Attributes:
        recorded: The operations of each parameter.
        otherwise: Parameters that another function uses, or that weights are computed from.
    """

    def __init__(
        self, model: nn.Module, watch: Callable[[Tensor], None], clock: Iterator[int]
    ) -> None:
        """Create a recorder for a model.

        Args:
            model: The model.
            watch: Called with each result, to follow what it is multiplied by.
            clock: Numbers the operations, among the calls of modules.
        """
        super().__init__()
        self.recorded: dict[str, list[Operation]] = {}
        self.otherwise: set[str] = set()
        self._modules = [""]
        self._watch, self._clock = watch, clock
        self._computed = ComputedWeights()
        self._parameters = dict(model.named_parameters())
        self._names = {address(p): (name, p) for name, p in model.named_parameters()}
        self._constants = {address(b): b for b in model.buffers()}
        self._factors: dict[int, tuple[float, Tensor]] = {}
        self._alive: list[Tensor] = []
        self._modulated: dict[int, set[str]] = {}  # by address: the parameters in a product
        self._products: dict[int, list[tuple[str, Operation]]] = {}  # by identity of the result

    def called(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        result: Any,
    ) -> None:
        """Record one call.

        Args:
            function: The torch function or method.
            args: Its positional arguments.
            kwargs: Its keyword arguments.
            result: Its result.
        """
        if not isinstance(result, Tensor) or not has_gradients(result):
            return
        with torch._C.DisableTorchFunction():
            leaves, structure = tree_flatten((args, dict(kwargs)))
            tensors = {i: t for i, t in enumerate(leaves) if isinstance(t, Tensor)}
            used = {i: s for i, t in tensors.items() if (s := self._sources(t))}
            if used:
                self._use(function, leaves, structure, used, result)
            elif tensors and all(address(t) in self._constants for t in tensors.values()):
                self._constants[address(result)] = result
            elif any(address(t) in self._modulated for t in tensors.values()):
                self._acts(plain_name(function), list(tensors.values()), result)
            elif plain_name(function) == "sum" and tensors:
                self._sum(leaves[0], args, kwargs, result)
            else:
                number = factor_of(function, args)
                if number is not None:
                    source = next(iter(tensors.values()))
                    before = self._factors.get(id(source), (1.0, source))[0]
                    self._factors[id(result)] = number * before, result

    def entered(self, module: str) -> None:
        """Record that a module of this name runs from here on."""
        self._modules.append(module)

    def left(self) -> None:
        """Record that the innermost module has ended."""
        self._modules.pop()

    def finished(self) -> dict[str, list[Operation]]:
        """The operations of those parameters whose every use is one."""
        self._products.clear()  # their results hold the graph
        self._computed.clear()
        return {name: ops for name, ops in self.recorded.items() if name not in self.otherwise}

    def _sources(self, tensor: Tensor) -> dict[str, WeightSource]:
        """For each parameter that a tensor is a view of, or is computed from, how."""
        if address(tensor) in self._names:
            return {self._names[address(tensor)][0]: ParameterView.of(tensor)}
        return dict(self._computed.sources(tensor))

    def _use(
        self,
        function: Callable[..., Any],
        leaves: list[Any],
        structure: Any,
        used: Mapping[int, Mapping[str, WeightSource]],
        result: Tensor,
    ) -> None:
        """Record a call with parameters, or weights computed from them, among its arguments.

        Args:
            function: The function.
            leaves: Its arguments, flattened.
            structure: Their structure.
            used: By index of an argument, how it follows from parameters.
            result: The function's result.
        """
        names = {tensor for sources in used.values() for tensor in sources}
        if in_place(function):
            self.otherwise |= names
        if self._sources(result) or not result.requires_grad:
            return  # a view, or a pass without gradients
        activations = [
            i for i, t in enumerate(leaves)
            if isinstance(t, Tensor) and i not in used and address(t) not in self._constants
        ]  # fmt: skip
        name = plain_name(function)
        known = name in FUNCTIONS and bool(activations)
        if known and name == "mul":  # a mask on a weight, or in place
            known = leaves[activations[0]].requires_grad and not any(
                address(leaves[i]) == address(result) for i in activations
            )
        tensors = sum(isinstance(t, Tensor) for t in leaves)
        if not activations and (name not in MATRIX_FUNCTIONS | LOOKUPS or len(used) == tensors):
            values = {tensor: self._parameters[tensor].detach() for tensor in names}
            known = self._computed.add(function, leaves, structure, used, values, result)
        if not known:
            self.otherwise |= names
            return
        for index, sources in used.items() if activations else ():
            for tensor, source in sources.items():
                self._record(
                    tensor, source, function, leaves, structure, index, activations, result
                )

    def _record(
        self,
        tensor: str,
        source: WeightSource,
        function: Callable[..., Any],
        leaves: list[Any],
        structure: Any,
        index: int,
        activations: list[int],
        result: Tensor,
    ) -> None:
        """Record the use of one parameter.

        Args:
            tensor: Name of the parameter.
            source: How the weight follows from it.
            function: The function.
            leaves: Its arguments, flattened.
            structure: Their structure.
            index: Index of the weight.
            activations: Indices of the activations.
            result: The function's result.
        """
        name = plain_name(function)
        operand = None if name in LOOKUPS else activations[0]
        given = leaves[activations[0]]
        op = Operation(
            function=function,
            name=name,
            leaves=[t.detach().clone() if isinstance(t, Tensor) else t for t in leaves],
            structure=structure,
            position=index,
            additive=bias_position(name, leaves),
            operand=operand,
            activations=sum(has_gradients(leaves[i]) for i in activations),
            view=source,
            module=self._modules[-1],
            ends=(address(given), address(result)),
            result=result,
            input_factor=self._factors.get(id(given), (1.0, given))[0],
            number=next(self._clock),
        )
        ops = self.recorded.setdefault(tensor, [])
        same = [o for o in ops if o.view == op.view and o.group == op.group]
        if len(same) >= MOST_CALLS:
            ops.remove(same[0])
        self._keep(ops, op, result)
        self._alive.append(given)  # a freed tensor's address could be given out again
        if name == "mul":
            self._products.setdefault(id(result), []).append((tensor, op))
        if makes_weight(name, leaves[index], [given], result):
            self._modulated.setdefault(address(result), set()).add(tensor)
            self._alive.append(result)

    def _acts(self, name: str, operands: list[Tensor], result: Tensor) -> None:
        """Follow products of parameters and activations; where they act as weights, none counts.

        Args:
            name: Name of the function.
            operands: Its tensors.
            result: Its result.
        """
        tensors = set[str]().union(*(self._modulated.get(address(t), set()) for t in operands))
        if name in MATRIX_FUNCTIONS:
            self.otherwise |= tensors
        elif any(t.numel() == result.numel() and address(t) in self._modulated for t in operands):
            self._modulated.setdefault(address(result), set()).update(tensors)
            self._alive.append(result)

    def _sum(
        self, product: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Tensor
    ) -> None:
        """Record a product and the sum of its entries as one operation: `(h * a).sum(-1)`.

        Args:
            product: What is summed.
            args: Positional arguments of the sum.
            kwargs: Keyword arguments of the sum.
            result: The sum.
        """
        dim = args[1] if len(args) > 1 else kwargs.get("dim")
        keepdim = bool(args[2] if len(args) > 2 else kwargs.get("keepdim", False))
        for tensor, op in self._products.get(id(product), []):
            dims = summed_dimensions(op.view.shape, product.dim(), dim)
            ops = self.recorded[tensor]
            if not dims or op not in ops:
                continue
            ops.remove(op)
            offset = product.dim() - len(op.view.shape)
            self._keep(ops, op.summed([d + offset for d in dims], keepdim, result), result)

    def _keep(self, ops: list[Operation], op: Operation, result: Tensor) -> None:
        """Add an operation to those of its parameter, and record its gradient later.

        Args:
            ops: The operations of the parameter.
            op: The operation.
            result: Its result.
        """
        ops.append(op)
        self._watch(result)
        gradients = op.gradients  # alone: a hook that knows the operation would keep the graph

        def keep(gradient: Tensor) -> None:
            gradients[:] = [gradient.detach().clone()]

        result.register_hook(keep)  # type: ignore[no-untyped-call]  # torch has no type for it
