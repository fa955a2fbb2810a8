"""Parameters and lists of tensors as one flat vector."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from mutransfer_cli.errors import InputError


def trained_parameters(model: nn.Module) -> list[nn.Parameter]:
    """The parameters of a model that take a gradient, each once.

    Raises:
        InputError: One is complex.
    """
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    for name, p in named:
        if p.is_complex():
            raise InputError(
                f"parameter {name} is complex, and probes differentiate by real numbers: keep its "
                "real and imaginary parts as two (torch.view_as_complex joins them)"
            )
    return [p for _, p in named]


def flatten(tensors: Sequence[Tensor]) -> Tensor:
    """All entries of some tensors, one after another (n,)."""
    return torch.cat([t.reshape(-1) for t in tensors])


def unflatten(vector: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
    """The parts of a flat vector (n,), in the shapes of some tensors of n entries in all."""
    parts = torch.split(vector, [t.numel() for t in like])
    return [part.view(t.shape) for part, t in zip(parts, like, strict=True)]


@contextmanager
def moved(parameters: Sequence[Tensor], by: Sequence[Tensor]) -> Iterator[None]:
    """Add tensors to parameters; afterwards the parameters are what they were, to the last bit."""
    kept = [p.detach().clone() for p in parameters]
    try:
        with torch.no_grad():
            for p, step in zip(parameters, by, strict=True):
                p.add_(step)
        yield
    finally:
        with torch.no_grad():
            for p, value in zip(parameters, kept, strict=True):
                p.copy_(value)
