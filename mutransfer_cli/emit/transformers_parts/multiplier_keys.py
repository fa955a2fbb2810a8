"""Multipliers in the configs of transformers: a row for each model type that has keys for them.

Read in transformers 5.24.0 (November 2026), in `modeling_TYPE.py` beside each key. Keys with like
names differ: `logits_scaling` divides in Granite and multiplies in HyperCLOVA X. AFMoE's
`mup_enabled` is a factor √width on embeddings alone, and no such key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import sqrt
from typing import Any, NamedTuple

from mutransfer_cli.plans.types import Site

# Takes the config's values, the key and the planned multiplier; returns the key's new value, or
# None where the key cannot hold it.
NewValue = Callable[[Mapping[str, Any], str, float], float | int | None]


class ConfigKey(NamedTuple):
    """A key of a config that holds a multiplier.

    Attributes:
        name: The key.
        total: The key's value where the plan has the total of the multiplier, because it sets the
            attribute that the model makes of the key; None: the key does not become an attribute.
        further: The key's value where the plan multiplies by a hook, on top of the model's own.
    """

    name: str
    total: NewValue | None
    further: NewValue

    def value(self, values: Mapping[str, Any], planned: float, site: Site) -> float | int | None:
        """The key's new value; None where the key cannot hold the multiplier."""
        new = self.total if site.how == "attribute" else self.further
        return None if new is None else new(values, self.name, planned)


def itself(values: Mapping[str, Any], key: str, planned: float) -> float:
    """The key is the multiplier."""
    return planned


def times(values: Mapping[str, Any], key: str, planned: float) -> float:
    """The key multiplies, and has a value of its own."""
    return float(values[key]) * planned


def divided(values: Mapping[str, Any], key: str, planned: float) -> float:
    """The key divides, and has a value of its own."""
    return float(values[key]) / planned


def over_root_depth(values: Mapping[str, Any], key: str, planned: float) -> float:
    """The model divides the key by √layers."""
    return planned * sqrt(values["num_hidden_layers"])


def times_whole(values: Mapping[str, Any], key: str, planned: float) -> int | None:
    """The key multiplies, and has to be a whole number."""
    value = float(values[key]) * planned
    return round(value) if round(value) >= 1 and abs(value - round(value)) < 1e-9 * value else None


def over_head_scale(values: Mapping[str, Any], key: str, planned: float) -> float:
    """The key multiplies q·k beside 1/√head_dim, and the plan has the product of both."""
    head = values.get("head_dim") or values["hidden_size"] // values["num_attention_heads"]
    return planned * sqrt(head)


EMBEDDING = ConfigKey("embedding_multiplier", itself, times)  # embeddings * it
BRANCHES = ConfigKey("residual_multiplier", itself, times)  # residual + hidden * it
ATTENTION = ConfigKey("attention_multiplier", itself, times)  # self.scaling = it
LOGITS = ConfigKey("logits_scaling", None, divided)  # logits / config.logits_scaling
LOGIT_SCALE = ConfigKey("logit_scale", itself, times)  # logits * self.logit_scale

GRANITE = {
    "embedding_scale": EMBEDDING,
    "residual_scale": BRANCHES,
    "attention_scale": ATTENTION,
    "logit_scale": LOGITS,
}
COHERE = {"logit_scale": LOGIT_SCALE}
MULTIPLIER_KEYS: dict[str, dict[str, ConfigKey]] = {
    "granite": GRANITE,
    "granite_swa": GRANITE,
    "granitemoe": GRANITE,
    "granitemoe_swa": GRANITE,
    "granitemoehybrid": GRANITE,
    "granitemoeshared": GRANITE,
    # logits * config.logits_scaling
    "hyperclovax": {**GRANITE, "logit_scale": ConfigKey("logits_scaling", None, times)},
    "cohere": COHERE,
    "cohere2": COHERE,
    "cohere2_moe": COHERE,
    "falcon_h1": {
        "embedding_scale": EMBEDDING,
        # k_proj(hidden) * key_multiplier, then rotary positions, which are linear
        "attention_scale": ConfigKey("key_multiplier", over_head_scale, times),
        "logit_scale": ConfigKey("lm_head_multiplier", None, times),  # lm_head(hidden) * it
    },
    "minicpm3": {
        "embedding_scale": ConfigKey("scale_emb", None, times),  # embed_scale of the embedding
        # self.residual_scale = scale_depth / math.sqrt(num_hidden_layers)
        "residual_scale": ConfigKey("scale_depth", over_root_depth, times),
        # hidden / (hidden_size / dim_model_base), before the readout
        "logit_scale": ConfigKey("dim_model_base", None, times_whole),
    },
}


def config_keys(model_type: str) -> dict[str, ConfigKey]:
    """The keys of a model type, by multiplier; empty for most types."""
    return MULTIPLIER_KEYS.get(model_type, {})
