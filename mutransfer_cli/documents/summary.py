"""The document of `summary`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mutransfer_cli.documents.base import Part


class MadeWith(Part):
    """Trials that were made with the same code, files, versions and device."""

    id: str | None = Field(
        description="digest of these; null: made by a version that did not store it"
    )
    trials: int
    since: str | None = Field(default=None, description="UTC; null: unknown")
    changes: tuple[str, ...] = Field(default=(), description="from those before")


class SummaryDocument(Part):
    """A run in a few lines."""

    schema_: Literal["mutransfer/summary/v1"] = Field(
        default="mutransfer/summary/v1", alias="schema"
    )
    run: str
    lines: tuple[str, ...]
    files: tuple[str, ...]
    made_with: tuple[MadeWith, ...] = Field(
        default=(), description="more than one: trials were added after a change was accepted"
    )
    hyperparameters: dict[str, float] = Field(
        default_factory=dict, description="the choice, the same as in `fit`"
    )
    verdict: Literal["holds", "fails", "inconclusive"] | None = None
