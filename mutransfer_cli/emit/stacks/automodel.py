"""Format `automodel`: a recipe of NeMo Automodel for a Granite model. We scale.

`param_group_overrides` multiplies rate and decay by pattern; epsilon is one for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mutransfer_cli.emit.core.granite import groups_of, settled_as_granite
from mutransfer_cli.emit.core.header import commented
from mutransfer_cli.emit.core.interface import Capabilities, Job, Outcome, Stack
from mutransfer_cli.emit.core.resolve import hidden_of, require_adamw
from mutransfer_cli.emit.core.schedule_and_yaml import schedule_of, yaml_text
from mutransfer_cli.emit.stacks.hf_granite import config_text


def settled(job: Job) -> Outcome:
    require_adamw(job)
    return settled_as_granite(job, hidden_of(job).eps)[0]


def write(job: Job, outcome: Outcome, head: Sequence[str]) -> dict[str, str]:
    plan, h, s = job.plan, hidden_of(job), schedule_of(job)
    decay = h.weight_decay
    overrides: list[dict[str, Any]] = [
        {
            "pattern": pattern,
            "lr_mult": n.lr / h.lr,
            "wd_mult": n.weight_decay / decay if decay else 0.0,
        }
        for pattern, n in groups_of(job, outcome)
    ]
    values = {
        "step_scheduler": {
            "max_steps": plan.target["steps"],
            "global_batch_size": plan.target["batch"],
        },
        "model": {
            "_target_": "nemo_automodel.NeMoAutoModelForCausalLM.from_config",
            "pretrained_model_name_or_path": "./",
        },
        "clip_grad_norm": {"max_norm": plan.clip},
        "optimizer": {
            "_target_": "torch.optim.AdamW",
            "lr": h.lr,
            "betas": list(plan.betas),
            "eps": h.eps,
            "weight_decay": decay,
            "param_group_overrides": overrides,
        },
        "lr_scheduler": {
            "lr_decay_style": "WSD" if s.name == "wsd" else s.name,
            "lr_warmup_steps": s.rising,
            "min_lr": h.lr * s.final,
        },
    }
    comments = {
        "pretrained_model_name_or_path": "the folder of the config.json that belongs to this",
        "lr": "of the hidden matrices; lr_mult and wd_mult say the others'",
        "min_lr": "of the hidden matrices",
        "eps": "of all tensors",
        "param_group_overrides": "first match wins",
    }
    text = commented(head) + yaml_text(values, comments)
    return {"automodel.yaml": text, "config.json": config_text(job, outcome, head)}


STACK = Stack(
    Capabilities(
        group_eps=False,
        role_init=False,
        absorb=True,
        optimizers=("adamw", "adam"),
    ),
    settled,
    write,
)
