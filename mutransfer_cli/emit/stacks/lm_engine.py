"""Format `lm-engine`: model and optimizer arguments of open-lm-engine/lm-engine.

The stack scales init and logits by the width itself: hidden init σ/√m_width, logits divided by
m_width. Rate, weight decay and epsilon of every tensor are in the list of its parameter groups.
Source: lm-engine, init_utils.py and training/arguments.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

from mutransfer_cli.documents.scale import ScaleDocument
from mutransfer_cli.emit.core.abc_symmetry import Offer
from mutransfer_cli.emit.core.comments import commented_yaml
from mutransfer_cli.emit.core.decoder_parts import BRANCH_OUTPUTS, INNER, OUTER, multiplier_of
from mutransfer_cli.emit.core.header import header_block
from mutransfer_cli.emit.core.protocol import EmitRequest, Key, ResolvedConfig, Stack
from mutransfer_cli.emit.core.resolve import (
    hidden_numbers,
    planned_numbers,
    resolve_tensors,
    shared_weight_decay,
)
from mutransfer_cli.emit.lm_engine_parts.model_keys import rope_theta, token_ids
from mutransfer_cli.emit.lm_engine_parts.parameter_groups import (
    group_of,
    param_groups,
    share_numbers,
)
from mutransfer_cli.plans.types import TensorPlan

LM_ENGINE_DECAY = {"linear": "linear", "cosine": "cosine", "constant": "constant", "wsd": "linear"}
FILL_IN = "FILL_IN"
USAGE = (
    "",
    "Put this file into a checkout of lm-engine, and start it there, on N devices:",
    "    torchrun --nproc_per_node N -m lm_engine.train --config lm_engine.yaml",
    "A checkout from before 2026-09-15 is started by lm_engine.pretrain and knows no param_groups:",
    "write params_group_method: mup in place of that list. All tensors then share the weight_decay",
    "and the eps of class_args, which is not as planned.",
    f"Fill in ({FILL_IN}): data_path, in Megatron's format, and tokenizer_name; the token ids of",
    "your tokenizer; micro_batch_size and distributed_args for your machines.",
    "Weights and computation are float32 (mixed_precision_args); nothing is evaluated meanwhile.",
)
COMMENTS = {
    "data_path": "fill in",
    "tokenizer_name": "fill in",
    "bos_token_id": "this and the next two: of your tokenizer",
    "micro_batch_size": "sequences per device and pass; a divisor of the batch per device",
    "initializer_range": "at the base: hidden matrices start at this / √m_width",
    "m_emb": "on the output of the embeddings",
    "m_residual": "on every residual branch",
    "attention_multiplier": "the softmax scale",
    "param_groups": "the first match wins",
    "betas": "of all groups; lr, weight_decay and eps here are those of older checkouts",
}


def resolve(request: EmitRequest) -> ResolvedConfig:
    """Base values from the hidden matrices; multipliers of embedding and branches."""
    t, plan, h = request.decoder, request.plan, hidden_numbers(request)
    m = t.m_width
    std = h.init_std * sqrt(m)
    branch_outputs = [p for p in plan.tensors if t.parts[p.name] in BRANCH_OUTPUTS]
    # use_depth_scaled_init divides the init of branch outputs by √(2·layers)
    depth_scaled = all((p.init_std or 0.0) < 0.9 * h.init_std for p in branch_outputs)
    output_std = h.init_std / (sqrt(2 * t.depth) if depth_scaled else 1.0)
    planned = planned_numbers(plan, t)
    offers = dict.fromkeys(BRANCH_OUTPUTS, Offer(init_std=output_std))
    offers |= dict.fromkeys(OUTER, Offer(init_std=std))
    for part in set(t.parts.values()):
        if part in INNER:
            fused = Offer(h.lr, h.init_std, h.weight_decay, h.eps)
            free = share_numbers(request, planned, part)
            offers[part] = Offer(init_std=h.init_std) if free else fused
    tensors = resolve_tensors(request, offers, {"logit": 1 / m}, planned)
    base = {"lr": h.lr * m, "std": std, "depth_scaled": depth_scaled}
    return ResolvedConfig(
        planned=tensors.planned,
        actual=tensors.actual,
        attention_scale=plan.forward.get("attention_scale"),
        settings={**base, **tensors.multipliers},
        tied_logits=tensors.tied_logits,
    )


def model_config(request: EmitRequest, resolved: ResolvedConfig) -> dict[str, Any]:
    """The architecture, its init and its multipliers."""
    t, s = request.decoder, resolved.settings
    config: dict[str, Any] = {
        "model_type": "gpt_base",
        "vocab_size": t.vocabulary,
        "hidden_size": t.width,
        "num_layers": t.depth,
        "max_position_embeddings": t.length,
        "position_embedding_type": "rope" if t.rotary else "learned_absolute",
        "normalization_function": "rmsnorm" if t.rms else "layernorm",
        "layer_norm_epsilon": t.norm_eps,
        "tie_word_embeddings": t.tied,
        **token_ids(request),
        "embedding_dropout": 0.0,
        "rope_theta": rope_theta(request),
        "rope_scaling": None,
        "init_method": "mup",
        "embedding_init_method": "normal",
        "initializer_range": s["std"],
        "use_depth_scaled_init": s["depth_scaled"],
        "m_width": t.m_width,
        "m_emb": s["embedding"],
        "m_residual": s["residual"],
        # one entry for each layer
        "sequence_mixer_blocks": [
            {
                "sequence_mixer_type": "softmax_attention",
                "num_attention_heads": t.heads,
                "num_key_value_heads": t.groups,
                "attention_multiplier": resolved.attention_scale or t.head_size**-0.5,
                "attention_multiplier_method": None,
                "add_bias": t.bias,
            }
            for _ in range(t.depth)
        ],
        "mlp_blocks": [
            {
                "mlp_type": "MLP",
                "intermediate_size": t.filter,
                "activation_function": "swiglu" if t.gated else plain_activation(t.activation),
                "add_bias": t.bias,
            }
            for _ in range(t.depth)
        ],
    }
    return config


def plain_activation(name: str) -> str:
    """The stack's name for an activation of transformers; another than GELU is declared."""
    return "gelu_pytorch_tanh" if name in ("gelu_new", "gelu_pytorch_tanh") else "gelu"


def training_values(request: EmitRequest, resolved: ResolvedConfig) -> dict[str, Any]:
    """Steps, optimizer and schedule."""
    plan, schedule, s = request.plan, request.schedule, resolved.settings
    h = hidden_numbers(request)
    steps = plan.target["steps"]
    return {
        "tuning_args": {"tuning_method": "pretraining"},
        "save_args": {"save_path": "checkpoints", "save_interval": max(1, steps // 10)},
        "training_parameters": {
            "num_training_steps": steps,
            "micro_batch_size": 1,
            "global_batch_size": plan.target["batch"],
            "eval_during_training": False,
            "gradient_clipping": plan.clip,
        },
        "mixed_precision_args": {"dtype": "fp32"},
        "optimizer_args": {
            "class_name": "TorchAdamW",
            "param_groups": param_groups(request, resolved),
            "class_args": {
                "lr": s["lr"],
                "weight_decay": shared_weight_decay(request, h),
                "betas": list(plan.betas),
                "eps": h.eps,
            },
        },
        "lr_scheduler_args": {
            "lr_decay_style": LM_ENGINE_DECAY[schedule.name],
            "num_warmup_steps": schedule.warmup,
            "num_constant_steps": steps - schedule.warmup - schedule.decay,
            "num_decay_steps": schedule.decay,
            "lr_decay_factor": schedule.final,
        },
    }


def render(
    request: EmitRequest, resolved: ResolvedConfig, document: ScaleDocument
) -> dict[str, str]:
    """The configuration, to which the user adds datasets."""
    config = model_config(request, resolved)
    values = {
        "datasets": [
            {
                "class_name": "MegatronDataset",
                "data_name": "Megatron",
                "data_sampling_ratio": 1,
                "class_args": {
                    "eval_steps": 2,
                    "data_cache_path": "cache",
                    "data_path": [FILL_IN],
                    "split": "98,1,1",
                    "sequence_length": request.decoder.length,
                },
            }
        ],
        "tokenizer_args": {"tokenizer_name": FILL_IN},
        "model_args": {"pretrained_config": config},
        **training_values(request, resolved),
    }
    m_width = f"hidden_size / {request.decoder.base_width}: divides logits; its root, hidden init"
    text = commented_yaml(values, {**COMMENTS, "m_width": m_width})
    return {"lm_engine.yaml": header_block(document, USAGE) + text}


def keys(
    request: EmitRequest, resolved: ResolvedConfig, tensor: TensorPlan | None
) -> dict[str, Key]:
    """The key that carries each number."""
    s, config = resolved.settings, "model_args.pretrained_config"
    logits = Key(f"{config}.m_width", request.decoder.m_width)
    if tensor is None:
        scale = resolved.attention_scale or request.decoder.head_size**-0.5
        block = f"{config}.sequence_mixer_blocks.0.attention_multiplier"
        clip = Key("training_parameters.gradient_clipping", request.plan.clip)
        tied = {"logit_scale": logits} if request.decoder.tied else {}
        return {"attention_scale": Key(block, scale), "clip": clip, **tied}
    part, group = request.decoder.parts[tensor.name], group_of(request, resolved, tensor.name)
    numbers, found = resolved.actual.get(tensor.name), dict[str, Key]()
    if group is not None and numbers is not None:
        options = f"optimizer_args.param_groups['{group}'].params_group_kwargs"
        for name in ("lr", "weight_decay", "eps"):
            found[name] = Key(f"{options}.{name}", getattr(numbers, name))
    if part in (*INNER, *BRANCH_OUTPUTS, *OUTER):
        found["init_std"] = Key(f"{config}.initializer_range", s["std"])
    names = {"embedding": "m_emb", "residual": "m_residual"}
    multiplier = multiplier_of(part)
    if multiplier in names:
        found["multiplier"] = Key(f"{config}.{names[multiplier]}", s[multiplier])
    elif multiplier == "logit":
        found["multiplier"] = logits
    return found


STACK = Stack(resolve, render, keys)
