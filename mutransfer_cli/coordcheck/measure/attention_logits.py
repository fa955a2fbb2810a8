"""Attention logits of a forward pass, from the calls of `scaled_dot_product_attention`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode


class Logits(TorchFunctionMode):
    """Keeps q·k × scale of every call, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Tensor] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__name__", "") == "scaled_dot_product_attention":
            q, k = args[0].detach(), args[1].detach()
            if q.shape[-3] != k.shape[-3]:  # grouped queries
                k = k.repeat_interleave(q.shape[-3] // k.shape[-3], -3)
            scale = kwargs.get("scale") or q.shape[-1] ** -0.5
            self.found.append((q @ k.transpose(-1, -2)).float() * scale)
        return func(*args, **kwargs)


@contextmanager
def attention_logits() -> Iterator[list[Tensor]]:
    """Record the logits of all attention while the block runs."""
    with torch.no_grad(), Logits() as mode:
        yield mode.found
