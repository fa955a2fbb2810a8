"""Groups trials into populations; the fastest size is measured for each rung and stored."""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import ParamSpec, Protocol, TypeVar

import torch

from mutransfer_cli.documents.sweep import Population
from mutransfer_cli.errors import InputError, suggestion
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.grouping.engine_file import (
    FILE,
    read_choices,
    rung_engine,
    write_choices,
)
from mutransfer_cli.search.grouping.members import Group, fixed_values, trial_of
from mutransfer_cli.search.job import Job
from mutransfer_cli.train.engine.choose import (
    WORTH_SECONDS,
    EngineChoice,
    choose_engine,
    one_by_one,
)
from mutransfer_cli.train.engine.timing import Timing, time_single
from mutransfer_cli.train.population.equivalence import COMPARED_TRIALS

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")
ENGINES = ("auto", "one-by-one", "population")


def parse_engine(text: str) -> tuple[str, int | None]:
    """`--engine`: auto, one-by-one, population or population:K, as its kind and K.

    Raises:
        InputError: Anything else.
    """
    match = re.fullmatch(rf"({'|'.join(ENGINES)})(?::(\d+))?", text)
    if match is None or (match[2] and (match[1] != "population" or int(match[2]) < 2)):
        raise InputError(
            f"--engine {text}: expected auto, one-by-one, population or population:K with K > 1"
            f"{suggestion(text, ENGINES)}"
        )
    return match[1], int(match[2]) if match[2] else None


class Measure(Protocol):
    """Calls a function where the trials train."""

    def __call__(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what the function returns."""
        ...


def measure_here(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Measure in this process."""
    return function(*args, **kwargs)


class Engine:
    """Puts jobs into groups that train as one computation; measures which size is fastest.

    Attributes:
        choices: How each rung is trained, for the rungs for which that has been chosen.
        single: The timing of a single trial of each rung.
        largest: Trials in the largest group of each rung.
        measure: Calls a function where the trials train; set by executors of remote workers.
        workers_sharing_memory: Workers that share one memory; None: all of them.
    """

    def __init__(
        self,
        proxies: ProxyFactory,
        device: str,
        workers: int,
        requested: str = "auto",
        run: Path | None = None,
        expected: int = 0,
    ) -> None:
        """Make an engine, with the choices stored in the run directory, if any.

        Args:
            proxies: Builds the models.
            device: Where they train.
            workers: Groups at a time.
            requested: The option `--engine`, see `parse_engine`.
            run: The run directory, which stores the choices; None: nothing is written.
            expected: Trials per rung expected in this and later rounds, at least.

        Raises:
            InputError: The option or the file of the choices is invalid.
        """
        self.proxies, self.device, self.workers, self.run = proxies, device, workers, run
        self.measure: Measure = measure_here
        self.workers_sharing_memory: int | None = None
        self.kind, self.size = parse_engine(requested)
        self.expected = expected
        self.choices: dict[Size, EngineChoice] = {}
        self.single: dict[Size, Timing] = {}
        self.largest: dict[Size, int] = defaultdict(int)
        if run is not None and self.kind == "auto" and (run / FILE).is_file():
            self.choices = read_choices(run / FILE, device)

    def groups(self, jobs: Sequence[Job], interrupted: Sequence[Group] = ()) -> list[Group]:
        """Put all jobs into groups, in the order of the jobs' sizes.

        Args:
            jobs: Jobs that are not in a group yet.
            interrupted: Groups that have a checkpoint; they come first, unchanged.
        """
        for group in interrupted:
            size, count = group[0].size, len(group)
            self.largest[size] = max(self.largest[size], count)
            if size not in self.choices or not self.choices[size].settled:
                self.choices[size] = EngineChoice((), count, "goes on from its checkpoint")
        by_size: dict[Size, list[Job]] = {}
        for job in jobs:
            by_size.setdefault(job.size, []).append(job)
        groups = [group for size, of in by_size.items() for group in self._of_size(size, of)]
        return [*interrupted, *groups]

    def _of_size(self, size: Size, jobs: Sequence[Job]) -> list[Group]:
        alike: dict[tuple[float, ...], list[Job]] = {}
        for job in jobs:
            alike.setdefault(fixed_values(self.proxies, job.params), []).append(job)
        choice = self._choice(size, max(alike.values(), key=len), len(jobs))
        groups: list[Group] = []
        for of in alike.values():
            queue = sorted(of, key=lambda job: job.seed)  # one seed's trials share their batches
            for count in choice.pieces(len(queue), self.workers):
                mode, batched = choice.step_mode, choice.most > 1
                groups.append(
                    tuple(replace(j, step_mode=mode, batched=batched) for j in queue[:count])
                )
                queue = queue[count:]
        self.largest[size] = max(self.largest[size], *(len(g) for g in groups))
        log.info(
            "width %d: %d trials in groups of %s", size.width, len(jobs), [len(g) for g in groups]
        )
        return groups

    def seconds(self, size: Size, count: int) -> float | None:
        """Seconds that `count` trials of a rung would take, without the validation loss.

        None if nothing had to be measured.
        """
        choice = self._choice(size, [Job(size, 0, ())], count)
        if not choice.timings:
            return None
        busy = [0.0] * self.workers
        for piece in choice.pieces(count, self.workers):
            busy[busy.index(min(busy))] += piece * choice.seconds(piece) * size.steps
        return max(busy)

    def _choice(self, size: Size, jobs: Sequence[Job], count: int) -> EngineChoice:
        """The choice for a rung; one that is settled is kept."""
        if size not in self.choices or not self.choices[size].settled:
            before, choice = self.choices.get(size), self._choose(size, jobs, count)
            self.choices[size] = choice
            if choice != before:
                mode = "one by one"
                if choice.most > 1:
                    mode = f"in populations of up to {choice.most}"
                log.info("engine: width %d trains %s: %s", size.width, mode, choice.why)
                self._store(choice)
        return self.choices[size]

    def _store(self, new: EngineChoice) -> None:
        """Store choices that were measured or made automatically, not those that the user fixed."""
        is_worth_keeping = new.settled or self.kind == "auto"
        if is_worth_keeping and self.run is not None and self.run.is_dir():
            write_choices(self.run / FILE, self.choices, self.device)

    def _choose(self, size: Size, jobs: Sequence[Job], count: int) -> EngineChoice:
        if self.kind == "one-by-one":
            return one_by_one("--engine one-by-one")
        may_hang = not self.proxies.is_built_in
        if self.kind == "auto" and may_hang and self.proxies.training.timeout is not None:
            return one_by_one("search.timeout: a trial that hangs has to be ended by itself")
        each = ceil(count / self.workers)
        if self.kind == "auto" and each < 2:
            return one_by_one("no more trials than workers: each worker trains one")
        threads = torch.get_num_threads()
        if self.device == "cpu":
            torch.set_num_threads(1)  # as the workers will
        try:
            sample = [trial_of(self.proxies, job) for job in jobs[:COMPARED_TRIALS]]
            if self.kind == "auto":
                if size not in self.single:
                    self.single[size] = self.measure(time_single, sample[0], self.device)
                per_worker = max(each, ceil(self.expected / self.workers))
                if self.single[size].seconds * size.steps * per_worker < WORTH_SECONDS:
                    return one_by_one(
                        f"one by one takes less than {WORTH_SECONDS:g} s: nothing to gain by a "
                        "population"
                    )
            return self.measure(
                choose_engine,
                sample,
                each,
                self.device,
                self.workers_sharing_memory or self.workers,
                self.kind,
                self.size,
                self.single.get(size),
            )
        finally:
            torch.set_num_threads(threads)

    def notes(self) -> list[str]:
        """Notes on rungs that could not be trained as `--engine` asks for."""
        return [
            f"--engine population: width {size.width} trains one by one: {choice.why}"
            for size, choice in self.choices.items()
            if self.kind == "population" and choice.most == 1
        ]

    def expected_seconds(self, size: Size) -> float | None:
        """Measured seconds that a trial takes a worker; None if nothing had to be measured."""
        choice, single = self.choices.get(size), self.single.get(size)
        if choice is not None and choice.timings:
            return choice.seconds(self.largest[size] or choice.most) * size.steps
        return None if single is None else single.seconds * size.steps

    def document(self) -> Population:
        """The choices so far, with their reasons."""
        rungs = tuple(
            rung_engine(size, choice, self.largest[size] or choice.most, self.device)
            for size, choice in sorted(self.choices.items(), key=lambda c: c[0].width)
        )
        size = max((r.size for r in rungs), default=1)
        reasons = dict.fromkeys(r.why for r in rungs)
        if len(reasons) == 1:
            why = next(iter(reasons))
        else:
            why = "; ".join(f"width {r.width}: {r.why}" for r in rungs) or "nothing was trained"
        return Population(size=size, batched=size > 1, why=why, rungs=rungs)
