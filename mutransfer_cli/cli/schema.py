"""`mutransfer schema`: the JSON Schema of a command's document."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Annotated

import typer

from mutransfer_cli.cli.options import Debug
from mutransfer_cli.errors import InputError

DOCUMENTS = {
    "check": "documents.check:CheckDocument",
    "doctor": "documents.doctor:DoctorDocument",
    "fit": "documents.fit:FitDocument",
    "init": "documents.cli:InitDocument",
    "plan": "documents.plan:SavedPlan",
    "scale": "documents.scale:ScaleDocument",
    "shapes": "documents.plan:ShapesDocument",
    "summary": "documents.cli:SummaryDocument",
    "sweep": "documents.sweep:SweepDocument",
}


def register(app: typer.Typer) -> None:
    app.command("schema")(schema)


def schema(
    command: Annotated[str, typer.Argument(help=f"One of {', '.join(DOCUMENTS)}.")],
    debug: Debug = False,
) -> None:
    """Print the JSON Schema of the document that a command prints under --json."""
    if command not in DOCUMENTS:
        raise InputError(f"schema {command}: expected one of {', '.join(DOCUMENTS)}")
    module, _, name = DOCUMENTS[command].partition(":")
    document = getattr(import_module(f"mutransfer_cli.{module}"), name)
    print(json.dumps(document.model_json_schema(by_alias=True), indent=2))
