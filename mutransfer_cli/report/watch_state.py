"""The state of a sweep, read from its run directory alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from mutransfer_cli.catalog.sizes import SIZES
from mutransfer_cli.documents.watch import WatchDocument, WatchedRung
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.report.working_time import working_seconds
from mutransfer_cli.search.budget import limit_reached
from mutransfer_cli.search.job import missing
from mutransfer_cli.search.problem import search_problem
from mutransfer_cli.search.progress import event, yet_to_propose
from mutransfer_cli.search.record import Record
from mutransfer_cli.search.samplers.protocol import make_sampler
from mutransfer_cli.search.storage.run import Run

CURVE_POINTS = 32


def watch_state(run: Run, now: datetime | None = None) -> WatchDocument:
    """The state of a run's sweep.

    Args:
        run: The run, opened anew for every state.
        now: The time, for the estimate of the time left; None: the clock's.

    Raises:
        InputError: There is no study, or it cannot be read.
    """
    problem, records = search_problem(run.recipe, run.seed, run.start_rate), run.records
    sampler = make_sampler(problem)
    remaining = missing(sampler.propose(records), records)
    later = yet_to_propose(problem, sampler, records, remaining) if remaining else {}
    sizes = [job.size for job in remaining]
    sizes += [size for size, count in later.items() for _ in range(count)]
    limit = limit_reached(problem.search, records) if remaining else None
    state = event(problem.rungs, records, remaining, "", 0, None, later)
    rungs = []
    for rung in state.rungs:
        own = {name: getattr(rung.size, name) for name in SIZES}
        curve = best_curve(records, rung.size)
        rungs.append(
            WatchedRung(
                **own,
                done=rung.done,
                total=rung.total,
                loss=rung.loss,
                hyperparameters=dict(rung.params),
                curve=curve,
            )
        )
    return WatchDocument(
        run=str(run.path),
        state="finished" if not remaining else "at its limit" if limit else "unfinished",
        done=state.done,
        total=state.total,
        pruned=state.pruned,
        diverged=state.diverged,
        failed=state.failed,
        seconds_left=None if limit else seconds_left(run, sizes, now or datetime.now(UTC)),
        rungs=tuple(rungs),
    )


def best_curve(records: Sequence[Record], size: Size) -> tuple[float, ...]:
    """Training losses of the best trial of a rung, neighbors averaged."""
    finished = [r for r in records if r.size == size and r.loss is not None and r.curve]
    if not finished:
        return ()
    best = min(finished, key=lambda r: r.loss or 0.0)
    losses = np.array([loss for _, loss in best.curve], float)
    losses = losses[np.isfinite(losses)]
    parts = np.array_split(losses, min(CURVE_POINTS, len(losses))) if len(losses) else []
    return tuple(float(part.mean()) for part in parts)


def seconds_left(run: Run, sizes: Sequence[Size], now: datetime) -> float | None:
    """Seconds until the remaining trials have ended, at the pace so far; None: unknown.

    A trial of a rung without any counts as much as the mean of the most expensive rung so far.
    Time in which nothing trained, between a call that was killed and the next, does not count.

    Args:
        run: The run.
        sizes: The size of every trial that has not ended.
        now: The time.
    """
    if not sizes:
        return 0.0
    seconds: dict[Size, list[float]] = defaultdict(list)
    for record in run.records:
        seconds[record.size].append(record.seconds)
    each = {size: sum(known) / len(known) for size, known in seconds.items()}
    done = sum(record.seconds for record in run.records)
    if done <= 0 or run.started is None:
        return None
    left = sum(each.get(size, max(each.values())) for size in sizes)
    return working_seconds(run.endings, run.started, now) * left / done
