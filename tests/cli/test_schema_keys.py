"""The keys of a recipe as a list: every key, with its meaning, default and example."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import Field

from mutransfer_cli.cli.printed.schema_keys import keys_of
from mutransfer_cli.documents.base import Part
from mutransfer_cli.recipe.schema.recipe import Recipe
from tests.helpers.commands import run


class Inner(Part):
    """A section."""

    rate: float = Field(0.5, gt=0, le=1, description="How much.")
    kinds: tuple[str, ...] = ()


class Outer(Part):
    """A document."""

    name: str
    one: Inner = Field(default_factory=Inner)
    many: dict[str, Inner] = Field(default_factory=dict)


def test_every_key_has_type_default_and_example() -> None:
    example = {"name": "x", "many": {"a": {"rate": 0.25}}}
    keys = {key.path: key for key in keys_of(Outer.model_json_schema(), example)}
    assert list(keys) == [
        "name", "one", "one.rate", "one.kinds", "many", "many.NAME.rate", "many.NAME.kinds",
    ]  # fmt: skip
    assert keys["name"].facts == 'text; required; example "x"'
    assert keys["one.rate"].facts == "number, above 0, at most 1; default 0.5"
    assert keys["one.rate"].meaning == "How much."
    assert keys["many.NAME.rate"].facts.endswith("example 0.25")
    assert keys["one.kinds"].facts == "a list of texts; default []"


def test_every_key_of_a_recipe_says_what_it_means() -> None:
    """The names of the keys are those of the classes, which are walked here anew."""

    def paths(model: type[Any], prefix: str = "") -> set[str]:
        found = set()
        for name, field in model.model_fields.items():
            found.add(f"{prefix}{field.alias or name}")
            if isinstance(field.annotation, type) and hasattr(field.annotation, "model_fields"):
                found |= paths(field.annotation, f"{prefix}{field.alias or name}.")
        return found

    keys = {key.path: key for key in keys_of(Recipe.model_json_schema(by_alias=True))}
    assert paths(Recipe) <= keys.keys()
    assert {path for path, key in keys.items() if not key.meaning} == set()


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("schema", "recipe", "--keys") == 0
    text = capsys.readouterr().out
    assert "optimizer.lr: Peak learning rate.\n    number, above 0; default 0.005;" in text
    assert run("schema", "recip") == 2
    assert "did you mean 'recipe'?" in capsys.readouterr().err
