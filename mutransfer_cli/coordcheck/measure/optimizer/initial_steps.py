"""Steps that initialize an optimizer's state before its updates have their geometry.

ADOPT and SOAP move nothing in their first step, and RAdam takes five steps as a plain momentum. The
check takes these steps at a rate of 0, so that it measures what follows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mutransfer_cli.catalog.optimizers import OPTIMIZERS


def initial_steps(optimizer: Any) -> int:
    """The number of such steps, by the names of the optimizer's classes."""
    parts = getattr(optimizer, "parts", [optimizer])
    rows = [OPTIMIZERS.get(type(part).__name__.lower()) for part in parts]
    return max((row.initial_steps for row in rows if row is not None), default=0)


def take_initial_steps(optimizer: Any, fill_gradients: Callable[[], Any]) -> None:
    """Take these steps without moving a tensor.

    Args:
        optimizer: The optimizer, which has taken no step.
        fill_gradients: Fills the gradients of all parameters.
    """
    steps = initial_steps(optimizer)
    if steps == 0:
        return
    groups = [g for part in getattr(optimizer, "parts", [optimizer]) for g in part.param_groups]
    rates = [group["lr"] for group in groups]
    for group in groups:
        group["lr"] = 0.0
    for _ in range(steps):
        fill_gradients()
        optimizer.step()
    for group, rate in zip(groups, rates, strict=True):
        group["lr"] = rate
    fill_gradients()
