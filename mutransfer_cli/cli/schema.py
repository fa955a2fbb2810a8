"""`mutransfer schema`: the JSON Schema of a command's document, or of a recipe."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from mutransfer_cli.catalog.commands import COMMANDS, load_model
from mutransfer_cli.cli.arguments.completion import beginning_with
from mutransfer_cli.cli.terminal.output import show_line, write
from mutransfer_cli.errors import InputError, suggestion

if TYPE_CHECKING:
    from pydantic import BaseModel

FURTHER = {name: model for row in COMMANDS for name, model in row.further_documents}
NAMES = (*(row.name for row in COMMANDS if row.document is not None), *FURTHER, "plan", "recipe")


def schema(
    document: Annotated[
        str,
        typer.Argument(
            metavar="COMMAND",
            help=f"One of {', '.join(NAMES)}.",
            autocompletion=beginning_with(NAMES),
        ),
    ],
    keys: Annotated[
        bool,
        typer.Option("--keys", help="List every key with its meaning, default and an example."),
    ] = False,
) -> None:
    """Print the JSON Schema of the document that a command prints under --json, or of a recipe.

    Example: mutransfer schema recipe --keys
    """
    if document not in NAMES:
        hint = suggestion(document, NAMES)
        raise InputError(f"schema {document}: expected one of {', '.join(NAMES)}{hint}")
    schema = document_model(document).model_json_schema(by_alias=True)
    if not keys:
        write(json.dumps(schema, indent=2) + "\n")
        return
    from mutransfer_cli.cli.printed.schema_keys import keys_of, recipe_example

    example = recipe_example() if document == "recipe" else {}
    for key in keys_of(schema, example):
        show_line(f"{key.path}: {key.meaning}" if key.meaning else key.path)
        show_line(f"    {key.facts}")


def document_model(document: str) -> type[BaseModel]:
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
