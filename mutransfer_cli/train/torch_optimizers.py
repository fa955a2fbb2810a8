"""Helpers for torch's own optimizers: learning rates, fused kernels, memory layout."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from mutransfer_cli.models.loss import SINGLE_BYTES


class PeakRates:
    """The peak learning rates of all parameter groups of some optimizers."""

    def __init__(self, optimizers: Sequence[Any]) -> None:
        """Record the current rates of the groups as their peaks."""
        self.optimizers = optimizers
        self.peaks = [group["lr"] for group in self._groups()]

    def _groups(self) -> list[dict[str, Any]]:
        return [group for optimizer in self.optimizers for group in optimizer.param_groups]

    def scale(self, lr_factor: float) -> None:
        """Set every rate to its peak times a factor."""
        for group, peak in zip(self._groups(), self.peaks, strict=True):
            group["lr"] = peak * lr_factor


def parts_of(optimizer: Any) -> Sequence[Any]:
    """The torch optimizers that an optimizer consists of, or the optimizer itself."""
    parts: Sequence[Any] = getattr(optimizer, "parts", [optimizer])
    return parts


@contextmanager
def evaluating(optimizers: Sequence[Any]) -> Iterator[None]:
    """Keep the result of training in the parameters: averages, where an optimizer makes them."""
    parts = [p for o in optimizers for p in parts_of(o) if hasattr(p, "eval")]
    for part in parts:
        part.eval()
    try:
        yield
    finally:
        for part in parts:
            part.train()


def needs_graph(optimizer: Any) -> bool:
    """Whether the next step needs the graph of the gradients, to estimate the Hessian."""
    return any(getattr(part, "needs_graph", False) for part in parts_of(optimizer))


def enable_fused(optimizer: Any) -> None:
    """Enable torch's fused kernels where they exist and are not the default: on a CPU.

    Not below single precision: there the fused SGD of torch 2.x takes wrong steps with momentum.
    """
    for part in parts_of(optimizer):
        if "fused" in getattr(part, "defaults", ()):
            for group in part.param_groups:
                group["fused"] = all(
                    p.device.type == "cpu" and p.element_size() >= SINGLE_BYTES
                    for p in group["params"]
                )


def match_memory_format(optimizer: Any) -> None:
    """Give moments the memory layout of their parameter, which fused kernels require."""
    for part in parts_of(optimizer):
        for parameter, state in part.state.items():
            for name, value in state.items():
                if isinstance(value, Tensor) and value.shape == parameter.shape:
                    aligned = torch.empty_like(parameter, dtype=value.dtype)
                    state[name] = aligned.copy_(value)
