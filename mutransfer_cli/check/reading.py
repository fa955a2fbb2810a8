"""What is read off a user's optimizer and model without training them."""

from __future__ import annotations

import torch
from torch import nn

from mutransfer_cli.rules.shapes import Family
from mutransfer_cli.rules.table import attention_power


def update_family(optimizer: torch.optim.Optimizer) -> str:
    """`adam` where an update's size does not depend on the gradient's, else `sgd`: by trying."""
    sizes = []
    for scale in (1.0, 1024.0):
        p = nn.Parameter(torch.ones(8))
        defaults = {**optimizer.defaults, "lr": 1e-3, "weight_decay": 0.0}
        try:
            trial = type(optimizer)([p], **{k: v for k, v in defaults.items() if v is not None})
        except TypeError:
            return "sgd" if isinstance(optimizer, torch.optim.SGD) else "adam"
        p.grad = torch.full_like(p, scale)
        trial.step()
        sizes.append(float((p.detach() - 1).abs().mean()))
    return "adam" if sizes[1] < 32 * sizes[0] else "sgd"


def unread_keys(optimizer: torch.optim.Optimizer | None) -> tuple[str, ...]:
    """A hint where groups carry a number, such as `lr_scale`, that only a training loop reads."""
    groups = optimizer.param_groups if optimizer is not None else []
    known = {*(optimizer.defaults if optimizer is not None else ()), "params", "initial_lr"}
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


def attention_fault(family: Family, parameterization: str) -> tuple[str, ...]:
    """A growing head size asks for a scale that follows it; a fixed one for nothing."""
    if family.head_growth == 1.0:
        return ()
    wanted = family.head_growth ** attention_power(parameterization)
    if abs(family.scale_growth / wanted - 1) < 1e-3:
        return ()
    seen = family.attention[0]
    return (
        f"attention-scale: in {seen.module or 'the model'} the head size grows by "
        f"{family.head_growth:g} and the scale of q·k by {family.scale_growth:.3g}; it should by "
        f"{wanted:.3g}",
    )
