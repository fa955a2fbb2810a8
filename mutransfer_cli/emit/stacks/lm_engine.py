"""Format `lm-engine`: model and optimizer arguments of open-lm-engine/lm-engine.

The stack scales: hidden init σ/√m_width, hidden rate η/m_width by its parameter groups, logits
divided by m_width. One decay and one epsilon for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Any

from mutransfer_cli.emit.core.abc_symmetry import Offer
from mutransfer_cli.emit.core.decoder import INNER
from mutransfer_cli.emit.core.header import commented
from mutransfer_cli.emit.core.interface import Capabilities, Job, Outcome, Stack
from mutransfer_cli.emit.core.resolve import decay_of, hidden_of, require_adamw, settle
from mutransfer_cli.emit.core.schedule_and_yaml import schedule_of, yaml_text

DECAY = {"linear": "linear", "cosine": "cosine", "constant": "constant", "wsd": "linear"}


def settled(job: Job) -> Outcome:
    require_adamw(job)
    t, plan, h = job.transformer, job.plan, hidden_of(job)
    m = t.m
    lr, std, decay, eps = h.lr * m, h.init_std * sqrt(m), decay_of(job, h), h.eps
    ends = [p for p in plan.tensors if t.parts[p.name] in ("attention_out", "down")]
    # use_depth_scaled_init divides outputs of branches by √(2·layers)
    divided = all((p.init_std or 0.0) < 0.9 * h.init_std for p in ends)
    end = h.init_std / (sqrt(2 * t.depth) if divided else 1.0)
    offers = dict.fromkeys(t.parts.values(), Offer(lr, None, 0.0, eps))
    offers |= dict.fromkeys(INNER, Offer(h.lr, h.init_std, decay, eps))
    offers |= dict.fromkeys(("attention_out", "down"), Offer(h.lr, end, decay, eps))
    offers |= dict.fromkeys(("token", "position", "tied", "readout"), Offer(lr, std, decay, eps))
    found = settle(job, offers, {"logit": 1 / m})
    return Outcome(
        found.wanted,
        found.tensors,
        plan.forward.get("attention_scale"),
        {"lr": lr, "std": std, "decay": decay, "eps": eps, "divided": divided, **found.knobs},
        tied_logits=found.tied_logits,
    )


def write(job: Job, outcome: Outcome, head: Sequence[str]) -> dict[str, str]:
    t, plan, s, steps = job.transformer, job.plan, outcome.settings, schedule_of(job)
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
        "init_method": "mup",
        "initializer_range": s["std"],
        "use_depth_scaled_init": s["divided"],
        "m_width": t.m,
        "m_emb": s["embedding"],
        "m_residual": s["residual"],
        "sequence_mixer_blocks": [
            {
                "sequence_mixer_type": "softmax_attention",
                "num_attention_heads": t.heads,
                "num_key_value_heads": t.groups,
                "attention_multiplier": outcome.attention_scale or t.head_size**-0.5,
                "add_bias": t.bias,
            }
        ],
        "mlp_blocks": [
            {
                "mlp_type": "MLP",
                "intermediate_size": t.filter,
                "activation_function": "swiglu" if t.gated else "gelu_pytorch_tanh",
                "add_bias": t.bias,
            }
        ],
    }
    config |= {"rope_theta": t.rope_theta} if t.rope_theta is not None else {}
    values = {
        "model_args": {"model_class": "AutoModelForCausalLM", "pretrained_config": config},
        "training_parameters": {
            "num_training_steps": plan.target["steps"],
            "micro_batch_size": plan.target["batch"],
            "gradient_accumulation_steps": 1,
            "gradient_clipping": plan.clip,
        },
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
            "lr_decay_style": DECAY[steps.name],
            "num_warmup_steps": steps.rising,
            "num_constant_steps": plan.target["steps"] - steps.rising - steps.falling,
            "num_decay_steps": steps.falling,
            "lr_decay_factor": steps.final,
        },
    }
    comments = {
        "initializer_range": "at the base: hidden matrices start at this / √m_width",
        "m_width": f"hidden_size / {t.base_width}: hidden rates and logits are divided by it",
        "m_emb": "after the embeddings",
        "m_residual": "on every residual branch",
        "attention_multiplier": "the softmax scale",
        "params_group_method": "since 2026-09: param_groups: configs/common/param_groups/mup.yml",
        "lr": "at the base",
        "eps": "of all tensors",
        "weight_decay": "of all matrices",
    }
    how = ["", "add your datasets and run lm-engine's pretrain with this file"]
    return {"lm_engine.yaml": commented([*head, *how]) + yaml_text(values, comments)}


STACK = Stack(
    Capabilities(
        scales="stack",
        logit_multiplier=False,
        group_lr=False,
        group_weight_decay=False,
        group_eps=False,
        role_init=False,
        absorb=True,
        optimizers=("adamw", "adam"),
        parameterizations=("mup", "completep"),
    ),
    settled,
    write,
)
