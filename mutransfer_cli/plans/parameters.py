"""Finds a model's parameters by the names in its plan, whatever wraps the model."""

from __future__ import annotations

from torch import nn

from mutransfer_cli.errors import InputError
from mutransfer_cli.plans.types import PlanData

# torch.compile, FSDP, activation checkpointing; DDP and AveragedModel put a leading `module`
WRAPPERS = frozenset({"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"})


def unwrapped_name(name: str) -> str:
    """Strip from the name of a parameter or module the parts that wrappers add."""
    parts = [p for p in name.split(".") if p not in WRAPPERS]
    return ".".join(parts[1:] if parts[:1] == ["module"] and len(parts) > 1 else parts)


def parameters_by_name(plan: PlanData, model: nn.Module) -> dict[str, nn.Parameter]:
    """The model's parameters by the plan's names.

    Raises:
        InputError: The model's parameters are not those of the plan, or differ in shape.
    """
    shapes = {t.name: t.shape for t in plan.tensors}
    parameters = dict(model.named_parameters())
    if parameters.keys() != shapes.keys():
        parameters = {unwrapped_name(name): p for name, p in parameters.items()}
    for name in sorted(parameters.keys() ^ shapes.keys()):
        where = "the plan but not in the model" if name in shapes else "the model but not the plan"
        raise InputError(f"plan: parameter {name} is in {where}")
    for name, p in parameters.items():
        if tuple(p.shape) != shapes[name]:
            raise InputError(
                f"plan: {name} has shape {tuple(p.shape)}, the plan is for {shapes[name]}"
            )
    return parameters
