"""The Python code of files that prepare any model with torch alone, and the values it reads."""

from __future__ import annotations

from collections.abc import Mapping

from mutransfer_cli.emit.core.protocol import EmitRequest, Key, ResolvedConfig
from mutransfer_cli.plans.param_groups import group_options, optimizer_class, optimizer_kinds
from mutransfer_cli.plans.types import Site, TensorPlan
from mutransfer_cli.quoting import python

TORCH_CODE = '''
import hashlib

import torch

WRAPPERS = ("_orig_mod", "_fsdp_wrapped_module")  # torch.compile, FSDP; DDP's is a leading one


def _plain(name):
    parts = [part for part in name.split(".") if part not in WRAPPERS]
    return ".".join(parts[1:] if parts[0] == "module" and len(parts) > 1 else parts)


def _parameters(model):
    found = dict(model.named_parameters())
    if found.keys() != TENSORS.keys():
        found = {_plain(name): parameter for name, parameter in found.items()}
    odd = sorted(found.keys() ^ TENSORS.keys())
    if odd:
        raise ValueError(f"parameter {odd[0]} is not in both the model and the plan")
    for name, parameter in found.items():
        if tuple(parameter.shape) != TENSORS[name]["shape"]:
            raise ValueError(
                f"{name} has shape {tuple(parameter.shape)}, expected {TENSORS[name]['shape']}"
            )
    return found


@torch.no_grad()
def initialize(model, seed=0):
    """Initialize every parameter in place, each from its own stream of the seed."""
    for name, parameter in _parameters(model).items():
        tensor = TENSORS[name]
        if tensor["init"] == "normal":
            digest = hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=8).digest()
            stream = torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1)
            dtype = parameter.dtype if parameter.is_complex() else None
            values = torch.randn(tensor["shape"], generator=stream, dtype=dtype)
            parameter.copy_(values * tensor["init_std"])
        elif tensor["init"] == "zero":
            parameter.zero_()
        elif tensor["init"] == "rescale":  # the model's own init, rescaled to this size
            rms = float(parameter.abs().float().square().mean().sqrt())
            if rms > 0:
                parameter.mul_(tensor["init_std"] / rms)


def param_groups(model, kind=None):
    """Parameter groups of the tensors that one optimizer trains (of all, if there is one)."""
    kind = kind or OPTIMIZERS[0]
    groups = {}
    for name, parameter in _parameters(model).items():
        tensor = TENSORS[name]
        if not parameter.requires_grad or tensor["optimizer"] != kind:
            continue
        key = tuple(tensor["options"].items())
        groups.setdefault(key, {"params": [], **tensor["options"]})["params"].append(parameter)
    return list(groups.values())


def optimizers(model):
    """The plan's optimizers; their schedules have to be relative, such as LambdaLR."""
    groups = [(kind, param_groups(model, kind)) for kind in OPTIMIZERS]
    return [getattr(torch.optim, kind)(found) for kind, found in groups if found]


class CombinedOptimizer(torch.optim.Optimizer):
    """Several optimizers as one, for code that takes one: they share its groups and its state."""

    def __init__(self, optimizers):
        self.optimizers = list(optimizers)
        super().__init__([group for part in self.optimizers for group in part.param_groups], {})
        self._share()

    def _share(self):
        start = 0
        for part in self.optimizers:
            end = start + len(part.param_groups)
            part.param_groups, part.state = self.param_groups[start:end], self.state
            start = end

    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for part in self.optimizers:
            part.step()
        return loss

    def load_state_dict(self, state_dict):
        super().load_state_dict(state_dict)
        self._share()


def optimizer(model):
    """The plan's optimizer; where it needs several, one that steps them all."""
    found = optimizers(model)
    return found[0] if len(found) == 1 else CombinedOptimizer(found)


def install(model):
    """Install the forward multipliers in the model, once, before torch.compile."""
    if getattr(model, "_mutransfer_scales", False):
        raise ValueError("this model's multipliers were installed before")
    for name, site in SITES.items():
        value = FORWARD[name]
        if site["how"] == "attribute":
            for module in model.modules():
                attribute = site["attribute"] or name
                if attribute == "scaling" and "Attention" not in type(module).__name__:
                    continue
                if isinstance(getattr(module, attribute, None), (int, float)):
                    setattr(module, attribute, value)
        for path in site["modules"]:
            module = model.get_submodule(path)
            if site["how"] == "input":
                module.register_forward_pre_hook(
                    lambda _, args, value=value: (args[0] * value, *args[1:])
                )
            elif site["how"] == "output":
                module.register_forward_hook(lambda _, args, output, value=value: output * value)
    model._mutransfer_scales = True
'''


def torch_values(
    request: EmitRequest, forward: Mapping[str, float | None], sites: Mapping[str, Site]
) -> str:
    """The values that TORCH_CODE reads, as literals.

    Args:
        request: What is to be written.
        forward: Forward multipliers by name; None where the model has its own.
        sites: Where each of them is put.
    """
    plan = request.plan
    tensors = {
        t.name: {
            "shape": t.shape,
            "init": t.init,
            "init_std": t.init_std,
            "optimizer": optimizer_class(t.optimizer or plan.optimizer).__name__,
            "options": group_options(plan, t),
        }
        for t in plan.tensors
    }
    site_values = {
        k: {"how": s.how, "modules": s.modules, "attribute": s.attribute} for k, s in sites.items()
    }
    kinds = tuple(optimizer_class(kind).__name__ for kind in optimizer_kinds(plan))
    lines = [
        f"OPTIMIZERS = {python(kinds)}",
        f"CLIP = {python(plan.clip)}  # threshold of the global gradient norm",
        "# Multipliers of the forward pass, and where each is installed.",
        f"FORWARD = {python(dict(forward))}",
        f"SITES = {python(site_values)}",
        "# Final values: nothing scales them again.",
        f"TENSORS = {python(tensors, width=100)}",
    ]
    return "\n".join(lines) + "\n"


def torch_keys(
    request: EmitRequest, resolved: ResolvedConfig, tensor: TensorPlan | None
) -> dict[str, Key]:
    """The entries of FORWARD and TENSORS that carry each number."""
    if tensor is None:
        forward = {n: Key(f"FORWARD['{n}']", value) for n, value in request.plan.forward.items()}
        return {"clip": Key("CLIP", request.plan.clip), **forward}
    entry = f"TENSORS['{tensor.name}']"
    values = group_options(request.plan, tensor)
    options = {
        name: Key(f"{entry}['options']['{name}']", values.get(name))
        for name in ("lr", "weight_decay", "eps")
    }
    return {**options, "init_std": Key(f"{entry}['init_std']", tensor.init_std)}
