"""A decoder as a Granite model: multipliers, one init, and the groups of its tensors.

Granite is Llama with `embedding_multiplier` (×), `logits_scaling` (÷), `residual_multiplier` (×)
and `attention_multiplier` (the softmax scale itself). One `initializer_range` starts every matrix:
it is that of the hidden ones, and embedding, readout and outputs of branches trade with their
multipliers. Ours to write for hf-granite and automodel.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mutransfer_cli.documents.scale import Deviation
from mutransfer_cli.emit.core.abc_symmetry import Numbers, Offer
from mutransfer_cli.emit.core.interface import Job, Outcome
from mutransfer_cli.emit.core.resolve import Settled, hidden_of, settle
from mutransfer_cli.errors import InputError

# Part: regular expression on Granite's names. First match wins.
NAMES = {
    "tied": r"embed_tokens\.weight$",
    "token": r"embed_tokens\.weight$",
    "readout": r"lm_head\.weight$",
    "q": r"q_proj\.weight$",
    "k": r"k_proj\.weight$",
    "v": r"v_proj\.weight$",
    "qkv": r"[qkv]_proj\.weight$",
    "attention_out": r"o_proj\.weight$",
    "gate": r"gate_proj\.weight$",
    "up": r"up_proj\.weight$",
    "down": r"down_proj\.weight$",
    "norm1": r"input_layernorm\.weight$",
    "norm2": r"post_attention_layernorm\.weight$",
    "final_norm": r"model\.norm\.weight$",
    "q_bias": r"q_proj\.bias$",
    "k_bias": r"k_proj\.bias$",
    "v_bias": r"v_proj\.bias$",
    "qkv_bias": r"[qkv]_proj\.bias$",
    "attention_out_bias": r"o_proj\.bias$",
    "gate_bias": r"gate_proj\.bias$",
    "up_bias": r"up_proj\.bias$",
    "down_bias": r"down_proj\.bias$",
}
# What a config of a like model keeps.
KEPT = frozenset(
    {"rms_norm_eps", "rope_parameters", "rope_theta", "rope_scaling", "hidden_act"}
    | {"attention_bias", "attention_dropout", "bos_token_id", "eos_token_id", "pad_token_id"}
)
LIKE = frozenset({"granite", "llama", "mistral"})  # the same tensors, the same forward pass


def settled_as_granite(job: Job, eps: float | None = None) -> tuple[Outcome, Settled]:
    """Choose the multipliers; eps: of all tensors, where the stack has one for all."""
    t, plan = job.transformer, job.plan
    if "gate_up" in t.parts.values() or "head_norm" in t.parts.values():
        raise InputError(
            f"--format {job.document.format}: {job.recipe.model.build} has tensors that "
            "Granite has not; take --format hf"
        )
    std = hidden_of(job).init_std
    matrix, vector = Offer(init_std=std, eps=eps), Offer(eps=eps)
    matrices = ("tied", "token", "readout", "q", "k", "v", "qkv", "attention_out", "gate", "up")
    offers = dict.fromkeys(t.parts.values(), vector) | dict.fromkeys((*matrices, "down"), matrix)
    found = settle(job, offers, {})
    tensors = {name: n for name, n in found.tensors.items() if t.parts[name] in NAMES}
    deviations: tuple[Deviation, ...] = ()
    if t.kind not in LIKE:
        tensors = {
            name: n for name, n in tensors.items() if not t.parts[name].endswith("_bias") or t.bias
        }
        deviations = (
            Deviation(
                what="model",
                wanted=t.kind,
                got="granite",
                consequence="rotary positions, RMSNorm and a gated MLP, which the proxies had not; "
                "take hf:granite or hf:llama as model.build",
            ),
        )
    outcome = Outcome(
        found.wanted,
        tensors,
        plan.forward.get("attention_scale"),
        {"std": std, **found.knobs},
        deviations,
        tied_logits=found.tied_logits,
    )
    return outcome, found


def config_values(job: Job, outcome: Outcome) -> dict[str, Any]:
    """The values of the GraniteConfig, without provenance."""
    t, s = job.transformer, outcome.settings
    values: dict[str, Any] = dict(job.config.to_dict()) if t.kind in LIKE else {}
    kept = {k: v for k, v in values.items() if v is not None and k in KEPT}
    return kept | {
        "model_type": "granite",
        "architectures": ["GraniteForCausalLM"],
        "vocab_size": t.vocabulary,
        "hidden_size": t.width,
        "intermediate_size": t.filter,
        "num_hidden_layers": t.depth,
        "num_attention_heads": t.heads,
        "num_key_value_heads": t.groups,
        "head_dim": t.head_size,
        "max_position_embeddings": int(values.get("max_position_embeddings") or t.length),
        "tie_word_embeddings": t.tied,
        "attention_bias": "q_bias" in t.parts.values() or "qkv_bias" in t.parts.values(),
        "mlp_bias": t.bias,
        "use_cache": False,
        "initializer_range": s["std"],
        "embedding_multiplier": s["embedding"],
        "logits_scaling": 1 / s["logit"],
        "residual_multiplier": s["residual"],
        "attention_multiplier": outcome.attention_scale or t.head_size**-0.5,
    }


def groups_of(job: Job, outcome: Outcome) -> list[tuple[str, Numbers]]:
    """Ordered patterns on Granite's names, and the numbers of what they match.

    Tensors of one part that have numbers of their own (a pattern of lr_factors) go by name.
    """
    t = job.transformer
    by_part: dict[str, list[str]] = {}
    for name in outcome.tensors:
        by_part.setdefault(t.parts[name], []).append(name)
    own: list[tuple[str, Numbers]] = []
    shared: list[tuple[str, Numbers]] = []
    for part, names in by_part.items():
        numbers = [replace(outcome.tensors[n], init_std=None) for n in names]
        if all(n == numbers[0] for n in numbers):
            shared.append((NAMES[part], numbers[0]))
        elif t.kind in LIKE:
            own += [(f"^{n}$".replace(".", r"\."), v) for n, v in zip(names, numbers, strict=True)]
        else:
            raise InputError(
                f"--format {job.document.format}: tensors of one part have different numbers "
                f"({', '.join(names[:2])}, …), which a model of another architecture has no names "
                "for; take --format hf or torch"
            )
    for pattern, like in ((NAMES["gate"], "up"), (NAMES["gate_bias"], "up_bias")):
        if like in by_part and "gate" not in by_part:  # a plain MLP as a gated one
            shared.append((pattern, replace(outcome.tensors[by_part[like][0]], init_std=None)))
    return own + shared
