"""Records attention logits from the calls of `scaled_dot_product_attention`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from mutransfer_cli.tracing.activations.attention_scores import attention_operands
from mutransfer_cli.tracing.torch_functions import FunctionTracer, plain_name


class AttentionLogitTracer(FunctionTracer):
    """Keeps the logits q·k × scale of every call, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.logits: list[Tensor] = []

    def called(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        result: Any,
    ) -> None:
        """Keep the logits if the function is attention.

        Args:
            function: The torch function or method.
            args: Its positional arguments.
            kwargs: Its keyword arguments.
            result: The function's result.
        """
        if plain_name(function) != "scaled_dot_product_attention":
            return
        query, key, scale = attention_operands(args, kwargs)
        query, key = query.detach(), key.detach()
        if query.shape[-3] != key.shape[-3]:  # grouped queries
            key = key.repeat_interleave(query.shape[-3] // key.shape[-3], -3)
        self.logits.append((query @ key.transpose(-1, -2)).float() * scale)


@contextmanager
def attention_logits() -> Iterator[list[Tensor]]:
    """Record the logits of all attention while the block runs, without gradients."""
    with torch.no_grad(), AttentionLogitTracer() as tracer:
        yield tracer.logits
