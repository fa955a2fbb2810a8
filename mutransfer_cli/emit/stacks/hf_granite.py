"""Format `hf-granite`: a GraniteConfig with every multiplier, and an optimizer for Trainer.

We scale: final values are emitted.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pprint import pformat

from mutransfer_cli.emit.core.granite import config_values, groups_of, settled_as_granite
from mutransfer_cli.emit.core.header import commented
from mutransfer_cli.emit.core.hf_trainer import TRAINER, training_arguments
from mutransfer_cli.emit.core.interface import Capabilities, Job, Outcome, Stack
from mutransfer_cli.emit.core.resolve import require_adamw

CODE = '''
import re

import torch


def build():
    """The model at the target's size; its own init is the planned one."""
    from transformers import AutoConfig, AutoModelForCausalLM

    return AutoModelForCausalLM.from_config(AutoConfig.for_model(**CONFIG))


def param_groups(model):
    """A group for each pattern; a tensor belongs to the first that matches its name."""
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
    """AdamW over the groups; its schedule has to be relative, as Trainer's are."""
    return torch.optim.AdamW(param_groups(model), lr=TRAINING_ARGUMENTS["learning_rate"])
'''


def settled(job: Job) -> Outcome:
    require_adamw(job)
    return settled_as_granite(job)[0]


def config_text(job: Job, outcome: Outcome, head: Sequence[str]) -> str:
    """config.json; what is not Granite's is kept under `mutransfer`."""
    return json.dumps({**config_values(job, outcome), "mutransfer": list(head)}, indent=2) + "\n"


def write(job: Job, outcome: Outcome, head: Sequence[str]) -> dict[str, str]:
    plan = job.plan
    groups = [
        (
            pattern,
            {"lr": n.lr, "weight_decay": n.weight_decay, "eps": n.eps, "betas": tuple(plan.betas)},
        )
        for pattern, n in groups_of(job, outcome)
    ]
    how = [
        "",
        "model = build()   # or AutoModelForCausalLM.from_config of the config.json beside this",
        "Trainer: mutransfer_trainer()(model=model, args=TrainingArguments(out,",
        "    **TRAINING_ARGUMENTS), train_dataset=…)",
    ]
    text = (
        commented([*head, *how])
        + f"\nCONFIG = {pformat(config_values(job, outcome), sort_dicts=False)}\n"
        + "# Pattern on the names, first match wins; final values, nothing scales them again.\n"
        + f"GROUPS = {pformat(groups, sort_dicts=False, width=100)}\n"
        + f"TRAINING_ARGUMENTS = {pformat(training_arguments(job), sort_dicts=False)}\n"
        + CODE
        + TRAINER
    )
    return {"mutransfer_granite.py": text, "config.json": config_text(job, outcome, head)}


STACK = Stack(
    Capabilities(role_init=False, absorb=True, optimizers=("adamw", "adam")),
    settled,
    write,
)
