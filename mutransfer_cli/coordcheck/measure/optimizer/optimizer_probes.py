"""Measures weight decay and epsilon by steps with zero or enlarged gradients."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from mutransfer_cli.coordcheck.measure.optimizer.initial_steps import take_initial_steps
from mutransfer_cli.coordcheck.measure.recorder import rms
from mutransfer_cli.models.subject import Subject

ENLARGEMENT = 1024.0  # factor on the gradients that makes epsilon negligible


def decay_shares(subject: Subject) -> dict[str, float]:
    """The share by which a step with zero gradients shrinks each tensor: its weight decay."""
    assert subject.optimizer is not None
    named = dict(subject.model.named_parameters())
    before = {name: p.detach().clone() for name, p in named.items()}

    def fill_gradients() -> None:
        for p in named.values():
            p.grad = torch.zeros_like(p)

    fill_gradients()
    take_initial_steps(subject.optimizer, fill_gradients)
    subject.optimizer.step()
    sizes = {name: rms(value) for name, value in before.items()}
    return {
        name: rms(p.detach() - before[name]) / sizes[name]
        for name, p in named.items()
        if sizes[name] > 0
    }


def scaled_backward(
    backward: Callable[[Subject, Any], Any], subject: Subject, batch: Any, scale: float
) -> dict[str, nn.Parameter]:
    """The parameters that have gradients, which are multiplied by a factor.

    Args:
        backward: Runs a forward and a backward pass.
        subject: The subject.
        batch: The batch for the loss.
        scale: The factor.
    """
    backward(subject, batch)
    named = {n: p for n, p in subject.model.named_parameters() if p.grad is not None}
    for p in named.values():
        assert p.grad is not None
        p.grad.mul_(scale)
    return named


def epsilon_ratios(
    fresh: Callable[[], Subject], backward: Callable[[Subject, Any], Any], batch: Any
) -> dict[str, float]:
    """Epsilon relative to the size of the gradient, for each tensor.

    A step with the gradients is compared with one with 1024 times the gradients. Entries are
    weighted by |gradient|, because the bias of attention keys has a gradient of exactly 0.

    Args:
        fresh: Builds a new subject.
        backward: Runs a forward and a backward pass.
        batch: The batch for the loss.
    """
    moves: list[dict[str, Tensor]] = []
    weights: dict[str, Tensor] = {}
    for scale in (1.0, ENLARGEMENT):
        subject = fresh()
        assert subject.optimizer is not None
        take_initial_steps(
            subject.optimizer, partial(scaled_backward, backward, subject, batch, scale)
        )
        for _ in range(2):  # behind a readout that starts at 0 there is no gradient at first
            named = scaled_backward(backward, subject, batch, scale)
            before = {n: p.detach().clone() for n, p in named.items()}
            for n, p in named.items():
                assert p.grad is not None
                weights[n] = p.grad.abs() / scale
            subject.optimizer.step()
        moves.append({n: (p.detach() - before[n]).abs() for n, p in named.items()})
    ratios = {}
    for name, weight in weights.items():
        enlarged = float((weight * moves[1][name]).sum())
        if enlarged > 0:
            plain = float((weight * moves[0][name]).sum())
            ratios[name] = max(0.0, enlarged / plain - 1) if plain > 0 else float("inf")
    return ratios
