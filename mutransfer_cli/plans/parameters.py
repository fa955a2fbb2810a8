"""The model's parameters by the names of the plan, whatever wraps the model."""

from __future__ import annotations

from torch import nn

from mutransfer_cli.errors import InputError
from mutransfer_cli.plans.types import PlanData

# torch.compile, FSDP, activation checkpointing; DDP and AveragedModel put a leading `module`
WRAPPERS = frozenset({"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"})


def unwrapped_name(name: str) -> str:
    """A name without what wrappers put into it."""
    parts = [p for p in name.split(".") if p not in WRAPPERS]
    return ".".join(parts[1:] if parts[:1] == ["module"] and len(parts) > 1 else parts)


def parameters_by_name(plan: PlanData, model: nn.Module) -> dict[str, nn.Parameter]:
    """The model's parameters by the plan's names; InputError unless they are the same."""
    wanted = {t.name: t.shape for t in plan.tensors}
    found = dict(model.named_parameters())
    if found.keys() != wanted.keys():
        found = {unwrapped_name(name): p for name, p in found.items()}
    for name in sorted(found.keys() ^ wanted.keys()):
        where = "the plan but not in the model" if name in wanted else "the model but not the plan"
        raise InputError(f"plan: parameter {name} is in {where}")
    for name, p in found.items():
        if tuple(p.shape) != wanted[name]:
            raise InputError(
                f"plan: {name} has shape {tuple(p.shape)}, the plan is for {wanted[name]}"
            )
    return found
