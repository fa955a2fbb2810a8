"""A recipe's model is traced once, and its residual branches are seen."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch

from mutransfer_cli.errors import InputError
from mutransfer_cli.models.family_cache import family_for
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.parameterization.from_recipe import plan_config_of
from mutransfer_cli.parameterization.planner import plan_model
from mutransfer_cli.recipe.load import loads, override
from mutransfer_cli.recipe.size import Size
from tests.helpers.emit_recipes import LLAMA
from tests.helpers.proxies import plan_for

TEXT = """
name: ends
model: {build: gpt, args: {vocab_size: 256, head_dim: 16}}
init: {residual: gpt2, std: 0.1}
data: {source: stdlib, seq_len: 16}
base: {width: 32, depth: 2, batch: 4, steps: 5}
ladder: {width: [32, 64]}
"""


def test_what_ends_a_branch_of_the_built_in_models() -> None:
    recipe = loads(TEXT).recipe
    ends = {f"blocks.{i}.{name}.weight" for i in (0, 1) for name in ("attention.out", "mlp.down")}
    assert family_for(recipe).ends == ends
    # GPT-2: output projections by 1/√(2·depth), of the model's own depth
    stds = {t.name: t.init_std for t in plan_for(recipe, Size(32, 8, 4, 5)).tensors}
    assert stds["blocks.3.mlp.down.weight"] == pytest.approx(0.1 / 4)
    assert stds["blocks.3.mlp.up.weight"] == pytest.approx(0.1)
    text = TEXT.replace("build: gpt, args: {vocab_size: 256, head_dim: 16}", "build: convnet")
    text = text.replace("source: stdlib, seq_len: 16", "source: teacher, d_in: 16, d_out: 3")
    assert family_for(loads(text).recipe).ends == {"blocks.0.out.weight", "blocks.1.out.weight"}


def test_hyperparameters_share_the_family() -> None:
    recipe = loads(TEXT).recipe
    assert family_for(override(recipe, {"lr": 0.5})) is family_for(recipe)
    assert family_for(override(recipe, {"model.args.tied": True})) is not family_for(recipe)


def test_a_config_that_changes_is_traced_again(tmp_path: Path) -> None:
    """One path, two contents: biases in attention are in the second family alone."""
    config = tmp_path / "config.json"
    recipe = loads(TEXT.replace("build: gpt, args: {vocab_size: 256, head_dim: 16}",
                                f"build: 'hf:{config}'")).recipe  # fmt: skip
    names = []
    for bias in (False, True, True):
        config.write_text(json.dumps({**LLAMA, "hidden_size": 32, "attention_bias": bias}))
        names.append({t.name for t in family_for(recipe).tensors})
    assert {n for n in names[1] - names[0]} == {n for n in names[1] if n.endswith("proj.bias")}
    assert names[1] == names[2] and names[1] != names[0]


DEEP = """
name: deep
model: {build: gpt, args: {head_dim: 8}}
parameterization: completep
optimizer: {name: adamw, lr: 0.005, weight_decay: 0.1}
data: {source: stdlib, seq_len: 8}
base: {width: 16, depth: 10, batch: 4, steps: 10}
ladder: {width: [16, 32]}
"""


def test_few_blocks_give_the_plan_of_all() -> None:
    """Ten blocks traced one by one, and four that are repeated: the same number for each tensor."""
    recipe = loads(DEEP).recipe
    few, full = family_for(recipe, True, few_blocks=True), family_for(recipe, True)
    assert len(few.tensors) < len(full.tensors)
    size = Size(64, 20, 4, 10)
    factory = ProxyFactory(recipe)
    plan = factory.plan(size)
    shapes = {t.name: t.shape for t in plan.tensors}
    config, base = plan_config_of(recipe), factory.base.as_dict()
    assert plan == plan_model(full, config, shapes, base, size.as_dict())


@pytest.mark.parametrize(
    "change",
    [{"init.from": "model"}, {"base.depth": 8}],  # its own init may follow the depth; few anyway
)
def test_all_blocks_are_traced_where_few_may_mislead(change: dict[str, object]) -> None:
    recipe = override(loads(DEEP).recipe, change)
    found = family_for(recipe, True, few_blocks=True)
    assert found.blocks.counts == {"blocks": 10 if "init.from" in change else 8}


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_a_model_of_another_dtype_than_the_data_is_named(
    dtype: torch.dtype, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = f"import torch\ndef build(width): return torch.nn.Linear(16, 3, dtype={dtype})\n"
    (tmp_path / "other_dtype.py").write_text(lines)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "other_dtype", raising=False)
    text = TEXT.replace("build: gpt, args: {vocab_size: 256, head_dim: 16}",
                        "build: 'other_dtype:build'")  # fmt: skip
    text = text.replace("source: stdlib, seq_len: 16", "source: teacher, d_in: 16, d_out: 3")
    name = str(dtype).removeprefix("torch.")
    with pytest.raises(InputError, match=f"its parameters are {name} and the data float32"):
        family_for(loads(text).recipe)
