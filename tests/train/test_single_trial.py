"""A trial is repeatable, the same for both parameterizations at the base, and may diverge."""

from __future__ import annotations

import pytest

from mutransfer_cli.recipe.size import Size
from tests.helpers.trials import GPT, MLP, changed_recipe, train_recipe


@pytest.mark.parametrize("text", [GPT, MLP], ids=["gpt", "mlp"])
@pytest.mark.parametrize("readout", ["multiplier", "absorbed"])
def test_mup_and_sp_are_the_same_at_the_base(text: str, readout: str) -> None:
    curves = []
    for parameterization in ("mup", "sp"):
        recipe = changed_recipe(text, parameterization=parameterization, rules__readout=readout)
        curves.append(train_recipe(recipe, seed=1))
    assert curves[0].curve == curves[1].curve
    assert curves[0].loss == curves[1].loss


def test_they_differ_elsewhere() -> None:
    losses = [
        train_recipe(changed_recipe(GPT, parameterization=p), Size(32, 2, 4, 12), seed=1).loss
        for p in ("mup", "sp")
    ]
    assert losses[0] != losses[1]


def test_a_trial_is_repeatable_and_its_seed_matters() -> None:
    recipe = changed_recipe(MLP)
    first, again, other = (train_recipe(recipe, seed=s) for s in (0, 0, 1))
    assert first.outcome == "finished"
    assert first.curve == again.curve and first.loss == again.loss
    assert first.curve != other.curve
    assert first.loss is not None and first.loss < first.curve[0][1]


def test_divergence_is_an_outcome() -> None:
    result = train_recipe(changed_recipe(MLP, optimizer__lr=1e6))
    assert result.outcome == "diverged"
    assert result.loss is None
    assert result.why


def test_timeout_is_a_failed_trial() -> None:
    result = train_recipe(changed_recipe(MLP, search__timeout=1e-6))
    assert result.outcome == "failed"
    assert "search.timeout" in (result.why or "")
