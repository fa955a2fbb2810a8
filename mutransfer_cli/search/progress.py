"""How far a sweep is: its rungs, what runs, and the time left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.job import Job
from mutransfer_cli.search.storage.record import Record


@dataclass(frozen=True, slots=True)
class RungState:
    """One rung: trials that have ended of those known to be needed, and the best of them."""

    size: Size
    done: int
    total: int
    loss: float | None
    params: Mapping[str, float]  # of the best; empty where nothing has finished


@dataclass(frozen=True, slots=True)
class Event:
    """Progress: how many of the trials known to be needed have ended, and the last one."""

    done: int
    total: int
    text: str  # the trial that has just ended; empty where none has
    running: int = 0
    pruned: int = 0
    diverged: int = 0
    failed: int = 0
    seconds_left: float | None = None  # None where nothing tells
    rungs: tuple[RungState, ...] = ()


def event(
    sizes: Sequence[Size],
    records: Sequence[Record],
    left: Sequence[Job],
    text: str,
    running: int,
    seconds_left: float | None,
) -> Event:
    """The state of a sweep; left: trials that have not ended."""
    outcomes = [r.outcome for r in records]
    return Event(
        done=len(records),
        total=len(records) + len(left),
        text=text,
        running=running,
        pruned=outcomes.count("pruned"),
        diverged=outcomes.count("diverged"),
        failed=outcomes.count("failed"),
        seconds_left=seconds_left,
        rungs=tuple(rung_state(size, records, left) for size in sizes),
    )


def rung_state(size: Size, records: Sequence[Record], left: Sequence[Job]) -> RungState:
    own = [r for r in records if r.size == size]
    best = min((r for r in own if r.loss is not None), key=lambda r: r.loss or 0.0, default=None)
    waiting = sum(job.size == size for job in left)
    return RungState(
        size, len(own), len(own) + waiting, best.loss if best else None, best.params if best else {}
    )
