"""Optimizers that are hard to make, step or measure; a plan refuses most of them."""

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


class Restless(Signs):
    """Refuses gradients of zeros, as PSGD does."""

    def direction(self, gradient: Tensor, weight: Tensor) -> Tensor:
        """Signs, or an error."""
        if not gradient.any():
            raise RuntimeError("all 0s")
        return gradient.sign()


class Rounding(Signs):
    """Takes signs of digits that rounding decides, as SOAP does off its diagonal."""

    def direction(self, gradient: Tensor, weight: Tensor) -> Tensor:
        """Signs of the seventh digit, of entries of order 1."""
        return ((gradient * 1e7).remainder(2) - 1).sign()


class FirstRate(Signs):
    """Keeps the rate of its first step, as Rprop does."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        """Step at the first rate."""
        for group in self.param_groups:
            group["lr"] = group.setdefault("first", group["lr"])
        super().step(closure)


class TensorRates(Signs):
    """Keeps its rates in tensors and refuses numbers, as torchao's classes do."""

    def __init__(self, params: Any, lr: float = 0.1) -> None:
        super().__init__(params, lr)
        for group in self.param_groups:
            group["lr"] = torch.tensor(group["lr"])

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        """Step, or an error."""
        rates = [group["lr"] for group in self.param_groups]
        if not all(isinstance(rate, Tensor) for rate in rates):
            raise RuntimeError("lr was changed to a number")
        for group in self.param_groups:
            for p in group["params"]:
                p.sub_(group["lr"] * p.grad.sign())


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
