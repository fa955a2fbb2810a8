"""The frozen recipe reads back equal; ready-made recipes load."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from mutransfer_cli.recipe.freeze import first_difference, frozen_yaml
from mutransfer_cli.recipe.load import load, loads, override
from tests.helpers.recipes import GOOD, MLP

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.yaml"))
OWN = GOOD.replace("gpt", "a.b:c").replace("{head_dim: 16}", "{x: '1e5', y: [1, 2.5], z: null}")
RICH = (
    GOOD
    + """\
target: {width: 4096, tokens: 204800}
rules: {decay: ["*.weight", 'on', "1e3"], readout: absorbed}
roles: [{match: "*.A_log", role: fixed}]
lr_factors: {embedding: 2.0}
search:
  space: {lr: {log10: [-4, -1]}, beta1: {choice: [0.0]}, init_std: {linear: [0.1, 0.2]}}
  sampler: tpe
  budget: {trials: 8, flops: 1e15}
"""
)
TEXTS = [GOOD, MLP, OWN, RICH, MLP.replace("teacher", "digits"),
         GOOD.replace("{width: 32}", "{width: 32, tokens: 9999}"),
         GOOD.replace("tiny", '"null"'), GOOD.replace("tiny", '"1e5"')]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_round_trip(text: str) -> None:
    recipe = loads(text).recipe
    frozen = frozen_yaml(recipe)
    again = loads(frozen)
    assert again.recipe == recipe
    assert frozen_yaml(again.recipe) == frozen
    assert first_difference(again.recipe, recipe) is None
    assert "default" not in again.origins.values()  # everything is written out


def test_a_lost_key_is_noticed() -> None:
    recipe = loads(GOOD).recipe
    data = yaml.safe_load(frozen_yaml(recipe))
    del data["optimizer"]["lr"]
    assert loads(yaml.safe_dump(data)).recipe != recipe


def test_first_difference() -> None:
    recipe = loads(GOOD).recipe
    other = override(recipe, {"optimizer.lr": 0.02, "clip": 1.0})
    assert first_difference(recipe, other) == "optimizer.lr: 0.01 and 0.02"
    assert first_difference(recipe, override(recipe, {"clip": 1.0})) == "clip: null and 1.0"
    factor = override(recipe, {"lr_factors.readout": 2.0})
    assert first_difference(recipe, factor) == "lr_factors: {} and a mapping"


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_ready_made_recipes(path: Path) -> None:
    recipe = load(path).recipe
    assert recipe.name == path.stem
    text = path.read_text()
    assert text.startswith("#") and "# Time: " in text  # what it answers, how long it takes


def test_the_two_quickstarts_differ_in_the_parameterization_only() -> None:
    folder = Path(__file__).parents[2] / "recipes"
    mup, sp = (load(folder / f"{name}.yaml").recipe for name in ("quickstart", "quickstart-sp"))
    renamed = override(sp, {"name": "quickstart"})
    assert first_difference(mup, renamed) == "parameterization: 'mup' and 'sp'"
    assert override(renamed, {"parameterization": "mup"}) == mup


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys, mutransfer_cli.recipe.freeze, mutransfer_cli.recipe.starter.template;"
        "print([m for m in ('torch', 'numpy', 'scipy', 'optuna') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
