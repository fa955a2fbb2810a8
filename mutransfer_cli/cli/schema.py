"""`mutransfer schema`: the JSON Schema of a command's document, or of a recipe."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from mutransfer_cli.catalog.commands import COMMANDS, load_model
from mutransfer_cli.cli.output import write
from mutransfer_cli.errors import InputError

if TYPE_CHECKING:
    from pydantic import BaseModel

FURTHER = {name: model for row in COMMANDS for name, model in row.further_documents}
NAMES = (*(row.name for row in COMMANDS if row.document is not None), *FURTHER, "plan", "recipe")


def schema(
    document: Annotated[str, typer.Argument(metavar="COMMAND", help=f"One of {', '.join(NAMES)}.")],
) -> None:
    """Print the JSON Schema of the document that a command prints under --json, or of a recipe."""
    if document not in NAMES:
        raise InputError(f"schema {document}: expected one of {', '.join(NAMES)}")
    write(json.dumps(_model(document).model_json_schema(by_alias=True), indent=2) + "\n")


def _model(document: str) -> type[BaseModel]:
    """The pydantic model of a document."""
    if document == "recipe":
        from mutransfer_cli.recipe.schema.recipe import Recipe

        return Recipe
    if document == "plan":
        from mutransfer_cli.documents.plan import SavedPlan

        return SavedPlan
    if document in FURTHER:
        return load_model(FURTHER[document])
    return COMMANDS[document].load_document()
