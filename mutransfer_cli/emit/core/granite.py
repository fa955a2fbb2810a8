"""Expresses a decoder as a Granite model: multipliers, one init, and groups of tensors.

Granite is Llama with `embedding_multiplier` (×), `logits_scaling` (÷), `residual_multiplier` (×)
and `attention_multiplier` (the softmax scale itself). One `initializer_range` initializes every
matrix: it is set for the hidden matrices, while embedding, readout and branch outputs trade their
init for their multipliers.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

from mutransfer_cli.documents.scale import Deviation, ScaleDocument
from mutransfer_cli.emit.core.abc_symmetry import Numbers, Offer
from mutransfer_cli.emit.core.capability_check import refusal
from mutransfer_cli.emit.core.decoder import Decoder
from mutransfer_cli.emit.core.decoder_parts import BRANCH_OUTPUTS, multiplier_of
from mutransfer_cli.emit.core.header import header_lines
from mutransfer_cli.emit.core.protocol import EmitRequest, Key, ResolvedConfig
from mutransfer_cli.emit.core.resolve import hidden_numbers, resolve_tensors
from mutransfer_cli.plans.types import TensorPlan

# The regular expression of each part on Granite's names; the first match wins.
GRANITE_NAMES = {
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
MATRICES = ("tied", "token", "readout", "q", "k", "v", "qkv", "gate", "up", *BRANCH_OUTPUTS)
# Keys that are kept from the config of a model of the same architecture.
KEPT_CONFIG_KEYS = frozenset(
    {"rms_norm_eps", "rope_parameters", "rope_theta", "rope_scaling", "hidden_act"}
    | {"attention_bias", "attention_dropout", "bos_token_id", "eos_token_id", "pad_token_id"}
)
# Hugging Face model types with the same tensors and the same forward pass.
GRANITE_LIKE = frozenset({"granite", "llama", "mistral"})


def resolve_as_granite(request: EmitRequest, eps: float | None = None) -> ResolvedConfig:
    """Choose Granite's multipliers.

    Args:
        request: The configuration to write.
        eps: Epsilon of all tensors, if the stack has only one; None: each tensor has its own.

    Raises:
        InputError: The model has tensors that Granite does not have.
    """
    decoder, plan = request.decoder, request.plan
    parts = decoder.parts
    if "gate_up" in parts.values() or "head_norm" in parts.values():
        reason = f"{request.recipe.model.build} has tensors that Granite does not have"
        raise refusal(request, reason)
    std = hidden_numbers(request).init_std
    offers = dict.fromkeys(parts.values(), Offer(eps=eps))
    offers |= dict.fromkeys(MATRICES, Offer(init_std=std, eps=eps))
    tensors = resolve_tensors(request, offers, {})
    actual = {name: n for name, n in tensors.actual.items() if parts[name] in GRANITE_NAMES}
    deviations: tuple[Deviation, ...] = ()
    if decoder.kind not in GRANITE_LIKE:
        actual = {
            name: n
            for name, n in actual.items()
            if not parts[name].endswith("_bias") or decoder.bias
        }
        deviations = (another_architecture(decoder),)
    return ResolvedConfig(
        planned=tensors.planned,
        actual=actual,
        attention_scale=plan.forward.get("attention_scale"),
        settings={"std": std, **tensors.multipliers},
        deviations=deviations,
        tied_logits=tensors.tied_logits,
    )


def another_architecture(decoder: Decoder) -> Deviation:
    """The deviation for proxies that are not like Granite."""
    return Deviation(
        what="model",
        wanted=decoder.kind,
        got="granite",
        consequence="rotary positions, RMSNorm and a gated MLP, which the proxies did not have; "
        "use hf:granite or hf:llama as model.build",
    )


def granite_config(request: EmitRequest, resolved: ResolvedConfig) -> dict[str, Any]:
    """The values of the GraniteConfig, without provenance."""
    t, s = request.decoder, resolved.settings
    parts = t.parts.values()
    own: dict[str, Any] = dict(request.hf_config.to_dict()) if t.kind in GRANITE_LIKE else {}
    kept = {k: v for k, v in own.items() if v is not None and k in KEPT_CONFIG_KEYS}
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
        "max_position_embeddings": int(own.get("max_position_embeddings") or t.length),
        "tie_word_embeddings": t.tied,
        "attention_bias": "q_bias" in parts or "qkv_bias" in parts,
        "mlp_bias": t.bias,
        "use_cache": False,
        "initializer_range": s["std"],
        "embedding_multiplier": s["embedding"],
        "logits_scaling": 1 / s["logit"],
        "residual_multiplier": s["residual"],
        "attention_multiplier": resolved.attention_scale or t.head_size**-0.5,
    }


def granite_config_text(
    request: EmitRequest, resolved: ResolvedConfig, document: ScaleDocument
) -> str:
    """The text of config.json; the header is under `mutransfer`, which Granite ignores."""
    values = {**granite_config(request, resolved), "mutransfer": header_lines(document)}
    return json.dumps(values, indent=2) + "\n"


def granite_groups(request: EmitRequest, resolved: ResolvedConfig) -> list[tuple[str, Numbers]]:
    """Ordered patterns on Granite's names, and the numbers of the tensors that they match.

    Tensors of one part with different numbers (by a pattern in lr_factors) are listed by name.

    Raises:
        InputError: There are such tensors, and the proxies' tensors have other names.
    """
    decoder = request.decoder
    names_by_part: dict[str, list[str]] = {}
    for name in resolved.actual:
        names_by_part.setdefault(decoder.parts[name], []).append(name)
    by_name: list[tuple[str, Numbers]] = []
    by_part: list[tuple[str, Numbers]] = []
    for part, names in names_by_part.items():
        numbers = [replace(resolved.actual[n], init_std=None) for n in names]
        if all(n == numbers[0] for n in numbers):
            by_part.append((GRANITE_NAMES[part], numbers[0]))
        elif decoder.kind in GRANITE_LIKE:
            patterns = [f"^{re.escape(n)}$" for n in names]
            by_name += zip(patterns, numbers, strict=True)
        else:
            raise refusal(
                request,
                f"tensors of one part have different numbers ({', '.join(names[:2])}, …), and "
                "their names are not Granite's",
            )
    for pattern, like in ((GRANITE_NAMES["gate"], "up"), (GRANITE_NAMES["gate_bias"], "up_bias")):
        if like in names_by_part and "gate" not in names_by_part:  # a plain MLP as a gated one
            first = resolved.actual[names_by_part[like][0]]
            by_part.append((pattern, replace(first, init_std=None)))
    return by_name + by_part


def granite_keys(
    request: EmitRequest, resolved: ResolvedConfig, tensor: TensorPlan | None
) -> dict[str, Key]:
    """The keys of config.json, and the groups of the optimizer."""
    config, s = granite_config(request, resolved), resolved.settings
    if tensor is None:
        scale = Key("attention_multiplier", config["attention_multiplier"])
        logits = Key("logits_scaling", config["logits_scaling"])
        tied = {"logit_scale": logits} if request.decoder.tied else {}
        return {"attention_scale": scale, **tied}
    part, numbers = request.decoder.parts[tensor.name], resolved.actual.get(tensor.name)
    if numbers is None or part not in GRANITE_NAMES:
        return {}
    group = next(
        p
        for p, _ in granite_groups(request, resolved)
        if p in (GRANITE_NAMES[part], f"^{re.escape(tensor.name)}$")
    )
    found = {
        name: Key(f"GROUPS['{group}']['{name}']", getattr(numbers, name))
        for name in ("lr", "weight_decay", "eps")
    }
    if part in MATRICES:
        found["init_std"] = Key("initializer_range", s["std"])
    names = {
        "embedding": "embedding_multiplier",
        "logit": "logits_scaling",
        "residual": "residual_multiplier",
    }
    multiplier = multiplier_of(part)
    if multiplier in names:
        found["multiplier"] = Key(names[multiplier], config[names[multiplier]])
    return found
