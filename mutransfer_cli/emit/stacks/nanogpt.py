"""Formats `nanogpt-mup` and `nanogpt-completep`: config files of EleutherAI/nanoGPT-mup.

The stack scales by the width itself. Branch master: hidden init σ/√m, c_proj σ/√(2Lm), rate η/m,
one decay, epsilon 1e-8, softmax scale 1/d_head. Branch completep: c_proj σ/√m, branches × r^-α,
hidden rate η·r^(α-1)/m, decay λ·m, epsilon ε·r^-α/m inside blocks and ε/m outside. Embedding and
readout are one tensor in both. Source: nanoGPT-mup, model.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import sqrt

from mutransfer_cli.catalog.parameterizations import PARAMETERIZATIONS
from mutransfer_cli.documents.scale import ScaleDocument
from mutransfer_cli.emit.core.abc_symmetry import Offer
from mutransfer_cli.emit.core.capability_check import refusal
from mutransfer_cli.emit.core.decoder import Decoder
from mutransfer_cli.emit.core.decoder_parts import BRANCH_OUTPUTS, INNER, OUTER, multiplier_of
from mutransfer_cli.emit.core.header import header_block
from mutransfer_cli.emit.core.protocol import EmitRequest, Key, ResolvedConfig, Stack
from mutransfer_cli.emit.core.resolve import hidden_numbers, resolve_tensors, shared_weight_decay
from mutransfer_cli.plans.types import TensorPlan
from mutransfer_cli.quoting import python

MASTER_EPS = 1e-8


@dataclass(frozen=True, slots=True)
class BranchValues:
    """What a branch of the repository is given, at the base.

    Attributes:
        completep: Whether it is the branch completep, not master.
        lr: Learning rate.
        std: Standard deviation of the init.
        decay: Weight decay.
        eps: Adam's epsilon; master does not take it.
        alpha: Exponent of the depth.
        r: Depth over that of the base.
    """

    completep: bool
    lr: float
    std: float
    decay: float
    eps: float
    alpha: float
    r: float


def branch_values(request: EmitRequest, completep: bool) -> BranchValues:
    """The base values at which the hidden matrices arrive at the plan's numbers."""
    t, plan = request.decoder, request.plan
    depth_scaled = PARAMETERIZATIONS[plan.parameterization].depth_exponent
    completep = completep or depth_scaled or t.m_depth != 1.0
    alpha = request.recipe.rules.depth_alpha if depth_scaled else 1.0
    r = t.m_depth if depth_scaled else 1.0
    h, m = hidden_numbers(request), t.m_width
    return BranchValues(
        completep=completep,
        lr=h.lr * m * r ** (1 - alpha),
        std=h.init_std * sqrt(m),
        decay=shared_weight_decay(request, h),
        eps=h.eps * m * r**alpha if completep else MASTER_EPS,
        alpha=alpha,
        r=r,
    )


def offers_of(decoder: Decoder, v: BranchValues) -> dict[str, Offer]:
    """What the branch makes of its base values."""
    m = decoder.m_width
    outer_eps, inner_eps = v.eps, v.eps
    if v.completep:
        outer_eps, inner_eps = v.eps / m, v.eps / m * v.r**-v.alpha
    inner_lr = v.lr * v.r ** (v.alpha - 1)
    inner_decay = v.decay * m if v.completep else v.decay
    inner_std = v.std / sqrt(m)
    output_std = v.std / sqrt(m) if v.completep else v.std / sqrt(2 * decoder.depth * m)
    offers = dict.fromkeys(decoder.parts.values(), Offer(inner_lr, None, 0.0, inner_eps))
    offers |= dict.fromkeys(("final_norm", "final_norm_bias"), Offer(v.lr, None, 0.0, outer_eps))
    offers |= dict.fromkeys(INNER, Offer(inner_lr / m, inner_std, inner_decay, inner_eps))
    offers |= dict.fromkeys(BRANCH_OUTPUTS, Offer(inner_lr / m, output_std, inner_decay, inner_eps))
    return offers | dict.fromkeys(OUTER, Offer(v.lr, v.std, v.decay, outer_eps))


def resolve(request: EmitRequest, completep: bool = False) -> ResolvedConfig:
    """Base values from the hidden matrices; multipliers of embedding and logits.

    Raises:
        InputError: The proxies are of another architecture.
    """
    t, plan = request.decoder, request.plan
    if t.rotary or t.gated or t.rms or t.filter != 4 * t.width:
        raise refusal(
            request,
            "nanoGPT has learned positions, LayerNorm and a plain MLP of four times the width, "
            f"which {request.recipe.model.build} does not have",
        )
    v = branch_values(request, completep)
    tensors = resolve_tensors(request, offers_of(t, v), {"residual": v.r**-v.alpha})
    missing = set(t.names("readout"))
    notes = ["logits are scaled only where targets are given: sampling uses unscaled ones"]
    if not t.bias:
        norm_biases = t.names("norm1_bias", "norm2_bias", "final_norm_bias")
        missing |= set(norm_biases)
        notes.append("without biases nanoGPT's LayerNorm has none either; the proxies' had")
    scale = plan.forward.get("attention_scale") or t.head_size**-0.5
    by_head_size = abs(scale * t.head_size - 1) < abs(scale * sqrt(t.head_size) - 1)
    return ResolvedConfig(
        planned=tensors.planned,
        actual={name: n for name, n in tensors.actual.items() if name not in missing},
        attention_scale=1 / t.head_size if by_head_size else t.head_size**-0.5,
        settings={
            "values": v,
            "by_head_size": by_head_size,
            "embedding": tensors.multipliers["embedding"],
            "logits": tensors.multipliers["logit"] * t.m_width,
        },
        notes=tuple(notes),
        tied_logits=tensors.tied_logits,
    )


Setting = tuple[str, object, str]  # name, value, comment


def settings_of(request: EmitRequest, resolved: ResolvedConfig) -> list[Setting]:
    """The variables of the config file."""
    t, plan, s, schedule = request.decoder, request.plan, resolved.settings, request.schedule
    v: BranchValues = s["values"]
    lines: list[Setting] = [
        ("n_layer", t.depth, ""),
        ("n_head", t.heads, ""),
        ("n_embd", t.width, ""),
        ("block_size", t.length, "of the proxies"),
        ("bias", t.bias, ""),
        ("dropout", 0.0, ""),
        ("mup_enabled", True, "nanoGPT divides by the width itself: all below is at the base"),
        ("mup_width_multiplier", t.m_width, f"n_embd / {t.base_width}"),
        ("mup_input_alpha", s["embedding"], "on the output of the embeddings"),
        ("mup_output_alpha", s["logits"], "on the logits, in addition to 1/m"),
        (
            "mup_disable_attention_scaling",
            not s["by_head_size"],
            "True: 1/√d_head, False: 1/d_head",
        ),
        ("mup_disable_hidden_lr_scaling", False, ""),
        ("init_std", v.std, "at the base"),
        ("learning_rate", v.lr, "at the base; divided by m for hidden matrices"),
        ("min_lr", v.lr * schedule.final, "at the base, as learning_rate"),
        ("weight_decay", v.decay, "as AdamW takes it"),
        ("beta1", plan.betas[0], ""),
        ("beta2", plan.betas[1], ""),
        ("grad_clip", plan.clip or 0.0, "0: no clipping"),
        ("decay_lr", schedule.name != "constant", ""),
        ("warmup_iters", schedule.warmup, ""),
        ("max_iters", plan.target["steps"], ""),
        ("lr_decay_iters", plan.target["steps"], ""),
        ("batch_size", plan.target["batch"], "sequences per step, with the line below"),
        ("gradient_accumulation_steps", 1, ""),
    ]
    if v.completep:
        lines += [
            (
                "depth_alpha_enabled",
                True,
                "also scales rate × decay and epsilon correctly in width",
            ),
            ("depth_multiplier", v.r, "depth over that of the base"),
            ("depth_alpha_exp", v.alpha, ""),
            ("adam_eps", v.eps, "at the base; ÷ m everywhere"),
        ]
    return lines


def rounded(value: object) -> object:
    """A number without the last digits of its arithmetic."""
    return float(f"{value:.12g}") if isinstance(value, float) else value


def render(
    request: EmitRequest, resolved: ResolvedConfig, document: ScaleDocument
) -> dict[str, str]:
    """A config file for train.py, with the branch to clone in its header."""
    body = "".join(
        f"{name} = {python(rounded(value))}{f'  # {comment}' if comment else ''}\n"
        for name, value, comment in settings_of(request, resolved)
    )
    branch = "completep" if resolved.settings["values"].completep else "master"
    usage = [
        "",
        f"git clone -b {branch} https://github.com/EleutherAI/nanoGPT-mup",
        "python train.py THIS_FILE --dataset=…",
    ]
    return {"nanogpt.py": header_block(document, usage) + body}


def keys(
    request: EmitRequest, resolved: ResolvedConfig, tensor: TensorPlan | None
) -> dict[str, Key]:
    """The variable that carries each number."""
    s, plan = resolved.settings, request.plan
    v: BranchValues = s["values"]
    if tensor is None:
        return {
            "clip": Key("grad_clip", plan.clip or 0.0),
            "attention_scale": Key("mup_disable_attention_scaling", None),
            "logit_scale": Key("mup_output_alpha", s["logits"]),
        }
    part = request.decoder.parts[tensor.name]
    found = {"lr": Key("learning_rate", v.lr)}
    if v.completep:
        found["eps"] = Key("adam_eps", v.eps)
    if part in (*INNER, *BRANCH_OUTPUTS, *OUTER):
        found |= {
            "weight_decay": Key("weight_decay", v.decay),
            "init_std": Key("init_std", v.std),
        }
    match multiplier_of(part):
        case "embedding":
            found["multiplier"] = Key("mup_input_alpha", s["embedding"])
        case "residual" if v.completep:
            found["multiplier"] = Key("depth_multiplier", v.r)
    return found


STACK = Stack(resolve, render, keys)
COMPLETEP_STACK = Stack(partial(resolve, completep=True), render, keys)
