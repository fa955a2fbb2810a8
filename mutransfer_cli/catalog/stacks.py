"""Target stacks that a configuration can be written for."""

from __future__ import annotations

from dataclasses import dataclass

from mutransfer_cli.catalog.registry import Entry, Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class StackEntry(Entry):
    """A row for a target stack."""


STACKS = Registry("stacks", StackEntry, [])
