"""Fields whose values are names of the catalog."""

from __future__ import annotations

import pytest

from mutransfer_cli.recipe.load import loads
from tests.helpers.recipes import GOOD, change


@pytest.mark.parametrize("name", ["mup", "sp", "ntk", "mean-field", "umup", "completep"])
def test_available_parameterizations(name: str) -> None:
    assert loads(GOOD + f"parameterization: {name}\n").recipe.parameterization == name


@pytest.mark.parametrize("name", ["lion", "muon", "adafactor", "shampoo", "soap"])
def test_available_optimizers(name: str) -> None:
    assert loads(change("lr: 0.01", f"name: {name}")).recipe.optimizer.name == name


@pytest.mark.parametrize("pruner", ["halving", "median"])
def test_pruners(pruner: str) -> None:
    assert loads(GOOD + f"search: {{prune: {pruner}}}\n").recipe.search.prune == pruner
