"""Data sources."""

from __future__ import annotations

from dataclasses import dataclass

from mutransfer_cli.catalog.registry import Entry, Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceEntry(Entry):
    """A row for a data source."""


SOURCES = Registry(
    "sources",
    SourceEntry,
    [
        SourceEntry(
            name="stdlib",
            summary="bytes of Python's standard library",
            implementation="mutransfer_cli.data.stdlib:stdlib",
        ),
        SourceEntry(
            name="text",
            summary="bytes of a text file",
            implementation="mutransfer_cli.data.text:text",
        ),
        SourceEntry(
            name="tokens",
            summary="token ids of a file",
            implementation="mutransfer_cli.data.tokens:tokens",
        ),
        SourceEntry(
            name="digits",
            summary="scikit-learn's handwritten digits",
            implementation="mutransfer_cli.data.digits:digits",
        ),
        SourceEntry(
            name="teacher",
            summary="classes of a fixed random teacher",
            implementation="mutransfer_cli.data.teacher:teacher",
        ),
        SourceEntry(
            name="tensors",
            summary="arrays x and y of an .npz or .safetensors file",
            implementation="mutransfer_cli.data.tensors:tensors",
        ),
    ],
)
