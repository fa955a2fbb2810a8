"""All sections of a recipe: documented keys, valid defaults, and nothing unknown or mutable."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

import pytest
from pydantic import ValidationError

from mutransfer_cli.catalog.fields import Positive, Section
from mutransfer_cli.catalog.models import MODELS
from mutransfer_cli.recipe import schema

SECTIONS = {
    section.__name__: section
    for module in iter_modules(schema.__path__)
    for section in vars(import_module(f"{schema.__name__}.{module.name}")).values()
    if isinstance(section, type) and issubclass(section, Section) and section is not Section
} | {row.arguments.__name__: row.arguments for row in MODELS}


@pytest.mark.parametrize("name", SECTIONS)
def test_every_key_is_documented(name: str) -> None:
    """The texts after the fields are what `mutransfer schema recipe` says of them."""
    properties = SECTIONS[name].model_json_schema()["properties"]
    assert [
        key for key, value in properties.items() if not {"description", "$ref"} & value.keys()
    ] == []
    assert SECTIONS[name].__doc__


@pytest.mark.parametrize("name", SECTIONS)
def test_unknown_keys_are_errors_and_values_do_not_change(name: str) -> None:
    section = SECTIONS[name]
    with pytest.raises(ValidationError, match="no_such_key"):
        section.model_validate({"no_such_key": 1})
    field = next(iter(section.model_fields))
    with pytest.raises(ValidationError, match="frozen"):
        setattr(section.model_construct(), field, None)


def wrong_defaults(section: type[Section]) -> set[str]:
    """Keys whose default would be refused if it were given; pydantic itself does not look."""
    given = {
        field.alias or key: field.get_default(call_default_factory=True)
        for key, field in section.model_fields.items()
        if not field.is_required()
    }
    try:
        section.model_validate(given)
    except ValidationError as error:
        return {str(e["loc"][0]) for e in error.errors() if e["loc"]} & given.keys()
    return set()


@pytest.mark.parametrize("name", SECTIONS)
def test_defaults_are_values_that_may_be_given(name: str) -> None:
    assert wrong_defaults(SECTIONS[name]) == set()


class Broken(Section):
    """A default that the field's own type refuses."""

    width: Positive = 0
    depth: Positive = 1


def test_a_wrong_default_is_noticed() -> None:
    assert wrong_defaults(Broken) == {"width"}
