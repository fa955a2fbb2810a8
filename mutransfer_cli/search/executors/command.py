"""Trials that the user's own program trains: so many at a time, each ended with its driver."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from multiprocessing.connection import wait
from pathlib import Path

from mutransfer_cli.documents.sweep import Population
from mutransfer_cli.recipe.placeholders import placeholders_in
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.schema.train import Train
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.executors.protocol import Claim, all_of_them
from mutransfer_cli.search.job import Job
from mutransfer_cli.search.storage.location import DATABASE
from mutransfer_cli.search.storage.record import Record
from mutransfer_cli.search.storage.run import Run
from mutransfer_cli.train.command import supervisor as guard
from mutransfer_cli.train.command.program_trial import (
    Call,
    NoLoss,
    call_of,
    failure,
    read_loss,
    require_program,
    stamp,
)
from mutransfer_cli.train.cost import Cost, training_flops
from mutransfer_cli.train.device import resolve_device
from mutransfer_cli.train.trial import Outcome, Result

FOLDER = "trials"  # in the run directory
OWN = "own program"  # stands for the device of a program that chooses it
GRACE = 5.0  # seconds between SIGTERM and SIGKILL


@dataclass(slots=True)
class Running:
    """A program that was started, under its guard."""

    job: Job
    call: Call
    guard: subprocess.Popen[bytes]
    started: float
    before: tuple[int, ...] | None  # of its loss file
    overdue: bool = False

    @property
    def end(self) -> int:
        """A file descriptor that can be read when the guard has ended."""
        assert self.guard.stdout is not None
        return self.guard.stdout.fileno()

    def let_go(self) -> None:
        """The guard ends the program, and with it itself."""
        assert self.guard.stdin is not None
        self.guard.stdin.close()

    def ended(self) -> int:
        """Wait for the end; the exit status."""
        code = self.guard.wait()
        self.let_go()
        assert self.guard.stdout is not None
        self.guard.stdout.close()
        return code


class Programs:
    """Runs jobs as `Workers` does: yields each as it ends, in the order of their ending.

    Leaving the context ends every program, and so does the death of this process, however it dies.
    """

    def __init__(self, recipe: Recipe, run: Path, device: str, slots: int) -> None:
        self.recipe, self.root, self.device, self.slots = recipe, run / FOLDER, device, slots
        self.running: list[Running] = []

    def __enter__(self) -> Programs:
        return self

    def __exit__(self, *_: object) -> None:
        for one in self.running:
            one.let_go()
        for one in self.running:
            one.ended()
        self.running.clear()

    def run(self, jobs: Sequence[Job], claim: Claim = all_of_them) -> Iterator[tuple[Job, Result]]:
        """All the jobs that are granted; a job is claimed when there is a slot for it."""
        queue = list(reversed(jobs))
        while queue or self.running:
            while queue and len(self.running) < self.slots:
                self.running += [self.start(job) for job in claim([queue.pop()])]
            if not self.running:
                return
            ended = wait([one.end for one in self.running], self.patience())
            for one in [r for r in self.running if r.end in ended]:
                result = self.result(one)
                self.running.remove(one)
                yield one.job, result
            for one in self.running:
                if not one.overdue and self.left(one) <= 0:
                    one.overdue = True
                    one.let_go()

    def start(self, job: Job) -> Running:
        call = call_of(self.recipe, job.size, job.seed, job.params, self.root, self.device)
        before, started = stamp(call.loss_file), time.perf_counter()
        # -I: the user's folder and PYTHONPATH are the program's, not the guard's
        command = [sys.executable, "-I", guard.__file__, str(call.output), str(GRACE), *call.words]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        return Running(job, call, process, started, before)

    def left(self, one: Running) -> float:
        """Seconds until a trial is overdue."""
        timeout = self.recipe.search.timeout
        return inf if timeout is None else one.started + timeout - time.perf_counter()

    def patience(self) -> float | None:
        """How long to wait for a program's end before looking at the clock."""
        left = min((self.left(one) for one in self.running if not one.overdue), default=inf)
        return max(0.0, left) if isfinite(left) else None

    def result(self, one: Running) -> Result:
        code = one.ended()
        seconds = time.perf_counter() - one.started

        def result(outcome: Outcome, loss: float | None, why: str | None = None) -> Result:
            return Result(outcome, loss, (), seconds, why)

        if one.overdue:
            timeout = self.recipe.search.timeout
            return result("failed", None, f"search.timeout: over {timeout:g} s")
        if code != 0:
            return result("failed", None, failure(code, one.call.output))
        try:
            loss = read_loss(one.call, one.before)
        except NoLoss as error:
            return result("failed", None, str(error))
        if not isfinite(loss):
            return result("diverged", None, f"its loss is {loss}")
        return result("finished", loss)


def ready(train: Train, device: str) -> str:
    """Where the program trains, as far as we know; InputError where it does not exist."""
    require_program(train)
    return resolve_device(device) if "device" in placeholders_in(train.command) else OWN


def population(slots: int) -> Population:
    """How programs are run, for the document."""
    return Population(
        size=1,
        batched=False,
        why=f"every trial is a run of train.command, {slots} at a time",
    )


def notes_of(recipe: Recipe, run: Path, records: Sequence[Record]) -> list[str]:
    """What a reader of the sweep should know of the programs."""
    assert recipe.train is not None
    given = set(placeholders_in(recipe.train.command))
    notes = []
    if "seed" not in given and recipe.search.seeds > 1:
        notes.append("train.command has no {seed}: the seeds of a setting are the same run")
    if not given & {"plan", "out", *recipe.search.space}:
        notes.append("train.command has no {plan}: no trial sees its hyperparameters")
    failed = [r for r in records if r.outcome == "failed"]
    if failed:
        notes.append(
            f"{len(failed)} failed, the first: {failed[0].why}; what each printed is in "
            f"{run / FOLDER}; they are not run again: mend the program and take another --run"
        )
    return notes


def costs(recipe: Recipe, sizes: Sequence[Size], run: Path | None) -> list[Cost]:
    """Of one trial at each size: nobody knows what a program takes before some have finished."""
    records = Run.open(run).records if run is not None and (run / DATABASE).is_file() else ()
    return [Cost(training_flops(recipe, size), None, seconds_of(records, size)) for size in sizes]


def seconds_of(records: Sequence[Record], size: Size) -> float | None:
    """What a trial of a size took, by the median of those that finished; None without any."""
    found = sorted(r.seconds for r in records if r.size == size and r.outcome == "finished")
    return found[len(found) // 2] if found else None
