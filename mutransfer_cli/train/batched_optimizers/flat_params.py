"""Tensors of K trials in one matrix: a row for each trial, its tensors one after another.

An optimizer then steps a trial, or all trials, in one call instead of one for each tensor. Every
tensor starts at a multiple of 64 bytes, whatever the trial's place: the last digit of a matrix
product may depend on that. What lies between is zero and stays so.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from torch import Tensor

Tensors = Mapping[str, Tensor]
Span = tuple[int, int]  # columns of a row: the first, and the one after the last
ALIGNED = 16  # numbers


@dataclass(frozen=True, slots=True)
class Layout:
    """Which columns of a row belong to which tensor; names in the order of the columns."""

    shapes: Mapping[str, tuple[int, ...]]
    starts: Mapping[str, int]
    width: int  # columns

    @classmethod
    def of(cls, tensors: Tensors, alike: Mapping[str, Hashable]) -> Layout:
        """tensors: by name, without the trial dimension; in the order of `alike`, where those that
        are alike are put together.
        """
        order: dict[Hashable, list[str]] = {}
        for name, key in alike.items():
            order.setdefault(key, []).append(name)
        names = [name for of in order.values() for name in of]
        starts, at = {}, 0
        for name in names:
            starts[name], at = at, at + padded(tensors[name].numel())
        return cls({n: tuple(tensors[n].shape) for n in names}, starts, at)

    @property
    def names(self) -> list[str]:
        return list(self.shapes)

    def span(self, name: str) -> Span:
        return self.starts[name], self.starts[name] + prod(self.shapes[name])

    def views(self, rows: Tensor) -> dict[str, Tensor]:
        """The tensors (K, …) of rows (K, numbers); each trial's part is contiguous."""
        found = {}
        for name, shape in self.shapes.items():
            low, high = self.span(name)
            found[name] = rows[:, low:high].view(len(rows), *shape)
        return found

    def rows(self, states: Sequence[Tensors]) -> Tensor:
        """Of the trials' tensors, each without the trial dimension."""
        rows = states[0][self.names[0]].new_zeros(len(states), self.width)
        for name, view in self.views(rows).items():
            for k, state in enumerate(states):
                view[k].copy_(state[name])
        return rows

    def within(self, names: Sequence[str]) -> Span:
        """The columns of tensors that lie together, with what is between and after them."""
        spans = sorted((self.starts[n], padded(prod(self.shapes[n]))) for n in names)
        low, high = spans[0][0], spans[-1][0] + spans[-1][1]
        assert sum(width for _, width in spans) == high - low
        return low, high

    def runs(self, names: Sequence[str], alike: Mapping[str, Hashable]) -> list[tuple[str, Span]]:
        """Neighbours that are alike as one: the first one's name, and the columns of them all."""
        found: list[tuple[str, Span]] = []
        for name in sorted(names, key=lambda n: self.starts[n]):
            low = self.starts[name]
            high = low + padded(prod(self.shapes[name]))
            if found and found[-1][1][1] == low and alike[found[-1][0]] == alike[name]:
                found[-1] = found[-1][0], (found[-1][1][0], high)
            else:
                found.append((name, (low, high)))
        return found


def padded(numbers: int) -> int:
    """Columns that a tensor takes."""
    return -(-numbers // ALIGNED) * ALIGNED
