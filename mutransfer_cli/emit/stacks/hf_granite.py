"""Format `hf-granite`: a GraniteConfig with every multiplier, and an optimizer for Trainer.

The numbers are final.
"""

from __future__ import annotations

from mutransfer_cli.documents.scale import ScaleDocument
from mutransfer_cli.emit.core.granite import (
    granite_config,
    granite_config_text,
    granite_groups,
    granite_keys,
    resolve_as_granite,
)
from mutransfer_cli.emit.core.header import header_block
from mutransfer_cli.emit.core.protocol import EmitRequest, Key, ResolvedConfig, Stack
from mutransfer_cli.emit.python_code.hf_trainer import TRAINER_CODE, training_arguments
from mutransfer_cli.emit.python_code.schedule_code import SCHEDULE_CODE, schedule_values
from mutransfer_cli.plans.types import TensorPlan
from mutransfer_cli.quoting import python

GRANITE_CODE = '''
import re

import torch


def build():
    """The model at the target's size; its own init is the planned one."""
    from transformers import AutoConfig, AutoModelForCausalLM

    return AutoModelForCausalLM.from_config(AutoConfig.for_model(**CONFIG))


def param_groups(model):
    """One group per pattern; a tensor belongs to the first pattern that matches its name."""
    groups = [{"params": [], **options} for _, options in GROUPS]
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        for group, (pattern, _) in zip(groups, GROUPS):
            if re.search(pattern, name):
                group["params"].append(parameter)
                break
        else:
            raise ValueError(f"{name} is in no group")
    return [group for group in groups if group["params"]]


def create_optimizer(model):
    """AdamW over the groups; its schedule is scheduler(optimizer)."""
    return torch.optim.AdamW(param_groups(model), lr=TRAINING_ARGUMENTS["learning_rate"])
'''


def render(
    request: EmitRequest, resolved: ResolvedConfig, document: ScaleDocument
) -> dict[str, str]:
    """The file, with how to use it in its header, and the config."""
    plan = request.plan
    groups = [
        (
            pattern,
            {"lr": n.lr, "weight_decay": n.weight_decay, "eps": n.eps, "betas": tuple(plan.betas)},
        )
        for pattern, n in granite_groups(request, resolved)
    ]
    usage = [
        "",
        "Put this file beside your training script, and add to that:",
        "from mutransfer_granite import TRAINING_ARGUMENTS, build, mutransfer_trainer",
        "model = build()   # or AutoModelForCausalLM.from_config with the config.json here",
        "arguments = TrainingArguments(OUT, **TRAINING_ARGUMENTS)",
        "mutransfer_trainer()(model=model, args=arguments, train_dataset=DATA).train()",
        "Fill in: OUT and DATA, in your script. On N devices, divide the batch by N:",
        "per_device_train_batch_size in TRAINING_ARGUMENTS is that of one device.",
    ]
    text = (
        header_block(document, usage)
        + f"\nCONFIG = {python(granite_config(request, resolved))}\n"
        + "# Pattern on names; the first match wins. Final values: nothing scales them again.\n"
        + f"GROUPS = {python(groups, width=100)}\n"
        + f"TRAINING_ARGUMENTS = {python(training_arguments(request))}\n"
        + schedule_values(request)
        + GRANITE_CODE
        + SCHEDULE_CODE
        + TRAINER_CODE
    )
    config = granite_config_text(request, resolved, document)
    return {"mutransfer_granite.py": text, "config.json": config}


def keys(
    request: EmitRequest, resolved: ResolvedConfig, tensor: TensorPlan | None
) -> dict[str, Key]:
    """The keys of config.json and of the file."""
    clip = {"clip": Key("TRAINING_ARGUMENTS['max_grad_norm']", request.plan.clip or 0.0)}
    return granite_keys(request, resolved, tensor) | (clip if tensor is None else {})


STACK = Stack(resolve_as_granite, render, keys)
