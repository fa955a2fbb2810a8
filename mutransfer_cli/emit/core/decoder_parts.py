"""The parts of a decoder, recognized by the names of its tensors."""

from __future__ import annotations

import re
from collections.abc import Mapping

from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.plans.types import TensorPlan

# The end of a tensor's name, without `.weight` and `.bias`: the built-in gpt, Hugging Face's
# Llama and its kin, GPT-2.
PARTS = tuple(
    (re.compile(rf"(^|\.)({pattern})$"), part)
    for pattern, part in (
        (r"token|embed_tokens|wte", "token"),
        (r"position|wpe", "position"),
        (r"qkv|qkv_proj|c_attn", "qkv"),
        (r"q_proj", "q"),
        (r"k_proj", "k"),
        (r"v_proj", "v"),
        (r"attention\.out|o_proj|attn\.c_proj|self_attn\.dense", "attention_out"),
        (r"gate_proj", "gate"),
        (r"gate_up_proj", "gate_up"),
        (r"mlp\.up|up_proj|c_fc|fc1", "up"),
        (r"mlp\.down|down_proj|mlp\.c_proj|fc2", "down"),
        (r"readout|lm_head", "readout"),
        (r"norm|ln_f|final_layernorm", "final_norm"),
        (r"norm1|input_layernorm|ln_1", "norm1"),
        (r"norm2|post_attention_layernorm|ln_2", "norm2"),
        (r"q_norm|k_norm", "head_norm"),
    )
)
# The decoder's multiplier that acts on a part.
MULTIPLIER_OF_PART = {
    "token": "embedding",
    "position": "embedding",
    "tied": "embedding",
    "readout": "logit",
    "attention_out": "residual",
    "down": "residual",
}
MULTIPLIERS = ("embedding", "logit", "residual")
INNER = ("qkv", "q", "k", "v", "gate", "gate_up", "up")  # every stack has one init for these
BRANCH_OUTPUTS = ("attention_out", "down")
OUTER = ("token", "position", "tied", "readout")


class NotADecoder(ValueError):
    """The plan's model is not a decoder that the stacks train; the message says why."""


def part_of(tensor: TensorPlan) -> str | None:
    """A tensor's part in a decoder, with `_bias` appended for a bias; None for anything else."""
    name, _, kind = tensor.name.rpartition(".")
    if tensor.role == "tied":
        return "tied"
    for pattern, part in PARTS:
        if pattern.search(name):
            return part if kind == "weight" else f"{part}_bias"
    return None


def multiplier_of(part: str | None) -> str | None:
    """The multiplier that acts on a part; the bias that ends a branch is multiplied with it."""
    if part is None:
        return None
    multiplier = MULTIPLIER_OF_PART.get(part.removesuffix("_bias"))
    return None if multiplier == "logit" and part.endswith("_bias") else multiplier


def decoder_parts(plan: Plan, model: str) -> dict[str, str]:
    """The part of each tensor.

    Raises:
        NotADecoder: A tensor is not part of a decoder.
    """
    parts: dict[str, str] = {}
    for t in plan.tensors:
        part = part_of(t)
        if part is None or t.role in {"convolution", "expert"}:
            raise NotADecoder(
                f"writes decoders (gpt, hf:llama, hf:granite, hf:gpt2, …), and {model} has {t.name}"
            )
        parts[t.name] = part
    return parts


def first_tensor(plan: Plan, parts: Mapping[str, str], model: str, *candidates: str) -> TensorPlan:
    """The first tensor that is one of these parts.

    Args:
        plan: The target's plan.
        parts: The part of each tensor.
        model: The recipe's `model.build`, for the message.
        candidates: The parts.

    Raises:
        NotADecoder: There is no such tensor.
    """
    for t in plan.tensors:
        if parts[t.name] in candidates:
            return t
    raise NotADecoder(f"{model} has no {candidates[0]} tensor")
