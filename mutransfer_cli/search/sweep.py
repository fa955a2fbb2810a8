"""The sweep: ask for trials until the search has what it needs, store each as it ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import torch

from mutransfer_cli.data.open import open_source
from mutransfer_cli.errors import InputError
from mutransfer_cli.models.planned import family_for, plan_for, trainable
from mutransfer_cli.recipe.load import Loaded
from mutransfer_cli.recipe.schema import Recipe
from mutransfer_cli.recipe.size import Size, rungs
from mutransfer_cli.search.adaptive import Fitted
from mutransfer_cli.search.ask import trials, wanted
from mutransfer_cli.search.claims import Claims
from mutransfer_cli.search.document import (
    Best,
    Counts,
    DryRunDocument,
    RungCost,
    SweepDocument,
)
from mutransfer_cli.search.engine import Engine, asked_for
from mutransfer_cli.search.executor import Executor
from mutransfer_cli.search.job import Job, missing
from mutransfer_cli.search.ledger import Ledger
from mutransfer_cli.search.local import Workers, default_workers
from mutransfer_cli.search.run import (
    RECIPE,
    alone,
    environment_of,
    locked,
    prepare,
    write_curves,
)
from mutransfer_cli.search.stop import terminations
from mutransfer_cli.search.storage import Place, place_of
from mutransfer_cli.search.study import Record, Study, remembered
from mutransfer_cli.train.cost import flops, measure
from mutransfer_cli.train.device import resolve
from mutransfer_cli.train.trial import Result


@dataclass(frozen=True, slots=True)
class Event:
    """Progress: how many of the trials known to be needed have ended, and the last one."""

    done: int
    total: int
    text: str


@dataclass(slots=True)
class Sweep:
    """One call of the sweep on a run directory."""

    recipe: Recipe
    run: Path
    device: str
    seed: int
    workers: int
    threads: int
    on_progress: Callable[[Event], None]
    engine: Engine
    fitted: Fitted | None = None
    records: list[Record] = field(default_factory=list)
    new: int = 0
    started: float = field(default_factory=time.monotonic)
    notes: list[str] = field(default_factory=list)

    def wanted(self) -> list[Job]:
        """Every trial that the search asks for by what is known so far."""
        return wanted(self.recipe, rungs(self.recipe), self.seed, self.records, self.fitted)

    def go(self, study: Study, executor: Executor) -> None:
        """Run rounds until nothing is missing or the budget ends."""
        costs = {
            size: flops(plan_for(self.recipe, size), tokens_per_example(self.recipe))
            for size in rungs(self.recipe)
        }
        with executor, self.ledger(study, costs) as ledger:
            while True:
                self.records = ledger.records()
                jobs = ledger.order(missing(self.wanted(), self.records))
                if not jobs or self.spent():
                    return
                total = len(self.records) + len(jobs)
                self.on_progress(Event(len(self.records), total, ""))
                idle = True
                for job, result in executor.run(jobs, ledger.claim):
                    idle = False
                    record = recorded(job, result, costs[job.size])
                    if ledger.store(record):
                        self.new += 1
                    self.records = ledger.records()
                    self.on_progress(Event(len(self.records), total, told(record)))
                    if self.spent():
                        return
                if idle:
                    ledger.wait()

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
        if not study.place.shared:
            return Ledger(study, ranges)
        return Claims(study, ranges, costs, search.budget.trials)

    def spent(self) -> bool:
        """Whether the budget has ended; says so in a note."""
        budget = self.recipe.search.budget
        limits = (
            (
                "trials",
                budget.trials,
                float(len(self.records)),
                self.recipe.search.sampler not in {"sobol", "tpe", "gp"},
            ),
            ("flops", budget.flops, sum(r.flops for r in self.records), True),
            ("minutes", budget.minutes, (time.monotonic() - self.started) / 60, True),
        )
        for name, limit, used, counts in limits:
            if counts and limit is not None and used >= limit:
                self.notes.append(
                    f"search.budget.{name}: {limit:g} reached; the sweep is not whole"
                )
                return True
        return False

    def document(self, seconds: float) -> SweepDocument:
        outcomes = [r.outcome for r in self.records]
        finished = [r for r in self.records if r.loss is not None]
        best = min(finished, key=lambda r: r.loss or 0.0, default=None)
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
            flops=sum(r.flops for r in finished),
            trials_per_second=self.new / seconds if self.new else None,
            population=self.engine.document(),
            workers=self.workers,
            device=self.device,
            notes=tuple(self.notes),
        )


def recorded(job: Job, result: Result, cost: float) -> Record:
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
        flops=cost,
        why=result.why,
        curve=result.curve,
    )


def told(record: Record) -> str:
    """One trial in a line of progress."""
    setting = " ".join(f"{name}={value:.4g}" for name, value in record.params.items())
    end = (
        f"loss {record.loss:.4f}" if record.loss is not None else f"{record.outcome}: {record.why}"
    )
    return f"width {record.width} seed {record.seed} {setting}: {end} ({record.seconds:.1f} s)"


def tokens_per_example(recipe: Recipe) -> int:
    return recipe.data.seq_len if recipe.data.is_tokens else 1


def sweep(
    loaded: Loaded,
    run: Path,
    *,
    device: str = "auto",
    seed: int = 0,
    threads: int | None = None,
    workers: int | None = None,
    on_progress: Callable[[Event], None] = lambda event: None,
    fitted: Fitted | None = None,
    storage: str | None = None,
    engine: str = "auto",
) -> SweepDocument:
    """Train the proxies of a recipe into a run directory; goes on where it was stopped.

    engine: auto, one-by-one, population or population:K; a run goes on as it began under auto.
    fitted: what the adaptive sampler sharpens, such as `fit.rungs.resolved`.

    Raises InputError before any training where the recipe, its data or the directory is unusable.
    """
    started = time.perf_counter()
    asked_for(engine)
    recipe = loaded.recipe
    place = resolve(device)
    trainable(recipe)
    source = open_source(recipe)
    family_for(recipe)
    lies = chosen(run, storage)
    with terminations(), locked(run, lies.shared):
        with alone(run):
            told_apart = lies.remembered(run) if lies.shared else None
            prepare(run, recipe, environment_of(place, seed, source.digest, told_apart))
            study = Study.open(run, recipe, create=True, place=lies)
        if lies.shared:
            study.belongs_to(recipe, seed=seed, data_digest=source.digest)
        count = workers or default_workers(place)
        put = Engine(recipe, place, count, engine, run)
        driver = Sweep(recipe, run, place, seed, count, threads or 1, on_progress, put, fitted)
        try:
            driver.go(study, Workers(recipe, place, count, threads or 1, put))
        finally:
            with alone(run):
                with suppress(InputError):  # the storage is away: then what was read before
                    driver.records = study.records()
                if driver.records:
                    write_curves(run, driver.records)
        return driver.document(time.perf_counter() - started)


def chosen(run: Path, storage: str | None) -> Place:
    """Where the study lies: as the option says, else as the run remembers."""
    before = remembered(run)
    if storage is None:
        return before
    asked = place_of(storage, Path.cwd())
    if (run / RECIPE).is_file() and before.shown != asked.shown:
        raise InputError(
            f"--storage {asked.shown}: the study of {run} lies in {before.shown}; take another "
            "--run, or leave --storage out"
        )
    return asked


def dry_run(loaded: Loaded, *, device: str = "auto", workers: int | None = None) -> DryRunDocument:
    """What a sweep would cost, from a few timed passes on each rung; nothing is trained."""
    recipe, place = loaded.recipe, resolve(device)
    trainable(recipe)
    torch.set_num_threads(1)  # as the workers will
    sizes = rungs(recipe)
    count = workers or default_workers(place)
    each, at_most = trials(recipe.search, sizes)
    costs = [measure(recipe, size, tokens_per_example(recipe), place) for size in sizes]
    return DryRunDocument(
        rungs=tuple(
            RungCost(width=s.width, trials=each, flops=c.flops, bytes=c.bytes, seconds=c.seconds)
            for s, c in zip(sizes, costs, strict=True)
        ),
        trials=each * len(sizes),
        trials_at_most=at_most,
        flops=sum(c.flops for c in costs) * each,
        bytes=max(c.bytes for c in costs) * count,
        seconds=sum(c.seconds for c in costs) * each / count,
        workers=count,
        device=place,
    )
