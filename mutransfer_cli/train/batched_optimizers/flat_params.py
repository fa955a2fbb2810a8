"""Stores the tensors of K trials in one matrix, in which each trial is a row.

An optimizer can then step a trial, or all trials, in one call instead of one per tensor. Every
tensor starts at a multiple of 64 bytes for every trial, because the last digit of a matrix product
may depend on the alignment. The padding between tensors is zero and stays zero.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from torch import Tensor

Tensors = Mapping[str, Tensor]
Span = tuple[int, int]  # columns of a row: the first, and the one after the last
ALIGNMENT = 16  # numbers: tensors start at a multiple of this


@dataclass(frozen=True, slots=True)
class Layout:
    """Which columns of a row belong to which tensor.

    Attributes:
        shapes: Shapes without the trial dimension, by name in the order of the columns.
        starts: First column of each tensor.
        width: Number of columns.
    """

    shapes: Mapping[str, tuple[int, ...]]
    starts: Mapping[str, int]
    width: int

    @classmethod
    def of(cls, tensors: Tensors, alike: Mapping[str, Hashable]) -> Layout:
        """Lay out tensors.

        Args:
            tensors: Tensors by name, without the trial dimension.
            alike: A key for each name; tensors with the same key become neighbors, in the order
                of the keys.
        """
        order: dict[Hashable, list[str]] = {}
        for name, key in alike.items():
            order.setdefault(key, []).append(name)
        names = [name for neighbors in order.values() for name in neighbors]
        starts, column = {}, 0
        for name in names:
            starts[name] = column
            column += padded(tensors[name].numel())
        return cls({n: tuple(tensors[n].shape) for n in names}, starts, column)

    @property
    def names(self) -> list[str]:
        """The tensors in the order of their columns."""
        return list(self.shapes)

    def span(self, name: str) -> Span:
        """The columns of a tensor, without padding."""
        return self.starts[name], self.starts[name] + prod(self.shapes[name])

    def views(self, rows: Tensor) -> dict[str, Tensor]:
        """The tensors (K, …) of rows (K, numbers); each trial's part is contiguous."""
        views = {}
        for name, shape in self.shapes.items():
            low, high = self.span(name)
            views[name] = rows[:, low:high].view(len(rows), *shape)
        return views

    def rows(self, states: Sequence[Tensors]) -> Tensor:
        """Rows (K, numbers) from the tensors of every trial."""
        rows = states[0][self.names[0]].new_zeros(len(states), self.width)
        for name, view in self.views(rows).items():
            for k, state in enumerate(states):
                view[k].copy_(state[name])
        return rows

    def within(self, names: Sequence[str]) -> Span:
        """The columns of tensors that are neighbors, with their padding."""
        spans = sorted((self.starts[n], padded(prod(self.shapes[n]))) for n in names)
        low, high = spans[0][0], spans[-1][0] + spans[-1][1]
        assert sum(width for _, width in spans) == high - low
        return low, high

    def runs(self, names: Sequence[str], alike: Mapping[str, Hashable]) -> list[tuple[str, Span]]:
        """Merge neighbors that are alike.

        Args:
            names: Some of the tensors.
            alike: A key for each of them.

        Returns:
            The name of the first tensor of each run, and the columns of all in it.
        """
        runs: list[tuple[str, Span]] = []
        for name in sorted(names, key=lambda n: self.starts[n]):
            low = self.starts[name]
            high = low + padded(prod(self.shapes[name]))
            if runs and runs[-1][1][1] == low and alike[runs[-1][0]] == alike[name]:
                runs[-1] = runs[-1][0], (runs[-1][1][0], high)
            else:
                runs.append((name, (low, high)))
        return runs


def padded(numbers: int) -> int:
    """Columns that a tensor with this many numbers takes."""
    return -(-numbers // ALIGNMENT) * ALIGNMENT
