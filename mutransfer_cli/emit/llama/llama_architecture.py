"""Whether a stack's Llama is the model of the proxies, and its rotary positions."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from mutransfer_cli.documents.scale import Deviation
from mutransfer_cli.emit.core.capability_check import refusal
from mutransfer_cli.emit.core.decoder import Decoder
from mutransfer_cli.emit.core.protocol import EmitRequest

# Hugging Face model types with the same architecture; multipliers are absorbed.
LLAMA_LIKE = frozenset({"llama", "mistral", "granite"})


def another_architecture(decoder: Decoder) -> Deviation:
    """The deviation of proxies that are no Llama."""
    return Deviation(
        what="model",
        wanted=decoder.kind,
        got="llama3",
        consequence="rotary positions, RMSNorm and a gated MLP, which the proxies did not have; "
        "take hf:llama as model.build",
    )


def check_architecture(request: EmitRequest, parts: Collection[str]) -> None:
    """Refuse models of which a stack's Llama lacks a tensor or an operation.

    Args:
        request: The configuration to write.
        parts: The parts of a decoder that the stack has.

    Raises:
        InputError: The model is such a one; the message names its config's key.
    """
    t = request.decoder
    if t.kind not in LLAMA_LIKE:
        return
    unknown = [p for p in t.parts.values() if p not in parts and not p.endswith("_bias")]
    if unknown or t.bias or any(p.endswith("_bias") for p in t.parts.values()):
        raise refusal(request, f"its llama3 has no {unknown[0] if unknown else 'bias'}")
    rope_values(request)
    if t.heads % t.groups:
        raise refusal(
            request,
            f"num_attention_heads {t.heads} is no multiple of num_key_value_heads {t.groups}",
        )
    window = request.hf_config.to_dict().get("sliding_window")
    if window and window < t.length:
        raise refusal(request, f"sliding_window is {window}, and its llama3 attends to everything")


def rope_values(request: EmitRequest) -> dict[str, Any]:
    """Fields of torchtitan's RoPE.Config.

    Raises:
        InputError: The rotary frequencies are rescaled in another way than Llama 3's.
    """
    t = request.decoder
    values: dict[str, Any] = {"theta": t.rope_theta or 10000.0, "scaling": "none"}
    config = request.hf_config.to_dict() if t.kind in LLAMA_LIKE else {}
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    kind = rope.get("rope_type", "default")
    if kind == "default":
        return values
    if kind != "llama3":
        raise refusal(request, f"rope_type is {kind}, and its llama3 has default and llama3")
    return values | {
        "scaling": "llama",
        "scaling_factor": float(rope["factor"]),
        "low_freq_factor": float(rope["low_freq_factor"]),
        "high_freq_factor": float(rope["high_freq_factor"]),
        "original_max_position_embeddings": int(rope["original_max_position_embeddings"]),
    }
