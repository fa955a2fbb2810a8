"""Which optimizers step a population, and what steps one without a module of its own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mutransfer_cli.catalog.optimizers import OPTIMIZERS
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.train.batched_optimizers import selection
from mutransfer_cli.train.batched_optimizers.fused import FusedOptimizer
from mutransfer_cli.train.batched_optimizers.muon import VectorizedMuon
from mutransfer_cli.train.batched_optimizers.per_trial import PerTrialOptimizer
from mutransfer_cli.train.population.population import Population
from mutransfer_cli.train.population.trainer import train_population
from mutransfer_cli.train.single_trial import train_trial
from tests.helpers.trials import small_recipe, trials_of

SIZE = Size(32, 2, 8, 20)
SETTINGS = [{"lr": 0.001}, {"lr": 0.0005}]


def kinds(model: str, optimizer: str) -> list[type]:
    trials = trials_of(small_recipe(model, optimizer), SIZE, SETTINGS)
    return [type(o) for o in Population(trials).optimizers]


def test_each_optimizer_of_a_plan_has_its_own_step() -> None:
    assert kinds("gpt", "muon") == [VectorizedMuon, FusedOptimizer]  # matrices, and the rest
    assert kinds("mlp", "adafactor") == [PerTrialOptimizer]


@pytest.mark.parametrize("optimizer", ["lion", "adamw"])
def test_without_a_module_of_its_own_it_steps_trial_by_trial(
    optimizer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert kinds("mlp", optimizer) != [PerTrialOptimizer]  # the control
    rows = {row.name: replace(row, batched=None) for row in OPTIMIZERS}
    monkeypatch.setattr(selection, "OPTIMIZERS", rows)
    assert kinds("mlp", optimizer) == [PerTrialOptimizer]
    trials = trials_of(small_recipe("mlp", optimizer), SIZE, SETTINGS)
    together = dict(train_population(trials))
    for i, trial in enumerate(trials):
        assert together[i].loss == pytest.approx(train_trial(trial).loss, rel=1e-4)
