"""The part of a parameter that a function uses: a slice, a transpose, or its numbers as complex."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor


class WeightSource(Protocol):
    """How the weight that a function uses follows from one parameter."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the weight."""

    def on(self, value: Tensor) -> Tensor:
        """The weight for another value of the parameter."""


class ParameterView(NamedTuple):
    """How a view is laid out in the parameter's memory.

    Attributes:
        shape: Its shape.
        strides: Its strides, in entries of its own dtype.
        offset: Its offset, in entries of its own dtype.
        dtype: Its dtype, which is another one than the parameter's behind `view_as_complex`.
        conjugated: Whether its entries are the conjugates of those in memory.
    """

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int
    dtype: torch.dtype
    conjugated: bool = False

    @staticmethod
    def of(view: Tensor) -> ParameterView:
        """The layout of a view."""
        return ParameterView(
            tuple(view.shape), view.stride(), int(view.storage_offset()), view.dtype, view.is_conj()
        )

    def on(self, value: Tensor) -> Tensor:
        """The same view of another value, laid out in memory as the parameter."""
        if value.dtype == self.dtype:
            same = value.as_strided(self.shape, self.strides, self.offset)
        else:
            same = torch.empty(0, dtype=self.dtype, device=value.device)
            same.set_(value.detach().untyped_storage(), self.offset, self.shape, self.strides)
        return same.conj() if self.conjugated else same
