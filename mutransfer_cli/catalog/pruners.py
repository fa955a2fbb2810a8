"""Pruners, which end unpromising trials early."""

from __future__ import annotations

from dataclasses import dataclass

from mutransfer_cli.catalog.registry import Entry, Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class PrunerEntry(Entry):
    """A row for a pruner.

    Attributes:
        prunes: Whether it may end a trial early; False: every trial runs to its end.
    """

    prunes: bool = True


PRUNERS = Registry(
    "pruners",
    PrunerEntry,
    [
        PrunerEntry(
            name="none",
            summary="every trial runs to its end",
            implementation="mutransfer_cli.search.pruning.none:NONE",
            prunes=False,
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
