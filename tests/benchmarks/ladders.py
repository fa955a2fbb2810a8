"""Train the ladders of `ladder_table`, whose largest rungs `ladder_forecasts` forecasts.

python -m tests.benchmarks.ladders [FOLDER] [NAME…] [cuda]

Each ladder becomes a table FOLDER/NAME.csv (tests/data/ladders by default): sizes,
hyperparameters, seed and loss of each trial, `nan` where it diverged. The stage `search` is what
the recipe asks for; the stage `dense` measures the optima of the two largest rungs better: with
one hyperparameter five rates half an octave apart around the optimum with six further seeds, with
more of them Sobol settings within an octave of it with two further seeds. A table that is complete
is left alone, one that is not goes on. All of it takes about an hour on one CPU core, except for
the ladders `…-wide`, which need a GPU (`cuda`): there each population steps as one CUDA graph.
"""

from __future__ import annotations

import csv
import math
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scipy.stats.qmc import Sobol

from mutransfer_cli.documents.step_mode import StepMode
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.job import Job, missing
from mutransfer_cli.search.problem import search_problem
from mutransfer_cli.search.record import Record
from mutransfer_cli.search.samplers.protocol import SearchProblem, make_sampler
from mutransfer_cli.search.samplers.settings import mean_losses
from mutransfer_cli.train.population.oom_split import train_group
from mutransfer_cli.train.trial import Trial
from tests.benchmarks.given_words import given_words
from tests.benchmarks.ladder_table import LADDERS, Ladder

TABLES = Path(__file__).parents[1] / "data" / "ladders"
POPULATION = 16  # trials that train as one computation
ONE_BY_ONE = {"convnet-digits"}  # convolutions gain nothing from a population on a CPU
DENSE_SEEDS, DENSE_STEP, DENSE_RATES = range(2, 8), 0.5, 5
BOX, BOX_SEEDS = 1.0, (1, 2)  # octaves either way, and its seeds
DIGITS = 6  # of a loss
FAKE_LOSS = 1.0  # Sobol's settings do not depend on losses


class Table:
    """The trials of a ladder in a CSV file, to which further ones are appended.

    Attributes:
        names: Hyperparameters, in the order of the columns.
        rows: Stage and record of each trial.
    """

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        self.path, self.names = path, list(names)
        self.rows: list[tuple[str, Record]] = []
        if path.is_file():
            with path.open(newline="") as file:
                self.rows = [(row["stage"], self._record(row)) for row in csv.DictReader(file)]

    def _record(self, row: dict[str, str]) -> Record:
        loss = float(row["loss"])
        size = Size(*(int(row[name]) for name in Size(1, 1, 1, 1).as_dict()))
        return record(size, int(row["seed"]), {n: float(row[n]) for n in self.names}, loss)

    def records(self, stage: str | None = None) -> list[Record]:
        """The trials of a stage; None: of all."""
        return [r for s, r in self.rows if stage in (None, s)]

    def append(self, stage: str, records: Sequence[Record]) -> None:
        """Add trials to the file."""
        is_new = not self.path.is_file()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            if is_new:
                sizes = list(records[0].size.as_dict())
                writer.writerow(["stage", *sizes, *self.names, "seed", "loss"])
            for r in records:
                values = [f"{r.params[name]:.12g}" for name in self.names]
                loss = "nan" if r.loss is None else f"{r.loss:.{DIGITS}g}"
                writer.writerow([stage, *r.size.as_dict().values(), *values, r.seed, loss])
        self.rows += [(stage, r) for r in records]


def record(size: Size, seed: int, params: dict[str, float], loss: float | None) -> Record:
    """A trial that ended; without a finite loss it diverged. Losses are as exact as in a table."""
    finished = loss is not None and math.isfinite(loss)
    return Record(
        params=params,
        **size.as_dict(),
        seed=seed,
        outcome="finished" if finished else "diverged",
        loss=float(f"{loss:.{DIGITS}g}") if loss is not None and finished else None,
    )


def train(
    factory: ProxyFactory, jobs: Sequence[Job], population: int, device: str
) -> Iterator[list[Record]]:
    """Train jobs of one size, in populations of trials that share a seed where they can."""
    mode: StepMode = "plain" if device == "cpu" else "graph"
    ordered = sorted(jobs, key=lambda job: job.seed)
    for start in range(0, len(ordered), population):
        group = ordered[start : start + population]
        trials = [Trial.of(factory, job.size, job.seed, job.params) for job in group]
        losses = {i: result.loss for i, result in train_group(trials, device, None, mode)}
        yield [record(j.size, j.seed, j.params, losses[i]) for i, j in enumerate(group)]


def population_of(ladder: Ladder) -> int:
    """How many of its trials train as one computation."""
    return 1 if ladder.recipe in ONE_BY_ONE else POPULATION


def rounded(job: Job) -> Job:
    """The job with settings of six digits, which the table holds exactly."""
    return replace(job, setting=tuple((name, float(f"{v:.6g}")) for name, v in job.setting))


def searched_jobs(problem: SearchProblem, records: Sequence[Record]) -> list[Job]:
    """What the recipe's sampler proposes; Sobol's settings all at once."""
    sampler = make_sampler(problem)
    if problem.search.sampler != "sobol":
        return sampler.propose(records)
    proposed: list[Record] = []
    while True:
        jobs = sampler.propose(proposed)
        new = missing(jobs, proposed)
        if not new:
            return [rounded(job) for job in jobs]
        proposed += [record(j.size, j.seed, j.params, FAKE_LOSS) for j in new]


def center(records: Sequence[Record], names: Sequence[str]) -> dict[str, float]:
    """About where the optimum of a rung is, as logarithms to base 2.

    With one hyperparameter the vertex of the parabola through the three lowest mean losses around
    the best, else the mean of the best 15 % of the settings.
    """
    losses = {s: v for s, v in mean_losses(records).items() if v is not None}
    best = sorted(losses, key=lambda s: losses[s])
    if len(names) == 1:
        x = np.log2(sorted(dict(s)[names[0]] for s in losses))
        y = np.array([losses[s] for s in sorted(losses, key=lambda s: dict(s)[names[0]])])
        i = min(max(int(y.argmin()), 1), len(x) - 2)
        a, b, _ = np.polyfit(x[i - 1 : i + 2], y[i - 1 : i + 2], 2)
        vertex = -b / (2 * a) if a > 0 else x[y.argmin()]
        return {names[0]: float(np.clip(vertex, x[i - 1], x[i + 1]))}
    chosen = best[: max(5, round(0.15 * len(best)))]
    return {n: float(np.mean([np.log2(dict(s)[n]) for s in chosen])) for n in names}


def dense_jobs(size: Size, records: Sequence[Record], names: Sequence[str]) -> list[Job]:
    """Trials around the optimum of a rung."""
    middle = center(records, names)
    if len(names) == 1:
        steps = (np.arange(DENSE_RATES) - DENSE_RATES // 2) * DENSE_STEP
        points, seeds = [[middle[names[0]] + step] for step in steps], tuple(DENSE_SEEDS)
    else:
        unit = Sobol(len(names), seed=size.width + size.steps).random(8 * (len(names) + 1))
        points = (np.array([middle[n] for n in names]) + BOX * (2 * unit - 1)).tolist()
        seeds = BOX_SEEDS
    settings = [tuple((n, 2.0**x) for n, x in zip(names, p, strict=True)) for p in points]
    return [rounded(Job(size, seed, setting)) for setting in settings for seed in seeds]


def train_ladder(ladder: Ladder, folder: Path, device: str) -> Table:
    """Train what is missing in the table of a ladder."""
    recipe = ladder.load()
    table = Table(folder / f"{ladder.name}.csv", list(recipe.search.space))
    factory, sizes = ProxyFactory(recipe), ladder.rungs(recipe)
    population = population_of(ladder)
    problem = replace(search_problem(recipe, 0), rungs=sizes)

    def fill(stage: str, jobs: Sequence[Job]) -> bool:
        by_size: dict[Size, list[Job]] = defaultdict(list)
        for job in missing(jobs, table.records()):
            by_size[job.size].append(job)
        for of_size in by_size.values():
            for records in train(factory, of_size, population, device):
                table.append(stage, records)
        return bool(by_size)

    while fill("search", searched_jobs(problem, table.records("search"))):
        pass
    for size in sizes[-2:]:
        searched, dense = (
            [r for r in table.records(stage) if r.size == size] for stage in ("search", "dense")
        )
        jobs = dense_jobs(size, searched, table.names)
        if len(dense) < len(jobs):
            fill("dense", jobs)
    return table


def summary(ladder: Ladder, table: Table) -> str:
    """The lowest mean loss of each rung of the search, and where it is."""
    lines = []
    recipe = ladder.load()
    for size in ladder.rungs(recipe):
        losses = mean_losses([r for r in table.records("search") if r.size == size])
        finished = {s: v for s, v in losses.items() if v is not None}
        best = min(finished, key=lambda s: finished[s])
        where = " ".join(f"{n} {math.log2(v):+.2f}" for n, v in best)
        grown = "/".join(str(v) for v in size.as_dict().values())
        lines.append(f"  {grown}: {finished[best]:.4f} at {where} ({len(finished)}/{len(losses)})")
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> None:
    """Train the ladders that are named, or all."""
    torch.set_num_threads(1)
    known = {ladder.name: ladder for ladder in LADDERS}
    device = "cuda:0" if "cuda" in arguments else "cpu"
    names = [a for a in arguments if a in known]
    names = names or [name for name in known if device != "cpu" or not name.endswith("-wide")]
    folders = [Path(a) for a in arguments if a not in known and a != "cuda"]
    for name in names:
        started, cpu = time.perf_counter(), time.process_time()
        table = train_ladder(known[name], folders[0] if folders else TABLES, device)
        wall, used = time.perf_counter() - started, time.process_time() - cpu
        print(f"{name}: {len(table.rows)} trials, {wall:.0f} s, {used:.0f} s of CPU", flush=True)
        print(summary(known[name], table), flush=True)


if __name__ == "__main__":
    main(given_words(__doc__))
