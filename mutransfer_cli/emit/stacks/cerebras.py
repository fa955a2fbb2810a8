"""Format `cerebras`: the model, optimizer and schedule of a Cerebras modelzoo run (2.3 or later).

The stack scales: attention and the first matrix of the feed-forward part start at σ/√m, the output
of attention at σ/√(2Lm), that of the feed-forward part at σ/√(2L·m_ff); rates η/m, η/m_ff; each of
these has a σ of its own. One decay, one epsilon. gpt2_model.py, GPT2Model.__init__.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod, sqrt
from typing import Any

from mutransfer_cli.emit.core.abc_symmetry import Offer
from mutransfer_cli.emit.core.header import commented
from mutransfer_cli.emit.core.interface import Capabilities, Job, Outcome, Stack
from mutransfer_cli.emit.core.resolve import decay_of, hidden_of, require_adamw, settle
from mutransfer_cli.emit.core.schedule_and_yaml import schedule_of, yaml_text

ATTENTION = ("q", "k", "v", "qkv")
FILTER = ("up", "gate", "gate_up")


def std_of(job: Job, *parts: str) -> float | None:
    """The init of these parts, as one; None where there are none."""
    names = set(job.transformer.names(*parts))
    found = [t for t in job.plan.tensors if t.name in names]
    tensors = [t for t in found if t.role == "hidden"] or found
    entries = [prod(t.base_shape) for t in tensors]
    squares = sum(n * (t.init_std or 0.0) ** 2 for n, t in zip(entries, tensors, strict=True))
    return sqrt(squares / sum(entries)) if tensors else None


def settled(job: Job) -> Outcome:
    require_adamw(job)
    t, plan = job.transformer, job.plan
    mup = plan.parameterization != "sp"
    m, m_filter = (t.m, t.m_filter) if mup else (1.0, 1.0)
    h = hidden_of(job)
    lr, decay, eps = h.lr * m, decay_of(job, h), h.eps
    branches = 2 * t.depth if mup else 1
    finals = {
        "token": std_of(job, "token", "tied"),
        "position": std_of(job, "token", "tied"),  # one initializer for both
        "readout": std_of(job, "readout"),
        "attention_out": std_of(job, "attention_out"),
        "down": std_of(job, "down"),
    }
    finals["tied"] = finals["token"]
    finals |= dict.fromkeys(ATTENTION, std_of(job, *ATTENTION))
    finals |= dict.fromkeys(FILTER, std_of(job, *FILTER))
    rates = dict.fromkeys((*ATTENTION, "attention_out", *FILTER), lr / m)
    rates["down"] = lr / m_filter
    offers = dict.fromkeys(t.parts.values(), Offer(lr, None, 0.0, eps))
    offers |= {part: Offer(rates.get(part, lr), std, decay, eps) for part, std in finals.items()}
    fixed = {"residual": 1.0} | ({} if mup else {"logit": 1.0})
    found = settle(job, offers, fixed)
    scale = plan.forward.get("attention_scale") or t.head_size**-0.5

    def base(part: str, growth: float) -> float:
        return (finals[part] or 0.0) * sqrt(growth)

    # The trade for a multiplier moves an embedding's or a readout's own initializer.
    outer = {
        part: found.tensors[t.names(part)[0]].init_std
        for part in ("token", "tied", "readout")
        if t.names(part)
    }
    return Outcome(
        found.wanted,
        found.tensors,
        scale,
        {
            "mup": mup,
            "lr": lr,
            "decay": decay,
            "eps": eps,
            "embedding_std": outer.get("token", outer.get("tied")),
            "readout_std": outer.get("readout"),
            "attention_std": base("q" if finals.get("q") else "qkv", m),
            "filter_std": base("up", m),
            "output_std": base("attention_out", branches * m),
            "filter_output_std": base("down", branches * m_filter),
            "embedding": found.knobs["embedding"],
            "logits": found.knobs["logit"] * m,
            "attention": scale * t.head_size if mup else scale * sqrt(t.head_size),
        },
        notes=("the order in which Cerebras' AdamW couples rate and decay was not verified",)
        if decay
        else (),
        tied_logits=found.tied_logits,
    )


def schedulers(job: Job, lr: float) -> list[dict[str, Any]]:
    """Warmup and decay, as Cerebras' SequentialLR takes them."""
    s, steps = schedule_of(job), job.plan.target["steps"]

    def line(start: float, end: float, iterations: int, name: str = "LinearLR") -> dict[str, Any]:
        values = {"initial_learning_rate": start, "end_learning_rate": end}
        return {name: values | {"total_iters": iterations}}

    found = [line(0.0, lr, s.rising)] if s.rising else []
    match s.name:
        case "constant":
            found.append({"ConstantLR": {"learning_rate": lr, "total_iters": steps - s.rising}})
        case "wsd":
            flat = steps - s.rising - s.falling
            found.append({"ConstantLR": {"learning_rate": lr, "total_iters": flat}})
            found.append(line(lr, lr * s.final, s.falling))
        case "cosine":
            found.append(line(lr, lr * s.final, s.falling, "CosineDecayLR"))
        case _:
            found.append(line(lr, lr * s.final, s.falling))
    return [{"SequentialLR": {"schedulers": found}}]


def write(job: Job, outcome: Outcome, head: Sequence[str]) -> dict[str, str]:
    t, plan, s = job.transformer, job.plan, outcome.settings

    def normal(std: float) -> dict[str, Any]:
        return {"name": "normal", "mean": 0.0, "std": std}

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
    model |= {
        "embedding_initializer": normal(s["embedding_std"]),
        "initializer": normal(s["attention_std"]),
        "output_layer_initializer": normal(s["output_std"]),
        "ffn_initializer": normal(s["filter_std"]),
        "ffn_output_layer_initializer": normal(s["filter_output_std"]),
    }
    if s["readout_std"] is not None:
        model["initializer_range"] = s["readout_std"]
    if s["mup"]:
        model |= {
            "mup_base_hidden_size": t.base_width,
            "mup_base_filter_size": t.base_filter,
            "output_logits_alpha": s["logits"],
            "scale_output_logits_by_d": True,
        }
    model |= {
        "embeddings_scale": s["embedding"],
        "scale_qk_dot_by_d": s["mup"],
        "attention_logits_alpha": s["attention"],
    }
    precision = {"max_gradient_norm": plan.clip} if plan.clip is not None else {}
    values = {
        "trainer": {
            "init": {
                "model": model,
                "optimizer": {
                    "AdamW": {
                        "betas": list(plan.betas),
                        "eps": s["eps"],
                        "weight_decay": s["decay"],
                        "correct_bias": True,
                    }
                },
                "schedulers": schedulers(job, s["lr"]),
                **({"precision": precision} if precision else {}),
                "loop": {"max_steps": plan.target["steps"]},
            },
            "fit": {"train_dataloader": {"batch_size": plan.target["batch"]}},
        }
    }
    comments = {
        "embedding_initializer": "of token and position embeddings",
        "initializer": "at the base: q, k, v; the stack divides by √m",
        "output_layer_initializer": "at the base: the stack divides by √(2·layers·m)",
        "ffn_initializer": "at the base: the stack divides by √m",
        "ffn_output_layer_initializer": "at the base: the stack divides by √(2·layers·m_ff)",
        "initializer_range": "of the readout (lm_head), which nothing scales",
        "mup_base_hidden_size": "the stack divides hidden rates by hidden_size over this",
        "mup_base_filter_size": "the same for the output of the feed-forward part",
        "output_logits_alpha": "logits × this / m",
        "embeddings_scale": "after the embeddings",
        "attention_logits_alpha": "softmax scale: this over the head size"
        if s["mup"]
        else "softmax scale: this over the root of the head size",
        "end_learning_rate": "at the base",
        "initial_learning_rate": "at the base",
        "learning_rate": "at the base",
        "eps": "of all tensors",
        "weight_decay": "of all matrices",
        "batch_size": "sequences a step; add your data",
    }
    how = ["", "add your dataloader's keys and run: cszoo fit THIS_FILE"]
    return {"cerebras.yaml": commented([*head, *how]) + yaml_text(values, comments)}


STACK = Stack(
    Capabilities(
        scales="stack",
        residual_multiplier=False,
        group_lr=False,
        group_weight_decay=False,
        group_eps=False,
        absorb=True,
        optimizers=("adamw", "adam"),
        parameterizations=("mup", "completep", "sp"),
    ),
    settled,
    write,
)
