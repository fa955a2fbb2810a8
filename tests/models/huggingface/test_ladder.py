"""Base and ladder from the config of a target that exists."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.models.family_cache import family_for
from mutransfer_cli.models.huggingface.ladder import ladder_of
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.starter.template import template


def written(folder: Path, **config: object) -> str:
    path = folder / "config.json"
    path.write_text(json.dumps(config))
    return f"hf:{path}"


LLAMA_1B = {  # Llama 3.2 1B as its config has it: head size 2048/32 = 64, four queries to a key
    "model_type": "llama", "hidden_size": 2048, "intermediate_size": 8192,
    "num_attention_heads": 32, "num_key_value_heads": 8, "num_hidden_layers": 16,
    "vocab_size": 128256, "head_dim": 64, "tie_word_embeddings": True,
}  # fmt: skip


def test_llama_1b(tmp_path: Path) -> None:
    # the common divisor of 2048, 8192, 32 and 8 is 8: the narrowest has one key head, 256 wide
    found = ladder_of(written(tmp_path, **LLAMA_1B))
    assert (found.widths, found.base, found.depth) == ((256, 512, 1024), 512, 4)
    assert found.target == (2048, 16) and found.vocabulary == 128256
    recipe = loads(template(written(tmp_path, **LLAMA_1B), "mine", found)).recipe
    assert recipe.parameterization == "completep" and recipe.target is not None
    assert (recipe.target.width, recipe.target.depth) == (2048, 16)
    family = family_for(recipe)
    key = family.tensor("model.layers.0.self_attn.k_proj.weight")
    assert key.base_shape == (128, 512)  # 2 key heads of 64
    assert family.tensor("model.layers.0.mlp.up_proj.weight").base_shape == (2048, 512)
    assert family.attention[0].head_size == 64


def test_gpt2_xl(tmp_path: Path) -> None:
    # 1600 and 25 heads of 64: one head is the unit
    config = {"model_type": "gpt2", "n_embd": 1600, "n_head": 25, "n_layer": 48}
    found = ladder_of(written(tmp_path, **config))
    assert (found.widths, found.base, found.target) == ((64, 128, 256), 128, (1600, 48))


def test_many_queries_to_a_key_make_wide_proxies(tmp_path: Path) -> None:
    # 64 heads of 128, 8 of them keys: the narrowest is 8192/8 = 1024 wide; two rungs at least
    config = LLAMA_1B | {
        "hidden_size": 8192, "intermediate_size": 28672, "num_attention_heads": 64, "head_dim": 128,
    }  # fmt: skip
    found = ladder_of(written(tmp_path, **config))
    assert (found.widths, found.base) == ((1024, 2048), 1024)


def test_a_type_has_small_heads() -> None:
    # 32 heads of 128 become 256 of 16; the divisor of 4096, 11008 and 256 is 256: a unit of 16
    found = ladder_of("hf:llama")
    assert found.args == {"head_dim": 16} and found.widths == (64, 128, 256)
    assert ladder_of("hf:vit").images


@pytest.mark.parametrize(("model", "line"), [("hf:lama", "no such model"), ("hf:a.json", "read")])
def test_what_is_no_config(model: str, line: str) -> None:
    with pytest.raises(InputError, match=line):
        ladder_of(model)
