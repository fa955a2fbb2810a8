"""Tracks the numbers by which a model multiplies its embeddings (Gemma: √width)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import Tensor

from mutransfer_cli.tracing.activations.residual_branches import storage_pointer


class EmbeddingScales:
    """Follows the results of embedding lookups through multiplications by numbers."""

    def __init__(self, after: dict[str, float]) -> None:
        """Start following.

        Args:
            after: Filled with the product of all these numbers, by parameter.
        """
        self.after = after
        self.sources: dict[int, set[str]] = {}  # parameters it was looked up in, by storage
        self.alive: list[Tensor] = []  # a freed storage's address could be given out again

    def looked_up(self, result: Tensor, names: Iterable[str]) -> None:
        """Record that a result was looked up in these parameters."""
        self.sources[storage_pointer(result)] = set(names)
        self.alive.append(result)

    def multiplied(self, operands: Sequence[Tensor], number: float, result: Tensor) -> None:
        """Record that a tensor was multiplied by a number."""
        for tensor in operands:
            for name in self.sources.get(storage_pointer(tensor), set()):
                self.after[name] = self.after.get(name, 1.0) * number
                self.sources.setdefault(storage_pointer(result), set()).add(name)
                self.alive.append(result)
