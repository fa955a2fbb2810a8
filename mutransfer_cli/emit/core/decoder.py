"""A plan as a decoder: the sizes that every stack needs, and its tensors by part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mutransfer_cli.emit.core.decoder_parts import NotADecoder, decoder_parts, first_tensor
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.plans.types import TensorPlan
from mutransfer_cli.recipe.schema.recipe import Recipe

HF_DECODERS = ("gpt2", "llama", "mistral", "granite")


@dataclass(frozen=True, slots=True)
class Decoder:
    """Sizes of a decoder at the target and at the base, and its tensors by name.

    Attributes:
        parts: The part of each tensor, by the tensor's name.
        kind: The built-in model's name, or Hugging Face's model type.
        width: Width of the residual stream, at the target.
        base_width: Width of the residual stream, at the base.
        filter: Size of the feed-forward layer, at the target.
        base_filter: Size of the feed-forward layer, at the base.
        depth: Number of blocks, at the target.
        base_depth: Number of blocks, at the base.
        heads: Number of query heads.
        groups: Number of key and value heads.
        head_size: Entries per head.
        vocabulary: Size of the vocabulary.
        length: Tokens per sequence in the proxies' data.
        tied: Whether embedding and readout are one tensor.
        gated: Whether the feed-forward layer multiplies a gate with `up`.
        rotary: Whether positions are rotary, not learned.
        rms: Whether norms are RMSNorm, not LayerNorm.
        bias: Whether linear layers have biases.
        rope_theta: Base of the rotary frequencies; None where positions are learned.
        norm_eps: Epsilon of the norms.
        activation: Activation of the feed-forward layer, by Hugging Face's name.
        model_multipliers: Multipliers that the model applies by itself.
    """

    parts: Mapping[str, str]
    kind: str
    width: int
    base_width: int
    filter: int
    base_filter: int
    depth: int
    base_depth: int
    heads: int
    groups: int
    head_size: int
    vocabulary: int
    length: int
    tied: bool
    gated: bool
    rotary: bool
    rms: bool
    bias: bool
    rope_theta: float | None
    norm_eps: float
    activation: str
    model_multipliers: Mapping[str, float]

    @property
    def m_width(self) -> float:
        """The width multiplier."""
        return self.width / self.base_width

    @property
    def m_filter(self) -> float:
        """The multiplier of the feed-forward size."""
        return self.filter / self.base_filter

    @property
    def m_depth(self) -> float:
        """The depth multiplier."""
        return self.depth / self.base_depth

    def names(self, *parts: str) -> list[str]:
        """Tensors of these parts, in the model's order."""
        return [name for name, part in self.parts.items() if part in parts]


def decoder_of(plan: Plan, recipe: Recipe, hf_config: Any) -> Decoder:
    """The decoder that a plan is for.

    Args:
        plan: The target's plan.
        recipe: The recipe of the plan.
        hf_config: The Hugging Face config at the target; None for other models.

    Raises:
        NotADecoder: The model has a tensor, or a type, that the stacks' decoders do not have.
    """
    values: dict[str, Any] = dict(hf_config.to_dict()) if hf_config is not None else {}
    kind = str(values.get("model_type", recipe.model.build))
    if hf_config is not None and kind not in HF_DECODERS:
        raise NotADecoder(
            f"hf:{kind} may do more in its forward pass than the decoders known here "
            f"({', '.join(HF_DECODERS)})"
        )
    parts = decoder_parts(plan, recipe.model.build)
    embedding = first_tensor(plan, parts, recipe.model.build, "tied", "token")
    up = first_tensor(plan, parts, recipe.model.build, "up", "gate_up")
    matrices_in_up = 2 if parts[up.name] == "gate_up" else 1
    width, vocabulary = embedding.shape[1], embedding.shape[0]
    heads, head_size = head_sizes(recipe, values, width)
    rope = values.get("rope_parameters") or {}
    all_parts = set(parts.values())
    return Decoder(
        parts=parts,
        kind=kind,
        width=width,
        base_width=embedding.base_shape[1],
        filter=up.fan_out // matrices_in_up,
        base_filter=round(up.fan_out / matrices_in_up * base_over_target(up)),
        depth=plan.target["depth"],
        base_depth=plan.base["depth"],
        heads=heads,
        groups=int(values.get("num_key_value_heads") or heads),
        head_size=head_size,
        vocabulary=vocabulary,
        length=int(plan.target.get("seq_len", recipe.data.seq_len)),
        tied="tied" in all_parts,
        gated=bool(all_parts & {"gate", "gate_up"}),
        rotary="position" not in all_parts,
        rms=hf_config is not None and "final_norm_bias" not in all_parts,
        bias="up_bias" in all_parts,
        rope_theta=None if "position" in all_parts else float(rope.get("rope_theta", 10000.0)),
        norm_eps=float(values.get("rms_norm_eps") or values.get("layer_norm_epsilon") or 1e-5),
        activation=str(values.get("hidden_act") or values.get("activation_function") or "gelu"),
        model_multipliers=model_multipliers(kind, values),
    )


def head_sizes(recipe: Recipe, hf_values: Mapping[str, Any], width: int) -> tuple[int, int]:
    """The number of query heads and the size of one.

    Raises:
        NotADecoder: Neither the config nor the recipe says how many heads there are.
    """
    if hf_values:
        heads = int(hf_values.get("num_attention_heads") or hf_values.get("n_head") or 1)
        return heads, int(hf_values.get("head_dim") or width // heads)
    args = recipe.model.args
    heads = int(args.get("n_head") or 0) or width // int(args.get("head_dim") or width)
    if recipe.model.build != "gpt" and not (args.get("n_head") or args.get("head_dim")):
        raise NotADecoder(
            f"the number of heads of {recipe.model.build} is not known; give model.args.n_head or "
            "model.args.head_dim"
        )
    return heads, width // heads


def base_over_target(t: TensorPlan) -> float:
    """Fan-out at the base divided by that at the target, for a matrix whose fans are its shape."""
    dimension = t.shape.index(t.fan_out) if t.fan_out in t.shape else 0
    return t.base_shape[dimension] / t.shape[dimension]


def model_multipliers(kind: str, values: Mapping[str, Any]) -> dict[str, float]:
    """The multipliers that a model applies by itself, in addition to those of the plan."""
    if kind != "granite":
        return {}
    return {
        "residual": float(values["residual_multiplier"]),
        "logit_factor": 1 / float(values["logits_scaling"]),
    }
