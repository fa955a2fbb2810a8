"""Estimates the time left of a sweep from the trials that are running or have ended.

Time is counted from the start of training, after calibration and the start of the workers.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from math import log2
from statistics import median

from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.job import Job
from mutransfer_cli.search.record import Key, Record

POWER = 0.75  # seconds ~ FLOPs ** POWER until two sizes are known; below 1 because of overheads
REPRESENTATIVE = frozenset({"finished", "pruned"})  # their seconds are those of trials to come


class RunningGroup:
    """A group of trials that is training.

    Attributes:
        size: Its rung.
        count: How many trials it started with.
        since: Clock when it started.
        alive: Keys of its trials that have not ended.
        seconds: Total seconds of its trials that have ended.
    """

    def __init__(self, jobs: Sequence[Job], since: float) -> None:
        self.count, self.since, self.seconds = len(jobs), since, 0.0
        self.alive = {job.key for job in jobs}
        self.size = jobs[0].size


class EtaEstimator:
    """Estimates the time left; `start` and `end` are called for every group and trial.

    Trials that other processes end in a shared study shorten the estimate too.
    """

    def __init__(
        self,
        workers: int,
        costs: Mapping[Size, float],
        expected_seconds: Callable[[Size], float | None] = lambda size: None,
        before: Sequence[Record] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start estimating.

        Args:
            workers: Groups at a time.
            costs: FLOPs of a trial of each size.
            expected_seconds: Seconds that a trial of a size takes a worker, as measured
                beforehand; None: not measured.
            before: The study's trials when this call started.
            clock: Returns the time in seconds.
        """
        self.workers, self.costs, self.clock = workers, costs, clock
        self.expected_seconds = expected_seconds
        self.before = list(before)
        self.running: list[RunningGroup] = []
        self.seconds: dict[Size, list[float]] = defaultdict(list)  # seconds of trials of this call
        self.ended = 0
        self.started: float | None = None
        self.busy = 0.0  # seconds of workers in groups that have ended

    def start(self, jobs: Sequence[Job]) -> None:
        """A group of trials starts."""
        if not jobs:
            return
        now = self.clock()
        self.started = now if self.started is None else self.started
        self.running.append(RunningGroup(jobs, now))

    def end(self, key: Key, record: Record) -> None:
        """A trial has ended."""
        self.ended += 1
        if record.outcome in REPRESENTATIVE:
            self.seconds[record.size].append(record.seconds)
        for group in self.running:
            if key in group.alive:
                group.alive.remove(key)
                group.seconds += record.seconds
                self.busy += 0.0 if group.alive else group.seconds
        self.running = [group for group in self.running if group.alive]

    def seconds_left(
        self,
        jobs: Sequence[Job],
        records: Sequence[Record],
        later: Mapping[Size, int] | None = None,
    ) -> float | None:
        """Seconds until all jobs have ended; None: unknown, or they are overdue.

        Args:
            jobs: Trials that have not ended.
            records: All trials of the study that have.
            later: Trials of each size that are yet to be proposed; None: there are none.
        """
        later = later or {}
        each = self.seconds_per_trial({job.size for job in jobs} | set(later))
        if each is None:
            return None
        training = {key for group in self.running for key in group.alive}
        waiting = sum(each[job.size] for job in jobs if job.key not in training)
        waiting += sum(count * each[size] for size, count in later.items())
        rest = [self.group_left(group, each) for group in self.running if group.size in each]
        late = max((r[1] for r in rest), default=1.0)  # actual over expected time
        longest = max((r[0] for r in rest), default=0.0)
        waiting *= late / self.utilization()
        wall = max(longest, (sum(r[0] for r in rest) + waiting) / self.workers)
        by_all = len(records) - len(self.before)
        if self.ended and by_all > self.ended:
            wall *= self.ended / by_all
        return wall if wall > 0 else None

    def utilization(self) -> float:
        """The share of the workers' time spent in trials; the rest goes to storing them."""
        if self.started is None or not self.busy:
            return 1.0
        now = self.clock()
        busy = self.busy + sum(now - group.since for group in self.running)
        return min(1.0, busy / max(self.workers * (now - self.started), 1e-9))

    def group_left(self, group: RunningGroup, each: Mapping[Size, float]) -> tuple[float, float]:
        """Seconds until a group ends, and its time so far over the expected time (at least 1)."""
        expected = group.count * each[group.size]
        done = (self.clock() - group.since) / expected if expected > 0 else 1.0
        return len(group.alive) * each[group.size] * max(0.0, 1.0 - done), max(1.0, done)

    def seconds_per_trial(self, sizes: set[Size]) -> dict[Size, float] | None:
        """Seconds that a trial of each size takes a worker; None if nothing is known.

        Taken from the trials of this call, else from the measurement beforehand, else from earlier
        calls, else extrapolated by FLOPs. The measurement counts as one more trial; where it was
        off for the sizes that have run, the others are corrected by the same factor.
        """
        foreseen = {s: t for s in self.costs if (t := self.expected_seconds(s)) is not None}
        slower = [t / foreseen[s] for s, of in self.seconds.items() if s in foreseen for t in of]
        factor = median([1.0, *slower])
        known = {s: t * factor for s, t in foreseen.items()}
        for size, of in self.seconds.items():
            known[size] = median([*of, *([foreseen[size]] if size in foreseen else [])])
        for size in self.costs:
            seconds = [
                r.seconds for r in self.before if r.size == size and r.outcome in REPRESENTATIVE
            ]
            if size not in known and seconds:
                known[size] = median(seconds)
        if not known:
            return None
        return {size: self.extrapolate(size, known) for size in sizes}

    def extrapolate(self, size: Size, known: Mapping[Size, float]) -> float:
        """Seconds of a size if known, else of the nearest size, scaled by a power of FLOPs."""
        if size in known:
            return known[size]
        log_flops = log2(self.costs[size])
        by_distance = sorted(known, key=lambda s: abs(log2(self.costs[s]) - log_flops))
        power, nearest = POWER, by_distance[0]
        others = [s for s in by_distance if self.costs[s] != self.costs[nearest]]
        if others and min(known.values()) > 0:
            distance = log2(self.costs[others[0]] / self.costs[nearest])
            power = min(max(log2(known[others[0]] / known[nearest]) / distance, 0.0), 1.0)
        return known[nearest] * float((self.costs[size] / self.costs[nearest]) ** power)
