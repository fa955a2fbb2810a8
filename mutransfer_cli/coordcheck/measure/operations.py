"""Records the torch functions that use a parameter, with their operands and output gradients.

A module may use a parameter in the middle of its forward pass, where neither its input nor its
output is that of the parameter: raw parameters of a model, stacks of experts, layers applied by
another module. The function itself is then what the parameter is judged by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_unflatten

from mutransfer_cli.coordcheck.measure.output_multipliers import factor_of
from mutransfer_cli.tracing.torch_functions import (
    ADDED,
    CONVOLUTION,
    RIGHT_OR_LEFT,
    TRANSPOSED,
    FunctionTracer,
    plain_name,
)

MATRIX_FUNCTIONS = RIGHT_OR_LEFT | ADDED | CONVOLUTION | TRANSPOSED | {"linear", "einsum"}
SUMS = frozenset({"add", "sub"})
LOOKUPS = frozenset({"embedding", "getitem", "index_select"})
FUNCTIONS = MATRIX_FUNCTIONS | SUMS | LOOKUPS | {"mul"}
MOST_CALLS = 8  # recorded calls of one function on one view, as in a loop over time


@dataclass(slots=True)
class Operation:
    """One call of a function that uses a parameter.

    Attributes:
        function: The torch function.
        name: Its plain name.
        leaves: Its arguments, flattened, with tensors copied; the parameter's is replaced in runs.
        structure: The structure of its arguments.
        position: Index of the parameter's view among the leaves.
        additive: Index of a bias among the leaves, None if there is none.
        operand: Index of the activation that the parameter acts on; None for lookups.
        activations: Number of activations among the arguments.
        view: Shape, strides and offset of the parameter's view.
        module: Name of the innermost module that was running.
        ends: Addresses of the activation and of the result.
        result: The result, for its identity; None once the pass is over, as it holds the graph.
        input_factor: The number by which the activation was multiplied just before.
        gradients: Gradient of the loss with respect to the result, after the backward pass.
        inside: The number by which the module multiplies the result afterwards.
        outside: The number by which the module's caller multiplies it.
    """

    function: Callable[..., Any]
    name: str
    leaves: list[Any]
    structure: Any
    position: int
    additive: int | None
    operand: int | None
    activations: int
    view: tuple[tuple[int, ...], tuple[int, ...], int]
    module: str
    ends: tuple[int, int]
    result: Tensor | None
    input_factor: float = 1.0
    gradients: list[Tensor] = field(default_factory=list)
    inside: float = 1.0
    outside: float = 1.0

    def run(self, value: Tensor, changes: Mapping[int, Tensor] | None = None) -> Tensor:
        """The result for another value of the parameter.

        Args:
            value: The value, laid out in memory as the parameter.
            changes: Other values of leaves, by index.
        """
        leaves = [
            leaf.to(value.dtype, copy=True)
            if isinstance(leaf, Tensor) and leaf.is_floating_point()
            else leaf
            for leaf in self.leaves
        ]
        leaves[self.position] = value.as_strided(*self.view)
        for index, other in (changes or {}).items():
            leaves[index] = other
        args, kwargs = tree_unflatten(leaves, self.structure)
        with torch.no_grad():
            result: Tensor = self.function(*args, **kwargs)
        return result

    @property
    def group(self) -> tuple[str, str]:
        """Calls that are judged as one use: the same function in the same module."""
        return self.name, self.module

    @property
    def gradient(self) -> Tensor | None:
        """Gradient of the loss with respect to the result; None before the backward pass."""
        return self.gradients[-1] if self.gradients else None


class OperationRecorder(FunctionTracer):
    """Records the operations of one forward and backward pass, by parameter.

    Attributes:
        recorded: The operations of each parameter.
        otherwise: Parameters that another function uses, or that weights are computed from.
    """

    def __init__(self, model: nn.Module, watch: Callable[[Tensor], None]) -> None:
        """Create a recorder for a model.

        Args:
            model: The model.
            watch: Called with each result, to follow what it is multiplied by.
        """
        super().__init__()
        self.recorded: dict[str, list[Operation]] = {}
        self.otherwise: set[str] = set()
        self._modules = [""]
        self._watch = watch
        self._names = {address(p): (name, p) for name, p in model.named_parameters()}
        self._constants = {address(b): b for b in model.buffers()}
        self._factors: dict[int, tuple[float, Tensor]] = {}
        self._alive: list[Tensor] = []

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
            used = {i: self._names[address(t)] for i, t in tensors.items()
                    if address(t) in self._names}  # fmt: skip
            if used:
                self._use(function, leaves, structure, used, result)
            elif tensors and all(address(t) in self._constants for t in tensors.values()):
                self._constants[address(result)] = result
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
        return {name: ops for name, ops in self.recorded.items() if name not in self.otherwise}

    def _use(
        self,
        function: Callable[..., Any],
        leaves: list[Any],
        structure: Any,
        used: Mapping[int, tuple[str, Tensor]],
        result: Tensor,
    ) -> None:
        """Record a call with parameters among its arguments.

        Args:
            function: The function.
            leaves: Its arguments, flattened.
            structure: Their structure.
            used: The parameters by index of their views, each with its name.
            result: The function's result.
        """
        if address(result) in self._names or not result.requires_grad:
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
        for index, (tensor, p) in used.items():
            view = leaves[index]
            if not known or view.dtype != p.dtype:
                self.otherwise.add(tensor)
                continue
            self._record(tensor, function, leaves, structure, index, activations, result)

    def _record(
        self,
        tensor: str,
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
            function: The function.
            leaves: Its arguments, flattened.
            structure: Their structure.
            index: Index of the parameter's view.
            activations: Indices of the activations.
            result: The function's result.
        """
        name = plain_name(function)
        view = leaves[index]
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
            view=(tuple(view.shape), tuple(view.stride()), view.storage_offset()),
            module=self._modules[-1],
            ends=(address(given), address(result)),
            result=result,
            input_factor=self._factors.get(id(given), (1.0, given))[0],
        )
        ops = self.recorded.setdefault(tensor, [])
        same = [o for o in ops if o.view == op.view and o.group == op.group]
        if len(same) >= MOST_CALLS:
            ops.remove(same[0])
        ops.append(op)
        self._watch(result)

        gradients = op.gradients  # alone: a hook that knows the operation would keep the graph

        def keep(gradient: Tensor) -> None:
            gradients[:] = [gradient.detach().clone()]

        self._alive.append(given)  # a freed tensor's address could be given out again
        result.register_hook(keep)  # type: ignore[no-untyped-call]  # torch has no type for it


def has_gradients(tensor: Tensor) -> bool:
    """Whether a tensor holds real or complex numbers, so that it may have a gradient."""
    return tensor.is_floating_point() or tensor.is_complex()


def address(tensor: Tensor) -> int:
    """The address of a tensor's storage; 0 if it has none of its own."""
    with torch._C.DisableTorchFunction():  # no tracer may take it for a use
        if tensor.layout is not torch.strided:
            return 0
        try:
            return tensor.untyped_storage().data_ptr()
        except NotImplementedError:  # vmap's tensors hide their storage
            return 0


def bias_position(name: str, leaves: list[Any]) -> int | None:
    """Index of what a function adds to its product; None if it adds nothing."""
    if name in ADDED:
        return 0
    if name in CONVOLUTION | TRANSPOSED | {"linear"}:
        return 2 if len(leaves) > 2 and isinstance(leaves[2], Tensor) else None
    return None


def grouped(operations: Iterable[Operation]) -> list[list[Operation]]:
    """The operations, those that are judged as one use in one list."""
    groups: dict[tuple[str, str], list[Operation]] = {}
    for op in operations:
        groups.setdefault(op.group, []).append(op)
    return list(groups.values())
