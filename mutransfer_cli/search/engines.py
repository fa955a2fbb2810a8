"""How the trials of each rung are trained: measured once a rung, and kept in the run directory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from pydantic import TypeAdapter, ValidationError

from mutransfer_cli.errors import InputError
from mutransfer_cli.models.planned import plan_for
from mutransfer_cli.recipe.load import override
from mutransfer_cli.recipe.schema import Recipe
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.document import Population, RungEngine, Way
from mutransfer_cli.search.job import Job
from mutransfer_cli.train.engine import Choice, Timing, choose, one_by_one
from mutransfer_cli.train.population import Member

FILE = "engine.json"
ROWS = TypeAdapter(list[RungEngine])
BOUND = "--engine one-by-one"


def asked_for(engine: str) -> int | None:
    """The size of a population that an option asks for; None for auto.

    Raises InputError for anything but auto, one-by-one, population and population:K.
    """
    kind, _, number = engine.partition(":")
    if engine == "auto":
        return None
    if engine == "one-by-one":
        return 1
    if kind == "population" and (number.isdigit() or not number) and number not in ("0", "1"):
        return int(number or 32)
    raise InputError(f"--engine {engine}: expected auto, one-by-one, population or population:K")


def members_of(recipe: Recipe, jobs: Sequence[Job]) -> list[Member]:
    """The jobs with their own hyperparameters and plans."""
    made = []
    for job in jobs:
        own = override(recipe, job.params)
        made.append(Member(own, job.seed, plan_for(own, job.size)))
    return made


class Engines:
    """The choice of each rung; what was measured before in this run is taken as it is."""

    def __init__(self, recipe: Recipe, run: Path, device: str, workers: int, engine: str) -> None:
        self.recipe, self.device, self.workers = recipe, device, workers
        self.asked = asked_for(engine)
        self.path = run / FILE
        self.choices: dict[Size, Choice] = self._read() if self.asked is None else {}

    def pieces(self, jobs: Sequence[Job]) -> list[list[Job]]:
        """The jobs in the groups that train together, in their order."""
        found: list[list[Job]] = []
        for size in dict.fromkeys(job.size for job in jobs):
            alike = [job for job in jobs if job.size == size]
            at = 0
            for count in self._choice(size, alike).pieces(len(alike), self.workers):
                found.append(alike[at : at + count])
                at += count
        return found

    def _choice(self, size: Size, jobs: Sequence[Job]) -> Choice:
        if self.asked == 1:
            self.choices[size] = one_by_one(BOUND)
        if size in self.choices:
            return self.choices[size]
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # as a worker
        try:
            members = members_of(self.recipe, jobs)
            found = choose(members, size, self.device, self.workers, self.asked)
        finally:
            torch.set_num_threads(threads)
        if found.lasting:
            self.choices[size] = found
            self._write()
        return found

    def rows(self) -> list[RungEngine]:
        return [
            RungEngine(
                width=s.width, depth=s.depth, batch=s.batch, steps=s.steps, size=c.most, why=c.why,
                measured=tuple(
                    Way(size=t.size, seconds=t.seconds, bytes=t.bytes) for t in c.timings
                ),
            )
            for s, c in self.choices.items()
        ]  # fmt: skip

    def population(self) -> Population:
        """The largest population, for the document."""
        rows = self.rows()
        if not rows:
            return Population(
                size=1, batched=False, why="too few trials at a time for populations to be measured"
            )
        most = max(rows, key=lambda r: r.size)
        return Population(size=most.size, batched=most.size > 1, why=most.why, rungs=tuple(rows))

    def _write(self) -> None:
        if self.asked is None:
            self.path.write_bytes(ROWS.dump_json(self.rows(), indent=2) + b"\n")

    def _read(self) -> dict[Size, Choice]:
        try:
            rows = ROWS.validate_json(self.path.read_bytes())
        except (OSError, ValidationError):
            return {}
        return {
            Size(r.width, r.depth, r.batch, r.steps): Choice(
                tuple(Timing(w.size, w.seconds, w.bytes) for w in r.measured), r.size, r.why
            )
            for r in rows
        }
