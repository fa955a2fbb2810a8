"""How long what is left of a sweep will take, by what is under way and what has ended.

Counted from when training began: calibration and the start of the workers are behind it.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from math import log2
from statistics import median

from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.grouping.engine import Engine
from mutransfer_cli.search.job import Job
from mutransfer_cli.search.storage.record import Key, Record

POWER = 0.75  # seconds by FLOPs, until two sizes are known: a small model is held up by the rest
WHOLE = frozenset({"finished", "pruned"})  # their seconds are those of trials to come


class Under:
    """A group under way: since when it trains, and its trials that have not ended.

    seconds: of those that have.
    """

    def __init__(self, jobs: Sequence[Job], since: float) -> None:
        self.count, self.since, self.seconds = len(jobs), since, 0.0
        self.alive = {job.key for job in jobs}
        self.size = jobs[0].size


class Pace:
    """Told of every start and end; costs: FLOPs of a trial of each size. engine: what it measured.

    before: the study's trials when this call began. Others may work on the study too: what they end
    shortens what is left for all.
    """

    def __init__(
        self,
        workers: int,
        costs: Mapping[Size, float],
        engine: Engine | None = None,
        before: Sequence[Record] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.workers, self.costs, self.engine, self.clock = workers, costs, engine, clock
        self.before = list(before)
        self.under: list[Under] = []
        self.here: dict[Size, list[float]] = defaultdict(list)  # seconds of trials of this call
        self.ended = 0
        self.began: float | None = None
        self.busy = 0.0  # seconds of workers in groups that have ended

    def start(self, jobs: Sequence[Job]) -> None:
        """Trials that train together from now on."""
        if not jobs:
            return
        now = self.clock()
        self.began = now if self.began is None else self.began
        self.under.append(Under(jobs, now))

    def end(self, key: Key, record: Record) -> None:
        self.ended += 1
        if record.outcome in WHOLE:
            self.here[record.size].append(record.seconds)
        for group in self.under:
            if key in group.alive:
                group.alive.remove(key)
                group.seconds += record.seconds
                self.busy += 0.0 if group.alive else group.seconds
        self.under = [group for group in self.under if group.alive]

    def left(self, jobs: Sequence[Job], records: Sequence[Record]) -> float | None:
        """Seconds until all of these have ended, at least one of which has not.

        None where nothing tells what a trial takes, and where all that is left should have ended.
        """
        each = self.each({job.size for job in jobs})
        if each is None:
            return None
        training = {key for group in self.under for key in group.alive}
        waiting = sum(each[job.size] for job in jobs if job.key not in training)
        rest = [self.rest(group, each) for group in self.under if group.size in each]
        late = max((r[1] for r in rest), default=1.0)  # than was foreseen
        longest = max((r[0] for r in rest), default=0.0)
        waiting *= late / self.use()
        wall = max(longest, (sum(r[0] for r in rest) + waiting) / self.workers)
        by_all = len(records) - len(self.before)
        if self.ended and by_all > self.ended:
            wall *= self.ended / by_all
        return wall if wall > 0 else None

    def use(self) -> float:
        """The part of the workers' time that trials had: storing them takes time too."""
        if self.began is None or not self.busy:
            return 1.0
        now = self.clock()
        busy = self.busy + sum(now - group.since for group in self.under)
        return min(1.0, busy / max(self.workers * (now - self.began), 1e-9))

    def rest(self, group: Under, each: Mapping[Size, float]) -> tuple[float, float]:
        """Seconds until a group has ended; and how many times as long as foreseen it takes."""
        whole = group.count * each[group.size]
        done = (self.clock() - group.since) / whole if whole > 0 else 1.0
        return len(group.alive) * each[group.size] * max(0.0, 1.0 - done), max(1.0, done)

    def each(self, sizes: set[Size]) -> dict[Size, float] | None:
        """What one trial takes a worker: in this call, as measured, in earlier calls, by FLOPs.

        A measurement counts as one trial more, and is off elsewhere by as much as it was here.
        """
        foreseen = {s: t for s in self.costs if (t := self.measured(s)) is not None}
        slower = [t / foreseen[s] for s, of in self.here.items() if s in foreseen for t in of]
        factor = median([1.0, *slower])
        known = {s: t * factor for s, t in foreseen.items()}
        for size, of in self.here.items():
            known[size] = median([*of, *([foreseen[size]] if size in foreseen else [])])
        for size in self.costs:
            seconds = [r.seconds for r in self.before if r.size == size and r.outcome in WHOLE]
            if size not in known and seconds:
                known[size] = median(seconds)
        if not known:
            return None
        return {size: self.scaled(size, known) for size in sizes}

    def measured(self, size: Size) -> float | None:
        """By the engine's calibration; None where it had nothing to measure."""
        if self.engine is None:
            return None
        choice, alone = self.engine.choices.get(size), self.engine.alone.get(size)
        if choice is not None and choice.timings:
            return choice.seconds(self.engine.largest[size] or choice.most) * size.steps
        return None if alone is None else alone.seconds * size.steps

    def scaled(self, size: Size, known: Mapping[Size, float]) -> float:
        """What is known of a size, else of the nearest in FLOPs, by a power of their ratio."""
        if size in known:
            return known[size]
        at = log2(self.costs[size])
        near = sorted(known, key=lambda s: abs(log2(self.costs[s]) - at))
        power, first = POWER, near[0]
        others = [s for s in near if self.costs[s] != self.costs[first]]
        if others and min(known.values()) > 0:
            apart = log2(self.costs[others[0]] / self.costs[first])
            power = min(max(log2(known[others[0]] / known[first]) / apart, 0.0), 1.0)
        return known[first] * float((self.costs[size] / self.costs[first]) ** power)
