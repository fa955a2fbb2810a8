"""Finds the tensors of a forward pass that are parameters, views of them, or stand for them.

A parameter is recognized by its storage, so views, transposes and slices need no rules of their
own: the stride of a view's dimension tells which dimensions of the parameter it runs along. Strides
are compared in bytes, because a view may have another dtype (`view_as_complex`, `view(dtype)`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mutransfer_cli.tracing.activations.residual_branches import storage_pointer
from mutransfer_cli.tracing.torch_functions import tensors_in

Dims = tuple[tuple[int, ...], ...]  # for each dimension of a tensor, the parameter's own dimensions


class ParameterViews:
    """The parameters of a model, identified by storage."""

    def __init__(self, model: nn.Module) -> None:
        """Record the storages of a model's parameters."""
        self.known: dict[int, list[tuple[str, tuple[int, ...], tuple[int, ...], Dims]]] = {}
        self.alive: list[Tensor] = []  # a freed storage's address could be given out again
        self._found: dict[int, dict[tuple[object, ...], dict[str, Dims]]] = {}  # by storage
        for name, p in model.named_parameters():
            self.known.pop(storage_pointer(p), None)
            self._remember(p.detach(), name, tuple((d,) for d in range(p.dim())))

    def adopt(self, tensor: Tensor, name: str, dims: Dims) -> None:
        """Treat a tensor as a parameter of this name, with the parameter's dimensions along its."""
        self._remember(tensor, name, dims)

    def _remember(self, tensor: Tensor, name: str, dims: Dims) -> None:
        layout = (name, byte_strides(tensor), tuple(tensor.shape), dims)
        storage = storage_pointer(tensor)
        self.known.setdefault(storage, []).append(layout)
        self._found.pop(storage, None)
        self.alive.append(tensor)

    def knows(self, tensor: Any) -> bool:
        """Whether a tensor is (a view of), or stands for, a parameter."""
        if not isinstance(tensor, Tensor) or tensor.layout is not torch.strided:
            return False
        return storage_pointer(tensor) in self.known and tensor.numel() > 0

    def find(self, tensor: Any) -> dict[str, Dims]:
        """The parameters that a tensor is (a view of), and its dimensions in each of them."""
        if not self.knows(tensor):
            return {}
        storage, strides, shape = storage_pointer(tensor), byte_strides(tensor), tensor.shape
        found = self._found.setdefault(storage, {})
        if (strides, shape) not in found:
            dims_by_name = {}
            for name, *known in self.known[storage]:
                layout = list(zip(*known, strict=True))
                here = zip(strides, shape, strict=True)
                dims_by_name[name] = tuple(sources(stride, size, layout) for stride, size in here)
            found[strides, shape] = dims_by_name
        return found[strides, shape]

    def stand_for(self, tensor: Tensor, result: Tensor, stacked: int = 0) -> None:
        """Treat a result from here on as the parameters that a tensor is or stands for.

        Args:
            tensor: A parameter, or a tensor that stands for some.
            result: The tensor computed from it.
            stacked: The additional dimension of the result, if it has one.
        """
        for name, dims in self.find(tensor).items():
            at = stacked % result.dim() if len(dims) < result.dim() else len(dims)
            new = ((),) * (result.dim() - len(dims))
            self._remember(result, name, (*dims[:at], *new, *dims[at:]))

    def reshaped(self, tensor: Tensor, result: Tensor) -> None:
        """Treat a reshaped copy from here on as the parameters that a tensor is or stands for.

        Args:
            tensor: A parameter, or a tensor that stands for some.
            result: The same entries in the same order, in another shape.
        """
        runs = [varying(tensor.shape, d, result.shape) for d in range(tensor.dim())]
        for name, dims in self.find(tensor).items():
            spanned = [
                tuple(sorted({own for d, r in enumerate(runs) if at in r for own in dims[d]}))
                for at in range(result.dim())
            ]
            self._remember(result, name, tuple(spanned))


def varying(shape: Sequence[int], dim: int, reshaped: Sequence[int]) -> set[int]:
    """The dimensions of a reshaped tensor along which an index of the tensor changes.

    Args:
        shape: Shape of the tensor.
        dim: The dimension of the tensor that the index is of.
        reshaped: The shape after reshaping.
    """
    own = [1] * len(shape)
    own[dim] = shape[dim]
    index = torch.arange(shape[dim]).view(own).expand(shape).reshape(reshaped)
    return {d for d in range(index.dim()) if bool(index.diff(dim=d).any())}


def byte_strides(tensor: Tensor) -> tuple[int, ...]:
    """The strides of a tensor in bytes."""
    return tuple(s * tensor.element_size() for s in tensor.stride())


def sources(
    stride: int, size: int, layout: Sequence[tuple[int, int, tuple[int, ...]]]
) -> tuple[int, ...]:
    """The dimensions of a parameter that one dimension of its view runs along.

    Args:
        stride: Stride of the view's dimension, in bytes.
        size: Size of the view's dimension.
        layout: Stride in bytes and size of each known dimension, with the parameter's dimensions.
    """
    if stride == 0 or size == 1:
        return ()
    inside = [(s, dims) for s, n, dims in layout if n > 1 and s <= stride < s * n]
    dims = set(max(inside)[1]) if inside else set()
    for s, n, spanned in layout:  # a flattened dimension runs along several
        if n > 1 and stride <= s < stride * size:
            dims.update(spanned)
    return tuple(sorted(dims))


def is_view(result: Any, tracked: Sequence[Tensor]) -> bool:
    """Whether all results share storages with the tensors that they were computed from."""
    storages = {storage_pointer(t) for t in tracked}
    return all(storage_pointer(t) in storages for t in tensors_in(result))
