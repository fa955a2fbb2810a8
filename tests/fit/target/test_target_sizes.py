"""The target's sizes, from a table's rungs and the command line."""

from __future__ import annotations

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.target.target_sizes import (
    recipe_sizes,
    require_above,
    same_sizes,
    table_sizes,
)
from mutransfer_cli.recipe.load import loads
from tests.helpers.run_directories import RECIPE

WIDTHS = [{"width": w, "batch": 16.0, "steps": 100.0} for w in (16.0, 32.0, 64.0)]
# batch grows at a constant number of 1600 examples
BATCHES = [{"width": 16.0, "batch": b, "steps": 1600 / b} for b in (8.0, 16.0, 32.0)]


def test_sizes_that_all_rungs_share_are_kept() -> None:
    assert table_sizes(WIDTHS, {"width": 256.0}) == {"width": 256.0, "batch": 16.0, "steps": 100.0}
    assert table_sizes(WIDTHS, {"width": 256.0, "steps": 400.0})["steps"] == 400.0


def test_steps_keep_the_examples() -> None:
    assert table_sizes(BATCHES, {"batch": 64.0})["steps"] == 25
    assert table_sizes(WIDTHS, {"width": 64.0, "tokens": 3200.0})["steps"] == 200  # 3200 / 16


@pytest.mark.parametrize(
    ("rungs", "given", "message"),
    [
        (WIDTHS, {}, "no target named"),
        (WIDTHS, {"depth": 4.0}, "--depth: the runs have no depth, only batch, steps, width"),
        (WIDTHS, {"steps": 400.0}, "the runs differ in width; give --width"),
        (BATCHES, {"width": 64.0}, "the runs differ in batch; give --batch"),
        (WIDTHS, {"width": 256.0, "params": 1e6}, "--params: the runs have no params"),
    ],
)
def test_targets_that_are_refused(
    rungs: list[dict[str, float]], given: dict[str, float], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        table_sizes(rungs, given)


def test_a_target_below_the_ladder_is_refused() -> None:
    with pytest.raises(InputError, match="target: width 8 is smaller than the smallest width"):
        require_above(WIDTHS, {"width": 8.0})
    require_above(WIDTHS, {"width": 16.0})
    require_above(WIDTHS, {"width": 40.0})
    require_above(BATCHES, {"width": 16.0, "batch": 4.0, "steps": 400.0})  # no smaller model


def test_the_target_of_a_recipe() -> None:
    recipe = loads(RECIPE).recipe
    sizes = recipe_sizes(recipe, {"width": 64.0})
    assert sizes == {"width": 64, "depth": 2, "batch": 16, "steps": 40}  # as its base
    assert recipe_sizes(recipe, {"width": 64.0, "batch": 32.0})["steps"] == 20
    with pytest.raises(InputError, match="no target named"):
        recipe_sizes(recipe, {})
    with pytest.raises(InputError, match="--params"):
        recipe_sizes(recipe, {"params": 1e6})


def test_same_sizes_up_to_rounding() -> None:
    assert same_sizes({"width": 64.0, "steps": 3784.0}, {"width": 64, "steps": 3785})
    assert same_sizes({"width": 64.0}, {"width": 64, "steps": None})
    assert not same_sizes({"width": 64.0, "steps": 100.0}, {"width": 64, "steps": 110})
