"""Format `megatron`: arguments for Megatron-LM and Megatron-Bridge.

The stack scales by the width itself and gets base values and the base width. Its rules: hidden init
σ/√m, outputs of branches σ/√(2Lm), embedding and readout a σ of their own; Adam's rate and epsilon
of hidden matrices ÷ m; one weight decay for all matrices; softmax scale √d0/d_head. Only the init
follows the depth. Source: Megatron-LM d98e8a64d and megatron-core 0.19.0 (November 2026),
get_mup_config_overrides, transformer_config.py and training/arguments.py.
"""

from __future__ import annotations

from math import sqrt

from mutransfer_cli.catalog.parameterizations import PARAMETERIZATIONS
from mutransfer_cli.documents.scale import ScaleDocument
from mutransfer_cli.emit.core.abc_symmetry import Offer
from mutransfer_cli.emit.core.capability_check import refusal
from mutransfer_cli.emit.core.decoder import Decoder
from mutransfer_cli.emit.core.decoder_parts import BRANCH_OUTPUTS, INNER, OUTER, multiplier_of
from mutransfer_cli.emit.core.header import header_block
from mutransfer_cli.emit.core.protocol import EmitRequest, Key, ResolvedConfig, Stack
from mutransfer_cli.emit.core.resolve import (
    common_init_std,
    hidden_numbers,
    resolve_tensors,
    shared_weight_decay,
)
from mutransfer_cli.emit.megatron_parts.arguments import (
    model_arguments,
    mup_arguments,
    training_lines,
)
from mutransfer_cli.emit.megatron_parts.base_values import BaseValues
from mutransfer_cli.emit.megatron_parts.megatron_muon import (
    MUON_USAGE,
    is_muon,
    muon_deviations,
    muon_keys,
    muon_offers,
)
from mutransfer_cli.plans.types import TensorPlan
from mutransfer_cli.quoting import one_line, shell


def offers_of(decoder: Decoder, base: BaseValues, m: float, mup: bool) -> dict[str, Offer]:
    """What Megatron makes of its base values.

    Args:
        decoder: The plan as a decoder.
        base: The base values.
        m: The width multiplier; 1 without --use-mup.
        mup: Whether --use-mup is given: without it the readout starts as hidden matrices do.
    """
    std, lr, decay, eps, embedding_std = base
    inner = Offer(lr / m, std / sqrt(m), decay, eps / m)
    branch_output = Offer(lr / m, std / sqrt(2 * decoder.depth * m), decay, eps / m)
    offers = dict.fromkeys(decoder.parts.values(), Offer(lr, None, 0.0, eps))
    offers |= dict.fromkeys(INNER, inner) | dict.fromkeys(BRANCH_OUTPUTS, branch_output)
    offers |= dict.fromkeys(OUTER, Offer(lr, embedding_std, decay, eps))
    return offers if mup else offers | {"readout": Offer(lr, std, decay, eps)}


def base_values(request: EmitRequest, m: float) -> BaseValues:
    """The values at the base; with Muon the rate and epsilon are those of the embedding.

    Args:
        request: The configuration to write.
        m: The width multiplier.
    """
    h = hidden_numbers(request)
    decay = shared_weight_decay(request, h)
    std = h.init_std * sqrt(m)
    embedding_std = common_init_std(request, "token", "tied") or std
    if is_muon(request):  # it divides neither by m
        (name, *_) = request.decoder.names("token", "tied")
        embedding = request.plan.tensor(name)
        return BaseValues(std, embedding.lr, decay, embedding.eps or 0.0, embedding_std)
    return BaseValues(std, h.lr * m, decay, h.eps * m, embedding_std)


def resolve(request: EmitRequest) -> ResolvedConfig:
    """Base values from the hidden matrices; multipliers of embedding and logits.

    Raises:
        InputError: The multiplier of the logits is 1, which Megatron takes for 'automatic'.
    """
    t, plan = request.decoder, request.plan
    mup = not PARAMETERIZATIONS[plan.parameterization].standard
    m = t.m_width if mup else 1.0
    base = base_values(request, m)
    offers = offers_of(t, base, m, mup)
    if is_muon(request):
        offers = muon_offers(request, offers, base.lr, base.weight_decay)
    fixed = {"residual": 1.0} | ({} if mup else {"embedding": 1.0, "logit": 1.0})
    tensors = resolve_tensors(request, offers, fixed)
    logits = tensors.multipliers["logit"]
    if mup and m != 1 and abs(logits - 1) < 1e-12:
        raise refusal(
            request,
            "the logits' multiplier is exactly 1, which --mup-output-mult takes for 'automatic'; "
            "change it a little: --set multipliers.logit=1.001",
        )
    planned_scale = plan.forward.get("attention_scale")
    head_dim = (
        float(f"{(planned_scale * t.head_size) ** 2:.12g}") if planned_scale else float(t.head_size)
    )
    scale = sqrt(head_dim) / t.head_size if mup else t.head_size**-0.5
    if planned_scale is not None and abs(scale / planned_scale - 1) < 1e-9:
        scale = planned_scale
    note = "--decoupled-lr would override the rates of embedding and output: leave it out"
    return ResolvedConfig(
        planned=tensors.planned,
        actual=tensors.actual,
        attention_scale=scale,
        settings={
            "base": base,
            "scales_width": mup,
            "embedding": tensors.multipliers["embedding"],
            "logits": logits,
            "head_dim": head_dim,
        },
        deviations=muon_deviations(request) if is_muon(request) else (),
        notes=(note,) if mup else (),
        tied_logits=tensors.tied_logits,
    )


def render(
    request: EmitRequest, resolved: ResolvedConfig, document: ScaleDocument
) -> dict[str, str]:
    """A shell script that sets the array MUTRANSFER_ARGS."""
    arguments = [
        *model_arguments(request),
        *mup_arguments(request.decoder, resolved),
        *training_lines(request, resolved.settings["base"]),
    ]
    body = "".join(
        f"  {option}{'' if value is None else ' ' + shell(value)}"
        f"{f'  # {one_line(comment)}' if comment else ''}\n"
        for option, value, comment in arguments
    )
    usage = [
        "",
        "Put this file into a checkout of Megatron-LM, and start it there with your data",
        "and tokenizer (or, to try it, --mock-data --tokenizer-type NullTokenizer):",
        "source THIS_FILE",
        'torchrun --nproc-per-node GPUS pretrain_gpt.py "${MUTRANSFER_ARGS[@]}" \\',
        "    --data-path PREFIX --tokenizer-type HuggingFaceTokenizer --tokenizer-model NAME",
        "Fill in: GPUS, PREFIX and NAME. global-batch-size has to be a multiple of",
        "micro-batch-size × data-parallel size.",
        "Megatron-Bridge takes the same names as fields of its provider.",
        *(MUON_USAGE if is_muon(request) else ()),
    ]
    return {"megatron.sh": header_block(document, usage) + f"MUTRANSFER_ARGS=(\n{body})\n"}


def keys(
    request: EmitRequest, resolved: ResolvedConfig, tensor: TensorPlan | None
) -> dict[str, Key]:
    """The option that carries each number."""
    t, s, base = request.decoder, resolved.settings, resolved.settings["base"]
    logits = Key("--mup-output-mult", s["logits"])
    if tensor is None:
        tied = {"logit_scale": logits} if t.tied else {}
        scale = {"attention_scale": Key("--mup-base-head-dim", s["head_dim"])}
        return {"clip": Key("--clip-grad", request.plan.clip or 0.0)} | (
            scale | tied if s["scales_width"] else {}
        )
    part = t.parts[tensor.name]
    found = {"lr": Key("--lr", base.lr), "eps": Key("--adam-eps", base.eps)}
    if part in (*INNER, *BRANCH_OUTPUTS, *OUTER):
        found |= {
            "weight_decay": Key("--weight-decay", base.weight_decay),
            "init_std": Key("--init-method-std", base.std),
        }
    if part in OUTER and (s["scales_width"] or part != "readout"):
        found["init_std"] = Key("--embedding-init-method-std", base.embedding_std)
    multipliers = {"embedding": Key("--mup-embedding-mult", s["embedding"]), "logit": logits}
    multiplier = multiplier_of(part)
    if s["scales_width"] and multiplier in multipliers:
        found["multiplier"] = multipliers[multiplier]
    return found | muon_keys(request, tensor, base.lr) if is_muon(request) else found


STACK = Stack(resolve, render, keys)
