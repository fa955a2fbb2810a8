"""The sweep: ask for trials until the search has what it needs, store each as it ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch

from mutransfer_cli.data.open import open_source
from mutransfer_cli.models.planned import family_for, plan_for, trainable
from mutransfer_cli.recipe.load import Loaded
from mutransfer_cli.recipe.schema import Recipe
from mutransfer_cli.recipe.size import Size, rungs
from mutransfer_cli.search import programs
from mutransfer_cli.search.adaptive import Fitted
from mutransfer_cli.search.ask import trials, wanted
from mutransfer_cli.search.document import (
    Best,
    Counts,
    DryRunDocument,
    Population,
    RungCost,
    SweepDocument,
)
from mutransfer_cli.search.job import Job, missing
from mutransfer_cli.search.local import Workers, default_workers
from mutransfer_cli.search.programs import Programs
from mutransfer_cli.search.run import environment_of, locked, prepare, write_curves
from mutransfer_cli.search.study import Record, Study
from mutransfer_cli.train.cost import flops, measure
from mutransfer_cli.train.device import resolve
from mutransfer_cli.train.trial import Result

ONE_BY_ONE = Population(
    size=1,
    batched=False,
    why="this version trains trials one by one, one single-threaded process per CPU core",
)


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
    fitted: Fitted | None = None
    records: list[Record] = field(default_factory=list)
    new: int = 0
    notes: list[str] = field(default_factory=list)

    def wanted(self) -> list[Job]:
        """Every trial that the search asks for by what is known so far."""
        return wanted(self.recipe, rungs(self.recipe), self.seed, self.records, self.fitted)

    def go(self, study: Study) -> None:
        """Run rounds until nothing is missing or the budget ends."""
        started = time.monotonic()
        costs = {
            size: flops(plan_for(self.recipe, size), tokens_per_example(self.recipe))
            for size in rungs(self.recipe)
        }
        ranges = {
            name: (
                space.value(space.bounds[0]),
                space.value(space.bounds[1]),
                space.scale.startswith("log"),
            )
            for name, space in self.recipe.search.space.items()
        }
        self.records = study.records()
        with self.runner() as workers:
            while jobs := missing(self.wanted(), self.records):
                total = len(self.records) + len(jobs)
                if self.spent(started, costs):
                    return
                self.on_progress(Event(len(self.records), total, ""))
                for job, result in workers.run(jobs):
                    record = recorded(job, result, costs[job.size])
                    study.add(record, ranges)
                    self.records.append(record)
                    self.new += 1
                    self.on_progress(Event(len(self.records), total, told(record)))
                    if self.spent(started, costs):
                        return

    def runner(self) -> Workers | Programs:
        """What trains the trials: processes of ours, or the user's own program."""
        if self.recipe.train is not None:
            return Programs(self.recipe, self.run, self.device, self.workers)
        return Workers(self.recipe, self.device, self.workers, self.threads)

    def spent(self, started: float, costs: dict[Size, float]) -> bool:
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
            ("minutes", budget.minutes, (time.monotonic() - started) / 60, True),
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
        own = self.recipe.train is not None
        notes = programs.notes_of(self.recipe, self.run, self.records) if own else []
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
            population=programs.population(self.workers) if own else ONE_BY_ONE,
            workers=self.workers,
            device=self.device,
            notes=(*self.notes, *notes),
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
) -> SweepDocument:
    """Train the proxies of a recipe into a run directory; goes on where it was stopped.

    fitted: what the adaptive sampler sharpens, such as `fit.rungs.resolved`.

    Raises InputError before any training where the recipe, its data or the directory is unusable.
    """
    started = time.perf_counter()
    recipe = loaded.recipe
    place = ready(recipe, device)
    source = open_source(recipe)
    family_for(recipe)
    with locked(run):
        prepare(run, recipe, environment_of(place, seed, source.digest))
        count = workers or at_a_time(recipe, place)
        driver = Sweep(recipe, run, place, seed, count, threads or 1, on_progress, fitted)
        if place == programs.OWN and device != "auto":
            driver.notes.append(f"--device {device}: train.command has no {{device}} to tell it")
        study = Study.open(run, recipe, create=True)
        try:
            driver.go(study)
        finally:
            if driver.records:
                write_curves(run, driver.records)
        return driver.document(time.perf_counter() - started)


def ready(recipe: Recipe, device: str) -> str:
    """Where trials are trained; InputError where nothing can train them."""
    if recipe.train is not None:
        return programs.ready(recipe.train, device)
    trainable(recipe)
    return resolve(device)


def at_a_time(recipe: Recipe, device: str) -> int:
    """How many trials run at a time by themselves."""
    return recipe.train.slots if recipe.train else default_workers(device)


def dry_run(
    loaded: Loaded,
    *,
    device: str = "auto",
    workers: int | None = None,
    run: Path | None = None,
) -> DryRunDocument:
    """What a sweep would cost, from a few timed passes on each rung; nothing is trained.

    run: a run directory, for what its trials took where a program of the user's own trains them.
    """
    recipe = loaded.recipe
    place = ready(recipe, device)
    torch.set_num_threads(1)  # as the workers will
    sizes = rungs(recipe)
    count = workers or at_a_time(recipe, place)
    each, at_most = trials(recipe.search, sizes)
    if recipe.train is None:
        costs = [measure(recipe, size, tokens_per_example(recipe), place) for size in sizes]
    else:
        costs = programs.costs(recipe, sizes, tokens_per_example(recipe), run)
    took = [c.seconds for c in costs if c.seconds is not None]
    weighs = [c.bytes for c in costs if c.bytes is not None]
    return DryRunDocument(
        rungs=tuple(
            RungCost(width=s.width, trials=each, flops=c.flops, bytes=c.bytes, seconds=c.seconds)
            for s, c in zip(sizes, costs, strict=True)
        ),
        trials=each * len(sizes),
        trials_at_most=at_most,
        flops=sum(c.flops for c in costs) * each,
        bytes=max(weighs) * count if weighs else None,
        seconds=sum(took) * each / count if len(took) == len(costs) else None,
        workers=count,
        device=place,
    )
