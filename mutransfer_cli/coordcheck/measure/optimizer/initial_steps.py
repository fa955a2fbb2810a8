"""Steps that initialize an optimizer's state before its updates have their geometry.

ADOPT and SOAP move nothing in their first step, and RAdam takes five steps as a plain momentum. The
check takes these steps at a rate of 0, so that it measures what follows. Those of a class that the
catalog does not have are measured on a matrix of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from math import log2
from typing import Any

import torch

from mutransfer_cli.catalog.optimizers import OPTIMIZERS
from mutransfer_cli.optimizers.own.trial_update import trial_gradient

SIDE, STEPS, RATE = 8, 12, 2.0**-10  # of the matrix and the steps that measure a class
FACTOR, TOLERANCE = 1024.0, 0.1  # on the gradient; largest error of the exponent of the step
known: dict[str, int] = {}  # what was measured in this process, by class and options


def initial_steps(optimizer: Any) -> int:
    """The number of such steps: of classes in the catalog by their names, of others measured."""
    return max(map(steps_of, getattr(optimizer, "parts", [optimizer])), default=0)


def steps_of(part: Any) -> int:
    """The number of such steps of one optimizer."""
    own = type(part)
    row = OPTIMIZERS.get(own.__name__.lower())
    if row is not None:
        return row.initial_steps
    groups = getattr(part, "param_groups", None)
    if not groups:
        return 0
    options = {name: value for name, value in groups[0].items() if name != "params"}
    key = f"{own.__module__}.{own.__qualname__} {options}"
    if key not in known:
        known[key] = measured_initial_steps(own, options)
    return known[key]


def measured_initial_steps(own: type, options: dict[str, Any]) -> int:
    """The steps up to the last that follows the gradient's scale unlike the last of all.

    Args:
        own: The optimizer's class; 0 where it cannot be made or stepped by itself.
        options: Those of one of its groups.
    """
    try:
        sizes = [step_sizes(own, options, scale) for scale in (1.0, FACTOR)]
    except Exception:  # whatever the user's class raises: it needs a closure, or other arguments
        return 0
    exponents = [
        log2(large / small) / log2(FACTOR) if small > 0 and large > 0 else None
        for small, large in zip(*sizes, strict=True)
    ]
    last = exponents[-1]
    if last is None:
        return 0
    unlike = [k for k, e in enumerate(exponents, 1) if e is None or abs(e - last) > TOLERANCE]
    return max(unlike, default=0)


def step_sizes(own: type, options: dict[str, Any], scale: float) -> list[float]:
    """The sizes of single steps of a matrix whose gradient stays the same."""
    weight = torch.randn(SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    parameter = torch.nn.Parameter(weight)
    gradient = scale * trial_gradient(torch.zeros(SIDE, SIDE))
    options = {**options, "weight_decay": 0.0, "lr": RATE}
    optimizer: Any = own([{**options, "params": [parameter]}])
    if hasattr(optimizer, "train"):
        optimizer.train()
    sizes = []
    for _ in range(STEPS):
        before = parameter.detach().clone()
        parameter.grad = gradient.clone()
        optimizer.step()
        sizes.append(float((parameter.detach() - before).norm()))
    return sizes


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
