"""Losses that are the same every time for the same weights."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

Loss = Callable[[nn.Module, Any], Tensor]


def repeatable(loss: Loss) -> Loss:
    """The loss with fixed random numbers, which leaves buffers such as running means alone.

    Dropout then drops the same entries every time, and the loss is a function of the weights.
    """

    def repeated(model: nn.Module, batch: Any) -> Tensor:
        with torch.random.fork_rng(devices=_gpus(model)), kept_buffers(model):
            torch.manual_seed(0)
            return loss(model, batch)

    return repeated


def _gpus(model: nn.Module) -> list[int]:
    """The GPUs of a model, whose generators `manual_seed` seeds too."""
    found = {p.device.index for p in model.parameters() if p.device.type == "cuda"}
    return sorted(index for index in found if index is not None)


@contextmanager
def kept_buffers(model: nn.Module) -> Iterator[None]:
    """Let a model work on copies of its buffers, and give it its own back afterwards.

    Its own are never written to: a backward pass after the block, which differentiates by what the
    forward pass saw, still finds the copies as that left them.
    """
    kept = [
        (module, name, buffer)
        for module in model.modules()
        for name, buffer in module._buffers.items()
        if buffer is not None
    ]
    copies = {id(buffer): buffer.detach().clone() for _, _, buffer in kept}
    for module, name, buffer in kept:
        module._buffers[name] = copies[id(buffer)]
    try:
        yield
    finally:
        for module, name, buffer in kept:
            module._buffers[name] = buffer


def random_parts(model: nn.Module) -> str | None:
    """Say what in a model is frozen while it is measured; None: nothing.

    Args:
        model: The model.
    """
    found = []
    modules = list(model.modules())
    if any(isinstance(m, nn.modules.dropout._DropoutNd) and m.p > 0 for m in modules):
        found.append("dropout drops the same entries every time")
    if any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in modules):
        found.append("batch norm uses the statistics of the batch, and keeps its running means")
    return "while it is measured, " + " and ".join(found) if found else None


@contextmanager
def twice_differentiable() -> Iterator[None]:
    """Compute attention by plain matrix products, and what is compiled eagerly.

    Neither flash attention nor a compiled backward pass can be differentiated again.
    """
    with sdpa_kernel(SDPBackend.MATH):
        if "torch._dynamo" not in sys.modules:  # nothing was compiled, and its import takes seconds
            yield
            return
        with torch.compiler.set_stance("force_eager"):
            yield
