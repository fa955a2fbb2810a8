"""Do an optimizer's groups still have the plan's rates, up to one common factor?

A schedule may multiply every rate by the same number (LambdaLR, LinearLR, CosineAnnealingLR to 0).
One that sets rates instead (OneCycleLR, a floor that is the same for all groups, `group["lr"] = x`)
takes from each tensor the rate that it needs, and trains on without a word: so it is an error.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.hooks import RemovableHandle

from mutransfer_cli.errors import InputError
from mutransfer_cli.plans.types import PlanData

HANDLES: WeakKeyDictionary[Optimizer, RemovableHandle] = WeakKeyDictionary()
TOLERANCE = 1e-6  # relative; float32 rates, and products of many factors, stay far below


@dataclass(frozen=True, slots=True)
class LrRatioGuard:
    """A hook before every step of an optimizer: its rates against the plan's."""

    planned: dict[int, tuple[str, float]]  # name and rate by the id of a parameter

    def __call__(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        self.compare([optimizer])

    def compare(self, optimizers: Sequence[Any]) -> None:
        """Raises InputError, naming the tensor, where the rates are not in the plan's ratios."""
        found = {}
        for group in (g for o in optimizers for g in o.param_groups):
            for p in group["params"]:
                if id(p) in self.planned:
                    name, rate = self.planned[id(p)]
                    found[name] = (float(group["lr"]), rate)
        if not found:
            return
        shares = {name: rate / planned for name, (rate, planned) in found.items()}
        most, least = max(shares, key=shares.__getitem__), min(shares, key=shares.__getitem__)
        if shares[most] - shares[least] <= TOLERANCE * shares[most]:
            return
        (rate, planned), (other, of_other) = found[most], found[least]
        raise InputError(
            f"plan: {most} has the rate {rate:.6g} and {least} {other:.6g}, planned {planned:.6g} "
            f"and {of_other:.6g}: {offending_scheduler(optimizers)}; take a schedule that "
            "multiplies every group's rate by the same factor, such as LambdaLR"
        )


def offending_scheduler(optimizers: Sequence[Any]) -> str:
    """The scheduler that sets rates, found among the living objects; only asked when it is late."""
    for thing in gc.get_objects():
        # not isinstance: that would wake lazy objects of other libraries
        if issubclass(type(thing), LRScheduler) and any(thing.optimizer is o for o in optimizers):
            return f"{type(thing).__name__} sets rates of its own"
    return "something set them"


def guard_for(plan: PlanData, found: dict[str, nn.Parameter]) -> LrRatioGuard:
    """found: the model's parameters by the plan's names."""
    return LrRatioGuard({id(found[t.name]): (t.name, t.lr) for t in plan.tensors})


def attach_guard(plan: PlanData, found: dict[str, nn.Parameter], optimizer: Optimizer) -> None:
    """Look before every step."""
    # where a step is compiled, the look at it is not
    hook = torch.compiler.disable(guard_for(plan, found))  # type: ignore[no-untyped-call]  # torch has no type for it
    HANDLES[optimizer] = optimizer.register_step_pre_hook(hook)


def remove_guard(optimizer: Any) -> None:
    """Look no more; for who changes rates on purpose."""
    handle = HANDLES.pop(optimizer, None) if isinstance(optimizer, Optimizer) else None
    if handle is not None:
        handle.remove()


def verify(plan: PlanData, found: dict[str, nn.Parameter], optimizers: Iterable[Any]) -> None:
    """Raises InputError for a parameter that no optimizer has, or rates that are not the plan's."""
    several = list(optimizers)
    held = {id(p) for o in several for g in o.param_groups for p in g["params"]}
    for name, p in found.items():
        if p.requires_grad and id(p) not in held:
            raise InputError(f"plan: {name} is in no group of the optimizer: it is not trained")
    guard_for(plan, found).compare(several)
