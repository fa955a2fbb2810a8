"""Format `megatron`: arguments for Megatron-LM (core 0.17 or later) and Megatron-Bridge.

The stack scales: it gets base values and the base width. Its rules: hidden init σ/√m, outputs of
branches σ/√(2Lm), embedding and readout σ; Adam's rate and epsilon of hidden matrices ÷ m; one
weight decay for all matrices; softmax scale √d0/d_head. Nothing of it follows the depth but init.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

from mutransfer_cli.emit.core.abc_symmetry import Offer
from mutransfer_cli.emit.core.decoder import INNER, Transformer
from mutransfer_cli.emit.core.header import commented
from mutransfer_cli.emit.core.interface import Capabilities, Job, Outcome, Stack
from mutransfer_cli.emit.core.resolve import decay_of, hidden_of, require_adamw, settle
from mutransfer_cli.emit.core.schedule_and_yaml import schedule_of
from mutransfer_cli.errors import InputError

DECAY = {"linear": "linear", "cosine": "cosine", "constant": "constant", "wsd": "WSD"}


def offers_of(
    t: Transformer, std: float, lr: float, decay: float, eps: float, m: float
) -> dict[str, Offer]:
    """What Megatron makes of its base values; m is 1 without --use-mup."""
    inner = Offer(lr / m, std / sqrt(m), decay, eps / m)
    out = Offer(lr / m, std / sqrt(2 * t.depth * m), decay, eps / m)
    outer, vector = Offer(lr, std, decay, eps), Offer(lr, None, 0.0, eps)
    found = dict.fromkeys(t.parts.values(), vector)
    found |= dict.fromkeys(INNER, inner) | dict.fromkeys(("attention_out", "down"), out)
    return found | dict.fromkeys(("token", "position", "tied", "readout"), outer)


def settled(job: Job) -> Outcome:
    require_adamw(job)
    t, plan = job.transformer, job.plan
    mup = plan.parameterization != "sp"
    m = t.m if mup else 1.0
    h = hidden_of(job)
    base = {"std": h.init_std * sqrt(m), "lr": h.lr * m, "eps": h.eps * m}
    decay = decay_of(job, h)
    fixed = {"residual": 1.0} | ({} if mup else {"embedding": 1.0, "logit": 1.0})
    found = settle(job, offers_of(t, base["std"], base["lr"], decay, base["eps"], m), fixed)
    logits = found.knobs["logit"]
    if mup and m != 1 and abs(logits - 1) < 1e-12:
        raise InputError(
            "--format megatron: the logits' multiplier is exactly 1, which --mup-output-mult takes "
            "for 'automatic'; change it a little: --set multipliers.logit=1.001"
        )
    wanted = plan.forward.get("attention_scale")
    head_dim = float(f"{(wanted * t.head_size) ** 2:.12g}") if wanted else float(t.head_size)
    scale = sqrt(head_dim) / t.head_size if mup else t.head_size**-0.5
    if wanted is not None and abs(scale / wanted - 1) < 1e-9:
        scale = wanted
    return Outcome(
        found.wanted,
        found.tensors,
        scale,
        {
            **base,
            "mup": mup,
            "decay": decay,
            "embedding": found.knobs["embedding"],
            "logits": logits,
            "head_dim": head_dim,
        },
        notes=(
            ("--decoupled-lr would override the rates of embedding and output: leave it out",)
            if mup
            else ()
        ),
        tied_logits=found.tied_logits,
    )


def write(job: Job, outcome: Outcome, head: Sequence[str]) -> dict[str, str]:
    t, plan, s = job.transformer, job.plan, outcome.settings
    schedule = schedule_of(job)
    lines: list[tuple[str, str]] = [
        (f"--num-layers {t.depth}", ""),
        (f"--hidden-size {t.width}", ""),
        (f"--ffn-hidden-size {t.filter}", ""),
        (f"--num-attention-heads {t.heads}", ""),
        (f"--kv-channels {t.head_size}", "head size"),
    ]
    if t.groups != t.heads:
        lines += [("--group-query-attention", ""), (f"--num-query-groups {t.groups}", "")]
    lines += [
        (f"--seq-length {t.length}", "of the proxies"),
        (f"--max-position-embeddings {t.length}", ""),
        (f"--vocab-size {t.vocabulary}", ""),
        ("--make-vocab-size-divisible-by 1", ""),
        (f"--position-embedding-type {'rope' if t.rotary else 'learned_absolute'}", ""),
        (f"--normalization {'RMSNorm' if t.rms else 'LayerNorm'}", ""),
        (f"--norm-epsilon {t.norm_eps}", ""),
    ]
    if t.rope_theta is not None:
        lines.append((f"--rotary-base {t.rope_theta:.0f}", ""))
    lines += [("--swiglu", "")] if t.gated else []
    lines += [] if t.bias else [("--disable-bias-linear", "")]
    lines += [] if t.tied else [("--untie-embeddings-and-output-weights", "")]
    lines += [("--attention-dropout 0.0", ""), ("--hidden-dropout 0.0", "")]
    if s["mup"]:
        lines += [
            ("--use-mup", "Megatron divides by the width itself: all below is at the base"),
            (f"--mup-base-hidden-size {t.base_width}", "width of the base"),
            (f"--mup-embedding-mult {s['embedding']!r}", "after the embeddings"),
            (f"--mup-output-mult {s['logits']!r}", "on the logits, in all; 1.0 would mean 1/m"),
            (f"--mup-base-head-dim {s['head_dim']!r}", "softmax scale √this / head size"),
            ("--mup-attn-scale-power 1.0", ""),
        ]
    lines += [
        (f"--init-method-std {s['std']!r}", "at the base"),
        ("--optimizer adam", "with decoupled decay (AdamW)"),
        (f"--lr {s['lr']!r}", "at the base; hidden matrices get it ÷ m"),
        (f"--min-lr {s['lr'] * schedule.final!r}", "at the base, as lr"),
        (f"--adam-eps {s['eps']!r}", "at the base; hidden matrices get it ÷ m"),
        (f"--adam-beta1 {plan.betas[0]!r}", ""),
        (f"--adam-beta2 {plan.betas[1]!r}", ""),
        (f"--weight-decay {s['decay']!r}", "of all matrices, as AdamW takes it"),
        (f"--clip-grad {plan.clip or 0.0!r}", "0 is none"),
        (f"--train-iters {plan.target['steps']}", ""),
        (f"--global-batch-size {plan.target['batch']}", "sequences a step"),
        (f"--lr-decay-style {DECAY[schedule.name]}", ""),
        (f"--lr-decay-iters {plan.target['steps']}", ""),
        (f"--lr-warmup-iters {schedule.rising}", ""),
    ]
    if schedule.name == "wsd":
        lines += [
            ("--lr-wsd-decay-style linear", ""),
            (f"--lr-wsd-decay-iters {schedule.falling}", ""),
        ]
    body = "".join(f"  {a}{f'  # {c}' if c else ''}\n" for a, c in lines)
    how = [
        "",
        "source THIS_FILE",
        'torchrun … pretrain_gpt.py "${MUTRANSFER_ARGS[@]}" --data-path … --tokenizer-type …',
        "Megatron-Bridge takes the same names as fields of its provider.",
    ]
    return {"megatron.sh": commented([*head, *how]) + f"MUTRANSFER_ARGS=(\n{body})\n"}


STACK = Stack(
    Capabilities(
        scales="stack",
        residual_multiplier=False,
        group_lr=False,
        group_weight_decay=False,
        group_eps=False,
        role_init=False,
        absorb=True,
        optimizers=("adamw", "adam"),
        parameterizations=("mup", "completep", "sp"),
    ),
    settled,
    write,
)
