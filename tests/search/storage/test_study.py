"""A study belongs to one recipe."""

from __future__ import annotations

from pathlib import Path

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.search.storage.location import parse_location
from mutransfer_cli.search.storage.study import Study
from tests.helpers.sweeps import RECIPE


@pytest.fixture(params=["journal:study.log", "sqlite:///shared.db"])
def storage(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_another_recipe_of_the_same_name_is_refused(tmp_path: Path, storage: str) -> None:
    recipe = loads(RECIPE.replace("STEPS", "12"), "r.yaml").recipe
    study = Study.open(parse_location(storage, tmp_path), recipe, create=True)
    study.require_same(recipe, seed=0)
    study.require_same(recipe, seed=0)
    with pytest.raises(InputError, match="seed: 0 and 1"):
        study.require_same(recipe, seed=1)
    other = loads(RECIPE.replace("STEPS", "13"), "r.yaml").recipe
    with pytest.raises(InputError, match=r"different recipe: base\.steps: 12 and 13"):
        study.require_same(other, seed=0)
