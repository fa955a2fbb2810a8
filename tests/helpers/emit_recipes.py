"""Recipes that every format is tried with, and a recipe whose models are trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

LLAMA = {
    "model_type": "llama", "hidden_size": 128, "intermediate_size": 320, "num_hidden_layers": 2,
    "num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 16, "vocab_size": 256,
    "max_position_embeddings": 32, "initializer_range": 0.02,
}  # fmt: skip
GPT = "{build: gpt, args: {vocab_size: 256, n_head: 2, tied: TIED, bias: true}}"
CASES: dict[str, dict[str, Any]] = {
    "gpt": {},
    "gpt-tied": {"TIED": "true"},
    "gpt-one-std": {"INIT": "{std: 0.05, embedding_std: 0.05, readout_std: 0.05, residual: gpt2}"},
    "gpt-no-decay": {"DECAY": "0.0", "CLIP": "null"},
    "gpt-coupled": {"RULES": "{weight_decay: coupled, epsilon: constant}"},
    "gpt-multipliers": {"MULTIPLIERS": "{embedding: 3.0, logit: 2.0, attention: 0.2}"},
    "gpt-absorbed": {"RULES": "{readout: absorbed}"},
    "gpt-factors": {"FACTORS": "{embedding: 2.0, readout: 0.5}"},
    "gpt-deep": {"depth": 6},
    "gpt-completep": {"PARAM": "completep", "depth": 6},
    "gpt-completep-tied": {"PARAM": "completep", "depth": 6, "TIED": "true"},
    "gpt-completep-half": {"PARAM": "completep", "depth": 6, "RULES": "{depth_alpha: 0.5}"},
    "gpt-sp": {"PARAM": "sp"},
    "gpt-residual": {"MULTIPLIERS": "{residual: 0.5}"},
    "llama": {"model": {}},
    "llama-tied": {"model": {"tie_word_embeddings": True}},
    "llama-completep": {"model": {}, "PARAM": "completep", "depth": 4},
    "llama-sp": {"model": {}, "PARAM": "sp"},
    "llama-batch": {"model": {}, "batch": 16},
    "granite": {"model": {"model_type": "granite", "attention_multiplier": 0.0625}},
    "granite-own": {
        "model": {
            "model_type": "granite", "attention_multiplier": 0.0625, "embedding_multiplier": 12.0,
            "logits_scaling": 4.0, "residual_multiplier": 0.22, "tie_word_embeddings": True,
        },
        "CLIP": "null",
    },
}  # fmt: skip
RECIPE = """
name: t
model: MODEL
parameterization: PARAM
rules: RULES
optimizer: {name: adamw, lr: 0.01, betas: [0.8, 0.9], eps: 1.0e-8, weight_decay: DECAY}
lr_factors: FACTORS
init: INIT
multipliers: MULTIPLIERS
clip: CLIP
schedule: {name: cosine, warmup: 0.1, final: 0.1}
data: {source: stdlib, seq_len: 8}
base: {width: BASE, depth: 2, batch: 4, steps: 20}
"""
DEFAULTS = {
    "TIED": "false", "PARAM": "mup", "RULES": "{}", "DECAY": "0.1", "INIT": "{}",
    "MULTIPLIERS": "{}", "CLIP": "1.0", "FACTORS": "{}",
}  # fmt: skip


def emit_recipe(folder: Path, case: str) -> Path:
    """The recipe of a case, written to a folder."""
    changes, text = CASES[case], RECIPE
    model, base = GPT, "16"
    if "model" in changes:
        config = folder / f"{case}.json"
        config.write_text(json.dumps({**LLAMA, **changes["model"]}))
        model, base = f"{{build: 'hf:{config}'}}", "64"
    for key, value in {"MODEL": model, "BASE": base, **DEFAULTS, **changes}.items():
        if isinstance(value, str):
            text = text.replace(key, value)
    path = folder / "r.yaml"
    path.write_text(text)
    return path


SMALL = """
name: t
model: {build: gpt, args: {vocab_size: 256, n_head: 2, tied: TIED}}
optimizer: {name: OPT, lr: 0.01, betas: [0.8, 0.9], weight_decay: DECAY}
clip: 1.0
data: {source: stdlib, seq_len: 8}
base: {width: 16, depth: 1, batch: 4, steps: 10}
"""


def small_recipe(
    folder: Path, tied: str = "false", name: str = "adamw", decay: str = "0.1"
) -> Path:
    """A gpt of one block, written to a folder."""
    path = folder / "r.yaml"
    text = SMALL.replace("TIED", tied).replace("OPT", name).replace("DECAY", decay)
    path.write_text(text if name != "sgd" else text.replace("betas: [0.8, 0.9]", "momentum: 0.9"))
    return path
