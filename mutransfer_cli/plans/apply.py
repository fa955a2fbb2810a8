"""Applying a plan to a model: init, parameter groups, optimizers, forward multipliers.

Works on a model that is compiled, wrapped (DDP, AveragedModel) or sharded (FSDP2): nothing is kept
on parameters, and a tensor's init depends on nothing but the seed and its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adafactor, Adam, AdamW, Optimizer

from mutransfer_cli.errors import InputError
from mutransfer_cli.optimizers.lion import Lion
from mutransfer_cli.plans.plan import Plan, Site, TensorPlan
from mutransfer_cli.tracing.family import attribute_of

# torch.compile, FSDP, activation checkpointing; DDP and AveragedModel put a leading `module`
WRAPPERS = frozenset({"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"})
HOOKED = "_mutransfer_scales"
TORCH: dict[str, type[Optimizer]] = {
    "sgd": SGD,
    "adam": Adam,
    "adamw": AdamW,
    "adafactor": Adafactor,
}
if hasattr(torch.optim, "Muon"):  # since torch 2.9
    TORCH["muon"] = torch.optim.Muon
OPTIMIZERS: dict[str, type[Optimizer]] = {**TORCH, "lion": Lion}


def plain(name: str) -> str:
    """A name without what wrappers put into it."""
    parts = [p for p in name.split(".") if p not in WRAPPERS]
    return ".".join(parts[1:] if parts[:1] == ["module"] and len(parts) > 1 else parts)


def parameters_of(plan: Plan, model: nn.Module) -> dict[str, nn.Parameter]:
    """The model's parameters by the plan's names; InputError unless they are the same."""
    wanted = {t.name: t.shape for t in plan.tensors}
    found = dict(model.named_parameters())
    if found.keys() != wanted.keys():
        found = {plain(name): p for name, p in found.items()}
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
        if p.is_meta:
            raise InputError(
                f"plan: {tensor.name} is on the meta device; call model.to_empty(device=...) first"
            )
        if tensor.init == "normal":
            values = torch.randn(tensor.shape, generator=stream(seed, tensor.name))
            fill(p, values.mul_(tensor.init_std or 0.0))
        elif tensor.init == "zero":
            p.zero_()
        elif tensor.init == "rescale":
            rms = float(whole(p).float().square().mean().sqrt())
            if rms > 0:
                p.mul_((tensor.init_std or 0.0) / rms)


def whole(p: Tensor) -> Tensor:
    """All of a tensor, of which this process may hold a shard."""
    return p.full_tensor() if hasattr(p, "full_tensor") else p


def fill(p: Any, values: Tensor) -> None:
    """Write values into a tensor; of a sharded one each process writes its own part."""
    if hasattr(p, "device_mesh"):
        from torch.distributed.tensor import distribute_tensor

        mesh = p.device_mesh
        placed: Tensor = distribute_tensor(
            values.to(p.device, p.dtype), mesh, p.placements, src_data_rank=None
        )
        p.copy_(placed)
    else:
        p.copy_(values)


def options_of(plan: Plan, tensor: TensorPlan) -> dict[str, Any]:
    """What a torch optimizer takes for one tensor."""
    options: dict[str, Any] = {"lr": tensor.lr, "weight_decay": tensor.weight_decay}
    match tensor.optimizer or plan.optimizer:
        case "sgd":
            options |= {"momentum": plan.momentum, "nesterov": plan.nesterov}
        case "muon":
            options |= {"momentum": plan.momentum or 0.95, "eps": tensor.eps}
        case "lion":
            options |= {"betas": plan.betas}
        case "adam" | "adamw" | "soap" | "shampoo":
            options |= {"eps": tensor.eps, "betas": plan.betas}
    return options


def groups_of(plan: Plan, found: Mapping[str, Tensor], optimizer: str) -> list[dict[str, Any]]:
    """Parameter groups of the tensors that one optimizer trains; found: tensors by name."""
    groups: dict[tuple[Any, ...], dict[str, Any]] = {}
    for tensor in plan.tensors:
        p = found[tensor.name]
        if not p.requires_grad or (tensor.optimizer or plan.optimizer) != optimizer:
            continue
        options = options_of(plan, tensor)
        group = groups.setdefault(tuple(options.values()), {"params": [], **options})
        group["params"].append(p)
    return list(groups.values())


def kinds_of(plan: Plan) -> list[str]:
    """The optimizers that the plan's tensors need, muon first."""
    return sorted({t.optimizer or plan.optimizer for t in plan.tensors}, key=lambda k: k != "muon")


def param_groups(plan: Plan, model: nn.Module) -> list[dict[str, Any]]:
    kinds = kinds_of(plan)
    if len(kinds) > 1:
        raise InputError(f"plan: needs {' and '.join(kinds)}; take plan.optimizers(model)")
    return groups_of(plan, parameters_of(plan, model), kinds[0])


def untrainable(optimizer: str, known: Mapping[str, type[Optimizer]] = OPTIMIZERS) -> str | None:
    """Why nothing is trained with an optimizer; None where it can. known: all that there are."""
    if optimizer in known:
        return None
    version = torch.__version__.partition("+")[0]
    return f"torch {version} has no {optimizer}: the plan gives its numbers only"


def optimizers(plan: Plan, model: nn.Module) -> list[Optimizer]:
    missing = untrainable(plan.optimizer)
    if missing is not None:
        raise InputError(f"plan: {missing}; take plan.param_groups(model) with your own")
    found = parameters_of(plan, model)
    return made_of(plan, found)


def made_of(plan: Plan, found: Mapping[str, Tensor]) -> list[Optimizer]:
    """The optimizers over tensors that are there by name."""
    made = []
    for kind in kinds_of(plan):
        groups = groups_of(plan, found, kind)
        if groups:
            made.append(OPTIMIZERS[kind](groups))  # type: ignore[call-arg]  # Optimizer has none of its own
    return made


@dataclass(frozen=True)
class ScaledInput:
    """A hook that multiplies a module's first argument; picklable, unlike a closure."""

    value: float

    def __call__(self, module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        return (args[0] * self.value, *args[1:])


@dataclass(frozen=True)
class ScaledOutput:
    """A hook that multiplies a module's output."""

    value: float

    def __call__(self, module: nn.Module, args: Any, output: Tensor) -> Tensor:
        return output * self.value


def compiled(model: nn.Module) -> bool:
    """Whether torch.compile has wrapped the model or a part of it."""
    return any(
        hasattr(m, "_orig_mod") or getattr(m, "_compiled_call_impl", None) is not None
        for m in model.modules()
    )


def install(plan: Plan, model: nn.Module) -> None:
    """A compiled model is made to compile again: else torch would ignore the new hooks."""
    if any(hasattr(m, HOOKED) for m in model.modules()):
        raise InputError("plan: this model's multipliers were installed before")
    modules = dict(model.named_modules())
    modules = {plain(name): m for name, m in modules.items()} | modules
    for name, site in plan.sites.items():
        value = plan.forward[name]
        if value is not None:
            put(model, modules, name, site, float(value))
    object.__setattr__(model, HOOKED, True)
    if compiled(model):
        torch.compiler.reset()


def put(
    model: nn.Module, modules: dict[str, nn.Module], name: str, site: Site, value: float
) -> None:
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
