"""Progress of a sweep: the state of its rungs, the trials under way, and the time left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mutransfer_cli.catalog.samplers import SAMPLERS
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.job import Job
from mutransfer_cli.search.record import Record
from mutransfer_cli.search.samplers.protocol import Sampler, SearchProblem


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


def yet_to_propose(
    problem: SearchProblem, sampler: Sampler, records: Sequence[Record], remaining: Sequence[Job]
) -> dict[Size, int]:
    """Trials of each rung that are in the budget of a sampler which proposes few at a time.

    Args:
        problem: The search.
        sampler: Its sampler.
        records: Trials that have ended.
        remaining: Trials that are proposed and have not.
    """
    if not SAMPLERS[problem.search.sampler].needs_trials:
        return {}
    known = Counter([*(r.size for r in records), *(job.size for job in remaining)])
    each = sampler.count_trials().each
    return {size: each - known[size] for size in problem.rungs if known[size] < each}


def event(
    sizes: Sequence[Size],
    records: Sequence[Record],
    remaining: Sequence[Job],
    text: str,
    running: int,
    seconds_left: float | None,
    later: Mapping[Size, int] | None = None,
) -> Event:
    """Describe the state of a sweep.

    Args:
        sizes: The rungs of the sweep.
        records: Trials that have ended.
        remaining: Trials that are proposed and have not.
        text: Describes the trial that has just ended.
        running: How many trials are under way.
        seconds_left: Estimated seconds until all trials have ended; None: unknown.
        later: Trials of each rung that are yet to be proposed; None: there are none.
    """
    later = later or {}
    outcomes = [r.outcome for r in records]
    return Event(
        done=len(records),
        total=len(records) + len(remaining) + sum(later.values()),
        text=text,
        running=running,
        pruned=outcomes.count("pruned"),
        diverged=outcomes.count("diverged"),
        failed=outcomes.count("failed"),
        seconds_left=seconds_left,
        rungs=tuple(rung_state(s, records, remaining, later.get(s, 0)) for s in sizes),
    )


def rung_state(
    size: Size, records: Sequence[Record], remaining: Sequence[Job], later: int = 0
) -> RungState:
    """The state of one rung.

    Args:
        size: The rung.
        records: Trials that have ended.
        remaining: Trials that are proposed and have not.
        later: Number of its trials that are yet to be proposed.
    """
    own = [r for r in records if r.size == size]
    best = min((r for r in own if r.loss is not None), key=lambda r: r.loss or 0.0, default=None)
    waiting = sum(job.size == size for job in remaining) + later
    return RungState(
        size, len(own), len(own) + waiting, best.loss if best else None, best.params if best else {}
    )
