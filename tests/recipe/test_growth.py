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
    assert bool(growth_hint(difference)) is difference.startswith(("ladder", "search"))


def test_samplers_that_choose_by_what_ended_do_not_grow() -> None:
    sobol = ("search.sampler=sobol", "search.budget={trials: 64}")
    assert read_as(recipe(*sobol), recipe(*sobol, "search.seeds=3")) == recipe(*sobol)
