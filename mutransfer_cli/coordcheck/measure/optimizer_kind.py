"""What is read off a user's optimizer and model without training them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from mutransfer_cli.coordcheck.measure.recorder import rms
from mutransfer_cli.coordcheck.measure.tensor_probes import LOUD
from mutransfer_cli.documents.check import FaultReport
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.models.user_code import run_user_code
from mutransfer_cli.parameterization.protocol import parameterization_of
from mutransfer_cli.tracing.family import Family

PARALLEL = 0.9  # cosine, see `orthogonal`
GROWS = 32.0  # times: the update of an optimizer that is not scale-free, at 1024 times the gradient


def update_kinds(fresh: Callable[[], Subject]) -> dict[str, str]:
    """For each tensor the optimizer whose geometry its update has: `sgd`, `adam` or `muon`.

    Found by trying, so for any optimizer: is a step larger on a louder gradient, and is a matrix's
    step its gradient with all singular values made the same?
    """
    moves: list[dict[str, Tensor]] = []
    pushes: dict[str, Tensor] = {}
    for loudness in (1.0, LOUD):
        subject = fresh()
        assert subject.optimizer is not None
        named = dict(subject.model.named_parameters())
        before = {name: p.detach().clone() for name, p in named.items()}
        pushes = {name: loudness * spread(p) for name, p in named.items() if p.requires_grad}
        for name, p in named.items():
            p.grad = pushes[name].clone() if p.requires_grad else None
        run_user_code(subject.optimizer.step, "optimizer.step()")
        moves.append({name: (p.detach() - before[name]).float() for name, p in named.items()})
    kinds = {}
    for name, quiet in moves[0].items():
        if rms(moves[1][name]) > GROWS * rms(quiet):
            kinds[name] = "sgd"
        else:
            kinds[name] = "muon" if name in pushes and orthogonal(quiet, pushes[name]) else "adam"
    return kinds


def spread(p: Tensor) -> Tensor:
    """A gradient of entries of order 1; a matrix's singular values from 30 to 1."""
    noise = torch.randn(p.shape, generator=torch.Generator().manual_seed(0))
    if p.dim() == 2:
        u, _, v = torch.linalg.svd(noise, full_matrices=False)
        noise = (u * 30 ** torch.linspace(1, 0, min(p.shape))) @ v
    return noise.to(p)


def orthogonal(step: Tensor, gradient: Tensor) -> bool:
    """Is a step the gradient U S Vᵀ with its singular values made equal, -U Vᵀ?

    The cosine between the two is at least 0.96 for Newton-Schulz, which leaves singular values of
    0.7 to 1.2, and at most about 0.8 for a step of signs, for the gradient itself or Adafactor's.
    That the values are equal is not enough: those of a wide matrix of signs nearly are.
    """
    if step.dim() != 2 or min(step.shape) < 2 or not bool(step.any()):
        return False
    u, _, v = torch.linalg.svd(gradient.float(), full_matrices=False)
    return bool(-(step * (u @ v)).sum() > PARALLEL * step.norm() * min(step.shape) ** 0.5)


def unread_keys(optimizer: torch.optim.Optimizer | None) -> tuple[str, ...]:
    """A hint where groups carry a number, such as `lr_scale`, that only a training loop reads."""
    groups = optimizer.param_groups if optimizer is not None else []
    known = {*getattr(optimizer, "defaults", ()), "params", "initial_lr"}
    found = {}
    for key in {k for g in groups for k in g} - known:
        values = {g.get(key) for g in groups if isinstance(g.get(key), int | float)}
        if len(values) > 1:
            found[key] = values
    return tuple(
        f"the optimizer's groups differ in `{key}`, which {type(optimizer).__name__} does not "
        "read: where your training loop applies it, apply it in the callable too"
        for key in sorted(found)
    )


def attention_fault(family: Family, parameterization: str) -> tuple[FaultReport, ...]:
    """A growing head size asks for a scale that follows it; a fixed one for nothing."""
    if family.head_growth == 1.0:
        return ()
    power = parameterization_of(parameterization).attention_power
    wanted = family.head_growth**power
    if abs(family.scale_growth / wanted - 1) < 1e-3:
        return ()
    seen = family.attention[0]
    place = f"`{seen.module}`" if seen.module else "the model's attention"
    scale = "1/head size" if power == -1 else "1/√(head size)"
    return (
        FaultReport(
            finding="attention-scale",
            where=seen.module,
            message=f"in {place} the head size grows by {family.head_growth:g} and the scale of "
            f"q·k by {family.scale_growth:.3g} instead of {wanted:.3g}",
            fix=f"let the scale of q·k go as {scale}, such as "
            f"{seen.scale * seen.head_size**-power:.3g}{scale[1:]}, "
            f"which is {seen.scale:.3g} at the head size {seen.head_size} as it is now",
        ),
    )
