"""The commented recipe: it is valid for every model, and follows the rows of the catalog."""

from __future__ import annotations

import pytest

from mutransfer_cli.catalog.models import MODELS
from mutransfer_cli.catalog.sources import SOURCES
from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.starter.template import ProxyLadder, template
from tests.helpers.registries import remove


@pytest.mark.parametrize("model", [*MODELS.names, "my.pkg:build"])
@pytest.mark.parametrize("name", ["tiny", "123", "null", "true", "1e5"])
def test_templates_load(model: str, name: str) -> None:
    recipe = loads(template(model, name)).recipe
    assert (recipe.name, recipe.model.build) == (name, model)
    assert recipe.base.width == 64 and recipe.ladder.width == (32, 64, 128)
    assert recipe.target is not None
    assert recipe.init.from_ == ("model" if ":" in model else "fan_in")


def ladder(images: bool) -> ProxyLadder:
    """Sizes of some model of Hugging Face."""
    return ProxyLadder(
        model_type="some",
        base=64,
        widths=(32, 64),
        depth=2,
        target=(512, 8),
        args={},
        images=images,
        vocabulary=None if images else 50_000,
    )


def test_a_config_s_sizes_are_in_it() -> None:
    text = template("hf:some", "mine", ladder(images=False))
    recipe = loads(text).recipe
    assert recipe.base.width == 64 and recipe.ladder.width == (32, 64)
    assert recipe.target is not None
    assert (recipe.target.width, recipe.target.depth) == (512, 8)
    assert recipe.parameterization == "completep"  # the depth grows
    assert recipe.data.is_tokens and "50000" in text


def test_images_get_as_many_numbers_as_they_have() -> None:
    recipe = loads(template("hf:some", "mine", ladder(images=True))).recipe
    assert recipe.data.d_in == 64  # 8 × 8


def test_another_source_where_the_usual_one_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = loads(template("mlp", "mine")).recipe.data.source
    remove(monkeypatch, SOURCES, usual)
    other = loads(template("mlp", "mine")).recipe.data
    assert other.source != usual and not other.is_tokens


@pytest.mark.parametrize(
    ("model", "name", "words"),
    [
        ("gtp", "x", "expected mlp | gpt"),
        ("gpt", "a/b", "expected letters"),
        ("gpt", "a b", "expected letters"),
        ("gpt", "", "expected letters"),
    ],
)
def test_templates_that_there_are_not(model: str, name: str, words: str) -> None:
    with pytest.raises(InputError, match=words.replace("|", r"\|")):
        template(model, name)
