"""The base, the rungs of the ladder and the target."""

from __future__ import annotations

import pytest
import yaml

from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import Size, base_size, recipe_target, rungs, target_size
from tests.helpers.recipes import GOOD, MLP


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
    wider = loads(GOOD.replace("[32, 64]", "[128, 16]")).recipe
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
