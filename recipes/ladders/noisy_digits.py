"""Handwritten digits with noise, so that the loss has a floor and its relative scatter is small.

Every batch has fresh noise; the validation set is always the same. Multilayer perceptron and
convolutional network are the package's own.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor, nn

from mutransfer_cli import Subject
from mutransfer_cli.models.builtin.convnet import ConvNet
from mutransfer_cli.models.builtin.mlp import MLP

MLP_BATCH, CONVNET_BATCH = 64, 32
PIXEL_NOISE = 0.1  # standard deviation, of pixels between 0 and 1
RANDOM_LABELS = 0.2  # share of the examples whose class is drawn at random
COPIES = 4  # of every image for validation, each with its own noise
HELD_OUT = 5  # one image in this many validates
CLASSES, PIXELS = 10, 64
VALIDATION_SEED = 10**12
Batch = tuple[Tensor, Tensor]


@cache
def images() -> tuple[Batch, Batch]:
    """Images (n, 64) between 0 and 1 and their classes (n,), for training and validation."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    inputs, classes = torch.tensor(x / 16, dtype=torch.float32), torch.tensor(y)
    held = torch.arange(len(classes)) % HELD_OUT == 0
    return (inputs[~held], classes[~held]), (inputs[held], classes[held])


def with_noise(x: Tensor, y: Tensor, generator: torch.Generator) -> Batch:
    """The examples with noise on pixels and classes."""
    noise = torch.randn(x.shape, generator=generator)
    other = torch.randint(CLASSES, y.shape, generator=generator)
    is_random = torch.rand(y.shape, generator=generator) < RANDOM_LABELS
    return x + PIXEL_NOISE * noise, torch.where(is_random, other, y)


def draw(seed: int, size: int) -> Batch:
    """Images drawn at random, with replacement."""
    generator = torch.Generator().manual_seed(seed)
    (x, y), _ = images()
    rows = torch.randint(len(y), (size,), generator=generator)
    return with_noise(x[rows], y[rows], generator)


def validation(seed: int) -> Batch:
    """Copies of the images that are held out."""
    _, (x, y) = images()
    generator = torch.Generator().manual_seed(VALIDATION_SEED + seed)
    return with_noise(x.repeat(COPIES, 1), y.repeat(COPIES), generator)


def cross_entropy(model: nn.Module, examples: Batch) -> Tensor:
    """The loss of a batch."""
    inputs, classes = examples
    return nn.functional.cross_entropy(model(inputs), classes)


def subject(model: nn.Module, batch: int) -> Subject:
    """The model with its loss and with batches of this many images."""
    return Subject(
        model, loss=cross_entropy, batch=lambda seed: draw(seed, batch), eval_batch=validation
    )


def build_mlp(width: int, depth: int, batch: int = MLP_BATCH) -> Subject:
    """A multilayer perceptron."""
    model = MLP(width, depth, d_in=PIXELS, d_out=CLASSES, activation="gelu")
    return subject(model, batch)


def build_convnet(width: int, depth: int, batch: int = CONVNET_BATCH) -> Subject:
    """A residual convolutional network."""
    return subject(ConvNet(width, depth, d_out=CLASSES), batch)
