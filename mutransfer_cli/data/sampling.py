"""Draws the examples of a batch by seed and step, or cuts a fixed set into batches."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from mutransfer_cli.data.protocol import Batch

VALIDATION_EXAMPLES = 256


def random_indices(seed: int, step: int, size: int, high: int) -> np.ndarray:
    """Draw indices with replacement; the same seed and step always give the same ones.

    Args:
        seed: Seed of the trial.
        step: Step of the training run.
        size: Number of indices.
        high: Exclusive upper bound of the indices.
    """
    return np.random.default_rng([seed, step]).integers(0, high, size)


def in_batches(x: Tensor, y: Tensor, size: int) -> list[Batch]:
    """Inputs and targets cut into batches of at most `size`."""
    return [(x[i : i + size], y[i : i + size]) for i in range(0, len(x), size)]
