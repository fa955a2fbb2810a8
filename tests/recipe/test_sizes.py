"""Sizes, model arguments and data that do not fit are named with what would."""

from __future__ import annotations

import pytest
import yaml

from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import Size, base_size, recipe_target, rungs, target_size
from tests.recipe.test_yaml_source import GOOD, MLP, change, refused

GPT = [
    ("{head_dim: 16}", "{}", "4:9: model.args: give exactly one of head_dim, n_head"),
    ("{head_dim: 16}", "{head_dim: 16, n_head: 2}", "4:9: model.args: give exactly one of"),
    ("{head_dim: 16}", "{head_dmi: 16}", "4:10: model.args.head_dmi: unknown key; did you mean"),
    ("{head_dim: 16}", "{head_dim: x}", "4:20: model.args.head_dim: expected an integer"),
    ("{head_dim: 16}", "{head_dim: 16, d_model: 3}", "4:24: model.args.d_model: set by base.width"),
    ("{head_dim: 16}", "{head_dim: 16, n_layer: 3}", "4:24: model.args.n_layer: set by base.depth"),
    ("{head_dim: 16}", "{head_dim: 16, seq_len: 3}", "4:24: model.args.seq_len: set by data"),
    ("{head_dim: 16}", "{head_dim: 16, vocab_size: 99}", "4:36: model.args.vocab_size: stdlib dat"),
    (
        "[32, 64]",
        "[32, 40]",
        "9:22: ladder.width.1: d_model 40 is not divisible by head_dim 16; "
        "nearest that work: 32, 48",
    ),
    ("width: 32}", "width: 8}", "8:15: base.width: d_model 8 is not divisible by head_dim 16; "
     "nearest that work: 16"),
    ("{head_dim: 16}", "{n_head: 3}", "8:15: base.width: d_model 32 is not divisible by n_head 3; "
     "nearest that work: 30, 33"),
    ("{head_dim: 16}", "{head_dim: 16}\n  width: {d_modle: 1}",
     "5:11: model.width.d_modle: unknown key; did you mean 'd_model'?"),
    ("{head_dim: 16}", "{head_dim: 16}\n  width: {d_model: 0.25}",
     "9:15: base.width: d_model 8 is not divisible by head_dim 16; nearest that work: 64"),
    ("{head_dim: 16}", "{head_dim: 16}\n  depth: {n_layer: 0.3}",
     "9:1: base.depth: n_layer = 2 × 0.3 = 0.6 is not a whole number"),
    ("source: stdlib", "source: text", "7:1: data.path: missing; data.source text reads a file"),
    ("source: stdlib", "source: stdlib, path: x", "7:30: data.path: data.source stdlib reads no"),
    ("source: stdlib", "source: stdlib, d_in: 3", "7:30: data.d_in: data.source stdlib has no"),
    ("source: stdlib", "source: digits", "7:16: data.source: gpt reads tokens"),
    ("source: stdlib", "source: tokens, path: x", "4:3: model.args.vocab_size: missing; a file of"),
    ("{width: 32}", "{width: 32, tokens: 1000}", "8:27: base.tokens: 1000 tokens are less than"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line"), GPT)
def test_gpt(old: str, new: str, line: str) -> None:
    assert refused(change(old, new)).startswith("r.yaml:" + line)


MLPS = [
    ("args: {}", "args: {d_in: 64}", "4:16: model.args.d_in: the data has d_in 256, found 64"),
    ("args: {}", "args: {activation: rleu}", "4:22: model.args.activation: expected relu | gelu"),
    ("args: {}", "args: {bias: 1}", "4:16: model.args.bias: expected true or false, found 1"),
    ("args: {}", "args: {head_dim: 1}", "4:10: model.args.head_dim: unknown key"),
    ("teacher", "stdlib", "7:16: data.source: mlp reads vectors: expected digits | teacher"),
    ("teacher", "digits, d_in: 65", "7:30: data.d_in: digits have d_in 64, found 65"),
]


@pytest.mark.parametrize(("old", "new", "line"), MLPS)
def test_mlp(old: str, new: str, line: str) -> None:
    assert refused(change(old, new, MLP)).startswith("r.yaml:" + line)


def test_the_target_has_to_fit_too() -> None:
    assert refused(GOOD + "target: {width: 100}\n") == (
        "r.yaml:10:17: target.width: d_model 100 is not divisible by head_dim 16; "
        "nearest that work: 96, 112"
    )


def test_arguments_are_filled_from_the_data() -> None:
    digits = loads(MLP.replace("teacher", "digits")).recipe
    assert digits.model.args == {"activation": "relu", "bias": True, "d_in": 64, "d_out": 10}
    assert (digits.data.d_in, digits.data.d_out) == (64, 10)
    teacher = loads(MLP.replace("teacher", "teacher, d_in: 7")).recipe
    assert (teacher.model.args["d_in"], teacher.model.args["d_out"]) == (7, 10)
    gpt = loads(GOOD).recipe.model
    assert gpt.args == {
        "head_dim": 16, "tied": False, "bias": False, "mlp_ratio": 4, "vocab_size": 256
    }  # fmt: skip
    assert (gpt.width, gpt.depth) == ({"d_model": 1.0}, {"n_layer": 1.0})
    own = loads(GOOD.replace("gpt", "a.b:c").replace("{head_dim: 16}", "{x: 1}")).recipe
    assert (own.model.args, own.model.width, own.model.depth) == ({"x": 1}, {"width": 1.0}, {})
    assert (own.init.from_, loads(GOOD).recipe.init.from_) == ("model", "fan_in")


def test_sizes() -> None:
    recipe = loads(GOOD + "target: {width: 256}\n").recipe
    base = Size(width=32, depth=2, batch=16, steps=200)
    assert base_size(recipe) == base
    assert rungs(recipe) == (base, Size(64, 2, 16, 200))
    assert target_size(recipe) == Size(256, 2, 16, 200)
    assert target_size(recipe, width=512) == Size(512, 2, 16, 200)
    assert target_size(recipe, tokens=204800) == Size(256, 2, 16, 200)  # 200 · 16 · 64
    alone = loads(GOOD.replace("ladder: {width: [32, 64]}\n", "")).recipe
    assert (rungs(alone), target_size(alone)) == ((base,), base)
    wider = loads(GOOD.replace("[32, 64]", "[128, 16, 128]")).recipe
    assert [size.width for size in rungs(wider)] == [16, 32, 128]


def test_a_ladder_is_lines_through_the_base() -> None:
    # base 32, 2, 16, 200; a batch of 32 halves the steps, for the same tokens
    text = GOOD.replace("{width: [32, 64]}", "{width: [64], depth: [4], batch: [32], steps: [400]}")
    assert set(rungs(loads(text).recipe)) == {
        Size(32, 2, 16, 200),
        Size(64, 2, 16, 200),
        Size(32, 4, 16, 200),
        Size(32, 2, 32, 100),
        Size(32, 2, 16, 400),
    }
    product = text.replace("{width: [64], depth: [4], batch: [32], steps: [400]}",
                           "{width: [64], depth: [4], product: true}")  # fmt: skip
    assert {(s.width, s.depth) for s in rungs(loads(product).recipe)} == {
        (32, 2), (32, 4), (64, 2), (64, 4)
    }  # fmt: skip


def test_tokens_are_examples_where_the_data_has_none() -> None:
    # 3200 examples of 16 a step; 204800 tokens of 16 × 64 a step: 200 steps both
    assert base_size(loads(MLP.replace("{width: 32}", "{width: 32, tokens: 3200}")).recipe) == Size(
        32, 2, 16, 200
    )
    text = GOOD.replace("{width: 32}", "{width: 32, tokens: 2.048e5}")
    assert base_size(loads(text).recipe).steps == 200


BAD_TARGETS = [
    ({"width": 100}, "--width: d_model 100 is not divisible by head_dim 16"),
    ({"width": 0}, "--width: expected at least 1, found 0"),
    ({"depth": 0}, "--depth: expected at least 1, found 0"),
    ({"tokens": 5}, "--tokens: 5 tokens are less than one step of 1024"),
    ({"tokens": 5, "steps": 5}, "--tokens: give --steps or --tokens, not both"),
]


@pytest.mark.parametrize(("sizes", "line"), BAD_TARGETS)
def test_targets_of_the_command_line(sizes: dict[str, int], line: str) -> None:
    with pytest.raises(InputError) as caught:
        target_size(loads(GOOD).recipe, **sizes)
    assert str(caught.value).startswith(line)


def test_a_batch_alone_keeps_the_tokens() -> None:
    # 200 · 16 = 3200 examples
    for batch, steps in ((8, 400), (32, 100), (10000, 1)):
        data = yaml.safe_load(GOOD) | {"target": {"width": 64, "batch": batch}}
        assert recipe_target(Recipe.model_validate(data)) == Size(64, 2, batch, steps)
    data = yaml.safe_load(GOOD) | {"target": {"batch": 32, "tokens": 204800}}  # 100 · 32 · 64
    assert recipe_target(Recipe.model_validate(data)) == Size(32, 2, 32, 100)
