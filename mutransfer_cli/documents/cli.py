"""Documents of the commands that belong to no room."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mutransfer_cli.documents.base import Part


class InitDocument(Part):
    schema_: Literal["mutransfer/init/v1"] = Field(default="mutransfer/init/v1", alias="schema")
    path: str
    model: str


class SummaryDocument(Part):
    schema_: Literal["mutransfer/summary/v1"] = Field(
        default="mutransfer/summary/v1", alias="schema"
    )
    run: str
    lines: tuple[str, ...]
    files: tuple[str, ...]
