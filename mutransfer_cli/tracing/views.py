"""Finds the tensors of a forward pass that are parameters, views of them, or stand for them.

A parameter is recognized by its storage, so views, transposes and slices need no rules of their
own: the stride of a view's dimension tells which dimension of the parameter it runs along.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mutransfer_cli.tracing.residual_branches import storage_pointer
from mutransfer_cli.tracing.torch_functions import tensors_in

Dims = tuple[int | None, ...]  # for each dimension of a tensor, the parameter's own dimension


class ParameterViews:
    """The parameters of a model, identified by storage."""

    def __init__(self, model: nn.Module) -> None:
        """Record the storages of a model's parameters."""
        self.known: dict[int, list[tuple[str, tuple[int, ...], tuple[int, ...], Dims]]] = {}
        self.alive: list[Tensor] = []  # a freed storage's address could be given out again
        for name, p in model.named_parameters():
            self.known.pop(storage_pointer(p), None)
            self._remember(p.detach(), name, tuple(range(p.dim())))

    def _remember(self, tensor: Tensor, name: str, dims: Dims) -> None:
        layout = (name, tuple(tensor.stride()), tuple(tensor.shape), dims)
        self.known.setdefault(storage_pointer(tensor), []).append(layout)
        self.alive.append(tensor)

    def find(self, tensor: Any) -> dict[str, Dims]:
        """The parameters that a tensor is (a view of), and its dimensions in each of them."""
        if not isinstance(tensor, Tensor) or tensor.layout is not torch.strided:
            return {}
        if storage_pointer(tensor) not in self.known or tensor.numel() == 0:
            return {}

        def source(stride: int, size: int, known: list[tuple[int, int, int | None]]) -> int | None:
            if stride == 0 or size == 1:
                return None
            walks = [(s, d) for s, n, d in known if n > 1 and s <= stride < s * n]
            return max(walks, key=lambda w: w[0])[1] if walks else None

        dims_by_name = {}
        for name, *known in self.known[storage_pointer(tensor)]:
            steps = list(zip(*known, strict=True))
            here = zip(tensor.stride(), tensor.shape, strict=True)
            dims_by_name[name] = tuple(source(s, n, steps) for s, n in here)
        return dims_by_name

    def stand_for(self, tensor: Tensor, result: Tensor, stacked: int = 0) -> None:
        """Treat a result from here on as the parameters that a tensor is or stands for.

        Args:
            tensor: A parameter, or a tensor that stands for some.
            result: The tensor computed from it.
            stacked: The additional dimension of the result, if it has one.
        """
        for name, dims in self.find(tensor).items():
            at = stacked % result.dim() if len(dims) < result.dim() else len(dims)
            new = (None,) * (result.dim() - len(dims))
            self._remember(result, name, (*dims[:at], *new, *dims[at:]))


def is_view(result: Any, tracked: Sequence[Tensor]) -> bool:
    """Whether all results share storages with the tensors that they were computed from."""
    storages = {storage_pointer(t) for t in tracked}
    return all(storage_pointer(t) in storages for t in tensors_in(result))
