"""Keys of lm-engine's model config that come from the proxies' Hugging Face config."""

from __future__ import annotations

from mutransfer_cli.emit.core.capability_check import refusal
from mutransfer_cli.emit.core.protocol import EmitRequest


def token_ids(request: EmitRequest) -> dict[str, int]:
    """The special tokens, which the stack demands; 0 where the proxies have none."""
    values = request.hf_config.to_dict() if request.hf_config is not None else {}
    names = ("bos_token_id", "eos_token_id", "pad_token_id")
    found = {name: values.get(name) for name in names}
    return {name: value if isinstance(value, int) else 0 for name, value in found.items()}


def rope_theta(request: EmitRequest) -> int:
    """Base of the rotary frequencies, which the stack wants as an integer.

    Raises:
        InputError: It is none, or the frequencies are rescaled, for which the stack has only YaRN.
    """
    theta = request.decoder.rope_theta or 10000.0
    if theta != int(theta):
        raise refusal(request, f"rope_theta is {theta}, expected an integer")
    config = request.hf_config.to_dict() if request.hf_config is not None else {}
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    kind = rope.get("rope_type", "default")
    if kind != "default":
        raise refusal(request, f"rope_type is {kind}, and the stack rescales frequencies by YaRN")
    return int(theta)
