"""The size of a decision."""

from __future__ import annotations

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.target.named_target import target_of_recipe, target_of_table
from mutransfer_cli.recipe.load import loads

RECIPE = """
name: r
model: {build: mlp}
data: {source: teacher, d_in: 8, d_out: 3}
base: {width: 8, depth: 2, batch: 16, steps: 40}
ladder: {width: [8, 16]}
"""


def test_a_recipe_names_a_target_or_the_options_do() -> None:
    plain = loads(RECIPE).recipe
    assert target_of_recipe(plain, {"width": None}) is None
    named = loads(RECIPE + "target: {width: 64}\n").recipe
    assert target_of_recipe(named, {}) == {"width": 64, "depth": 2, "batch": 16, "steps": 40}
    # a batch keeps the examples: 640 = 32 · 20
    options = {"width": 32, "batch": 32}
    assert target_of_recipe(plain, options) == {"width": 32, "depth": 2, "batch": 32, "steps": 20}


def test_a_table_keeps_what_its_rungs_share() -> None:
    rungs = [{"width": w, "batch": 16.0, "steps": 100.0} for w in (32.0, 64.0)]
    assert target_of_table(rungs, {"width": None}) is None
    assert target_of_table(rungs, {"width": 256}) == {"width": 256, "batch": 16, "steps": 100}
    with pytest.raises(InputError, match="--params: the runs have no params"):
        target_of_table(rungs, {"params": 1e9})
