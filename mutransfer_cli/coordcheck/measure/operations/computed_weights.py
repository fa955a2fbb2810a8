"""Weights that a model computes from its parameters, such as complex numbers or scaled matrices.

They act where an activation meets them. Run again with another value of one parameter and the
others as they were, the computation gives the effect of that parameter there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_unflatten

from mutransfer_cli.coordcheck.measure.operations.operation import MATRIX_FUNCTIONS, address
from mutransfer_cli.coordcheck.measure.operations.parameter_view import (
    ParameterView,
    WeightSource,
)

MOST_CALLS_AGAIN = 32  # calls to compute a weight once more; a longer computation is not followed


@dataclass(frozen=True, slots=True)
class Computation:
    """How a weight follows from one parameter; compared by the result and its view.

    Attributes:
        number: Number of the result.
        view: Layout of the used view in the result's memory.
        function: The torch function that returned the result.
        leaves: Its arguments, flattened.
        structure: Their structure.
        inputs: The arguments that follow from the parameter, by index.
        calls: Number of calls that a run takes.
        mixes: Whether matrices are multiplied on the way, so that the size is not the parameter's.
    """

    number: int
    view: ParameterView
    function: Callable[..., Any] = field(compare=False)
    leaves: Sequence[Any] = field(compare=False, repr=False)
    structure: Any = field(compare=False, repr=False)
    inputs: Mapping[int, WeightSource] = field(compare=False)
    calls: int = field(compare=False)
    mixes: bool = field(compare=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the used view."""
        return self.view.shape

    def on(self, value: Tensor) -> Tensor:
        """The weight for another value of the parameter."""
        leaves = list(self.leaves)
        for index, source in self.inputs.items():
            leaves[index] = source.on(value)
        args, kwargs = tree_unflatten(leaves, self.structure)
        with torch.no_grad():
            return self.view.on(self.function(*args, **kwargs))


class ComputedWeights:
    """The weights that were computed in a forward pass, by address."""

    def __init__(self) -> None:
        """Start without any."""
        self._known: dict[int, dict[str, Computation]] = {}
        self._alive: list[Tensor] = []  # a freed tensor's address could be given out again

    def sources(self, tensor: Tensor) -> dict[str, Computation]:
        """For each parameter that a tensor was computed from, how."""
        found = self._known.get(address(tensor), {})
        if not found:
            return {}
        view = ParameterView.of(tensor)
        return {name: replace(source, view=view) for name, source in found.items()}

    def add(
        self,
        function: Callable[..., Any],
        leaves: Sequence[Any],
        structure: Any,
        used: Mapping[int, Mapping[str, WeightSource]],
        values: Mapping[str, Tensor],
        result: Tensor,
    ) -> bool:
        """Follow a result that depends on parameters and constants alone; whether that is possible.

        Args:
            function: The torch function.
            leaves: Its arguments, flattened.
            structure: Their structure.
            used: By index of an argument, how it follows from parameters.
            values: The value of each of these parameters.
            result: The result.
        """
        kept = [t.detach().clone() if isinstance(t, Tensor) else t for t in leaves]
        name = getattr(function, "__name__", "").strip("_")
        computations = {}
        for parameter in values:
            inputs = {i: s[parameter] for i, s in used.items() if parameter in s}
            before = [s for s in inputs.values() if isinstance(s, Computation)]
            computation = Computation(
                number=len(self._alive),
                view=ParameterView.of(result),
                function=function,
                leaves=kept,
                structure=structure,
                inputs=inputs,
                calls=1 + sum(s.calls for s in before),
                mixes=name in MATRIX_FUNCTIONS or any(s.mixes for s in before),
            )
            if computation.calls > MOST_CALLS_AGAIN or not repeats(
                computation, values[parameter], result
            ):
                return False
            computations[parameter] = computation
        self._known[address(result)] = computations
        self._alive.append(result)
        return True

    def clear(self) -> None:
        """Forget all results, which hold the graph of the pass."""
        self._known.clear()
        self._alive.clear()


def repeats(computation: Computation, value: Tensor, result: Tensor) -> bool:
    """Whether a computation gives the same result again: it is not random, nor in place."""
    try:
        again = computation.on(value.detach())
        return torch.allclose(again, result.detach(), rtol=1e-4, atol=0, equal_nan=True)
    except (RuntimeError, TypeError, ValueError):  # such as autocast's other dtype
        return False
