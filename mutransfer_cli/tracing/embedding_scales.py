"""Numbers that activations are multiplied with, and embeddings in particular (Gemma's √width)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from torch import Tensor

from mutransfer_cli.tracing.residual_branches import storage_pointer


class EmbeddingScales:
    """Follows what was looked up through products with numbers.

    after: by parameter, the product of those numbers.
    """

    def __init__(self, after: dict[str, float]) -> None:
        self.after = after
        self.scales: dict[int, float] = {}  # by storage: the number that made it from another
        self.looked: dict[int, set[str]] = {}  # by storage: the parameters that were looked up
        self.alive: list[Tensor] = []  # a freed storage's address could be given out again

    def began(self, result: Tensor, names: Iterable[str]) -> None:
        """The result was looked up in these parameters."""
        self.looked[storage_pointer(result)] = set(names)
        self.alive.append(result)

    def scale(self, tensor: Any) -> float:
        """The number that a tensor was just multiplied with."""
        return self.scales.get(storage_pointer(tensor), 1.0) if isinstance(tensor, Tensor) else 1.0

    def multiplied(self, operands: Sequence[Tensor], number: float, result: Tensor) -> None:
        self.scales[storage_pointer(result)] = number
        for tensor in operands:
            for found in self.looked.get(storage_pointer(tensor), set()):
                self.after[found] = self.after.get(found, 1.0) * number
                self.looked.setdefault(storage_pointer(result), set()).add(found)
                self.alive.append(result)
