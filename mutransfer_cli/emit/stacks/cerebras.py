"""Format `cerebras`: the model, optimizer and schedule of a Cerebras modelzoo run.

The stack scales by the width itself: attention and the first matrix of the feed-forward layer start
at σ/√m, the output of attention at σ/√(2Lm), that of the feed-forward layer at σ/√(2L·m_ff); rates
are η/m and η/m_ff; each of these has a σ of its own. One weight decay and one epsilon for all
tensors; AdamW is decoupled and shrinks by rate × decay. Source: modelzoo f1fd1e0, gpt2_model.py,
GPT2Model.__init__ and lr_adjustment_groups; trainer/callbacks/precision.py at b5dc4b1 (clipping);
cerebras_pytorch 2.10.0, optim/AdamBase.py.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

from mutransfer_cli.catalog.parameterizations import PARAMETERIZATIONS
from mutransfer_cli.documents.scale import Deviation, ScaleDocument
from mutransfer_cli.emit.core.abc_symmetry import Offer
from mutransfer_cli.emit.core.comments import commented_yaml
from mutransfer_cli.emit.core.decoder import Decoder
from mutransfer_cli.emit.core.decoder_parts import multiplier_of
from mutransfer_cli.emit.core.header import header_block
from mutransfer_cli.emit.core.protocol import EmitRequest, Key, ResolvedConfig, Stack
from mutransfer_cli.emit.core.resolve import (
    common_init_std,
    hidden_numbers,
    resolve_tensors,
    shared_weight_decay,
)
from mutransfer_cli.plans.types import TensorPlan

ATTENTION = ("q", "k", "v", "qkv")
FEED_FORWARD = ("up", "gate", "gate_up")
COMMENTS = {
    "embedding_initializer": "of token and position embeddings",
    "initializer": "at the base: q, k, v; the stack divides by √m",
    "output_layer_initializer": "at the base: the stack divides by √(2·layers·m)",
    "ffn_initializer": "at the base: the stack divides by √m",
    "ffn_output_layer_initializer": "at the base: the stack divides by √(2·layers·m_ff)",
    "initializer_range": "of the readout (lm_head), which nothing scales",
    "mup_base_hidden_size": "the stack divides hidden rates by hidden_size over this",
    "mup_base_filter_size": "the same for the output of the feed-forward layer",
    "output_logits_alpha": "logits × this / m",
    "embeddings_scale": "on the output of the embeddings",
    "end_learning_rate": "at the base",
    "initial_learning_rate": "at the base",
    "learning_rate": "at the base",
    "eps": "of all tensors",
    "weight_decay": "of all matrices",
    "batch_size": "sequences per step; add your data",
}
CLIPS_WITH_SCALER = (
    "modelzoo clips only where it scales gradients: with fp16_type float16, as here, or cbfloat16; "
    "with bfloat16, or enabled: false, max_gradient_norm has no effect"
)
ATTENTION_COMMENTS = {
    True: "softmax scale: this over the head size",
    False: "softmax scale: this over the root of the head size",
}


def target_stds(request: EmitRequest) -> dict[str, float | None]:
    """The init of each part at the target; None where there is no such part."""
    embedding = common_init_std(request, "token", "tied")  # one initializer for both embeddings
    return {
        **dict.fromkeys(("token", "position", "tied"), embedding),
        "readout": common_init_std(request, "readout"),
        "attention_out": common_init_std(request, "attention_out"),
        "down": common_init_std(request, "down"),
        **dict.fromkeys(ATTENTION, common_init_std(request, *ATTENTION)),
        **dict.fromkeys(FEED_FORWARD, common_init_std(request, *FEED_FORWARD)),
    }


def resolve(request: EmitRequest) -> ResolvedConfig:
    """Base values from the hidden matrices; multipliers of embedding and logits."""
    t, plan = request.decoder, request.plan
    mup = not PARAMETERIZATIONS[plan.parameterization].standard
    m, m_filter = (t.m_width, t.m_filter) if mup else (1.0, 1.0)
    h = hidden_numbers(request)
    lr, decay, eps = h.lr * m, shared_weight_decay(request, h), h.eps
    stds = target_stds(request)
    rates = dict.fromkeys((*ATTENTION, "attention_out", *FEED_FORWARD), lr / m)
    rates["down"] = lr / m_filter
    offers = dict.fromkeys(t.parts.values(), Offer(lr, None, 0.0, eps))
    offers |= {part: Offer(rates.get(part, lr), std, decay, eps) for part, std in stds.items()}
    fixed = {"residual": 1.0} | ({} if mup else {"logit": 1.0})
    tensors = resolve_tensors(request, offers, fixed)
    scale = plan.forward.get("attention_scale") or t.head_size**-0.5

    # trading a multiplier changes the init of an embedding or a readout, which has its own key
    outer = {
        part: tensors.actual[t.names(part)[0]].init_std
        for part in ("token", "tied", "readout")
        if t.names(part)
    }
    attention = "q" if stds["q"] else "qkv"
    branches = 2 * t.depth if mup else 1
    return ResolvedConfig(
        planned=tensors.planned,
        actual=tensors.actual,
        attention_scale=scale,
        settings={
            "scales_width": mup,
            "lr": lr,
            "decay": decay,
            "eps": eps,
            "embedding_std": outer.get("token", outer.get("tied")),
            "readout_std": outer.get("readout"),
            "attention_std": (stds[attention] or 0.0) * sqrt(m),
            "filter_std": (stds["up"] or 0.0) * sqrt(m),
            "output_std": (stds["attention_out"] or 0.0) * sqrt(branches * m),
            "filter_output_std": (stds["down"] or 0.0) * sqrt(branches * m_filter),
            "embedding": tensors.multipliers["embedding"],
            "logits": tensors.multipliers["logit"] * m,
            "attention": scale * t.head_size if mup else scale * sqrt(t.head_size),
        },
        deviations=early_epsilon(request, eps),
        notes=() if plan.clip is None else (CLIPS_WITH_SCALER,),
        tied_logits=tensors.tied_logits,
    )


def early_epsilon(request: EmitRequest, eps: float) -> tuple[Deviation, ...]:
    """The deviation of an epsilon that is added before Adam's bias correction."""
    beta = request.plan.betas[1]
    if not eps or not beta:
        return ()
    return (
        Deviation(
            what="bias_correction",
            wanted="before eps is added",
            got="after eps is added",
            consequence=f"at step t eps acts as eps / √(1 - {beta:g}^t), at the first as "
            f"{eps / sqrt(1 - beta):.3g}; harmless while that is much smaller than the gradients",
        ),
    )


def schedulers(request: EmitRequest, lr: float) -> list[dict[str, Any]]:
    """Warmup and decay, as Cerebras' SequentialLR takes them.

    Each phase starts at its first rate: a warmup of n steps rises over n - 1 of them, and stays.
    """
    s, steps = request.schedule, request.plan.target["steps"]

    def line(start: float, end: float, iterations: int, name: str = "LinearLR") -> dict[str, Any]:
        values = {"initial_learning_rate": start, "end_learning_rate": end}
        return {name: values | {"total_iters": iterations}}

    phases = [line(lr / s.warmup, lr, s.warmup - 1)] if s.warmup > 1 else []
    if flat := steps - s.decay - max(0, s.warmup - 1):
        phases.append({"ConstantLR": {"learning_rate": lr, "total_iters": flat}})
    if s.decay:
        name = "CosineDecayLR" if s.name == "cosine" else "LinearLR"
        phases.append(line(lr, lr * s.final, s.decay, name))
    return [{"SequentialLR": {"schedulers": phases}}]


def architecture(t: Decoder) -> dict[str, Any]:
    """The keys of the model that do not depend on the plan's numbers."""
    model: dict[str, Any] = {
        "name": "llama" if t.rotary else "gpt3",
        "vocab_size": t.vocabulary,
        "hidden_size": t.width,
        "num_hidden_layers": t.depth,
        "num_heads": t.heads,
        "filter_size": t.filter,
        "max_position_embeddings": t.length,
        "position_embedding_type": "rotary" if t.rotary else "learned",
        "norm_type": "rmsnorm" if t.rms else "layernorm",
        "layer_norm_epsilon": t.norm_eps,
        "nonlinearity": "swiglu" if t.gated else "gelu",
        "share_embedding_weights": t.tied,
        "use_bias_in_output": False,
        "use_projection_bias_in_attention": t.bias,
        "use_ffn_bias_in_attention": t.bias,
        "use_ffn_bias": t.bias,
        "dropout_rate": 0.0,
        "attention_dropout_rate": 0.0,
    }
    if t.rotary:
        model |= {"rotary_dim": t.head_size, "rope_theta": t.rope_theta}
    if t.groups != t.heads:
        model |= {
            "attention_module": "multiquery_attention",
            "extra_attention_params": {"num_kv_groups": t.groups},
        }
    return model


def init_and_multipliers(t: Decoder, resolved: ResolvedConfig) -> dict[str, Any]:
    """The keys of the model that hold the plan's numbers."""
    s = resolved.settings

    def normal(std: float) -> dict[str, Any]:
        return {"name": "normal", "mean": 0.0, "std": std}

    model: dict[str, Any] = {
        "embedding_initializer": normal(s["embedding_std"]),
        "initializer": normal(s["attention_std"]),
        "output_layer_initializer": normal(s["output_std"]),
        "ffn_initializer": normal(s["filter_std"]),
        "ffn_output_layer_initializer": normal(s["filter_output_std"]),
    }
    if s["readout_std"] is not None:
        model["initializer_range"] = s["readout_std"]
    if s["scales_width"]:
        model |= {
            "mup_base_hidden_size": t.base_width,
            "mup_base_filter_size": t.base_filter,
            "output_logits_alpha": s["logits"],
            "scale_output_logits_by_d": True,
        }
    return model | {
        "embeddings_scale": s["embedding"],
        "scale_qk_dot_by_d": s["scales_width"],
        "attention_logits_alpha": s["attention"],
    }


def render(
    request: EmitRequest, resolved: ResolvedConfig, document: ScaleDocument
) -> dict[str, str]:
    """The configuration, to which the user adds a dataloader."""
    t, plan, s = request.decoder, request.plan, resolved.settings
    adamw = {
        "betas": list(plan.betas),
        "eps": s["eps"],
        "weight_decay": s["decay"],
        "correct_bias": True,
    }
    precision: dict[str, Any] = {"enabled": True, "fp16_type": "float16"}
    if plan.clip is not None:
        precision["max_gradient_norm"] = plan.clip
    values = {
        "trainer": {
            "init": {
                "model": architecture(t) | init_and_multipliers(t, resolved),
                "optimizer": {"AdamW": adamw},
                "schedulers": schedulers(request, s["lr"]),
                "precision": precision,
                "loop": {"max_steps": plan.target["steps"]},
            },
            "fit": {"train_dataloader": {"batch_size": plan.target["batch"]}},
        }
    }
    comments = {**COMMENTS, "attention_logits_alpha": ATTENTION_COMMENTS[s["scales_width"]]}
    usage = [
        "",
        "Put this file anywhere, and start it where modelzoo is installed: cszoo fit THIS_FILE",
        "Fill in: your data, under train_dataloader (data_processor, data_dir), and model_dir and",
        "backend under trainer.init.",
    ]
    text = commented_yaml(values, comments)
    return {"cerebras.yaml": header_block(document, usage) + text}


def keys(
    request: EmitRequest, resolved: ResolvedConfig, tensor: TensorPlan | None
) -> dict[str, Key]:
    """The key that carries each number."""
    t, s, model = request.decoder, resolved.settings, "trainer.init.model"
    logits = Key(f"{model}.output_logits_alpha", s["logits"])
    if tensor is None:
        clip = Key("trainer.init.precision.max_gradient_norm", request.plan.clip)
        scale = {"attention_scale": Key(f"{model}.attention_logits_alpha", s["attention"])}
        scale |= {"logit_scale": logits} if t.tied and s["scales_width"] else {}
        return scale | ({} if request.plan.clip is None else {"clip": clip})
    part, adamw = t.parts[tensor.name], "trainer.init.optimizer.AdamW"
    initializers = {
        **dict.fromkeys(("token", "position", "tied"), ("embedding_initializer", "embedding_std")),
        **dict.fromkeys(ATTENTION, ("initializer", "attention_std")),
        **dict.fromkeys(FEED_FORWARD, ("ffn_initializer", "filter_std")),
        "attention_out": ("output_layer_initializer", "output_std"),
        "down": ("ffn_output_layer_initializer", "filter_output_std"),
    }
    schedule = "trainer.init.schedulers.0.SequentialLR.schedulers"
    found = {"lr": Key(schedule, s["lr"]), "eps": Key(f"{adamw}.eps", s["eps"])}
    if part in initializers or part == "readout":
        found["weight_decay"] = Key(f"{adamw}.weight_decay", s["decay"])
    if part in initializers:
        name, value = initializers[part]
        found["init_std"] = Key(f"{model}.{name}.std", s[value])
    elif part == "readout":
        found["init_std"] = Key(f"{model}.initializer_range", s["readout_std"])
    multiplier = multiplier_of(part)
    if multiplier == "embedding":
        found["multiplier"] = Key(f"{model}.embeddings_scale", s["embedding"])
    elif multiplier == "logit" and s["scales_width"]:
        found["multiplier"] = logits
    return found


STACK = Stack(resolve, render, keys)
