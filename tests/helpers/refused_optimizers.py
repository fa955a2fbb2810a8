"""Optimizers that a plan cannot make or step, and one that compiles its steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule
from torch.nn import Parameter
from torch.optim import AdamW

from tests.helpers.own_optimizers import Signs


class OfNames(AdamW):
    """Takes named parameters, as Adam-mini does."""

    def __init__(self, named_parameters: Iterable[tuple[str, Parameter]], lr: float = 0.1) -> None:
        super().__init__([p for _, p in named_parameters], lr)


class OfLength(AdamW):
    """Needs the length of training."""

    def __init__(self, params: Any, lr: float = 0.1, *, total_steps: int) -> None:
        super().__init__(params, lr)
        self.total_steps = total_steps


class OfNothing(AdamW):
    """Takes no tensors."""

    def __init__(self) -> None:
        super().__init__([torch.zeros(1)])


class Licensed(AdamW):
    """Ends the process."""

    def __init__(self, params: Any, lr: float = 0.1) -> None:
        raise SystemExit("no licence")


class OnDevices(Signs):
    """Has no step for this machine."""

    def direction(self, gradient: Tensor, weight: Tensor) -> Tensor:
        """Raise, in two lines."""
        raise RuntimeError("no kernel:\n  build it")


class Single(Signs):
    """Has a state of float32, whatever its tensors are."""

    def direction(self, gradient: Tensor, weight: Tensor) -> Tensor:
        """Signs by a product with an identity."""
        return (torch.eye(len(gradient)) @ gradient).sign()


GRAPHS: list[GraphModule] = []


def recorded(graph: GraphModule, inputs: list[Tensor]) -> Callable[..., Any]:
    """A compiler that keeps what it is given."""
    GRAPHS.append(graph)
    return graph.forward


@torch.compile(backend=recorded)
def compiled_sign(gradient: Tensor) -> Tensor:
    """Signs."""
    return gradient.sign()


class Compiled(Signs):
    """Signs, by a compiled function."""

    def direction(self, gradient: Tensor, weight: Tensor) -> Tensor:
        """Signs."""
        return compiled_sign(gradient)
