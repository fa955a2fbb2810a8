"""One call of the sweep: rounds of trials until the search has what it needs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mutransfer_cli.documents.sweep import (
    Best,
    Counts,
    SweepDocument,
)
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import Size, rungs
from mutransfer_cli.search.budget import reached
from mutransfer_cli.search.eta import Pace
from mutransfer_cli.search.executors import command as programs
from mutransfer_cli.search.executors.protocol import Executor
from mutransfer_cli.search.grouping.engine import Engine
from mutransfer_cli.search.job import Job, missing
from mutransfer_cli.search.progress import Event, event
from mutransfer_cli.search.pruning.decision import reports
from mutransfer_cli.search.pruning.waves import Waves
from mutransfer_cli.search.samplers.registry import wanted
from mutransfer_cli.search.storage.claims import Claims
from mutransfer_cli.search.storage.ledger import Ledger
from mutransfer_cli.search.storage.record import Record
from mutransfer_cli.search.storage.study import Study
from mutransfer_cli.train.cost import training_flops
from mutransfer_cli.train.trial import Result


@dataclass(slots=True)
class Driver:
    """One call of the sweep on a run directory."""

    recipe: Recipe
    run: Path
    device: str
    seed: int
    workers: int
    threads: int
    on_progress: Callable[[Event], None]
    records: list[Record] = field(default_factory=list)
    new: int = 0
    running: int = 0
    started: float = field(default_factory=time.monotonic)
    notes: list[str] = field(default_factory=list)
    engine: Engine | None = None

    def wanted(self) -> list[Job]:
        """Every trial that the search asks for by what is known so far."""
        return wanted(self.recipe, rungs(self.recipe), self.seed, self.records)

    def go(self, study: Study, executor: Executor) -> None:
        """Run rounds until nothing is missing or the budget ends."""
        costs = {size: training_flops(self.recipe, size).value for size in rungs(self.recipe)}
        waves = None
        if self.recipe.search.prune != "none":
            waves = Waves(self.recipe, rungs(self.recipe), self.seed)
        with executor, self.ledger(study, costs) as ledger:
            pace = Pace(self.workers, costs, self.engine, ledger.records())
            while True:
                self.records = ledger.records()
                wave = waves.open(self.records) if waves else missing(self.wanted(), self.records)
                jobs = ledger.order(wave)
                asked = missing(waves.asked, self.records) if waves else jobs
                if not jobs or self.spent():
                    return
                self.tell(asked, "", pace)

                def claim(some: Sequence[Job], asked: list[Job] = asked) -> Sequence[Job]:
                    granted = ledger.claim(some)
                    self.running += len(granted)
                    pace.start(granted)
                    self.tell(asked, "", pace)
                    return granted

                idle = True
                for job, result in executor.run(jobs, claim):
                    idle = False
                    self.running -= 1
                    record = recorded(self.recipe, job, result, costs[job.size])
                    if ledger.store(record):
                        self.new += 1
                    pace.end(job.key, record)
                    self.records = ledger.records()
                    self.tell(asked, told(record), pace)
                    if self.spent():
                        return
                if idle:
                    ledger.wait()

    def tell(self, jobs: Sequence[Job], text: str, pace: Pace) -> None:
        """Progress for whoever watches."""
        left = missing(jobs, self.records)
        rest = pace.left(left, self.records)
        sizes = rungs(self.recipe)
        self.on_progress(event(sizes, self.records, left, text, self.running, rest))

    def ledger(self, study: Study, costs: dict[Size, float]) -> Ledger:
        """Claims where others may work on the study too."""
        search = self.recipe.search
        ranges = {
            name: (
                space.value(space.bounds[0]),
                space.value(space.bounds[1]),
                space.scale.startswith("log"),
            )
            for name, space in search.space.items()
        }
        if not study.location.shared:
            return Ledger(study, ranges)
        return Claims(study, ranges, costs, search.budget.trials)

    def spent(self) -> bool:
        """Whether the budget has ended; says so in a note."""
        minutes = (time.monotonic() - self.started) / 60
        limit = reached(self.recipe.search, self.records, minutes)
        if limit is not None:
            self.notes.append(f"{limit}; the sweep is not finished")
        return limit is not None

    def document(self, seconds: float) -> SweepDocument:
        outcomes = [r.outcome for r in self.records]
        finished = [r for r in self.records if r.loss is not None]
        best = min(finished, key=lambda r: r.loss or 0.0, default=None)
        own = self.recipe.train is not None
        notes = programs.notes_of(self.recipe, self.run, self.records) if own else []
        if self.engine is not None:
            notes = self.engine.notes()
        return SweepDocument(
            run=str(self.run),
            trials=Counts(
                asked=len(outcomes) + len(missing(self.wanted(), self.records)),
                finished=outcomes.count("finished"),
                pruned=outcomes.count("pruned"),
                diverged=outcomes.count("diverged"),
                failed=outcomes.count("failed"),
            ),
            best=Best(width=best.width, seed=best.seed, loss=best.loss or 0.0, params=best.params)
            if best
            else None,
            seconds=seconds,
            flops=sum(r.flops for r in self.records if r.outcome in {"finished", "pruned"}),
            trials_per_second=self.new / seconds if self.new else None,
            population=self.engine.document() if self.engine else programs.population(self.workers),
            workers=self.workers,
            device=self.device,
            notes=(*self.notes, *notes),
        )


def recorded(recipe: Recipe, job: Job, result: Result, cost: float) -> Record:
    """The end of a trial; cost: FLOPs of a whole one, of which a pruned one has spent a part."""
    part = 1.0
    if result.outcome == "pruned":
        part = (result.curve[-1][0] + 1) / job.size.steps
    return Record(
        params=job.params,
        width=job.size.width,
        depth=job.size.depth,
        batch=job.size.batch,
        steps=job.size.steps,
        seed=job.seed,
        outcome=result.outcome,
        loss=result.loss,
        seconds=result.seconds,
        flops=cost * part,
        why=result.why,
        curve=result.curve,
        reports=reports(recipe, job.size, result.curve) if recipe.search.prune != "none" else (),
    )


def told(record: Record) -> str:
    """One trial in a line of progress."""
    setting = " ".join(f"{name}={value:.4g}" for name, value in record.params.items())
    end = (
        f"loss {record.loss:.4f}" if record.loss is not None else f"{record.outcome}: {record.why}"
    )
    return f"width {record.width} seed {record.seed} {setting}: {end} ({record.seconds:.1f} s)"
