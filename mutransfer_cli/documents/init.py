"""The document of `init`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mutransfer_cli.documents.base import Part


class InitDocument(Part):
    """The recipe that was written."""

    schema_: Literal["mutransfer/init/v1"] = Field(default="mutransfer/init/v1", alias="schema")
    path: str
    model: str
