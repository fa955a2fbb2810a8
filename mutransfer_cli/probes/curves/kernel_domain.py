"""The examples on which a kernel is compared with theory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mutransfer_cli.errors import InputError
from mutransfer_cli.probes.curves.kernel_curve import EXAMPLES
from mutransfer_cli.probes.subject.trainee import Trainee

POINTS = 1536  # examples of a domain
MOST_DRAWN = 4 * POINTS  # to find so many that differ; of a table of 1,536 it misses 2 % (derived)
FEWEST_POINTS = 4 * EXAMPLES[-1]  # each half of them predicts, and is to exceed a training set


@dataclass(frozen=True)
class Domain:
    """Examples that differ from each other, each as likely as the others.

    Attributes:
        x: Inputs (points, …).
        y: Their targets as the loss takes them (points, …).
        values: One number of each target (points,): its first, or 1 for the first class.
        repeats: Whether batches repeat examples, as those of a table do: a model that is trained on
            batches is then trained on these examples too.
    """

    x: Tensor
    y: Tensor
    values: NDArray[np.float64]
    repeats: bool


def domain_of(trainee: Trainee) -> Domain:
    """Draw examples until enough of them differ: a test point must be in no training set.

    Args:
        trainee: Gives the batches.

    Raises:
        InputError: Batches are not pairs of inputs and one target for each, or too few differ.
    """
    seen: set[bytes] = set()
    inputs: list[Tensor] = []
    targets: list[Tensor] = []
    drawn = 0
    while len(seen) < POINTS and drawn < MOST_DRAWN:
        x, y = _pair(trainee.unseen(1, first=len(inputs))[0])
        keys = [_bytes(a) + _bytes(b) for a, b in zip(x, y, strict=True)]
        new = [i for key, i in {k: i for i, k in enumerate(keys)}.items() if key not in seen]
        seen.update(keys)
        drawn += len(x)
        inputs.append(x[new])
        targets.append(y[new])
    if len(seen) < FEWEST_POINTS:
        raise InputError(
            f"probe kernel: found {len(seen)} different examples in {drawn}, expected at least "
            f"{FEWEST_POINTS}: the largest training sets have {EXAMPLES[-1]}, and the others are "
            "what it is tested on"
        )
    y = torch.cat(targets)[:POINTS]
    value = y[:, 0] if y.dim() == 2 else y
    number = value if value.is_floating_point() else value == 0  # 1 for the first class
    values = number.double().cpu().numpy()
    return Domain(torch.cat(inputs)[:POINTS], y, values, repeats=drawn > len(seen))


def _pair(batch: Any) -> tuple[Tensor, Tensor]:
    pair = isinstance(batch, tuple | list) and len(batch) == 2
    if not pair or not all(isinstance(part, Tensor) for part in batch):
        raise InputError("probe kernel: expected batches (x, y) of tensors")
    x, y = batch
    if not x.is_floating_point() or y.dim() > 2 or len(x) != len(y):
        raise InputError(
            "probe kernel: expected one target for each example, not for every token or pixel"
        )
    return x, y


def _bytes(tensor: Tensor) -> bytes:
    return tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes()
