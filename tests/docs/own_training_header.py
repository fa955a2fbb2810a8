"""What the code of docs/check.md needs around it: batches and a loss."""

import torch
from torch import nn

from mutransfer_cli import Subject

__all__ = ["Subject"]


def my_batch(seed):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(64, 64, generator=generator)
    return x, x[:, :10].argmax(1)


def my_loss(model, batch):
    return nn.functional.cross_entropy(model(batch[0]), batch[1])
