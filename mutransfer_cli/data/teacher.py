"""`teacher`: random inputs, and the classes that a fixed random network gives them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from mutransfer_cli.data.protocol import Batch, DataSettings
from mutransfer_cli.data.sampling import VALIDATION_EXAMPLES, in_batches
from mutransfer_cli.errors import InputError

TEACHER_SEED = 20220307
TEACHER_HIDDEN = 64


@dataclass(frozen=True)
class Teacher:
    """Standard normal inputs (size, d_in) and classes (size,) below d_out.

    The teacher has one hidden layer of 64 ReLU units, standard normal weights over √fan_in.
    """

    d_in: int
    d_out: int

    @property
    def digest(self) -> str:
        """Identifies the distribution that the data are drawn from."""
        return f"teacher-{TEACHER_SEED}-{self.d_in}-{TEACHER_HIDDEN}-{self.d_out}"

    @cached_property
    def _weights(self) -> tuple[Tensor, Tensor]:
        weights = np.random.default_rng(TEACHER_SEED)
        first = weights.standard_normal((self.d_in, TEACHER_HIDDEN)) / np.sqrt(self.d_in)
        second = weights.standard_normal((TEACHER_HIDDEN, self.d_out)) / np.sqrt(TEACHER_HIDDEN)
        return torch.from_numpy(first), torch.from_numpy(second)

    def _labeled(self, rng: np.random.Generator, size: int) -> Batch:
        # products in torch, which keeps to the worker's one thread; numpy would use every core
        first, second = self._weights
        x = torch.from_numpy(rng.standard_normal((size, self.d_in)))
        return x.float(), ((x @ first).relu_() @ second).argmax(1)

    def batch(self, seed: int, step: int, size: int) -> Batch:
        """Fresh inputs for every seed and step."""
        return self._labeled(np.random.default_rng([seed, step]), size)

    def validation(self, size: int) -> list[Batch]:
        """1024 examples, always the same."""
        rng = np.random.default_rng([TEACHER_SEED, 1])
        x, y = self._labeled(rng, 4 * VALIDATION_EXAMPLES)
        return in_batches(x, y, size)


def open_teacher(settings: DataSettings) -> Teacher:
    """The teacher for the numbers of inputs and classes in the settings.

    Raises:
        InputError: One of them is missing.
    """
    if settings.d_in is None or settings.d_out is None:
        raise InputError("teacher needs d_in and d_out", path=("data",))
    return Teacher(settings.d_in, settings.d_out)
