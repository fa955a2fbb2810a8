"""The recipes that `mutransfer init` writes."""

from __future__ import annotations

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.template import template


@pytest.mark.parametrize("model", ["gpt", "mlp", "convnet", "my.pkg:build"])
@pytest.mark.parametrize("name", ["tiny", "123", "null", "1e5"])
def test_templates_load(model: str, name: str) -> None:
    recipe = loads(template(model, name)).recipe
    assert (recipe.name, recipe.model.build) == (name, model)
    assert recipe.base.width == 64 and recipe.ladder.width == (32, 64, 128)


@pytest.mark.parametrize(
    ("model", "name", "words"),
    [
        ("gtp", "x", "expected mlp | gpt"),
        ("gpt", "a/b", "expected letters"),
        ("gpt", "", "expected letters"),
    ],
)
def test_templates_that_there_are_not(model: str, name: str, words: str) -> None:
    with pytest.raises(InputError, match=words.replace("|", r"\|")):
        template(model, name)
