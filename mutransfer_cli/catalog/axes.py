"""Axes along which a model grows from proxy to target."""

from __future__ import annotations

from dataclasses import dataclass

from mutransfer_cli.catalog.registry import Entry, Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisEntry(Entry):
    """A row for an axis."""


AXES = Registry("axes", AxisEntry, [])
