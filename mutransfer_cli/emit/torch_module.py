"""Format `torch`: a Python file that needs torch alone."""

from __future__ import annotations

from pprint import pformat

from mutransfer_cli.rules.document import ScaleDocument
from mutransfer_cli.version import __version__

CODE = '''
import hashlib

import torch

WRAPPERS = ("_orig_mod.", "module.", "_fsdp_wrapped_module.")


def _parameters(model):
    found = {}
    for name, parameter in model.named_parameters():
        for wrapper in WRAPPERS:
            name = name.replace(wrapper, "")
        found[name] = parameter
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
            rms = parameter.float().square().mean().sqrt()
            if rms > 0:
                parameter.mul_(tensor["init_std"] / rms)


def param_groups(model):
    """Parameter groups for one torch optimizer."""
    groups = {}
    for name, parameter in _parameters(model).items():
        if not parameter.requires_grad:
            continue
        options = {key: TENSORS[name][key] for key in GROUP_KEYS}
        key = tuple(options.values())
        groups.setdefault(key, {"params": [], **options, **OPTIMIZER_OPTIONS})
        groups[key]["params"].append(parameter)
    return list(groups.values())


def optimizer(model):
    """The optimizer of the plan; its schedule has to be relative, such as LambdaLR."""
    return getattr(torch.optim, OPTIMIZER)(param_groups(model))


def install(model):
    """Put the forward multipliers into the model, once, before torch.compile."""
    if getattr(model, "_mutransfer_scales", False):
        raise ValueError("this model's multipliers were installed before")
    for name, site in SITES.items():
        value = FORWARD[name]
        if site["how"] == "attribute":
            for module in model.modules():
                if isinstance(getattr(module, name, None), (int, float)):
                    setattr(module, name, value)
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


def emit(document: ScaleDocument) -> str:
    """The file's text; every value is a literal."""
    adam = document.optimizer != "sgd"
    options = {"betas": document.betas} if adam else {"momentum": document.momentum}
    keys = ("lr", "weight_decay", "eps") if adam else ("lr", "weight_decay")
    kind = {"sgd": "SGD", "adam": "Adam", "adamw": "AdamW"}[document.optimizer]
    tensors = {
        t.name: {
            "shape": t.shape,
            "init": t.init,
            "init_std": t.init_std,
            **{key: getattr(t, key) for key in keys},
        }
        for t in document.tensors
    }
    lines = [
        f'"""{document.parameterization} plan, width {document.base.width} to '
        f"{document.target.width}; written by mutransfer {__version__}.",
        "",
        "    import torch, this file as plan",
        "    model = ...                      # your own model at the target's size",
        "    plan.initialize(model); plan.install(model)",
        "    optimizer = plan.optimizer(model)  # clip the gradient norm at plan.CLIP, if not None",
        '"""',
        "",
        f"# hyperparameters at the base: {document.hyperparameters}",
        f"# multipliers: {document.multipliers.model_dump()}",
        *[f"# note: {note}" for note in document.notes],
        *[
            f"# deviation: {d.what}: wanted {d.wanted}, got {d.got}: {d.consequence}"
            for d in document.deviations
        ],
        "",
        f"OPTIMIZER = {kind!r}",
        f"OPTIMIZER_OPTIONS = {options!r}",
        f"GROUP_KEYS = {keys!r}",
        f"CLIP = {document.clip!r}  # threshold of the global gradient norm",
        f"FORWARD = {pformat(document.forward, sort_dicts=False)}",
        f"SITES = {pformat({k: s.model_dump() for k, s in document.sites.items()})}",
        f"TENSORS = {pformat(tensors, sort_dicts=False, width=100)}",
    ]
    return "\n".join(lines) + "\n" + CODE
