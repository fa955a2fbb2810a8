"""Formats `nanogpt-mup` and `nanogpt-completep`: config files of EleutherAI/nanoGPT-mup.

The stack scales by the width itself. Branch master: hidden init σ/√m, c_proj σ/√(2Lm), rate η/m,
one decay, epsilon 1e-8, softmax scale 1/d_head. Branch completep: c_proj σ/√m, branches × r^-α,
hidden rate η·r^(α-1)/m, decay λ·m, epsilon ε·r^-α/m of all tensors. Embedding and readout are one
tensor in both. train.py does not hand its init_std to the model: the file, which it executes after
importing the model, does.
Source: nanoGPT-mup b2a5e60 and its branch completep 6f8bc3b, model.py and train.py.
"""

from __future__ import annotations

from functools import partial
from math import sqrt

from mutransfer_cli.documents.scale import Deviation, ScaleDocument
from mutransfer_cli.emit.core.capability_check import (
    refuse_core,
    residual_limitation,
)
from mutransfer_cli.emit.core.decoder_parts import BRANCH_OUTPUTS, INNER, OUTER, multiplier_of
from mutransfer_cli.emit.core.header import header_block
from mutransfer_cli.emit.core.plan_deviations import patterns_of
from mutransfer_cli.emit.core.protocol import EmitRequest, Key, ResolvedConfig, Stack
from mutransfer_cli.emit.core.resolve import resolve_tensors
from mutransfer_cli.emit.nanogpt_branches.branch_rules import (
    BranchValues,
    branch_values,
    offers_of,
    remedies_of,
)
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.plans.types import TensorPlan
from mutransfer_cli.quoting import python


def resolve(request: EmitRequest, completep: bool = False) -> ResolvedConfig:
    """Base values from the hidden matrices; multipliers of embedding and logits.

    Raises:
        InputError: The proxies' residual branches have another multiplier.
    """
    t, plan = request.decoder, request.plan
    v = branch_values(request, completep)
    refuse_core(request, residual_limitation(request, v.r**-v.alpha))
    tensors = resolve_tensors(request, offers_of(t, v), {"residual": v.r**-v.alpha})
    norm_biases = t.names("norm1_bias", "norm2_bias", "final_norm_bias") if not t.bias else []
    missing = {*t.names("readout"), *norm_biases}
    actual = {name: n for name, n in tensors.actual.items() if name not in missing}
    scale = plan.forward.get("attention_scale") or t.head_size**-0.5
    by_head_size = abs(scale * t.head_size - 1) < abs(scale * sqrt(t.head_size) - 1)
    return ResolvedConfig(
        planned=tensors.planned,
        actual=actual,
        attention_scale=1 / t.head_size if by_head_size else t.head_size**-0.5,
        settings={
            "values": v,
            "by_head_size": by_head_size,
            "embedding": tensors.multipliers["embedding"],
            "logits": tensors.multipliers["logit"] * t.m_width,
        },
        deviations=without_norm_biases(plan, norm_biases),
        notes=notes_of(v),
        remedies=remedies_of(t, v, actual),
        tied_logits=tensors.tied_logits,
    )


def without_norm_biases(plan: Plan, names: list[str]) -> tuple[Deviation, ...]:
    """The deviation of a model without biases: LayerNorm's go too."""
    if not names:
        return ()
    patterns = ", ".join(patterns_of(names, [t.name for t in plan.tensors]))
    return (
        Deviation(
            what=f"bias of {patterns}",
            wanted="a bias",
            got="none",
            consequence="bias = False removes the biases of LayerNorm too; take model.args.bias: "
            "true for proxies of the same model",
        ),
    )


def notes_of(v: BranchValues) -> tuple[str, ...]:
    """What the reader has to do, or to know, beside the values."""
    notes: tuple[str, ...] = (
        "the logits' multiplier acts only where targets are given: sampling (sample.py, generate) "
        "uses unscaled logits",
    )
    if v.completep and v.r != 1:
        notes += (
            "at commit 6f8bc3b of branch completep all tensors share the epsilon of the blocks; "
            "commit 3904404 has epsilon per group, as planned",
        )
    return notes


# train.py makes its config as GPTConfig(**model_args), without init_std
HAND_STD = """\
# train.py does not hand init_std to the model, which would start at 0.02:
if "GPTConfig" in globals():
    from functools import partial

    GPTConfig = partial(GPTConfig, init_std=init_std)
"""
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
        ("dtype", "float32", "as in the proxies; bfloat16 is faster, and was not tuned"),
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
        ("init_std", v.std, "at the base; handed to the model at the end of this file"),
        ("learning_rate", v.lr, "at the base; divided by m for hidden matrices"),
        ("min_lr", v.lr * schedule.final, "at the base, as learning_rate"),
        ("weight_decay", v.decay, "as AdamW takes it"),
        ("beta1", plan.betas[0], ""),
        ("beta2", plan.betas[1], ""),
        ("grad_clip", plan.clip or 0.0, "0: no clipping"),
        ("decay_lr", True, ""),
        ("warmup_iters", schedule.warmup, "the first step's rate is 0"),
        ("max_iters", plan.target["steps"] - 1, "train.py counts from 0 and includes the last"),
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
            ("adam_eps", v.eps, "at the base; ÷ m everywhere, and × depth_multiplier^-alpha"),
        ]
    return lines


def branch_guard(completep: bool) -> str:
    """Code that stops the train.py of another branch, which would take unknown names in silence."""
    branch = "completep" if completep else "master"
    wrong = (
        '"depth_alpha_enabled" not in globals()'
        if completep
        else '("mup_enabled" not in globals() or "depth_alpha_enabled" in globals())'
    )
    return (
        "# train.py takes names that it does not know in silence: stop on another branch.\n"
        f'if "init_from" in globals() and {wrong}:\n'
        f'    raise SystemExit("this file is for nanoGPT-mup, branch {branch}")\n'
    )


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
    completep = resolved.settings["values"].completep
    branch = "completep" if completep else "master"
    usage = [
        "",
        f"Put this file into a checkout of nanoGPT-mup, branch {branch}, and start it there:",
        f"git clone -b {branch} https://github.com/EleutherAI/nanoGPT-mup",
        "python train.py THIS_FILE --dataset=NAME",
        "Fill in: NAME, your data. data/NAME/meta.pkl has to give vocab_size "
        f"{request.decoder.vocabulary}: without the file it is 50304.",
        "On several GPUs: gradient_accumulation_steps is divided by their number, which has to "
        "divide it; keep batch_size × gradient_accumulation_steps.",
    ]
    return {"nanogpt.py": header_block(document, usage) + branch_guard(completep) + body + HAND_STD}


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
