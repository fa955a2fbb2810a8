"""Which trials train together: chosen for each rung by measuring, and kept in the run directory."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import ParamSpec, Protocol, TypeVar

import torch

from mutransfer_cli.catalog.parameterizations import PARAMETERIZATIONS
from mutransfer_cli.documents.sweep import Population
from mutransfer_cli.errors import InputError
from mutransfer_cli.models.proxy import plan_for
from mutransfer_cli.recipe.key_paths import key_path
from mutransfer_cli.recipe.load import override
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.grouping.engine_file import FILE, keep, read, told
from mutransfer_cli.search.job import Job
from mutransfer_cli.search.samplers import adaptive
from mutransfer_cli.train.engine.choose import (
    WORTH_SECONDS,
    EngineChoice,
    choose_engine,
    one_by_one,
)
from mutransfer_cli.train.engine.timing import Timing, time_single
from mutransfer_cli.train.population.equivalence import BUILT_IN, COMPARED_TRIALS
from mutransfer_cli.train.population.population import Member

Group = tuple[Job, ...]
P = ParamSpec("P")
T = TypeVar("T")


def asked_for(text: str) -> tuple[str, int | None]:
    """`--engine`: auto, one-by-one, population or population:K, as its kind and K."""
    found = re.fullmatch(r"(auto|one-by-one|population)(?::(\d+))?", text)
    if found is None or (found[2] and (found[1] != "population" or int(found[2]) < 2)):
        raise InputError(
            f"--engine {text}: expected auto, one-by-one, population or population:K with K > 1"
        )
    return found[1], int(found[2]) if found[2] else None


def member_of(recipe: Recipe, job: Job) -> Member:
    """A job as a member of a population."""
    own = override(recipe, job.params)
    return Member(own, job.seed, plan_for(own, job.size), job.judge, label_of(job))


def label_of(job: Job) -> str:
    """What tells a job from the others of its recipe."""
    return str(job.key)


class Measure(Protocol):
    """Calls a function where the trials train."""

    def __call__(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T: ...


def here(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    return function(*args, **kwargs)


class Engine:
    """Puts jobs together; asked: as `asked_for` reads it. run: where choices are kept.

    measure, sharing: set by an executor whose trials train elsewhere, or whose workers do not all
    share one memory.
    """

    def __init__(
        self,
        recipe: Recipe,
        device: str,
        workers: int,
        asked: str = "auto",
        run: Path | None = None,
    ) -> None:
        self.recipe, self.device, self.workers, self.run = recipe, device, workers, run
        self.measure: Measure = here
        self.sharing: int | None = None  # workers that share a memory; None: all of them
        self.kind, self.size = asked_for(asked)
        # a search in rounds measures for all of them
        search = recipe.search
        self.expected = adaptive.trials(search)[0] if search.sampler == "adaptive" else 0
        self.choices: dict[Size, EngineChoice] = {}
        self.alone: dict[Size, Timing] = {}
        self.largest: dict[Size, int] = defaultdict(int)
        if run is not None and self.kind == "auto" and (run / FILE).is_file():
            self.choices = read(run / FILE, device)

    def groups(self, jobs: Sequence[Job], interrupted: Sequence[Group] = ()) -> list[Group]:
        """All jobs in groups that train together, in the order of the jobs' sizes.

        interrupted: groups that go on first, as they were.
        """
        for group in interrupted:
            size, count = group[0].size, len(group)
            self.largest[size] = max(self.largest[size], count)
            if size not in self.choices or not self.choices[size].settled:
                self.choices[size] = EngineChoice((), count, "goes on from its checkpoint")
        by_size: dict[Size, list[Job]] = {}
        for job in jobs:
            by_size.setdefault(job.size, []).append(job)
        made = [group for size, of in by_size.items() for group in self._of_size(size, of)]
        return [*interrupted, *made]

    def _of_size(self, size: Size, jobs: Sequence[Job]) -> list[Group]:
        alike: dict[tuple[float, ...], list[Job]] = {}
        for job in jobs:
            alike.setdefault(apart(self.recipe, job.params), []).append(job)
        choice = self._choice(size, max(alike.values(), key=len), len(jobs))
        groups: list[Group] = []
        for of in alike.values():
            left = sorted(of, key=lambda job: job.seed)  # one seed's trials share their batches
            for count in choice.pieces(len(left), self.workers):
                groups.append(tuple(replace(job, way=choice.step_mode) for job in left[:count]))
                left = left[count:]
        self.largest[size] = max(self.largest[size], *(len(g) for g in groups))
        return groups

    def seconds(self, size: Size, count: int) -> float | None:
        """What `count` trials of a rung would take here, looks at the validation loss apart.

        None where nothing had to be measured.
        """
        choice = self._choice(size, [Job(size, 0, ())], count)
        if not choice.timings:
            return None
        busy = [0.0] * self.workers
        for piece in choice.pieces(count, self.workers):
            busy[busy.index(min(busy))] += piece * choice.seconds(piece) * size.steps
        return max(busy)

    def _choice(self, size: Size, jobs: Sequence[Job], count: int) -> EngineChoice:
        """How a rung is trained: as before where that was measured."""
        if size not in self.choices or not self.choices[size].settled:
            before, self.choices[size] = self.choices.get(size), self._chosen(size, jobs, count)
            if self.choices[size] != before:
                self._keep(self.choices[size])
        return self.choices[size]

    def _keep(self, new: EngineChoice) -> None:
        """One that was neither measured nor asked for tells those that read the run."""
        worth = new.settled or self.kind == "auto"
        if worth and self.run is not None and self.run.is_dir():
            keep(self.run / FILE, self.choices, self.device)

    def _chosen(self, size: Size, jobs: Sequence[Job], count: int) -> EngineChoice:
        if self.kind == "one-by-one":
            return one_by_one("--engine one-by-one")
        own = self.recipe.model.build not in BUILT_IN
        if self.kind == "auto" and own and self.recipe.search.timeout is not None:
            return one_by_one("search.timeout: one that does not answer has to be ended by itself")
        each = ceil(count / self.workers)
        if self.kind == "auto" and each < 2:
            return one_by_one("no more trials than workers: each trains its own")
        threads = torch.get_num_threads()
        if self.device == "cpu":
            torch.set_num_threads(1)  # as the workers will
        try:
            sample = [member_of(self.recipe, job) for job in jobs[:COMPARED_TRIALS]]
            if self.kind == "auto":
                if size not in self.alone:
                    self.alone[size] = self.measure(time_single, sample[0], size, self.device)
                whole = max(each, ceil(self.expected / self.workers))
                if self.alone[size].seconds * size.steps * whole < WORTH_SECONDS:
                    return one_by_one(
                        f"one by one takes less than {WORTH_SECONDS:g} s: nothing to gain by a "
                        "population"
                    )
            return self.measure(
                choose_engine,
                sample,
                each,
                size,
                self.device,
                self.sharing or self.workers,
                self.kind,
                self.size,
                self.alone.get(size),
            )
        finally:
            torch.set_num_threads(threads)

    def notes(self) -> list[str]:
        """Rungs that could not be trained as was asked for."""
        return [
            f"--engine population: width {size.width} trains one by one: {choice.why}"
            for size, choice in self.choices.items()
            if self.kind == "population" and choice.most == 1
        ]

    def document(self) -> Population:
        """What was chosen so far, and why."""
        rungs = tuple(
            told(size, choice, self.largest[size] or choice.most, self.device)
            for size, choice in sorted(self.choices.items(), key=lambda c: c[0].width)
        )
        size = max((r.size for r in rungs), default=1)
        reasons = dict.fromkeys(r.why for r in rungs)
        if len(reasons) == 1:
            why = next(iter(reasons))
        else:
            why = "; ".join(f"width {r.width}: {r.why}" for r in rungs) or "nothing was trained"
        return Population(size=size, batched=size > 1, why=why, rungs=rungs)


def apart(recipe: Recipe, params: Mapping[str, float]) -> tuple[float, ...]:
    """Values that may not differ inside a population: multipliers that are no tensors there.

    An attention scale is a plain number to torch's attention; u-muP's multipliers are put into the
    model as numbers.
    """
    paths = {key_path(name): value for name, value in params.items()}
    if PARAMETERIZATIONS[recipe.parameterization].unit_scaled:
        return tuple(v for p, v in paths.items() if p.startswith("multipliers."))
    return tuple(v for p, v in paths.items() if p == "multipliers.attention")
