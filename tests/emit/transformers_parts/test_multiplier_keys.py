"""Configs of model types with multipliers: loaded by transformers, the model is the plan's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from mutransfer_cli.emit.scale import EmitResult, scale
from mutransfer_cli.emit.transformers_parts.multiplier_keys import MULTIPLIER_KEYS
from mutransfer_cli.models.builder import build
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.recipe.load import load
from mutransfer_cli.recipe.size import Size
from tests.helpers.emitted_training import module_of

transformers = pytest.importorskip("transformers")

SIZES = {
    "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "vocab_size": 256, "max_position_embeddings": 32, "bos_token_id": 1,
    "eos_token_id": 2, "pad_token_id": 0,
}  # fmt: skip
EXPERTS = {"num_local_experts": 4, "num_experts_per_tok": 2}
SHARED = {**EXPERTS, "shared_intermediate_size": 32}
MAMBA = {"mamba_n_heads": 8, "mamba_d_state": 8, "mamba_chunk_size": 8}
TYPES: dict[str, dict[str, Any]] = {
    "granite": {"logits_scaling": 5.0, "residual_multiplier": 0.3},
    "granite_swa": {"logits_scaling": 5.0},
    "granitemoe": {**EXPERTS, "attention_multiplier": 0.1},
    "granitemoe_swa": EXPERTS,
    "granitemoehybrid": {**SHARED, **MAMBA, "layer_types": ["mamba", "attention"]},
    "granitemoeshared": SHARED,
    "hyperclovax": {"logits_scaling": 5.0},
    "cohere": {},
    "cohere2": {"head_dim": 16},
    "cohere2_moe": {"head_dim": 16, "num_experts": 4, "num_experts_per_tok": 2},
    "falcon_h1": {
        **MAMBA, "mamba_d_ssm": 64, "mamba_d_head": 8, "mamba_n_groups": 1, "head_dim": 16,
        "lm_head_multiplier": 0.4,
    },
    "minicpm3": {
        "q_lora_rank": 32, "kv_lora_rank": 16, "qk_nope_head_dim": 8, "qk_rope_head_dim": 8,
        "v_head_dim": 16, "dim_model_base": 16,
    },
}  # fmt: skip
# What no key of the config holds, so that the file's `install` puts it into the model.
INSTALLED: dict[str, set[str]] = {
    "cohere": {"embedding_scale", "attention_scale"},
    "cohere2": {"embedding_scale", "attention_scale"},
    "cohere2_moe": {"embedding_scale", "attention_scale"},
    "minicpm3": {"attention_scale"},
}
RECIPE = """
name: t
model: {build: 'hf:CONFIG'}
parameterization: completep
multipliers: {embedding: 3.0, logit: 2.0, attention: 0.2}
data: {source: stdlib, seq_len: 8}
base: {width: 64, depth: 2, batch: 4, steps: 20}
"""
ROUNDING = 1e-6
TARGET = Size(width=128, depth=4, batch=4, steps=20)


def emitted(folder: Path, kind: str) -> tuple[Path, EmitResult]:
    """The recipe, and the files of the target, which are written to `out`."""
    config, recipe = folder / "model.json", folder / "r.yaml"
    config.write_text(json.dumps({"model_type": kind, **SIZES, **TYPES[kind]}))
    recipe.write_text(RECIPE.replace("CONFIG", str(config)))
    found = scale(recipe, width=TARGET.width, depth=TARGET.depth, format="hf")
    return recipe, found


def logits(model: nn.Module, weights: dict[str, torch.Tensor]) -> torch.Tensor:
    """What a model makes of a sequence."""
    model.load_state_dict(weights)
    result: torch.Tensor = model.eval()(input_ids=torch.arange(8)[None]).logits.detach()
    return result


def apart(found: torch.Tensor, expected: torch.Tensor) -> float:
    """The largest difference, as a share of the largest logit."""
    return float((found - expected).abs().max() / expected.abs().max())


def test_every_type_of_the_table_is_tried() -> None:
    assert TYPES.keys() == MULTIPLIER_KEYS.keys()


@pytest.mark.parametrize("kind", TYPES)
def test_the_config_holds_the_multipliers(tmp_path: Path, kind: str) -> None:
    recipe, found = emitted(tmp_path, kind)
    read = load(recipe).recipe
    plan, ours = ProxyFactory(read).plan(TARGET), build(read, TARGET).model
    plan.initialize(ours)
    plan.install(ours)
    weights = ours.state_dict()
    expected = logits(ours, weights)
    file = module_of(tmp_path, found, "out")
    assert file.SITES.keys() == INSTALLED.get(kind, set())
    theirs = file.build()
    assert apart(logits(theirs, weights), expected) < ROUNDING
    rates = {
        id(p): g["lr"] for g in file.create_optimizer(theirs).param_groups for p in g["params"]
    }
    planned = {t.name: t.lr for t in plan.tensors}
    assert {n: rates[id(p)] for n, p in theirs.named_parameters()} == pytest.approx(planned)
    # the config alone, by transformers, where nothing has to be installed; without each key not
    values = json.loads(found.files["config.json"])
    del values["mutransfer"]
    if not file.SITES:
        assert apart(logits(by_config(values), weights), expected) < ROUNDING
    for key in MULTIPLIER_KEYS[kind].values():
        changed = {**values, key.name: values[key.name] * 2}
        model = by_config(changed)
        file.install(model)
        assert apart(logits(model, weights), expected) > 100 * ROUNDING


def by_config(values: dict[str, Any]) -> nn.Module:
    """The model that transformers makes of a config."""
    config = transformers.AutoConfig.for_model(**values)
    model: nn.Module = transformers.AutoModelForCausalLM.from_config(config)
    return model
