"""Install forward multipliers in a model, as float attributes or as hooks on modules."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mutransfer_cli.errors import InputError
from mutransfer_cli.plans.parameters import unwrapped_name
from mutransfer_cli.plans.types import PlanData, Site
from mutransfer_cli.tracing.knobs import attribute_of

log = logging.getLogger(__name__)

INSTALLED = "_mutransfer_scales"  # attribute of a model that has its multipliers


@dataclass(frozen=True)
class ScaledInput:
    """A hook that multiplies a module's first argument; picklable, unlike a closure."""

    value: float

    def __call__(self, module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the module's arguments, the first of them multiplied."""
        return (args[0] * self.value, *args[1:])


@dataclass(frozen=True)
class ScaledOutput:
    """A hook that multiplies a module's output."""

    value: float

    def __call__(self, module: nn.Module, args: Any, output: Tensor) -> Tensor:
        """Return the output, multiplied."""
        return output * self.value


def is_compiled(model: nn.Module) -> bool:
    """Whether torch.compile has wrapped the model or a part of it."""
    return any(
        hasattr(m, "_orig_mod") or getattr(m, "_compiled_call_impl", None) is not None
        for m in model.modules()
    )


def install(plan: PlanData, model: nn.Module) -> None:
    """Put the plan's forward multipliers into the model; see `Plan.install`.

    A compiled model is made to compile again, because torch would ignore the new hooks.

    Raises:
        InputError: The model has them already.
    """
    if any(hasattr(m, INSTALLED) for m in model.modules()):
        raise InputError("plan: this model's multipliers were installed before")
    named = dict(model.named_modules())
    modules = {unwrapped_name(name): m for name, m in named.items()} | named
    for name, site in plan.sites.items():
        value = plan.forward[name]
        if value is not None:
            install_multiplier(model, modules, name, site, float(value))
            where = site.attribute if site.how == "attribute" else ", ".join(site.modules)
            log.debug("%s = %g installed: %s of %s", name, value, site.how, where)
    object.__setattr__(model, INSTALLED, True)
    if is_compiled(model):
        torch.compiler.reset()


def install_multiplier(
    model: nn.Module, modules: Mapping[str, nn.Module], name: str, site: Site, value: float
) -> None:
    """Put one multiplier into the model.

    Args:
        model: The model.
        modules: Its modules, by their names with and without wrappers.
        name: The multiplier, as in `Plan.forward`.
        site: Where it goes.
        value: The multiplier's value at the target.
    """
    if site.how == "attribute":
        for module in model.modules():
            attribute = attribute_of(module, name)
            if attribute is not None:
                setattr(module, attribute, value)
        return
    for path in site.modules:
        module = modules[path]
        if site.how == "input":
            module.register_forward_pre_hook(ScaledInput(value))
        else:
            module.register_forward_hook(ScaledOutput(value))
