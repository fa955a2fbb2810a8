"""Recipes that train all that another one does, and more of the same."""

from __future__ import annotations

import pytest

from mutransfer_cli.recipe.freeze import first_difference, read_as
from mutransfer_cli.recipe.growth import growth_hint
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.schema.recipe import Recipe
from tests.helpers.recipes import MLP, change


def recipe(*sets: str) -> Recipe:
    text = change("lr: 0.01", "lr: 0.01\n", MLP)
    sizes = ("ladder={width: [32, 64]}", "search={space: {lr: {log2: [-8, -6]}}, seeds: 2}")
    return loads(text, "r.yaml", (*sizes, *sets)).recipe


@pytest.mark.parametrize(
    "larger",
    [
        "ladder={width: [32, 64, 128]}",
        "ladder={width: [32, 64], batch: [8, 16]}",
        "search.seeds=3",
        "search.extend=9",
        "search.space={lr: {log2: [-10, -5]}}",
        "search.space={lr: {log2: [-8, -6], step: 0.5}}",
        "search.space={lr: {choice: [0.00390625, 0.0078125, 0.015625, 0.02]}}",
        "search.budget={minutes: 3}",
        "target={width: 4096}",
    ],
)
def test_more_of_the_same(larger: str) -> None:
    assert first_difference(read_as(recipe(), recipe(larger)), recipe(larger)) is None


@pytest.mark.parametrize(
    "other",
    [
        ("ladder={width: [32, 128]}",),
        ("search.seeds=1",),
        ("search.extend=3",),
        ("search.space={lr: {log2: [-8.5, -5.5]}}",),
        ("search.space={lr: {log2: [-8, -6]}, beta1: {choice: [0.9]}}",),
        ("search.seeds=3", "search.prune=median"),
        ("search.seeds=3", "search.sampler=sobol", "search.budget={trials: 64}"),
        ("search.seeds=3", "search.objective=train_loss"),
        ("search.seeds=3", "clip=1.0"),
    ],
)
def test_something_else(other: tuple[str, ...]) -> None:
    difference = first_difference(read_as(recipe(), recipe(*other)), recipe(*other))
    assert difference is not None
    assert bool(growth_hint(difference, recipe().search)) is difference.startswith(
        ("ladder", "search")
    )


SEARCHES = {
    # 2 rungs × 2 seeds: 16 settings on each rung
    "sobol": ("search.sampler=sobol", "search.budget={trials: 64}"),
    "tpe": ("search.sampler=tpe", "search.budget={trials: 64}"),
    "adaptive": ("search.sampler=adaptive",),
    "independent": ("search.sampler=independent",),
}


@pytest.mark.parametrize(
    ("sampler", "sets", "goes_on"),
    [
        ("sobol", ("search.budget.trials=128",), True),
        ("sobol", ("search.budget.trials=96", "search.seeds=3"), True),
        ("sobol", ("search.seeds=3",), False),  # 10 settings on each rung
        ("sobol", ("ladder={width: [32, 64, 128]}", "search.budget.trials=96"), True),
        ("sobol", ("ladder={width: [32, 64, 128]}",), False),  # the same
        ("sobol", ("search.space={lr: {log2: [-9, -6]}}",), False),
        ("tpe", ("search.budget.trials=128",), True),
        ("tpe", ("search.budget.trials=96", "search.seeds=3"), False),  # other means
        ("tpe", ("search.budget.trials=32",), False),
        ("adaptive", ("search.precision=0.1", "target={width: 4096}"), True),
        ("adaptive", ("search.seeds=3",), False),
        ("independent", ("search.extend=9",), False),
    ],
)
def test_other_samplers_go_on(sampler: str, sets: tuple[str, ...], goes_on: bool) -> None:
    before, after = recipe(*SEARCHES[sampler]), recipe(*SEARCHES[sampler], *sets)
    difference = first_difference(read_as(before, after), after)
    assert (difference is None) is goes_on
    if difference is not None:
        assert bool(growth_hint(difference, before.search)) is (sampler != "independent")


def test_few_settings_have_a_random_start_of_their_own() -> None:
    """3 settings on each rung are drawn at random, 5 of 16 are: the fourth is another one."""
    few, more = ("search.budget={trials: 12}",), ("search.budget={trials: 64}",)
    before, after = (recipe("search.sampler=tpe", *sets) for sets in (few, more))
    assert read_as(before, after) == before
    sobol = "search.sampler=sobol"
    assert read_as(recipe(sobol, *few), recipe(sobol, *more)) == recipe(sobol, *more)
