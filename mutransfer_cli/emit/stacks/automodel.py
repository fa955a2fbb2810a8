"""Format `automodel`: a recipe of NeMo Automodel for a Granite model.

`param_group_overrides` multiplies rate and decay by pattern; all tensors share one epsilon. The
numbers are final.
"""

from __future__ import annotations

from typing import Any

from mutransfer_cli.documents.scale import ScaleDocument
from mutransfer_cli.emit.core.comments import commented_yaml
from mutransfer_cli.emit.core.granite import (
    granite_config_text,
    granite_groups,
    granite_keys,
    resolve_as_granite,
)
from mutransfer_cli.emit.core.header import header_block
from mutransfer_cli.emit.core.protocol import EmitRequest, Key, ResolvedConfig, Stack
from mutransfer_cli.emit.core.resolve import hidden_numbers
from mutransfer_cli.plans.types import TensorPlan

COMMENTS = {
    "pretrained_model_name_or_path": "the folder of the config.json that belongs to this file",
    "lr": "of the hidden matrices; lr_mult and wd_mult set the others'",
    "min_lr": "of the hidden matrices",
    "eps": "of all tensors",
    "param_group_overrides": "the first match wins",
}


def resolve(request: EmitRequest) -> ResolvedConfig:
    """Granite's multipliers, with the epsilon of the hidden matrices for all tensors."""
    return resolve_as_granite(request, hidden_numbers(request).eps)


def lr_scheduler(request: EmitRequest, lr: float) -> dict[str, Any]:
    """The schedule: the warmup starts at its first step's rate, and every decay is a WSD's.

    Automodel's warmup of n steps reaches the peak in the step after them, and its other decays
    would start there.
    """
    s = request.schedule
    values = {
        "init_lr": lr / max(1, s.warmup),
        "min_lr": lr * s.final,
        "lr_warmup_steps": max(0, s.warmup - 1),
        "lr_decay_steps": request.plan.target["steps"],
    }
    if s.name == "constant":
        return {"lr_decay_style": "constant", **values}
    return {
        "lr_decay_style": "WSD",
        "lr_wsd_decay_style": "cosine" if s.name == "cosine" else "linear",
        "wsd_decay_steps": s.decay,
        **values,
    }


def render(
    request: EmitRequest, resolved: ResolvedConfig, document: ScaleDocument
) -> dict[str, str]:
    """The recipe, and the config of the model that it names."""
    plan, h = request.plan, hidden_numbers(request)
    decay = h.weight_decay
    overrides: list[dict[str, Any]] = [
        {
            "pattern": pattern,
            "lr_mult": n.lr / h.lr,
            "wd_mult": n.weight_decay / decay if decay else 0.0,
        }
        for pattern, n in granite_groups(request, resolved)
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
        "lr_scheduler": lr_scheduler(request, h.lr),
    }
    text = header_block(document) + commented_yaml(values, COMMENTS)
    config = granite_config_text(request, resolved, document)
    return {"automodel.yaml": text, "config.json": config}


def keys(
    request: EmitRequest, resolved: ResolvedConfig, tensor: TensorPlan | None
) -> dict[str, Key]:
    """The keys of the model's config.json, and of the recipe; rates and decays are multiples."""
    found = granite_keys(request, resolved, tensor)
    if tensor is None:
        return found | {"clip": Key("clip_grad_norm.max_norm", request.plan.clip)}
    numbers, h = resolved.actual.get(tensor.name), hidden_numbers(request)
    if numbers is None:
        return {}
    override = "optimizer.param_group_overrides"
    return found | {
        "lr": Key(f"{override}.lr_mult", numbers.lr / h.lr),
        "weight_decay": Key(
            f"{override}.wd_mult", numbers.weight_decay / h.weight_decay if h.weight_decay else 0.0
        ),
        "eps": Key("optimizer.eps", h.eps),
    }


STACK = Stack(resolve, render, keys)
