"""Format `torch`: a Python file that needs torch alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pprint import pformat

from mutransfer_cli.emit.core.header import commented
from mutransfer_cli.emit.core.interface import Capabilities, Job, Outcome, Stack
from mutransfer_cli.emit.core.resolve import exact
from mutransfer_cli.errors import InputError
from mutransfer_cli.plans.param_groups import (
    group_options,
    optimizer_class,
    optimizer_kinds,
    untrainable_reason,
)
from mutransfer_cli.plans.types import Site

CODE = '''
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
    """Initialise every parameter in place, each from its own stream of the seed."""
    for name, parameter in _parameters(model).items():
        tensor = TENSORS[name]
        if tensor["init"] == "normal":
            digest = hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=8).digest()
            stream = torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1)
            parameter.copy_(torch.randn(tensor["shape"], generator=stream) * tensor["init_std"])
        elif tensor["init"] == "zero":
            parameter.zero_()
        elif tensor["init"] == "rescale":  # the model's own init, brought to this size
            rms = float(parameter.float().square().mean().sqrt())
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
    """The optimizers of the plan; their schedules have to be relative, such as LambdaLR."""
    groups = [(kind, param_groups(model, kind)) for kind in OPTIMIZERS]
    return [getattr(torch.optim, kind)(found) for kind, found in groups if found]


def optimizer(model):
    """The optimizer of the plan, where it is one."""
    (only,) = optimizers(model)
    return only


def install(model):
    """Put the forward multipliers into the model, once, before torch.compile."""
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


def values_text(job: Job, forward: Mapping[str, float | None], sites: Mapping[str, Site]) -> str:
    """The values that CODE reads, as literals."""
    plan = job.plan
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
    places = {
        k: {"how": s.how, "modules": s.modules, "attribute": s.attribute} for k, s in sites.items()
    }
    lines = [
        f"OPTIMIZERS = {tuple(optimizer_class(kind).__name__ for kind in optimizer_kinds(plan))!r}",
        f"CLIP = {plan.clip!r}  # threshold of the global gradient norm",
        "# What multiplies outside tensors, and where each is put.",
        f"FORWARD = {pformat(dict(forward), sort_dicts=False)}",
        f"SITES = {pformat(places)}",
        "# Final values: nothing scales them again.",
        f"TENSORS = {pformat(tensors, sort_dicts=False, width=100)}",
    ]
    return "\n".join(lines) + "\n"


def settled(job: Job) -> Outcome:
    """Everything is expressed. Raises InputError where torch has no such optimizer."""
    missing = untrainable_reason(job.plan.optimizer, torch_only=True)
    if missing is not None:
        raise InputError(f"--format {job.document.format}: {missing}; take --format json")
    return exact(job)


def write(job: Job, outcome: Outcome, head: Sequence[str]) -> dict[str, str]:
    how = [
        "",
        "import torch, and this file as plan:",
        "model = ...                          # your own model at the target's size",
        "plan.initialize(model); plan.install(model)",
        "optimizer = plan.optimizer(model)    # clip the gradient norm at plan.CLIP, if not None",
    ]
    values = values_text(job, job.plan.forward, job.plan.sites)
    return {"mutransfer_plan.py": commented([*head, *how]) + "\n" + values + CODE}


STACK = Stack(Capabilities(), settled, write)
