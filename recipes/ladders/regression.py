"""Regression on a smooth function of 16 inputs, with the mean squared error."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mutransfer_cli import Subject
from mutransfer_cli.models.builtin.mlp import MLP

INPUTS, FEATURES, BATCH, VALIDATION = 16, 24, 64, 2048
NOISE = 1.0  # standard deviation of the targets' noise; the least possible loss is its square
Batch = tuple[Tensor, Tensor]


class Targets:
    """A sum of sines in random directions with variance 1, plus noise."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(20220307)
        self.directions = torch.randn(INPUTS, FEATURES, generator=generator) * INPUTS**-0.5
        self.amplitudes = torch.randn(FEATURES, generator=generator) * (2 / FEATURES) ** 0.5

    def draw(self, seed: int, size: int) -> Batch:
        """Inputs (size, 16) and targets (size, 1)."""
        generator = torch.Generator().manual_seed(seed)
        x = torch.randn(size, INPUTS, generator=generator)
        y = (1.0 * x @ self.directions).sin() @ self.amplitudes
        noise = NOISE * torch.randn(size, generator=generator)
        return x, (y + noise)[:, None]


def mean_squared_error(model: nn.Module, batch: Batch) -> Tensor:
    """The loss of a batch."""
    inputs, targets = batch
    return nn.functional.mse_loss(model(inputs), targets)


def build(width: int, depth: int, batch: int = BATCH) -> Subject:
    """An MLP with its loss and its batches; width and depth grow."""
    model = MLP(d_hidden=width, n_layer=depth, d_in=INPUTS, d_out=1, activation="tanh")
    targets = Targets()
    return Subject(
        model,
        loss=mean_squared_error,
        batch=lambda seed: targets.draw(seed, batch),
        eval_batch=lambda seed: targets.draw(10**12 + seed, VALIDATION),
    )
