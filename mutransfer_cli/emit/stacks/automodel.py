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

FILL_IN = "FILL_IN"
USAGE = (
    "",
    "Put this file and config.json into one folder, and start in it: automodel automodel.yaml",
    f"Fill in: the data ({FILL_IN}); dist_env, distributed and local_batch_size for your machines.",
    "Weights, gradients and Adam's moments are float32 (model.torch_dtype; without the key they",
    "would be bfloat16); FSDP2 computes in bfloat16 unless distributed.mp_policy says otherwise.",
    "Automodel reads no dropout from this config, and builds config.json's Granite from scratch.",
)
COMMENTS = {
    "config": "the folder of the config.json that belongs to this file",
    "torch_dtype": "of the weights",
    "file_pattern": "fill in: token shards as nanoGPT writes them, or another dataset",
    "tokenizer": "fill in for datasets of text",
    "local_batch_size": "sequences per device and pass; a divisor of the batch per device",
    "max_norm": "without a number Automodel clips at 1.0",
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
    components = "nemo_automodel.components"
    values = {
        "recipe": "TrainFinetuneRecipeForNextTokenPrediction",
        "seed": 0,
        "dist_env": {"backend": "nccl", "timeout_minutes": 10},
        "distributed": {"strategy": "fsdp2", "tp_size": 1, "cp_size": 1},
        "step_scheduler": {
            "max_steps": plan.target["steps"],
            "global_batch_size": plan.target["batch"],
            "local_batch_size": 1,
        },
        "model": {
            "_target_": "nemo_automodel.NeMoAutoModelForCausalLM.from_config",
            "config": "./",
            "torch_dtype": "float32",
        },
        "loss_fn": {"_target_": f"{components}.loss.masked_ce.MaskedCrossEntropy"},
        "dataset": {
            "_target_": f"{components}.datasets.llm.nanogpt_dataset.NanogptDataset",
            "file_pattern": f"{FILL_IN}/*.bin",
            "seq_len": request.decoder.length,
            "tokenizer": None,
        },
        "dataloader": {
            "_target_": "torchdata.stateful_dataloader.StatefulDataLoader",
            "collate_fn": f"{components}.datasets.utils.default_collater",
        },
        "checkpoint": {"enabled": True, "checkpoint_dir": "checkpoints/"},
        "clip_grad_norm": {"max_norm": float("inf") if plan.clip is None else plan.clip},
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
    text = header_block(document, USAGE) + commented_yaml(values, COMMENTS)
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
