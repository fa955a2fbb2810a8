"""The axes, the sizes that stand for them, and their multipliers."""

from __future__ import annotations

from dataclasses import fields

from mutransfer_cli.catalog.axes import AXES
from mutransfer_cli.catalog.sizes import BASE_DEFAULTS, SIZES, multipliers
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.schema.sizes import Base, Ladder, Target
from mutransfer_cli.recipe.size import Size, base_size
from tests.helpers.recipes import GOOD


def test_multipliers() -> None:
    base = {"width": 64, "depth": 2, "batch": 16, "steps": 200}
    target = {"width": 256, "depth": 8, "batch": 32, "steps": 1000}
    # duration is the ratio of examples: 5 times the steps of twice the examples
    assert multipliers(base, target) == {"width": 4, "depth": 4, "batch": 2, "duration": 10}


def test_sizes_are_those_of_the_recipe_and_of_the_code() -> None:
    further = ("experts", "active_experts", "expert_width", "rank", "seq_len")
    assert ("width", "depth", "batch", "steps", *further) == SIZES
    assert tuple(field.name for field in fields(Size)) == SIZES
    for section in (Base, Ladder, Target):
        assert set(SIZES) <= section.model_fields.keys()
    assert Size(1, 2, 3, 4).as_dict() == {"width": 1, "depth": 2, "batch": 3, "steps": 4}


def test_defaults_are_those_of_a_recipe_that_gives_the_width_alone() -> None:
    usual = {"depth": 2, "batch": 16, "steps": 200}
    assert base_size(loads(GOOD).recipe).as_dict() == {"width": 32, **usual}
    assert {name: BASE_DEFAULTS[name] for name in usual} == usual
    assert {n for name, n in BASE_DEFAULTS.items() if name not in usual} == {1}


def test_the_model_grows_along_width_and_depth() -> None:
    further = ["experts", "active_experts", "expert_width", "rank", "seq_len"]
    assert [axis.name for axis in AXES if axis.grows_model] == ["width", "depth", *further]
    assert [axis.name for axis in AXES if axis.keeps_tokens] == ["batch"]


def test_sizes_that_a_model_does_not_have_are_left_out() -> None:
    size = Size(1, 2, 3, 4, experts=8)
    assert size.as_dict() == {"width": 1, "depth": 2, "batch": 3, "steps": 4, "experts": 8}
    assert "rank" not in Base(width=8).model_dump()
    assert Base(width=8, rank=4).model_dump()["rank"] == 4
    base = {"width": 64, "depth": 2, "batch": 16, "steps": 200}
    grown = multipliers(base, {**base, "experts": 8})
    assert grown == {"width": 1, "depth": 1, "batch": 1, "duration": 1, "experts": 8}
