"""Finds the geometry of an optimizer's updates by trial, and group keys that it ignores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from mutransfer_cli.coordcheck.measure.optimizer.initial_steps import take_initial_steps
from mutransfer_cli.coordcheck.measure.optimizer.optimizer_probes import ENLARGEMENT
from mutransfer_cli.coordcheck.measure.recorder import real_numbers, rms
from mutransfer_cli.coordcheck.measure.training_step import optimizer_parts
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.models.user_code import run_user_code
from mutransfer_cli.optimizers.geometry import (
    FIXED_NORM,
    FIXED_NORM_SPECTRAL,
    GRADIENT,
    SIGN,
    SPECTRAL,
    Geometry,
)
from mutransfer_cli.optimizers.own.trial_update import (
    is_orthogonalized,
    is_resized,
    of_rank_one,
    trial_gradient,
)

KEPT = 0.01  # share of the growth of a norm by a step across it, at most
SMALLEST_TURN = 0.005  # of which that growth stands out from rounding
FOLLOWS_GRADIENT = 32.0  # least growth at 1024 times the gradient of an update that follows it


def update_geometries(fresh: Callable[[], Subject]) -> dict[str, Geometry]:
    """The geometry of each tensor's updates: gradient, sign, spectral, or one of a fixed norm.

    It is found by trial, so for any optimizer: whether a larger gradient gives a larger step,
    whether the step of a matrix is its gradient with all singular values made equal, and whether a
    matrix that moves keeps its norm.

    Args:
        fresh: Builds a new subject with its optimizer.
    """
    first = trial_step(fresh, trial_gradient)
    larger = trial_step(fresh, lambda p: ENLARGEMENT * trial_gradient(p))
    geometries = {}
    for name, update in first.updates.items():
        if rms(larger.updates[name]) > FOLLOWS_GRADIENT * rms(update):
            geometries[name] = GRADIENT
        elif name in first.gradients and is_orthogonalized(update, first.gradients[name]):
            geometries[name] = FIXED_NORM_SPECTRAL if name in larger.kept else SPECTRAL
        elif name in larger.kept:
            geometries[name] = FIXED_NORM
        else:
            geometries[name] = SIGN
    spectral = {name for name, geometry in geometries.items() if geometry == SPECTRAL}
    if spectral:  # brought to an RMS, they are as Adam's
        single = trial_step(fresh, single_gradient)
        for name in spectral:
            if is_resized(first.updates[name], first.gradients[name], single.updates[name]):
                geometries[name] = SIGN
    return geometries


@dataclass(frozen=True, slots=True)
class TrialStep:
    """What one step on trial gradients did, by tensor.

    Attributes:
        gradients: The gradients of the trained tensors.
        updates: The changes.
        kept: The matrices whose norm stayed.
    """

    gradients: Mapping[str, Tensor]
    updates: Mapping[str, Tensor]
    kept: frozenset[str]


def trial_step(fresh: Callable[[], Subject], gradient: Callable[[Tensor], Tensor]) -> TrialStep:
    """Take a step of a new subject's optimizer, past initial steps of another kind.

    Args:
        fresh: Builds a new subject with its optimizer.
        gradient: Makes the gradient of a tensor.
    """
    subject = fresh()
    assert subject.optimizer is not None
    named = dict(subject.model.named_parameters())
    before = {name: p.detach().clone() for name, p in named.items()}
    gradients = {name: gradient(p) for name, p in named.items() if p.requires_grad}
    fill = partial(fill_gradients, named, gradients)
    fill()
    take_initial_steps(subject.optimizer, fill)
    run_user_code(subject.optimizer.step, "optimizer.step()")
    return TrialStep(
        gradients,
        {name: real_numbers(p.detach() - before[name]) for name, p in named.items()},
        frozenset(name for name, p in named.items() if keeps_norm(before[name], p.detach())),
    )


def single_gradient(p: Tensor) -> Tensor:
    """A trial gradient, for matrices of rank one."""
    gradient = trial_gradient(p)
    return of_rank_one(gradient) if p.dim() > 1 and not p.is_complex() else gradient


def keeps_norm(before: Tensor, after: Tensor) -> bool:
    """Whether a step turned a matrix without making it longer, as a step straight on would."""
    if before.dim() != 2:
        return False
    length = float(before.norm())
    turn = float((after - before).norm()) / length if length > 0 else 0.0
    growth = float(after.norm()) / length - 1 if length > 0 else 0.0
    return turn > SMALLEST_TURN and abs(growth) < KEPT * turn**2


def fill_gradients(named: Mapping[str, Tensor], gradients: Mapping[str, Tensor]) -> None:
    """Give parameters these gradients, and none to the others."""
    for name, p in named.items():
        p.grad = gradients[name].clone() if name in gradients else None


def unread_keys(optimizer: torch.optim.Optimizer | None) -> tuple[str, ...]:
    """A hint for each number in the groups, such as `lr_scale`, that only a training loop reads."""
    hints = []
    for part in optimizer_parts(optimizer) if optimizer is not None else []:
        known = {*getattr(part, "defaults", ()), "params", "initial_lr"}
        hints += [
            f"the optimizer's groups differ in `{key}`, which {type(part).__name__} does not "
            "read: if your training loop applies it, apply it in the callable too"
            for key in sorted({k for g in part.param_groups for k in g} - known)
            if len({g.get(key) for g in part.param_groups if is_number(g.get(key))}) > 1
        ]
    return tuple(dict.fromkeys(hints))


def is_number(value: object) -> bool:
    """Whether an option of a group is a number."""
    return isinstance(value, int | float)


def foreign_tensors(subject: Subject) -> tuple[str, ...]:
    """A note on tensors that the optimizer trains and that are not the model's."""
    own = {id(p) for p in subject.model.parameters()}
    foreign = {
        id(p): tuple(p.shape)
        for part in optimizer_parts(subject.optimizer)
        for group in part.param_groups
        for p in group["params"]
        if id(p) not in own
    }
    if not foreign:
        return ()
    count = "a tensor" if len(foreign) == 1 else f"{len(foreign)} tensors"
    shapes = ", ".join(map(str, foreign.values()))
    return (
        f"the optimizer trains {count} outside the model, which this check does not judge; "
        f"shapes: {shapes}",
    )
