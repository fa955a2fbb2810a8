"""Runs rounds of trials until the search is finished or its budget is used up."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mutransfer_cli.catalog.samplers import SAMPLERS
from mutransfer_cli.documents.sweep import BestTrial, Counts, SweepDocument
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.budget import limit_reached
from mutransfer_cli.search.eta import EtaEstimator
from mutransfer_cli.search.executors.protocol import Executor
from mutransfer_cli.search.job import Job, missing, record_of
from mutransfer_cli.search.progress import Event, event, yet_to_propose
from mutransfer_cli.search.provenance.watch import Watch
from mutransfer_cli.search.pruning.decision import Pruning
from mutransfer_cli.search.pruning.waves import Waves
from mutransfer_cli.search.record import Record, describe
from mutransfer_cli.search.samplers.protocol import (
    ExplainsItsEnd,
    GrowsTheGrid,
    Sampler,
    SearchProblem,
)
from mutransfer_cli.search.storage.locks import gone
from mutransfer_cli.search.storage.shared_queue import SharedTrialQueue
from mutransfer_cli.search.storage.study import Study
from mutransfer_cli.search.storage.trial_queue import TrialQueue

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Driver:
    """One call of the sweep on a run directory.

    Attributes:
        problem: The search space, rungs and seeds.
        sampler: Proposes trials.
        pruning: Decides which trials may be pruned.
        executor: Runs the trials.
        costs: FLOPs of a trial of each size.
        run: The run directory.
        on_progress: Called when a trial has started or ended.
        on_note: Called with a remark that is made while the sweep is running.
        on_trials: Called with the trials of earlier calls, then with each one that has ended.
        watch: The files that trials depend on; None: there are none.
        provenance: Id of what new trials are made with.
        records: All trials of the study that have ended.
        new: Number of trials that ended in this call.
        running: Number of trials under way.
        started: `time.monotonic()` when the call began.
        notes: Remarks that the document shows.
    """

    problem: SearchProblem
    sampler: Sampler
    pruning: Pruning
    executor: Executor
    costs: Mapping[Size, float]
    run: Path
    on_progress: Callable[[Event], None]
    on_note: Callable[[str], None] = lambda text: None
    on_trials: Callable[[Sequence[Record]], None] = lambda records: None
    watch: Watch | None = None
    provenance: str | None = None
    records: list[Record] = field(default_factory=list)
    new: int = 0
    running: int = 0
    started: float = field(default_factory=time.monotonic)
    notes: list[str] = field(default_factory=list)

    def drive(self, study: Study) -> None:
        """Run rounds until nothing is missing or the budget ends."""
        waves = None
        if self.pruning.is_on:
            row = SAMPLERS[self.problem.search.sampler]
            waves = Waves(self.sampler, self.pruning, row.proposes_lines)
        executor = self.executor
        with self._queue(study) as queue:
            eta = EtaEstimator(
                executor.workers, self.costs, executor.expected_seconds, queue.records()
            )
            self.records = queue.records()
            self._read_losses_again(study, queue)
            self.on_trials(self.records)
            self._say_what_was_found()
            told: str | None = None
            while True:
                self.records = queue.records()
                if waves is not None:
                    wave = waves.open(self.records)
                    proposed = missing(waves.proposed, self.records)
                else:
                    wave = proposed = self.missing()
                jobs = queue.order(wave)
                if not jobs or self._budget_ended():
                    return
                log.debug("round of %d trials", len(jobs))
                growth = self._growth_note()
                if growth not in (None, told):
                    self.on_note(growth)
                    told = growth
                self._report(proposed, "", eta)
                if not self._run_round(jobs, proposed, queue, eta):
                    return

    def _say_what_was_found(self) -> None:
        """Say how far an earlier call or another process has come."""
        if not self.records:
            return
        finished = sum(record.outcome == "finished" for record in self.records)
        ended, remaining = len(self.records), len(self.missing())
        others = f" ({ended - finished} more ended without a loss)" if ended > finished else ""
        end = "going on" if remaining else "nothing is left to train"
        self.on_note(f"{finished} of {ended + remaining} trials finished{others}; {end}")

    def _read_losses_again(self, study: Study, queue: TrialQueue) -> None:
        """Store the losses of failed trials that can be read now."""
        read = list(self.executor.read_again(self.records))
        for record in read:
            study.add(record, queue.ranges)
        if read:
            self.records = queue.records()
            self.on_note(f"{len(read)} losses could be read that could not be read before")

    def _growth_note(self) -> str | None:
        """A note on a grid that has grown; None: it has not, or the sampler is not a grid."""
        return self.sampler.growth(self.records) if isinstance(self.sampler, GrowsTheGrid) else None

    def missing(self) -> list[Job]:
        """Trials that the sampler proposes and that have not ended."""
        return missing(self.sampler.propose(self.records), self.records)

    def _run_round(
        self, jobs: Sequence[Job], proposed: Sequence[Job], queue: TrialQueue, eta: EtaEstimator
    ) -> bool:
        """Run the jobs that can be claimed; False once the budget is used up."""

        def claim(candidates: Sequence[Job]) -> Sequence[Job]:
            self._require_files()
            granted = queue.claim(candidates)
            self.running += len(granted)
            eta.start(granted)
            self._report(proposed, "", eta)
            return granted

        is_idle = True
        for job, result in self.executor.run(jobs, claim):
            is_idle = False
            self.running -= 1
            self._require_files()
            cost = self.costs[job.size]
            reports = self.pruning.reports(job.size, result.curve)
            record = record_of(job, result, cost, reports, self.provenance)
            level = logging.INFO if record.outcome == "pruned" else logging.DEBUG
            log.log(level, "%s", describe(record))
            if queue.store(record):
                self.new += 1
                self.on_trials((record,))
            eta.end(job.key, record)
            self.records = queue.records()
            self._report(proposed, describe(record), eta)
            if self._budget_ended():
                return False
        if is_idle:
            queue.wait()
        return True

    def _require_files(self) -> None:
        """Check that the run directory is there, and that what trials depend on is unchanged."""
        if not self.run.is_dir():
            raise gone(self.run)
        if self.watch is not None:
            self.watch.require_unchanged()

    def _report(self, jobs: Sequence[Job], text: str, eta: EtaEstimator) -> None:
        """Pass the current progress to `on_progress`."""
        remaining = missing(jobs, self.records)
        later = yet_to_propose(self.problem, self.sampler, self.records, remaining)
        left = eta.seconds_left(remaining, self.records, later)
        rungs = self.problem.rungs
        self.on_progress(event(rungs, self.records, remaining, text, self.running, left, later))

    def _queue(self, study: Study) -> TrialQueue:
        """The queue of trials; a shared study needs one that claims trials in its storage."""
        search = self.problem.search
        ranges = {
            name: (
                space.value(space.bounds[0]),
                space.value(space.bounds[1]),
                space.scale.startswith("log"),
            )
            for name, space in search.space.items()
        }
        if not study.location.shared:
            return TrialQueue(study, ranges)
        return SharedTrialQueue(study, ranges, self.costs, search.budget.trials)

    def _budget_ended(self) -> bool:
        """Whether the budget is used up; adds a note if it is."""
        minutes = (time.monotonic() - self.started) / 60
        limit = limit_reached(self.problem.search, self.records, minutes)
        if limit is not None:
            log.info("%s", limit)
            self.notes.append(f"{limit}; the sweep is not finished")
        return limit is not None

    def _end_notes(self) -> tuple[str, ...]:
        """Code that has changed, and why the sampler proposes no more trials."""
        notes = [self._growth_note()]
        if self.watch is not None:
            notes.append(self.watch.note())
        if isinstance(self.sampler, ExplainsItsEnd):
            reason = self.sampler.end_reason(self.records)
            notes += [f"sampler {self.problem.search.sampler}: {reason}"] if reason else []
        return tuple(note for note in notes if note)

    def document(self, seconds: float) -> SweepDocument:
        """The result of this call, which took `seconds` of wall time."""
        outcomes = [r.outcome for r in self.records]
        finished = [r for r in self.records if r.loss is not None]
        best = min(finished, key=lambda r: r.loss or 0.0, default=None)
        return SweepDocument(
            run=str(self.run),
            trials=Counts(
                asked=len(outcomes) + len(self.missing()),
                finished=outcomes.count("finished"),
                pruned=outcomes.count("pruned"),
                diverged=outcomes.count("diverged"),
                failed=outcomes.count("failed"),
            ),
            best=None
            if best is None
            else BestTrial(
                width=best.width, seed=best.seed, loss=best.loss or 0.0, params=best.params
            ),
            seconds=seconds,
            flops=sum(r.flops for r in self.records if r.outcome in {"finished", "pruned"}),
            trials_per_second=self.new / seconds if self.new else None,
            population=self.executor.population(),
            workers=self.executor.workers,
            device=self.executor.device,
            notes=(*self.notes, *self._end_notes(), *self.executor.notes(self.records)),
        )
