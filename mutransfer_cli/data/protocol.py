"""What every data source gives: batches by seed and step, and a fixed validation set."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from torch import Tensor

from mutransfer_cli.errors import InputError

Batch = tuple[Tensor, Tensor]  # inputs, targets
VALIDATION_EXAMPLES = 256


class Source(Protocol):
    """Examples for training; the same seed and step give the same batch to every trial."""

    @property
    def digest(self) -> str:
        """Of the data itself, kept with the run."""
        ...

    def batch(self, seed: int, step: int, size: int) -> Batch:
        """Training examples: (size, …) inputs and their targets."""
        ...

    def validation(self, size: int) -> list[Batch]:
        """The whole fixed validation set in batches of at most `size`."""
        ...


def unreadable(path: Path, error: Exception) -> InputError:
    """The user's file is not there, or cannot be read."""
    if isinstance(error, FileNotFoundError):
        return InputError(
            f"{path}: no such file in {Path.cwd()}; a relative path starts at the current folder",
            path=("data", "path"),
        )
    reason = error.strerror if isinstance(error, OSError) and error.strerror else error
    return InputError(f"{path}: cannot be read: {reason}", path=("data", "path"))


def draw(seed: int, step: int, size: int, high: int) -> np.ndarray:
    """`size` indices below `high` that depend on seed and step alone."""
    return np.random.default_rng([seed, step]).integers(0, high, size)
