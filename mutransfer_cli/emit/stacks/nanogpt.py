"""Formats `nanogpt-mup` and `nanogpt-completep`: config files of EleutherAI/nanoGPT-mup.

The stack scales. Branch master: hidden init σ/√m, c_proj σ/√(2Lm), rate η/m, one decay, epsilon
1e-8, softmax scale 1/d_head. Branch completep: c_proj σ/√m, branches × r^-α, hidden rate
η·r^(α-1)/m, decay λ·m, epsilon ε·r^-α/m inside blocks and ε/m outside. Embedding and readout are
one tensor in both.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

from mutransfer_cli.documents.scale import Deviation
from mutransfer_cli.emit.core.abc_symmetry import Offer
from mutransfer_cli.emit.core.decoder import INNER
from mutransfer_cli.emit.core.header import commented
from mutransfer_cli.emit.core.interface import Capabilities, Job, Outcome, Stack
from mutransfer_cli.emit.core.resolve import decay_of, hidden_of, require_adamw, settle
from mutransfer_cli.emit.core.schedule_and_yaml import schedule_of
from mutransfer_cli.errors import InputError

MASTER_EPS = 1e-8


def settled(job: Job) -> Outcome:
    require_adamw(job)
    t, plan = job.transformer, job.plan
    if t.rotary or t.gated or t.rms or t.filter != 4 * t.width:
        raise InputError(
            f"--format {job.document.format}: nanoGPT has learned positions, LayerNorm and a plain "
            f"MLP of four times the width, {job.recipe.model.build} has not; take megatron or hf"
        )
    deep = (
        job.document.format == "nanogpt-completep"
        or plan.parameterization == "completep"
        or t.r != 1.0
    )
    h, m, decay = hidden_of(job), t.m, 0.0
    alpha = job.recipe.rules.depth_alpha if plan.parameterization == "completep" else 1.0
    r = t.r if plan.parameterization == "completep" else 1.0
    lr, std = h.lr * m * r ** (1 - alpha), h.init_std * sqrt(m)
    decay = decay_of(job, h)
    eps = h.eps * m * r**alpha if deep else MASTER_EPS
    outer_eps, inner_eps = (eps / m, eps / m * r**-alpha) if deep else (eps, eps)
    inner_lr = lr * r ** (alpha - 1)
    inner_decay = decay * m if deep else decay
    inner = Offer(inner_lr / m, std / sqrt(m), inner_decay, inner_eps)
    out_std = std / sqrt(m) if deep else std / sqrt(2 * t.depth * m)
    out = Offer(inner_lr / m, out_std, inner_decay, inner_eps)
    offers = dict.fromkeys(t.parts.values(), Offer(inner_lr, None, 0.0, inner_eps))
    offers |= dict.fromkeys(("final_norm", "final_norm_bias"), Offer(lr, None, 0.0, outer_eps))
    offers |= dict.fromkeys(INNER, inner) | dict.fromkeys(("attention_out", "down"), out)
    offers |= dict.fromkeys(
        ("token", "position", "tied", "readout"), Offer(lr, std, decay, outer_eps)
    )
    found = settle(job, offers, {"residual": r**-alpha})
    tensors = dict(found.tensors)
    deviations: list[Deviation] = []
    notes = ["logits are scaled only where targets are given: sampling uses unscaled ones"]
    for name in t.names("readout"):
        del tensors[name]
        deviations.append(
            Deviation(
                what=f"tied of {name}",
                wanted="a tensor of its own",
                got="the embedding's",
                consequence="another model than the proxies; take model.args.tied: true",
            )
        )
    if not t.bias:
        for name in t.names("norm1_bias", "norm2_bias", "final_norm_bias"):
            del tensors[name]
        notes.append("without biases nanoGPT's LayerNorm has none either; the proxies' had")
    scale = plan.forward.get("attention_scale") or t.head_size**-0.5
    by_size = abs(scale * t.head_size - 1) < abs(scale * sqrt(t.head_size) - 1)
    if job.recipe.schedule.name != "cosine":
        deviations.append(
            Deviation(
                what="schedule",
                wanted=job.recipe.schedule.name,
                got="cosine",
                consequence="nanoGPT has no other; set schedule.name: cosine and tune with it",
            )
        )
    return Outcome(
        found.wanted,
        tensors,
        1 / t.head_size if by_size else t.head_size**-0.5,
        {
            "deep": deep,
            "lr": lr,
            "std": std,
            "decay": decay,
            "eps": eps,
            "alpha": alpha,
            "r": r,
            "by_size": by_size,
            "embedding": found.knobs["embedding"],
            "logits": found.knobs["logit"] * m,
        },
        tuple(deviations),
        tuple(notes),
        found.tied_logits,
    )


def write(job: Job, outcome: Outcome, head: Sequence[str]) -> dict[str, str]:
    t, plan, s = job.transformer, job.plan, outcome.settings
    schedule = schedule_of(job)
    branch = "completep" if s["deep"] else "master"
    lines: list[tuple[str, object, str]] = [
        ("n_layer", t.depth, ""),
        ("n_head", t.heads, ""),
        ("n_embd", t.width, ""),
        ("block_size", t.length, "of the proxies"),
        ("bias", t.bias, ""),
        ("dropout", 0.0, ""),
        ("mup_enabled", True, "nanoGPT divides by the width itself: all below is at the base"),
        ("mup_width_multiplier", t.m, f"n_embd / {t.base_width}"),
        ("mup_input_alpha", s["embedding"], "after the embeddings"),
        ("mup_output_alpha", s["logits"], "on the logits, beside 1/m"),
        ("mup_disable_attention_scaling", not s["by_size"], "True: 1/√d_head, False: 1/d_head"),
        ("mup_disable_hidden_lr_scaling", False, ""),
        ("init_std", s["std"], "at the base"),
        ("learning_rate", s["lr"], "at the base; hidden matrices get it ÷ m"),
        ("min_lr", s["lr"] * schedule.final, "at the base, as the rate"),
        ("weight_decay", s["decay"], "as AdamW takes it"),
        ("beta1", plan.betas[0], ""),
        ("beta2", plan.betas[1], ""),
        ("grad_clip", plan.clip or 0.0, "0 is none"),
        ("decay_lr", job.recipe.schedule.name != "constant", ""),
        ("warmup_iters", schedule.rising, ""),
        ("max_iters", plan.target["steps"], ""),
        ("lr_decay_iters", plan.target["steps"], ""),
        ("batch_size", plan.target["batch"], "sequences a step, with the line below"),
        ("gradient_accumulation_steps", 1, ""),
    ]
    if s["deep"]:
        lines += [
            ("depth_alpha_enabled", True, "also keeps rate × decay and epsilon right in width"),
            ("depth_multiplier", s["r"], "depth over that of the base"),
            ("depth_alpha_exp", s["alpha"], ""),
            ("adam_eps", s["eps"], "at the base; ÷ m everywhere"),
        ]
    body = "".join(f"{k} = {shown(v)!r}{f'  # {c}' if c else ''}\n" for k, v, c in lines)
    how = [
        "",
        f"git clone -b {branch} https://github.com/EleutherAI/nanoGPT-mup",
        "python train.py THIS_FILE --dataset=…",
    ]
    return {"nanogpt.py": commented([*head, *how]) + body}


def shown(value: object) -> object:
    """A number without the last digits of its arithmetic."""
    return float(f"{value:.12g}") if isinstance(value, float) else value


STACK = Stack(
    Capabilities(
        scales="stack",
        attention_scale=False,
        group_lr=False,
        group_weight_decay=False,
        group_eps=False,
        role_init=False,
        tied="always",
        absorb=True,
        optimizers=("adamw", "adam"),
        parameterizations=("mup", "completep"),
    ),
    settled,
    write,
)
