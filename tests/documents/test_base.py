"""All documents: complete lists of fields, frozen, and JSON that every parser reads."""

from __future__ import annotations

import json
from importlib import import_module
from math import inf, nan
from pkgutil import iter_modules
from typing import Literal

import pytest
from pydantic import Field, ValidationError

from mutransfer_cli import documents
from mutransfer_cli.catalog.commands import COMMANDS
from mutransfer_cli.documents.base import Part, as_json, as_values

MODULES = [m.name for m in iter_modules(documents.__path__)]
PARTS = {
    part
    for name in MODULES
    for part in vars(import_module(f"{documents.__name__}.{name}")).values()
    if isinstance(part, type) and issubclass(part, Part) and part is not Part
}


class Toy(Part):
    """A document whose first field is not its schema."""

    value: float
    schema_: Literal["toy/v1"] = Field(default="toy/v1", alias="schema")


def test_the_schema_comes_first() -> None:
    assert list(as_values(Toy(value=1))) == ["schema", "value"]
    assert json.loads(as_json(Toy(value=1))) == {"schema": "toy/v1", "value": 1.0}


@pytest.mark.parametrize("value", [nan, inf])
def test_numbers_that_are_no_json_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        as_json(Toy(value=value))


@pytest.mark.parametrize("part", sorted(PARTS, key=lambda p: p.__name__), ids=lambda p: p.__name__)
def test_parts_are_frozen_and_have_no_further_fields(part: type[Part]) -> None:
    assert part.model_config["frozen"] and part.model_config["extra"] == "forbid"
    assert part.__doc__
    with pytest.raises(ValidationError, match="no_such_field"):
        part.model_validate({"no_such_field": 1})
    schema = part.model_json_schema(by_alias=True)
    assert schema["additionalProperties"] is False and schema["properties"]


@pytest.mark.parametrize("row", [row for row in COMMANDS if row.document], ids=lambda r: r.name)
def test_a_command_s_document_has_a_version_of_its_own(row: object) -> None:
    name, document = row.name, row.load_document()  # type: ignore[attr-defined]  # a CommandEntry
    versions = document.model_json_schema(by_alias=True)["properties"]["schema"]
    assert versions["const"].startswith(f"mutransfer/{name}/v"), versions
