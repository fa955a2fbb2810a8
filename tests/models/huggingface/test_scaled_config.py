"""A config at a size: head size and ratios are kept, args are held fixed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.models.family_cache import family_for
from mutransfer_cli.models.huggingface.scaled_config import blamed, config_at
from mutransfer_cli.recipe.size import Size
from tests.helpers.hf_recipes import hf_recipe
from tests.helpers.proxies import plan_for


def test_grouped_query_attention_keeps_its_ratio() -> None:
    family = family_for(hf_recipe("mixtral"))  # 32 heads to 8 by default
    key = family.tensor("model.layers.0.self_attn.k_proj.weight")
    assert key.base_shape == (16, 64)
    plan = plan_for(hf_recipe("mixtral"), Size(256, 2, 4, 5))
    assert plan.tensor(key.name).shape == (64, 256)
    held = hf_recipe("llama", args="{head_dim: 16, num_key_value_heads: 2}")
    plan = plan_for(held, Size(256, 2, 4, 5))
    fixed = plan.tensor("model.layers.0.self_attn.k_proj.weight")
    assert (fixed.shape, fixed.role) == ((32, 256), "readout")  # its output does not grow
    assert fixed.lr == pytest.approx(0.005 / 4)  # inside the model: its multiplier is absorbed


def test_a_config_file_keeps_head_size_and_ratios(tmp_path: Path) -> None:
    config = {
        "model_type": "llama", "hidden_size": 512, "intermediate_size": 1536, "vocab_size": 320,
        "num_attention_heads": 8, "num_key_value_heads": 4, "num_hidden_layers": 6,
    }  # fmt: skip
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    made = hf_recipe(str(path), args="{}").model_copy(
        update={"base": hf_recipe("llama").base.model_copy(update={"width": 128})}
    )
    family = family_for(made)
    assert family.tensor("model.layers.0.self_attn.k_proj.weight").base_shape == (64, 128)
    assert family.tensor("model.layers.0.mlp.up_proj.weight").base_shape == (384, 128)
    assert family.attention[0].head_size == 64


@pytest.mark.parametrize(
    ("kind", "args", "line"),
    [
        ("lama", "{}", "no such model type"),
        ("none/config.json", "{}", "cannot be read"),
        ("llama", "{head_dim: 48}", "not a whole number"),
        ("llama", "{hidden: 3}", "model.args.hidden: hf:llama has no such entry"),
        ("llama", "{rms_norm_esp: 1}", "no such entry in its config; did you mean rms_norm_eps?"),
        ("llama", "{vocab_size: 0}", "model.args.vocab_size: expected a whole number from 1"),
        (
            "llama",
            "{num_attention_heads: -2}",
            "model.args.num_attention_heads: expected a whole number from 1, found -2",
        ),
    ],
)
def test_wrong_input(kind: str, args: str, line: str) -> None:
    with pytest.raises(InputError, match=line) as caught:
        family_for(hf_recipe(kind, args=args))
    assert "\n" not in str(caught.value)


def test_the_name_of_an_entry_on_the_hub() -> None:
    """Qwen's config.json says `num_experts`, transformers keeps it as `num_local_experts`."""
    recipe = hf_recipe("qwen3_moe", args="{num_experts: 4, head_dim: 128}")
    assert config_at(recipe, Size(2048, 2, 4, 5)).num_local_experts == 4


@pytest.mark.parametrize(
    ("kind", "entries", "fixed"),
    [
        # heads of 64 beside attention: their number is the inner width, 2 x hidden, over 64
        ("zamba2", {"n_mamba_heads": 64, "attention_hidden_size": 4096}, {"mamba_headdim": 64}),
        ("nemotron_h", {"mamba_num_heads": 64}, {"mamba_head_dim": 64}),
        # as published for Qwen3-Next: 16 and 32 heads of 128 at 2,048
        (
            "qwen3_next",
            {"linear_num_key_heads": 16, "linear_num_value_heads": 32},
            {"linear_key_head_dim": 128},
        ),
        (
            "jamba",
            {"mamba_dt_rank": 128},
            {"mamba_d_state": 16},
        ),  # hidden/16, as in the Mamba paper
    ],
)
def test_heads_and_ranks_of_state_spaces_follow_the_width(
    kind: str, entries: dict[str, int], fixed: dict[str, int], tmp_path: Path
) -> None:
    path = tmp_path / "config.json"
    sizes = {"hidden_size": 2048, "num_attention_heads": 32, "num_key_value_heads": 32}
    path.write_text(json.dumps({"model_type": kind, **sizes, **entries, **fixed}))
    recipe = hf_recipe(str(path), args="{}")
    half = config_at(recipe, Size(1024, 2, 4, 5))
    assert {n: getattr(half, n) for n in entries} == {n: v // 2 for n, v in entries.items()}
    assert {n: getattr(half, n) for n in fixed} == fixed


@pytest.mark.parametrize(
    ("args", "key"),
    [
        ("{head_dim: 15}", "head_dim"),  # rotary heads have an even size
        ("{head_dim: 7}", "head_dim"),  # 64 is no multiple of it
        ("{num_attention_heads: 4, hidden_act: gelu}", ""),
    ],
)
def test_a_refusal_names_the_argument_that_is_wrong(args: str, key: str) -> None:
    recipe = hf_recipe("llama", args=args)
    sizes = Size(240 if "15" in args else 64, 2, 4, 5)
    if not key:
        assert config_at(recipe, sizes).num_attention_heads == 4  # nothing is refused
        return
    with pytest.raises(InputError) as caught:
        config_at(recipe, sizes)
    assert caught.value.path == ("model", "args", key)


def test_the_longest_name_is_blamed() -> None:
    message = "RoPE needs an even `head_dim`=15 with head 4"
    assert blamed(message, ["head", "head_dim"]) == ("model", "args", "head_dim")
    assert blamed(message, ["rope_theta"]) == ("model",)
