"""What is known about one activation: the layers that gave its parts, and their factors."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

UseId = tuple[str, int]  # a parameter, and the number of its use


@dataclass(frozen=True, slots=True)
class Flow:
    """What is known about an activation.

    Attributes:
        parts: Uses of parameters in whose results it is linear, each with the number by which that
            result was multiplied. What no parameter gave has a name of its own, `("", number)`.
        module: Name of the module that multiplied it last.
        looked_up: Whether it is the result of an embedding, see `embedding_scales`.
    """

    parts: frozenset[tuple[UseId, float]] = frozenset({(("", 0), 1.0)})
    module: str = ""
    looked_up: bool = False

    def scaled(self, number: float, module: str) -> Flow:
        """The activation, multiplied by a number."""
        if self.looked_up:
            return self
        return Flow(frozenset((use, factor * number) for use, factor in self.parts), module)


UNKNOWN = Flow()


@dataclass(frozen=True, slots=True)
class Consumption:
    """An activation that a layer or a function took as its input.

    Attributes:
        flow: The activation.
        consumer: The use of a parameter that took it; None: a function without parameters.
        at: Name of the module that was running.
        scale_free: Whether the consumer undoes any factor, as a normalization does.
    """

    flow: Flow
    consumer: UseId | None
    at: str
    scale_free: bool = False


@dataclass(frozen=True, slots=True)
class FollowedCall:
    """One call of a torch function.

    Attributes:
        name: Plain name of the function.
        args: Positional arguments.
        kwargs: Keyword arguments.
        activations: The tensors among its arguments that are no parameters.
        weights: The tensors among its arguments that are, or stand for, parameters.
        results: The tensors among its results.
        uses: Kind of use of each parameter that it uses.
        module: Name of the module that is running.
        normed: Weights whose norm it replaces by a gain.
    """

    name: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    activations: Sequence[Tensor]
    weights: Sequence[Tensor]
    results: Sequence[Tensor]
    uses: Mapping[str, str]
    module: str
    normed: Collection[str] = ()


def joined(flows: Sequence[Flow]) -> Flow:
    """The flow of a sum of activations."""
    if len(flows) == 1:
        return flows[0]
    if not flows:
        return UNKNOWN
    return Flow(
        frozenset[tuple[UseId, float]]().union(*(f.parts for f in flows)),
        next((f.module for f in reversed(flows) if f.module), ""),
    )
