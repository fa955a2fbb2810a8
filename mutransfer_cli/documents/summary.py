"""The document of `summary`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mutransfer_cli.documents.base import Part


class SummaryDocument(Part):
    """A run in a few lines."""

    schema_: Literal["mutransfer/summary/v1"] = Field(
        default="mutransfer/summary/v1", alias="schema"
    )
    run: str
    lines: tuple[str, ...]
    files: tuple[str, ...]
    hyperparameters: dict[str, float] = Field(
        default_factory=dict, description="the choice, the same as in `fit`"
    )
    verdict: Literal["holds", "fails", "inconclusive"] | None = None
