"""One call of a torch function that uses a parameter, which can be run again with another value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_unflatten

from mutransfer_cli.coordcheck.measure.operations.parameter_view import WeightSource
from mutransfer_cli.tracing.torch_functions import (
    ADDED,
    CONVOLUTION,
    RIGHT_OR_LEFT,
    TRANSPOSED,
)

CONTRACTION = "mul, sum"  # a product whose entries are summed in a second call
GROUPED = frozenset({"grouped_mm", "_grouped_mm"})  # a stack of experts on sorted tokens
MATRIX_FUNCTIONS = (
    RIGHT_OR_LEFT | ADDED | CONVOLUTION | TRANSPOSED | GROUPED | {"linear", "einsum", CONTRACTION}
)
SUMS = frozenset({"add", "sub"})
LOOKUPS = frozenset({"embedding", "getitem", "index_select"})
FUNCTIONS = MATRIX_FUNCTIONS | SUMS | LOOKUPS | {"mul"}


@dataclass(slots=True, eq=False)  # tensors have no single truth value to compare by
class Operation:
    """One call of a function that uses a parameter.

    Attributes:
        function: The torch function.
        name: Its plain name.
        leaves: Its arguments, flattened, with tensors copied; the parameter's is replaced in runs.
        structure: The structure of its arguments.
        position: Index of the weight among the leaves.
        additive: Index of a bias among the leaves, None if there is none.
        operand: Index of the activation that the parameter acts on; None for lookups.
        activations: Number of activations among the arguments.
        view: How the weight follows from the parameter: as a view, or by a computation.
        module: Name of the innermost module that was running.
        ends: Addresses of the activation and of the result.
        result: The result, for its identity; None once the pass is over, as it holds the graph.
        input_factor: The number by which the activation was multiplied just before.
        gradients: Gradient of the loss with respect to the result, after the backward pass.
        inside: The number by which the module multiplies the result afterwards.
        outside: The number by which the module's caller multiplies it.
        number: Its number among all operations and calls of modules, as they ended.
    """

    function: Callable[..., Any]
    name: str
    leaves: list[Any]
    structure: Any
    position: int
    additive: int | None
    operand: int | None
    activations: int
    view: WeightSource
    module: str
    ends: tuple[int, int]
    result: Tensor | None
    input_factor: float = 1.0
    gradients: list[Tensor] = field(default_factory=list)
    inside: float = 1.0
    outside: float = 1.0
    number: int = 0

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
        leaves[self.position] = self.view.on(value)
        for index, other in (changes or {}).items():
            leaves[index] = other
        args, kwargs = tree_unflatten(leaves, self.structure)
        with torch.no_grad():
            result: Tensor = self.function(*args, **kwargs)
        return result

    def summed(self, dims: Sequence[int], keepdim: bool, result: Tensor) -> Operation:
        """The operation together with a sum over some dimensions of its result.

        Args:
            dims: The dimensions.
            keepdim: Whether the sum keeps them with size 1.
            result: The sum.
        """
        multiply = self.function

        def contract(*args: Any, **kwargs: Any) -> Tensor:
            product: Tensor = multiply(*args, **kwargs)
            return product.sum(list(dims), keepdim)

        return replace(
            self,
            function=contract,
            name=CONTRACTION,
            ends=(self.ends[0], address(result)),
            result=result,
            gradients=[],
        )

    @property
    def group(self) -> tuple[str, str]:
        """Calls that are judged as one use: the same function in the same module."""
        return self.name, self.module

    @property
    def gradient(self) -> Tensor | None:
        """Gradient of the loss with respect to the result; None before the backward pass."""
        return self.gradients[-1] if self.gradients else None


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
