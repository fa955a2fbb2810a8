"""A fixed table of inputs with classes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mutransfer_cli.data.protocol import Batch
from mutransfer_cli.data.sampling import in_batches, random_indices


@dataclass(frozen=True)
class LabeledTable:
    """Inputs (n, …) float32 and classes (n,) int64.

    Attributes:
        x: Inputs for training.
        y: Their classes.
        held_x: Inputs for validation.
        held_y: Their classes.
        digest: Digest of the data.
    """

    x: Tensor
    y: Tensor
    held_x: Tensor
    held_y: Tensor
    digest: str

    @property
    def d_in(self) -> int:
        """Numbers per input."""
        return self.x[0].numel()

    @property
    def d_out(self) -> int:
        """Number of classes: one more than the largest label."""
        return int(max(self.y.max(), self.held_y.max())) + 1

    def batch(self, seed: int, step: int, size: int) -> Batch:
        """Rows drawn at random, with replacement."""
        rows = torch.from_numpy(random_indices(seed, step, size, len(self.x)))
        return self.x[rows], self.y[rows]

    def validation(self, size: int) -> list[Batch]:
        """All held-out rows."""
        return in_batches(self.held_x, self.held_y, size)


def hold_out(x: Tensor, y: Tensor, digest: str, every: int) -> LabeledTable:
    """Make a table that holds out the first of every `every` rows for validation.

    Args:
        x: Inputs (n, …) float32.
        y: Classes (n,) int64.
        digest: Digest of the data.
        every: One row in this many is held out.
    """
    held = torch.arange(len(x)) % every == 0
    return LabeledTable(x[~held], y[~held], x[held], y[held], digest)
