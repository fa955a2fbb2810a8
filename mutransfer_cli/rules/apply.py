"""Applying a plan to a model: init, parameter groups, optimizers, forward multipliers."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from mutransfer_cli.errors import InputError
from mutransfer_cli.rules.plan import Plan, Site
from mutransfer_cli.rules.shapes import knob_of

WRAPPERS = ("_orig_mod.", "module.", "_fsdp_wrapped_module.")  # torch.compile, DDP, FSDP
HOOKED = "_mutransfer_scales"


def plain(name: str) -> str:
    """A parameter's name without what wrappers put before it."""
    for wrapper in WRAPPERS:
        name = name.replace(wrapper, "")
    return name


def parameters_of(plan: Plan, model: nn.Module) -> dict[str, nn.Parameter]:
    """The model's parameters by the plan's names; InputError unless they are the same."""
    found = {plain(name): p for name, p in model.named_parameters()}
    wanted = {t.name: t.shape for t in plan.tensors}
    for name in sorted(found.keys() ^ wanted.keys()):
        where = "the plan but not in the model" if name in wanted else "the model but not the plan"
        raise InputError(f"plan: parameter {name} is in {where}")
    for name, p in found.items():
        if tuple(p.shape) != wanted[name]:
            raise InputError(
                f"plan: {name} has shape {tuple(p.shape)}, the plan is for {wanted[name]}"
            )
    return found


def stream(seed: int, name: str) -> torch.Generator:
    """A tensor's own random stream, the same whatever else the model holds."""
    digest = blake2b(f"{seed}:{name}".encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1)


@torch.no_grad()
def initialize(plan: Plan, model: nn.Module, seed: int) -> None:
    found = parameters_of(plan, model)
    for tensor in plan.tensors:
        p = found[tensor.name]
        if tensor.init == "normal":
            values = torch.randn(tensor.shape, generator=stream(seed, tensor.name))
            p.copy_(values.mul_(tensor.init_std or 0.0))
        elif tensor.init == "zero":
            p.zero_()
        elif tensor.init == "rescale":
            rms = p.float().square().mean().sqrt()
            if rms > 0:
                p.mul_((tensor.init_std or 0.0) / rms)


def param_groups(plan: Plan, model: nn.Module) -> list[dict[str, Any]]:
    found = parameters_of(plan, model)
    groups: dict[tuple[Any, ...], dict[str, Any]] = {}
    for tensor in plan.tensors:
        p = found[tensor.name]
        if not p.requires_grad:
            continue
        options: dict[str, Any] = {"lr": tensor.lr, "weight_decay": tensor.weight_decay}
        if plan.optimizer == "sgd":
            options["momentum"] = plan.momentum
        else:
            options |= {"eps": tensor.eps, "betas": plan.betas}
        group = groups.setdefault(tuple(options.values()), {"params": [], **options})
        group["params"].append(p)
    return list(groups.values())


def optimizers(plan: Plan, model: nn.Module) -> list[Optimizer]:
    kinds: dict[str, type[Optimizer]] = {"sgd": SGD, "adam": Adam, "adamw": AdamW}
    return [kinds[plan.optimizer](param_groups(plan, model))]  # type: ignore[call-arg]


def install(plan: Plan, model: nn.Module) -> None:
    """Raises InputError on a model that torch.compile has wrapped: its hooks would not run."""
    if hasattr(model, "_orig_mod"):
        raise InputError("plan: install the multipliers before torch.compile, not after")
    if hasattr(model, HOOKED):
        raise InputError("plan: this model's multipliers were installed before")
    for name, site in plan.sites.items():
        value = plan.forward[name]
        if value is not None:
            _put(model, name, site, float(value))
    object.__setattr__(model, HOOKED, True)


def _put(model: nn.Module, name: str, site: Site, value: float) -> None:
    if site.how == "attribute":
        for module in model.modules():
            if knob_of(module, name):
                setattr(module, name, value)
        return

    def scaled_input(_: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (args[0] * value, *args[1:])

    def scaled_output(_: nn.Module, args: Any, output: Tensor) -> Tensor:
        return output * value

    for path in site.modules:
        module = model.get_submodule(path)
        if site.how == "input":
            module.register_forward_pre_hook(scaled_input)
        else:
            module.register_forward_hook(scaled_output)
