"""Inputs with classes: scikit-learn's digits, a fixed random teacher, a user's own arrays."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from mutransfer_cli.data.protocol import VALIDATION_EXAMPLES, Batch, draw, unreadable
from mutransfer_cli.errors import InputError

TEACHER_SEED = 20220307
TEACHER_HIDDEN = 64


def portions(x: Tensor, y: Tensor, size: int) -> list[Batch]:
    """In batches of at most `size`."""
    return [(x[i : i + size], y[i : i + size]) for i in range(0, len(x), size)]


@dataclass(frozen=True)
class Table:
    """A fixed table: inputs (n, d_in) float32 and classes (n,) int64."""

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
        """Classes: one more than the largest label."""
        return int(max(self.y.max(), self.held_y.max())) + 1

    def batch(self, seed: int, step: int, size: int) -> Batch:
        rows = torch.from_numpy(draw(seed, step, size, len(self.x)))
        return self.x[rows], self.y[rows]

    def validation(self, size: int) -> list[Batch]:
        return portions(self.held_x, self.held_y, size)


def digits() -> Table:
    """1797 images of 8 × 8, pixels in 0 to 1; every fifth validates."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise InputError(
            "digits needs scikit-learn; pip install 'mutransfer[digits]'", path=("data", "source")
        ) from error
    x, y = load_digits(return_X_y=True)
    held = np.arange(len(x)) % 5 == 0
    inputs = torch.tensor(x / 16.0, dtype=torch.float32)
    classes = torch.tensor(y, dtype=torch.int64)
    mask = torch.from_numpy(held)
    digest = sha256(x.tobytes() + y.tobytes()).hexdigest()
    return Table(inputs[~mask], classes[~mask], inputs[mask], classes[mask], digest)


@dataclass(frozen=True)
class Teacher:
    """Standard normal inputs (d_in) and the class that a fixed random network gives them.

    The teacher has one hidden layer of 64 ReLU units, standard normal weights over √fan_in.
    """

    d_in: int
    d_out: int

    @property
    def digest(self) -> str:
        return f"teacher-{TEACHER_SEED}-{self.d_in}-{TEACHER_HIDDEN}-{self.d_out}"

    @cached_property
    def _weights(self) -> tuple[Tensor, Tensor]:
        weights = np.random.default_rng(TEACHER_SEED)
        first = weights.standard_normal((self.d_in, TEACHER_HIDDEN)) / np.sqrt(self.d_in)
        second = weights.standard_normal((TEACHER_HIDDEN, self.d_out)) / np.sqrt(TEACHER_HIDDEN)
        return torch.from_numpy(first), torch.from_numpy(second)

    def _labelled(self, rng: np.random.Generator, size: int) -> Batch:
        first, second = self._weights  # torch: a worker has one thread of it, numpy takes them all
        x = torch.from_numpy(rng.standard_normal((size, self.d_in)))
        return x.float(), ((x @ first).relu_() @ second).argmax(1)

    def batch(self, seed: int, step: int, size: int) -> Batch:
        return self._labelled(np.random.default_rng([seed, step]), size)

    def validation(self, size: int) -> list[Batch]:
        rng = np.random.default_rng([TEACHER_SEED, 1])
        x, y = self._labelled(rng, 4 * VALIDATION_EXAMPLES)
        return portions(x, y, size)


def tensors(path: Path) -> Table:
    """A user's own table: `.npz` or `.safetensors` with x (n, …) and y (n,); every tenth validates.

    Nothing is unpickled. Raises InputError, naming the file, for anything else.
    """
    try:
        x, y = read_tensors(path)
    except OSError as error:
        raise unreadable(path, error) from error
    except (KeyError, ValueError, BadZipFile) as error:
        message = " ".join(str(error).split())
        raise InputError(
            f"{path}: expected .npz or .safetensors with arrays x and y: {message}",
            path=("data", "path"),
        ) from error
    labels = y.ndim == 1 and not y.is_floating_point()
    if len(x) != len(y) or len(x) < 2 or not labels or int(y.min()) < 0:
        raise InputError(
            f"{path}: expected x (n, …) and whole numbers y (n,) from 0; found "
            f"{tuple(x.shape)} and {tuple(y.shape)} {str(y.dtype).removeprefix('torch.')}",
            path=("data", "path"),
        )
    digest = sha256(x.numpy().tobytes() + y.numpy().tobytes()).hexdigest()
    held = torch.arange(len(x)) % 10 == 0
    x, y = x.float(), y.long()
    return Table(x[~held], y[~held], x[held], y[held], digest)


def read_tensors(path: Path) -> tuple[Tensor, Tensor]:
    if path.suffix == ".safetensors":
        try:
            load_file = importlib.import_module("safetensors.torch").load_file
        except ImportError as error:
            raise InputError(
                f"{path}: needs the package safetensors, or give a .npz", path=("data", "path")
            ) from error
        try:
            found = load_file(path)
        except OSError:
            raise
        except Exception as error:  # the package has an error class of its own, without a base
            raise ValueError(error) from error
        return found["x"], found["y"]
    with np.load(path, allow_pickle=False) as arrays:
        return torch.from_numpy(arrays["x"]), torch.from_numpy(arrays["y"])
