"""Installs forward multipliers in a model, as float attributes or as hooks on modules."""

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
from mutransfer_cli.tracing.knobs import KNOBS, attribute_of

log = logging.getLogger(__name__)

INSTALLED = "_mutransfer_scales"  # attribute that marks a model whose multipliers are installed
UNIT_SCALED = "_mutransfer_unit_scaled"  # marks a model that has the multipliers of its tensors


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
    """Install the plan's forward multipliers in the model; see `Plan.install`.

    A compiled model is recompiled, because torch would otherwise ignore the new hooks.

    Raises:
        InputError: They are installed already, the model has no place for one, or tensors have
            multipliers of their own, as under u-muP, which the model does not apply.
    """
    own = next((t for t in plan.tensors if t.multiplier != 1.0), None)
    if own is not None and not hasattr(model, UNIT_SCALED):
        raise InputError(
            f"plan: {plan.parameterization} multiplies {own.name} by {own.multiplier:.4g} in the "
            "forward pass, and install cannot put that into this model; build it from the "
            "unit-scaling package with the plan's numbers, or use another parameterization"
        )
    if any(hasattr(m, INSTALLED) for m in model.modules()):
        raise InputError("plan: this model's multipliers were installed before")
    named = dict(model.named_modules())
    modules = {unwrapped_name(name): m for name, m in named.items()} | named
    for name, site in plan.sites.items():
        require_location(model, modules, name, site)
    for name, site in plan.sites.items():
        value = plan.forward[name]
        if value is not None:
            install_multiplier(model, modules, name, site, float(value))
            owner = site.attribute if site.how == "attribute" else ", ".join(site.modules)
            log.debug("%s = %g installed: %s of %s", name, value, site.how, owner)
    object.__setattr__(model, INSTALLED, True)
    if is_compiled(model):
        torch.compiler.reset()


def require_location(
    model: nn.Module, modules: Mapping[str, nn.Module], name: str, site: Site
) -> None:
    """Check that a model has what a multiplier is installed in.

    Args:
        model: The model.
        modules: The model's modules by name, with and without the names of wrappers.
        name: Name of the multiplier, as in `Plan.forward`.
        site: Where to install it.

    Raises:
        InputError: It has not: the plan is that of another model.
    """
    if site.how == "attribute":
        known = name in KNOBS and any(attribute_of(m, name) for m in model.modules())
        missing = None if known else f"module with a number {site.attribute!r}"
    else:
        absent = [path for path in site.modules if path not in modules]
        missing = f"module {absent[0]!r}" if absent else None
    if missing is not None:
        raise InputError(
            f"plan: {name} is installed in the model, but it has no {missing}; the plan is that "
            "of another model"
        )


def install_multiplier(
    model: nn.Module, modules: Mapping[str, nn.Module], name: str, site: Site, value: float
) -> None:
    """Install one multiplier in the model.

    Args:
        model: The model.
        modules: The model's modules by name, with and without the names of wrappers.
        name: Name of the multiplier, as in `Plan.forward`.
        site: Where to install it.
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
