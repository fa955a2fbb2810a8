"""The type of every part of a recipe, along its path."""

from __future__ import annotations

from functools import reduce
from typing import Any

import pytest

from mutransfer_cli.recipe.schema.optimizer import Init, Optimizer
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.schema.space import Space
from mutransfer_cli.recipe.schema_types import field_of, section_at, section_keys, type_below

TYPES = [
    ("optimizer", Optimizer),
    ("optimizer.lr", float),
    ("optimizer.betas.1", float),
    ("optimizer.betas.2", None),  # a pair has two entries
    ("ladder.width.7", int),
    ("ladder.width.x", None),
    ("clip", float),  # null is allowed, too
    ("model.args.anything", Any),
    ("model.width.d_model", float),
    ("search.space.lr", Space),
    ("search.space.lr.step.deeper", None),
    ("nothing", None),
]


@pytest.mark.parametrize(("path", "kind"), TYPES)
def test_types(path: str, kind: object) -> None:
    assert reduce(type_below, path.split("."), Recipe) is kind


def test_keys_are_those_of_the_file() -> None:
    assert "from" in section_keys(Init) and "from_" not in section_keys(Init)
    assert field_of(Init, "from") is not None and field_of(Init, "from_") is None


def test_sections() -> None:
    assert section_at(Recipe, ("search", "space", "lr")) is Space
    assert section_at(Recipe, ("optimizer", "lr")) is None
