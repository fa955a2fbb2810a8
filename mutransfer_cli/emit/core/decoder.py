"""A plan seen as a decoder: what each tensor is in it, and the sizes that every stack asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any

from mutransfer_cli.emit.core.abc_symmetry import SAME, Numbers
from mutransfer_cli.errors import InputError
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.plans.types import TensorPlan
from mutransfer_cli.recipe.schema.recipe import Recipe

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
# By what the parts of a decoder are multiplied beside their own multiplier.
KNOBS = {
    "token": "embedding",
    "position": "embedding",
    "tied": "embedding",
    "readout": "logit",
    "attention_out": "residual",
    "down": "residual",
}
DECODERS = ("gpt2", "llama", "mistral", "granite")  # of Hugging Face's
MATRICES = ("qkv", "q", "k", "v", "attention_out", "gate", "gate_up", "up", "down")
INNER = ("qkv", "q", "k", "v", "gate", "gate_up", "up")  # of which every stack has one init


def part_of(tensor: TensorPlan) -> str | None:
    """What a tensor is in a decoder: a part, or a part and `_bias`; None for anything else."""
    name, _, kind = tensor.name.rpartition(".")
    if tensor.role == "tied":
        return "tied"
    for pattern, part in PARTS:
        if pattern.search(name):
            return part if kind == "weight" else f"{part}_bias"
    return None


def knob_of(part: str | None) -> str | None:
    """`embedding`, `logit` or `residual`; a bias that ends a branch is multiplied with it."""
    if part is None:
        return None
    found = KNOBS.get(part.removesuffix("_bias"))
    return None if found == "logit" and part.endswith("_bias") else found


@dataclass(frozen=True, slots=True)
class Transformer:
    """Sizes of a decoder at the target and at the base, and its tensors by name."""

    parts: Mapping[str, str]
    kind: str  # gpt, or Hugging Face's model type
    width: int
    base_width: int
    filter: int  # of the feed-forward part
    base_filter: int
    depth: int
    base_depth: int
    heads: int
    groups: int  # of keys and values
    head_size: int
    vocabulary: int
    length: int  # of a sequence
    tied: bool
    gated: bool  # a product of gate and up
    rotary: bool
    rms: bool  # RMSNorm, not LayerNorm
    bias: bool
    rope_theta: float | None
    norm_eps: float
    activation: str
    own: Mapping[str, float]  # multipliers of the model itself

    @property
    def m(self) -> float:
        return self.width / self.base_width

    @property
    def m_filter(self) -> float:
        return self.filter / self.base_filter

    @property
    def r(self) -> float:
        return self.depth / self.base_depth

    def names(self, *parts: str) -> list[str]:
        """Tensors of these parts, in the model's order."""
        return [name for name, part in self.parts.items() if part in parts]


def transformer_of(format: str, plan: Plan, recipe: Recipe, config: Any) -> Transformer:
    """The decoder that a plan is of.

    Raises InputError naming the first tensor that no decoder of these stacks has.
    """
    parts: dict[str, str] = {}
    values: dict[str, Any] = dict(config.to_dict()) if config is not None else {}
    kind = str(values.get("model_type", recipe.model.build))
    other = "take --format torch, lightning, hf (of an hf: model) or json"
    if config is not None and kind not in DECODERS:
        raise InputError(
            f"--format {format}: hf:{kind} may do more in its forward pass than the decoders known "
            f"here ({', '.join(DECODERS)}); {other}"
        )
    for t in plan.tensors:
        part = part_of(t)
        if part is None or (t.role in {"convolution", "expert"}):
            raise InputError(
                f"--format {format}: writes decoders (gpt, hf:llama, hf:granite, hf:gpt2, …), and "
                f"{recipe.model.build} has {t.name}; {other}"
            )
        parts[t.name] = part

    def shape_of(*wanted: str) -> TensorPlan:
        for t in plan.tensors:
            if parts[t.name] in wanted:
                return t
        raise InputError(
            f"--format {format}: {recipe.model.build} has no {wanted[0]} tensor; {other}"
        )

    embedding, up = shape_of("tied", "token"), shape_of("up", "gate_up")
    twice = 2 if parts[up.name] == "gate_up" else 1
    width, vocabulary = embedding.shape[1], embedding.shape[0]
    args = recipe.model.args
    if config is None:
        heads = int(args.get("n_head") or 0)
        heads = heads or width // int(args.get("head_dim") or width)
        if recipe.model.build != "gpt" and not (args.get("n_head") or args.get("head_dim")):
            raise InputError(
                f"--format {format}: the number of heads of {recipe.model.build} is not known; "
                f"give model.args.n_head or model.args.head_dim, or {other}"
            )
        size = width // heads
    else:
        heads = int(values.get("num_attention_heads") or values.get("n_head") or 1)
        size = int(values.get("head_dim") or width // heads)
    rope = values.get("rope_parameters") or {}
    found = set(parts.values())
    return Transformer(
        parts=parts,
        kind="gpt" if config is None else kind,
        width=width,
        base_width=embedding.base_shape[1],
        filter=up.fan_out // twice,
        base_filter=round(up.fan_out / twice * fan_ratio(up)),
        depth=plan.target["depth"],
        base_depth=plan.base["depth"],
        heads=heads,
        groups=int(values.get("num_key_value_heads") or heads),
        head_size=size,
        vocabulary=vocabulary,
        length=recipe.data.seq_len,
        tied="tied" in found,
        gated=bool(found & {"gate", "gate_up"}),
        rotary="position" not in found,
        rms=config is not None and "final_norm_bias" not in found,
        bias="up_bias" in found,
        rope_theta=float(rope.get("rope_theta", 10000.0)) if "position" not in found else None,
        norm_eps=float(values.get("rms_norm_eps") or values.get("layer_norm_epsilon") or 1e-5),
        activation=str(values.get("hidden_act") or values.get("activation_function") or "gelu"),
        own=own_multipliers(kind, values),
    )


def fan_ratio(t: TensorPlan) -> float:
    """The fan-out at the base over that at the target, of a matrix whose fans are its shape."""
    out = t.shape.index(t.fan_out) if t.fan_out in t.shape else 0
    return t.base_shape[out] / t.shape[out]


def own_multipliers(kind: str, values: Mapping[str, Any]) -> dict[str, float]:
    """What a model multiplies by itself, where the plan's multipliers are beside it."""
    if kind != "granite":
        return {}
    return {
        "residual": float(values["residual_multiplier"]),
        "logit_beside": 1 / float(values["logits_scaling"]),
    }


def forward_scale(plan: Plan, knob: str, own: Mapping[str, float]) -> float:
    """All that multiplies at a knob: the plan's number, or the model's own where it has none."""
    value = plan.forward.get(f"{knob}_scale")
    found = own.get(knob, 1.0) if value is None else value
    return found * own.get(f"{knob}_beside", 1.0)


def wanted_of(plan: Plan, parts: Mapping[str, str], own: Mapping[str, float]) -> dict[str, Numbers]:
    """What the plan wants of each tensor, its multiplier being all that multiplies it."""
    scale: dict[str | None, float] = {
        knob: forward_scale(plan, knob, own) for knob in ("embedding", "logit", "residual")
    }
    return {t.name: numbers_of(t, scale.get(knob_of(parts.get(t.name)), 1.0)) for t in plan.tensors}


def numbers_of(t: TensorPlan, scale: float = 1.0) -> Numbers:
    """A plan's line as numbers; the init of a model's own is known from the base's sample."""
    entries = 1
    for n in t.base_shape:
        entries *= n
    sampled = t.init in {"rescale", "keep"}
    return Numbers(
        lr=t.lr,
        init_std=t.init_std,
        weight_decay=t.weight_decay,
        eps=t.eps,
        multiplier=t.multiplier * scale,
        loose=5 / sqrt(2 * entries) if sampled else SAME,
    )
