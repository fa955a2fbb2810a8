"""Progress of a sweep: the state of its rungs, the trials under way, and the time left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.job import Job
from mutransfer_cli.search.record import Record


@dataclass(frozen=True, slots=True)
class RungState:
    """Progress of one rung.

    Attributes:
        size: The rung.
        done: Trials that have ended.
        total: Trials that are known to be needed, those that have ended among them.
        loss: The best loss; None where nothing has finished.
        params: Hyperparameters of the best trial; empty where nothing has finished.
    """

    size: Size
    done: int
    total: int
    loss: float | None
    params: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Event:
    """The state of a sweep.

    Attributes:
        done: Trials that have ended.
        total: Trials that are known to be needed, those that have ended among them.
        text: The trial that has just ended; empty where none has.
        running: Trials under way.
        pruned: Trials that were pruned.
        diverged: Trials that diverged.
        failed: Trials that failed.
        seconds_left: Estimated seconds until all trials have ended; None: unknown.
        rungs: The state of each rung.
    """

    done: int
    total: int
    text: str
    running: int = 0
    pruned: int = 0
    diverged: int = 0
    failed: int = 0
    seconds_left: float | None = None
    rungs: tuple[RungState, ...] = ()


def event(
    sizes: Sequence[Size],
    records: Sequence[Record],
    remaining: Sequence[Job],
    text: str,
    running: int,
    seconds_left: float | None,
) -> Event:
    """Describe the state of a sweep.

    Args:
        sizes: The rungs of the sweep.
        records: Trials that have ended.
        remaining: Trials that have not.
        text: Describes the trial that has just ended.
        running: How many trials are under way.
        seconds_left: Estimated seconds until all trials have ended; None: unknown.
    """
    outcomes = [r.outcome for r in records]
    return Event(
        done=len(records),
        total=len(records) + len(remaining),
        text=text,
        running=running,
        pruned=outcomes.count("pruned"),
        diverged=outcomes.count("diverged"),
        failed=outcomes.count("failed"),
        seconds_left=seconds_left,
        rungs=tuple(rung_state(size, records, remaining) for size in sizes),
    )


def rung_state(size: Size, records: Sequence[Record], remaining: Sequence[Job]) -> RungState:
    """The state of one rung."""
    own = [r for r in records if r.size == size]
    best = min((r for r in own if r.loss is not None), key=lambda r: r.loss or 0.0, default=None)
    waiting = sum(job.size == size for job in remaining)
    return RungState(
        size, len(own), len(own) + waiting, best.loss if best else None, best.params if best else {}
    )
