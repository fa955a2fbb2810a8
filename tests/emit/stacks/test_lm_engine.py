"""Format lm-engine: its arguments, whose classes forbid unknown keys and demand others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from mutransfer_cli.emit.scale import scale
from mutransfer_cli.errors import InputError
from tests.helpers.emit_recipes import LLAMA, emit_recipe

# lm_engine/training/arguments/__init__.py and model_config.py, November 2026: the fields without a
# default, and those that are known
REQUIRED = {
    "vocab_size", "max_position_embeddings", "hidden_size", "num_layers", "normalization_function",
    "initializer_range", "bos_token_id", "eos_token_id", "pad_token_id", "position_embedding_type",
    "rope_theta", "rope_scaling", "m_emb", "m_width", "m_residual", "init_method",
    "embedding_init_method", "use_depth_scaled_init", "sequence_mixer_blocks", "mlp_blocks",
    "tie_word_embeddings",
}  # fmt: skip
KNOWN = REQUIRED | {
    "model_type", "embedding_dropout", "layer_norm_epsilon", "router_aux_loss_coef", "rope_dim",
}  # fmt: skip
ATTENTION = {
    "sequence_mixer_type", "num_attention_heads", "num_key_value_heads", "head_dim",
    "softmax_dropout", "dropout", "add_bias", "attention_multiplier",
    "attention_multiplier_method", "attention_gate", "exclusive_self_attention", "sliding_window",
}  # fmt: skip
SECTIONS = {
    "random_args", "tokenizer_args", "model_args", "tuning_args", "optimizer_args",
    "lr_scheduler_args", "datasets", "save_args", "load_args", "training_parameters",
    "logging_args", "mixed_precision_args", "distributed_args", "kernel_args",
}  # fmt: skip


def written(folder: Path, case: str, width: int, depth: int | None = None) -> dict[str, Any]:
    """The values of the file."""
    found = scale(emit_recipe(folder, case), width=width, depth=depth, format="lm-engine")
    values: dict[str, Any] = yaml.safe_load(found.text())
    return values


@pytest.mark.parametrize(
    ("case", "width", "depth"),
    [("llama", 256, None), ("gpt", 64, None), ("llama-completep", 256, 4)],
)
def test_a_file_of_which_no_key_is_unknown_or_missing(
    tmp_path: Path, case: str, width: int, depth: int | None
) -> None:
    values = written(tmp_path, case, width, depth)
    assert values.keys() <= SECTIONS
    assert set(values["model_args"]) == {"pretrained_config"}
    config = values["model_args"]["pretrained_config"]
    assert REQUIRED <= config.keys() <= KNOWN
    assert isinstance(config["rope_theta"], int)
    layers = depth or 2
    assert len(config["sequence_mixer_blocks"]) == len(config["mlp_blocks"]) == layers
    for block in config["sequence_mixer_blocks"]:
        assert block.keys() <= ATTENTION
        assert block["attention_multiplier_method"] is None  # else a multiplier is refused
        assert block["attention_multiplier"] > 0
    for name in ("datasets", "tuning_args", "save_args"):
        assert values[name]
    training = values["training_parameters"]
    # without an interval of evaluation, and with two of the three sizes of a batch
    assert training["eval_during_training"] is False
    assert training["global_batch_size"] == 4 and training["micro_batch_size"] == 1
    assert "gradient_accumulation_steps" not in training
    assert values["mixed_precision_args"] == {"dtype": "fp32"}


def test_activations_keep_their_names(tmp_path: Path) -> None:
    def activation(case: str, width: int) -> str:
        config = written(tmp_path, case, width)["model_args"]["pretrained_config"]
        return str(config["mlp_blocks"][0]["activation_function"])

    assert activation("llama", 256) == "swiglu"
    assert activation("gpt", 64) == "gelu"  # the built-in gpt has the exact one


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rope_theta": 10000.5}, "rope_theta is 10000.5"),
        ({"rope_scaling": {"rope_type": "linear", "factor": 2.0}}, "rope_type is linear"),
    ],
)
def test_rotary_positions_that_it_does_not_have(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    path = emit_recipe(tmp_path, "llama")
    (tmp_path / "llama.json").write_text(json.dumps({**LLAMA, **change}))
    with pytest.raises(InputError, match=message):
        scale(path, width=256, format="lm-engine")
