"""Format `lm-engine`: model and optimizer arguments of open-lm-engine/lm-engine.

The stack scales by the width itself: hidden init σ/√m_width, hidden rate η/m_width by its parameter
groups, logits divided by m_width. One weight decay and one epsilon for all tensors. Source:
lm-engine, init_utils.py and configs/common/param_groups/mup.yml.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

from mutransfer_cli.documents.scale import ScaleDocument
from mutransfer_cli.emit.core.abc_symmetry import Offer
from mutransfer_cli.emit.core.capability_check import refusal
from mutransfer_cli.emit.core.comments import commented_yaml
from mutransfer_cli.emit.core.decoder_parts import BRANCH_OUTPUTS, INNER, OUTER, multiplier_of
from mutransfer_cli.emit.core.header import header_block
from mutransfer_cli.emit.core.protocol import EmitRequest, Key, ResolvedConfig, Stack
from mutransfer_cli.emit.core.resolve import hidden_numbers, resolve_tensors, shared_weight_decay
from mutransfer_cli.plans.types import TensorPlan

LM_ENGINE_DECAY = {"linear": "linear", "cosine": "cosine", "constant": "constant", "wsd": "linear"}
FILL_IN = "FILL_IN"
USAGE = (
    "",
    "Put this file into a checkout of lm-engine, and start it there, on N devices:",
    "    torchrun --nproc_per_node N -m lm_engine.train --config lm_engine.yaml",
    "(lm_engine.pretrain in older ones). If it permits no params_group_method (since September",
    "2026), write in place of that line: param_groups: configs/common/param_groups/mup.yml",
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
    "params_group_method": "since 2026-09: param_groups: configs/common/param_groups/mup.yml",
    "lr": "at the base",
    "eps": "of all tensors",
    "weight_decay": "of all matrices",
}


def resolve(request: EmitRequest) -> ResolvedConfig:
    """Base values from the hidden matrices; multipliers of embedding and branches."""
    t, plan, h = request.decoder, request.plan, hidden_numbers(request)
    m = t.m_width
    lr, std, eps = h.lr * m, h.init_std * sqrt(m), h.eps
    decay = shared_weight_decay(request, h)
    branch_outputs = [p for p in plan.tensors if t.parts[p.name] in BRANCH_OUTPUTS]
    # use_depth_scaled_init divides the init of branch outputs by √(2·layers)
    depth_scaled = all((p.init_std or 0.0) < 0.9 * h.init_std for p in branch_outputs)
    output_std = h.init_std / (sqrt(2 * t.depth) if depth_scaled else 1.0)
    offers = dict.fromkeys(t.parts.values(), Offer(lr, None, 0.0, eps))
    offers |= dict.fromkeys(INNER, Offer(h.lr, h.init_std, decay, eps))
    offers |= dict.fromkeys(BRANCH_OUTPUTS, Offer(h.lr, output_std, decay, eps))
    offers |= dict.fromkeys(OUTER, Offer(lr, std, decay, eps))
    tensors = resolve_tensors(request, offers, {"logit": 1 / m})
    base = {"lr": lr, "std": std, "decay": decay, "eps": eps, "depth_scaled": depth_scaled}
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


def token_ids(request: EmitRequest) -> dict[str, int]:
    """The special tokens, which the stack demands; 0 where the proxies have none."""
    values = request.hf_config.to_dict() if request.hf_config is not None else {}
    names = ("bos_token_id", "eos_token_id", "pad_token_id")
    found = {name: values.get(name) for name in names}
    return {name: value if isinstance(value, int) else 0 for name, value in found.items()}


def rope_theta(request: EmitRequest) -> int:
    """Base of the rotary frequencies, which the stack wants as an integer.

    Raises:
        InputError: It is none, or the frequencies are rescaled, for which the stack has only YaRN.
    """
    theta = request.decoder.rope_theta or 10000.0
    if theta != int(theta):
        raise refusal(request, f"rope_theta is {theta}, expected an integer")
    config = request.hf_config.to_dict() if request.hf_config is not None else {}
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    kind = rope.get("rope_type", "default")
    if kind != "default":
        raise refusal(request, f"rope_type is {kind}, and the stack rescales frequencies by YaRN")
    return int(theta)


def training_values(request: EmitRequest, resolved: ResolvedConfig) -> dict[str, Any]:
    """Steps, optimizer and schedule."""
    plan, schedule, s = request.plan, request.schedule, resolved.settings
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
            "params_group_method": "mup",
            "class_args": {
                "lr": s["lr"],
                "weight_decay": s["decay"],
                "betas": list(plan.betas),
                "eps": s["eps"],
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
    m_width = (
        f"hidden_size / {request.decoder.base_width}: hidden rates and logits are divided by it"
    )
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
    part, options = request.decoder.parts[tensor.name], "optimizer_args.class_args"
    found = {"lr": Key(f"{options}.lr", s["lr"]), "eps": Key(f"{options}.eps", s["eps"])}
    if part in (*INNER, *BRANCH_OUTPUTS, *OUTER):
        found |= {
            "weight_decay": Key(f"{options}.weight_decay", s["decay"]),
            "init_std": Key(f"{config}.initializer_range", s["std"]),
        }
    names = {"embedding": "m_emb", "residual": "m_residual"}
    multiplier = multiplier_of(part)
    if multiplier in names:
        found["multiplier"] = Key(f"{config}.{names[multiplier]}", s[multiplier])
    elif multiplier == "logit":
        found["multiplier"] = logits
    return found


STACK = Stack(resolve, render, keys)
