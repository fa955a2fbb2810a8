"""The search problem of a recipe."""

from __future__ import annotations

import pytest

from mutransfer_cli.recipe.load import loads
from mutransfer_cli.search.problem import search_problem

LIMITS = {"mup": ("width",), "completep": ("width", "depth"), "sp": ()}


@pytest.mark.parametrize("parameterization", LIMITS)
def test_limits_are_those_of_the_parameterization(parameterization: str) -> None:
    text = (
        "name: a\nmodel: {build: mlp}\ndata: {source: teacher, d_in: 32, d_out: 8}\n"
        "base: {width: 32, depth: 2, batch: 32, steps: 100}\nladder: {width: [32, 64]}\n"
        f"parameterization: {parameterization}\nsearch: {{space: {{lr: {{log2: [-12, -3]}}}}}}\n"
    )
    assert search_problem(loads(text).recipe, 3).limits == LIMITS[parameterization]
