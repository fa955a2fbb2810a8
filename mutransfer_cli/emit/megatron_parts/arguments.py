"""The arguments of Megatron's command line: architecture, muP, optimizer, schedule."""

from __future__ import annotations

from mutransfer_cli.emit.core.capability_check import refusal
from mutransfer_cli.emit.core.decoder import Decoder
from mutransfer_cli.emit.core.protocol import EmitRequest, ResolvedConfig
from mutransfer_cli.emit.core.rotary_scaling import rescaled_frequencies
from mutransfer_cli.emit.megatron_parts.base_values import Argument, BaseValues
from mutransfer_cli.emit.megatron_parts.megatron_muon import is_muon, muon_arguments
from mutransfer_cli.optimizers.muon import MUON

MEGATRON_DECAY = {"linear": "linear", "cosine": "cosine", "constant": "constant", "wsd": "WSD"}


# What --use-rope-scaling does, besides its factor (core, rotary_pos_embedding.py).
LLAMA_3_SCALING = {
    "rope_type": "llama3",
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}


def scaling_arguments(request: EmitRequest) -> list[Argument]:
    """The arguments for rotary frequencies that are rescaled as Llama 3's.

    Raises:
        InputError: They are rescaled in another way.
    """
    rope = rescaled_frequencies(request.hf_config)
    if rope is None:
        return []
    for name, value in LLAMA_3_SCALING.items():
        if rope.get(name) != value:
            raise refusal(
                request,
                f"the config's rope_parameters have {name} {rope.get(name)}, and "
                f"--use-rope-scaling has {value}",
            )
    factor = ("--rope-scaling-factor", float(rope["factor"]), "")
    return [("--use-rope-scaling", None, "as Llama 3"), factor]


def model_arguments(request: EmitRequest) -> list[Argument]:
    """The architecture."""
    t = request.decoder
    lines: list[Argument] = [
        ("--num-layers", t.depth, ""),
        ("--hidden-size", t.width, ""),
        ("--ffn-hidden-size", t.filter, ""),
        ("--num-attention-heads", t.heads, ""),
        ("--kv-channels", t.head_size, "head size"),
    ]
    if t.groups != t.heads:
        lines += [("--group-query-attention", None, ""), ("--num-query-groups", t.groups, "")]
    lines += [
        ("--seq-length", t.length, "of the proxies"),
        ("--max-position-embeddings", t.length, ""),
        ("--vocab-size", t.vocabulary, ""),
        ("--make-vocab-size-divisible-by", "1", ""),
        ("--position-embedding-type", "rope" if t.rotary else "learned_absolute", ""),
        ("--normalization", "RMSNorm" if t.rms else "LayerNorm", ""),
        ("--norm-epsilon", t.norm_eps, ""),
    ]
    if t.rope_theta is not None:
        lines.append(("--rotary-base", f"{t.rope_theta:.0f}", ""))
    lines += scaling_arguments(request)
    lines += [("--swiglu", None, "")] if t.gated else []
    lines += [] if t.bias else [("--disable-bias-linear", None, "")]
    if not t.bias and {"q_bias", "qkv_bias"} & set(t.parts.values()):
        lines.append(("--add-qkv-bias", None, ""))
    if t.bias and not t.gated:
        lines.append(("--no-bias-gelu-fusion", None, "the fused GELU is an approximation by tanh"))
    lines += [] if t.tied else [("--untie-embeddings-and-output-weights", None, "")]
    return [*lines, ("--attention-dropout", "0.0", ""), ("--hidden-dropout", "0.0", "")]


def mup_arguments(t: Decoder, resolved: ResolvedConfig) -> list[Argument]:
    """The width at the base and the multipliers; none without --use-mup."""
    s = resolved.settings
    if not s["scales_width"]:
        return []
    return [
        ("--use-mup", None, "Megatron divides by the width itself: all below is at the base"),
        ("--mup-base-hidden-size", t.base_width, "width of the base"),
        ("--mup-embedding-mult", s["embedding"], "on the output of the embeddings"),
        ("--mup-output-mult", s["logits"], "total on the logits; 1.0 would mean 1/m"),
        ("--mup-base-head-dim", s["head_dim"], "softmax scale √this / head size"),
        ("--mup-attn-scale-power", "1.0", ""),
    ]


def optimizer_arguments(request: EmitRequest, base: BaseValues) -> list[Argument]:
    """The optimizer, its rate and its epsilon."""
    if is_muon(request):
        return [
            ("--optimizer", MUON.name, "for matrices inside the blocks; Adam for the others"),
            ("--lr", base.lr, "Adam's; Muon's is this × its scale"),
            ("--adam-eps", base.eps, ""),
            *muon_arguments(request, base.lr),
        ]
    return [
        ("--optimizer", "adam", "with decoupled decay (AdamW)"),
        ("--lr", base.lr, "at the base; divided by m for hidden matrices"),
        ("--adam-eps", base.eps, "at the base; divided by m for hidden matrices"),
    ]


def training_lines(request: EmitRequest, base: BaseValues) -> list[Argument]:
    """Init, optimizer and schedule."""
    plan, schedule = request.plan, request.schedule
    lines: list[Argument] = [
        ("--init-method-std", base.std, "at the base"),
        ("--embedding-init-method-std", base.embedding_std, "of embeddings and readout"),
        *optimizer_arguments(request, base),
        ("--min-lr", base.lr * schedule.final, "at the base, as lr"),
        ("--adam-beta1", plan.betas[0], ""),
        ("--adam-beta2", plan.betas[1], ""),
        ("--weight-decay", base.weight_decay, "of all matrices, as AdamW takes it"),
        ("--clip-grad", plan.clip or 0.0, "0: no clipping"),
        ("--train-iters", plan.target["steps"], ""),
        ("--global-batch-size", plan.target["batch"], "sequences per step"),
        ("--micro-batch-size", 1, "sequences per GPU and pass: raise it as memory allows"),
        ("--lr-decay-style", MEGATRON_DECAY[schedule.name], ""),
        ("--lr-decay-iters", plan.target["steps"], ""),
        ("--lr-warmup-iters", schedule.warmup, ""),
    ]
    if schedule.name == "wsd":
        lines += [
            ("--lr-wsd-decay-style", "linear", ""),
            ("--lr-wsd-decay-iters", schedule.decay, ""),
        ]
    return lines
