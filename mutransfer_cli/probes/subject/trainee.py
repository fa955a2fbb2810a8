"""A model in training that probes look at between its steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from torch import nn

from mutransfer_cli.errors import InputError
from mutransfer_cli.probes.curvature.repeatable import Loss
from mutransfer_cli.train.batches import count_examples

UNSEEN = 100_000  # numbers of batches from here on are no training steps of a proxy


@dataclass
class Trainee:
    """A model that can be trained step by step.

    Attributes:
        model: The model, in training mode.
        optimizer: Its optimizer.
        loss: `loss(model, batch)`, the same every time for the same weights: see `repeatable`.
        batch: Batch of a step.
        step: Takes the step of a number, and returns the loss before it.
        steps: Number of steps of its run.
        roles: Role of every tensor; empty where there is no plan.
        installed: What a plan multiplies the result of a readout by, by name of its weight.
        step_on: As `step`, on a given batch in place of the step's own.
        notes: What the reader of a result should know.
    """

    model: nn.Module
    optimizer: Any
    loss: Loss
    batch: Callable[[int], Any]
    step: Callable[[int], float]
    steps: int
    roles: dict[str, str]
    installed: Mapping[str, float] = field(default_factory=dict)
    step_on: Callable[[int, Any], float] | None = None
    notes: tuple[str, ...] = ()

    @property
    def examples(self) -> int:
        """Number of examples in a batch."""
        return count_examples(self.batch(0))

    def unseen(self, count: int, first: int = 0) -> list[Any]:
        """Batches that no step trains on.

        Args:
            count: Number of batches.
            first: Number of the first of them, counted from 0.
        """
        return [self.batch(UNSEEN + first + i) for i in range(count)]


def check_slope(model: nn.Module, name: str) -> None:
    """Check that the first step has a gradient to follow.

    Args:
        model: The model, after the first backward pass.
        name: Of the model, for the message.

    Raises:
        InputError: The gradient of every parameter is zero.
    """
    grads = [p.grad for p in model.parameters() if p.grad is not None]
    if grads and not any(bool(g.any()) for g in grads):
        raise InputError(
            f"{name}: the gradient of its loss is zero for every parameter at step 1, so that "
            "nothing is trained (floor, round, sign and argmax have no slope): use a loss that has"
        )


def finite_loss(loss: float, step: int) -> float:
    """The loss of a step, counted from 0.

    Raises:
        InputError: It is not finite.
    """
    if not isfinite(loss):
        raise InputError(f"the loss is not finite at step {step + 1}: {loss}")
    return loss
