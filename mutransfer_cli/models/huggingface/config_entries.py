"""Entries of a Hugging Face config: what they are called, and their values for a type or a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from mutransfer_cli.data.data_file import FileVersion, file_version
from mutransfer_cli.errors import InputError
from mutransfer_cli.files import read_json
from mutransfer_cli.models.huggingface.transformers_import import import_transformers
from mutransfer_cli.models.user_code import BUILD

HIDDEN_SIZE = ("hidden_size", "d_model", "n_embd", "embed_dim", "dim")
FOLLOWS_HIDDEN_SIZE = frozenset(
    {"intermediate_size", "n_inner", "d_ff", "ffn_dim", "encoder_ffn_dim", "decoder_ffn_dim"}
    | {"moe_intermediate_size", "shared_expert_intermediate_size", "shared_intermediate_size"}
    | {"pooler_output_size", "time_step_rank", "word_embed_proj_dim", "lru_width", "hidden_dim"}
    | {"q_lora_rank", "kv_lora_rank", "rotary_ndims", "ffn_hidden_size", "expert_intermediate_size"}
    | {"expert_ffn_hidden_size", "shared_experts_intermediate_size", "intermediate_size_mlp"}
    | {"moe_shared_expert_intermediate_size", "dense_intermediate_size", "dim_ff", "d_inner"}
    | {"feed_forward_size", "attention_hidden_size", "mamba_dt_rank", "o_lora_rank"}
    # numbers of heads of further layers beside attention, whose head size stays
    | {"mamba_d_ssm", "mamba_n_heads", "mamba_num_heads"}
    | {"linear_num_heads", "linear_num_key_heads", "linear_num_value_heads"}
    | {"swa_num_attention_heads", "swa_num_key_value_heads"}
)
# The same, where the config has an entry for the size of such a head (Zamba 2; Zamba has none).
FOLLOWS_WITH_HEAD_SIZE = {"n_mamba_heads": "mamba_headdim"}
HEAD_COUNT = ("num_attention_heads", "n_head", "num_heads", "n_heads", "encoder_attention_heads")
FURTHER_HEAD_COUNTS = ("encoder_attention_heads", "decoder_attention_heads")
KEY_HEAD_COUNT = ("num_key_value_heads", "num_kv_heads")
HEAD_SIZE = ("head_dim", "d_kv")
LAYER_COUNT = ("num_hidden_layers", "n_layer", "num_layers", "n_layers", "encoder_layers")
FURTHER_LAYER_COUNTS = ("num_decoder_layers", "encoder_layers", "decoder_layers")
# Lists that may be as long as there are layers, and are not one value a layer.
NOT_PER_LAYER = frozenset({"mlp_multipliers", "ssm_multipliers", "time_step_limit"})
# By further axis, the entries that are its size, the most specific first.
AXIS_ENTRIES = {
    "experts": ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts"),
    "active_experts": ("num_experts_per_tok", "moe_top_k", "moe_topk", "moe_k", "top_k_experts"),
    "expert_width": (
        "moe_intermediate_size",
        "expert_intermediate_size",
        "expert_ffn_hidden_size",
        "intermediate_size",
    ),
}
SPECIAL_TOKENS = ("pad_token_id", "bos_token_id", "eos_token_id")


@dataclass(frozen=True, slots=True)
class KnownConfig:
    """A config whose type transformers knows.

    Attributes:
        model_type: The type, such as "llama".
        values: The entries, including the type's defaults.
        from_file: Whether the entries come from a file.
    """

    model_type: str
    values: Mapping[str, Any]
    from_file: bool


def first_entry(values: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    """The first of the names under which the config has a number; None if there is none."""
    return next((n for n in names if isinstance(values.get(n), int)), None)


def entries_that_follow(values: Mapping[str, Any]) -> list[str]:
    """The entries that grow with the hidden size, apart from it and attention's heads."""
    counts = {n for n, head_size in FOLLOWS_WITH_HEAD_SIZE.items() if head_size in values}
    return sorted((FOLLOWS_HIDDEN_SIZE | counts) & values.keys())


def entry_called(known: KnownConfig, name: str) -> str | None:
    """The entry that a name means, which may be another one of the type's names for it.

    Args:
        known: The config.
        name: A name, such as Qwen's `num_experts` for `num_local_experts`.
    """
    names = getattr(import_transformers().CONFIG_MAPPING[known.model_type], "attribute_map", {})
    return next((n for n in (name, names.get(name)) if n in known.values), None)


def known_config(name: str) -> KnownConfig:
    """The config of a model type, or of a config.json; a file is read again once it has changed.

    Raises:
        InputError: The type is unknown, or the file cannot be read.
    """
    return _known_config(name, file_version(Path(name)) if name.endswith(".json") else None)


@lru_cache(maxsize=8)
def _known_config(name: str, version: FileVersion | None) -> KnownConfig:
    """Load a config; `version` makes the cache miss if the file at the path was replaced."""
    transformers = import_transformers()
    if not name.endswith(".json"):
        try:
            config = transformers.CONFIG_MAPPING[name]()
        except KeyError:
            raise InputError(
                f"hf:{name}: transformers {transformers.__version__} has no such model "
                "type; expected llama, gpt2, qwen3, mixtral, mamba, vit, t5, …",
                path=BUILD,
            ) from None
        return KnownConfig(name, config.to_dict(), False)
    try:
        values = read_json(Path(name), finite=False)
    except InputError as error:
        raise InputError(error.message, path=BUILD) from error
    model_type = str(values.get("model_type")) if isinstance(values, dict) else "missing"
    if model_type not in transformers.CONFIG_MAPPING:
        raise InputError(
            f"{name}: model_type is {model_type!r}, which transformers "
            f"{transformers.__version__} does not know",
            path=BUILD,
        )
    try:
        defaults = transformers.CONFIG_MAPPING[model_type](**values).to_dict()
    except Exception as error:  # configs check their entries with errors of many classes
        raise InputError(f"{name}: its {model_type} config refuses: {error}", path=BUILD) from error
    return KnownConfig(model_type, {**defaults, **values}, True)
