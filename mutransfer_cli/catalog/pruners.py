"""Pruners: which trials end early."""

from __future__ import annotations

from dataclasses import dataclass

from mutransfer_cli.catalog.registry import Entry, Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class PrunerEntry(Entry):
    """A row for a pruner."""


PRUNERS = Registry(
    "pruners",
    PrunerEntry,
    [
        PrunerEntry(
            name="none",
            summary="every trial runs to its end",
            implementation="mutransfer_cli.search.pruning.none:NONE",
        ),
        PrunerEntry(
            name="halving",
            summary="successive halving",
            implementation="mutransfer_cli.search.pruning.halving:HALVING",
        ),
        PrunerEntry(
            name="median",
            summary="worse than the median of its rung",
            implementation="mutransfer_cli.search.pruning.median:MEDIAN",
        ),
    ],
)
