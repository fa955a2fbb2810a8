"""Runs trials with the user's own program, several at a time; none outlives the driver."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from multiprocessing.connection import wait
from pathlib import Path
from types import TracebackType

from mutransfer_cli.documents.sweep import Population
from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.placeholders import placeholders_in
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.executors.protocol import Claim, Executor, ExecutorSetup, claim_all
from mutransfer_cli.search.job import Job
from mutransfer_cli.search.record import Record
from mutransfer_cli.search.storage.location import DATABASE
from mutransfer_cli.search.storage.run import Run
from mutransfer_cli.train.command import supervisor
from mutransfer_cli.train.command.program_output import (
    NoLoss,
    failure_reason,
    loss_file_version,
    read_loss,
)
from mutransfer_cli.train.command.program_trial import (
    ProgramTrial,
    prepare_program_trial,
    require_program,
)
from mutransfer_cli.train.cost import Cost, training_flops
from mutransfer_cli.train.machine.device import resolve_device
from mutransfer_cli.train.trial_result import Outcome, Result

log = logging.getLogger(__name__)

FOLDER = "trials"  # in the run directory
UNKNOWN_DEVICE = "own program"  # stands for the device of a program that chooses it
KILL_DELAY = 5.0  # seconds between SIGTERM and SIGKILL


@dataclass(slots=True)
class RunningProgram:
    """A program that was started, with its supervisor.

    Attributes:
        job: The trial.
        call: The program's command line, folder and loss file.
        supervisor: Ends the program when this process dies.
        started: Clock when it was started.
        stamp: Version of its loss file before it was started.
        is_overdue: Whether it was ended because it exceeded `search.timeout`.
    """

    job: Job
    call: ProgramTrial
    supervisor: subprocess.Popen[bytes]
    started: float
    stamp: tuple[int, ...] | None
    is_overdue: bool = False

    @property
    def descriptor(self) -> int:
        """A file descriptor that becomes readable when the supervisor ends."""
        assert self.supervisor.stdout is not None
        return self.supervisor.stdout.fileno()

    def release(self) -> None:
        """Make the supervisor end the program, and then itself."""
        assert self.supervisor.stdin is not None
        self.supervisor.stdin.close()

    def wait(self) -> int:
        """Wait for the supervisor to end; returns the exit status."""
        code = self.supervisor.wait()
        self.release()
        assert self.supervisor.stdout is not None
        self.supervisor.stdout.close()
        return code


class CommandExecutor(Executor):
    """Runs the recipe's `train.command` once for each trial.

    Leaving the context ends every program, and so does the death of this process, however it dies.
    """

    def __init__(self, setup: ExecutorSetup) -> None:
        """Make an executor.

        Args:
            setup: The models of the trials, and the options of the sweep.

        Raises:
            InputError: The program does not exist, or an option does not apply to it.
        """
        recipe = setup.proxies.recipe
        assert recipe.train is not None
        if setup.engine.startswith("population"):
            raise InputError(
                f"--engine {setup.engine}: train.command trains one by one; expected auto or "
                "one-by-one"
            )
        self.proxies = setup.proxies
        self.recipe, self.train = recipe, recipe.train
        require_program(self.train)
        self.placeholders = set(placeholders_in(self.train.command))
        chooses_device = "device" not in self.placeholders
        self.device = UNKNOWN_DEVICE if chooses_device else resolve_device(setup.device)
        self.ignored_device = setup.device if chooses_device and setup.device != "auto" else None
        self.workers = setup.workers or self.train.slots
        self.run_directory = setup.run or Path()
        self.folder = self.run_directory / FOLDER
        self.timeout = recipe.search.timeout
        self.running: list[RunningProgram] = []

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End every program."""
        for program in self.running:
            program.release()
        for program in self.running:
            program.wait()
        self.running.clear()

    def population(self) -> Population:
        """Programs are not grouped."""
        why = f"every trial is a run of train.command, {self.workers} at a time"
        return Population(size=1, batched=False, why=why)

    def notes(self, records: Sequence[Record]) -> Sequence[str]:
        """Notes on options and placeholders without effect, and on failed trials.

        Args:
            records: Trials that have ended.
        """
        notes = []
        if self.ignored_device is not None:
            notes.append(
                f"--device {self.ignored_device}: not used, train.command has no {{device}}"
            )
        if "seed" not in self.placeholders and self.recipe.search.seeds > 1:
            notes.append("train.command has no {seed}: the seeds of a setting are the same run")
        if not self.placeholders & {"plan", "out", *self.recipe.search.space}:
            notes.append("train.command has no {plan}: no trial sees its hyperparameters")
        failed = [r for r in records if r.outcome == "failed"]
        if failed:
            notes.append(
                f"{len(failed)} failed, the first: {failed[0].why}; their output is in "
                f"{self.folder}; they are not run again: repair the program and choose another "
                "--run"
            )
        return notes

    def known_costs(self, sizes: Sequence[Size]) -> list[Cost]:
        """Costs with the times of earlier trials of the run, which are None before any finished."""
        has_run = (self.run_directory / DATABASE).is_file()
        records = Run.open(self.run_directory).records if has_run else ()
        return [
            Cost(training_flops(self.proxies, size), None, median_seconds(records, size))
            for size in sizes
        ]

    def run(self, jobs: Sequence[Job], claim: Claim = claim_all) -> Iterator[tuple[Job, Result]]:
        """Run jobs; a job is claimed when there is a slot for it.

        Args:
            jobs: Trials.
            claim: Returns the jobs that may be run.
        """
        queue = list(reversed(jobs))
        while queue or self.running:
            while queue and len(self.running) < self.workers:
                self.running += [self._start(job) for job in claim([queue.pop()])]
            if not self.running:
                return
            ended = wait([program.descriptor for program in self.running], self._patience())
            for program in [p for p in self.running if p.descriptor in ended]:
                result = self._result(program)
                self.running.remove(program)
                yield program.job, result
            for program in self.running:
                if not program.is_overdue and self._seconds_left(program) <= 0:
                    log.info("width %d: over search.timeout, ended", program.job.size.width)
                    program.is_overdue = True
                    program.release()

    def _start(self, job: Job) -> RunningProgram:
        call = prepare_program_trial(
            self.proxies, job.size, job.seed, job.params, self.folder, self.device
        )
        before, started = loss_file_version(call.loss_file), time.perf_counter()
        # -I: the user's folder and PYTHONPATH are the program's, not the supervisor's
        command = [sys.executable, "-I", supervisor.__file__, str(call.output), str(KILL_DELAY)]
        process = subprocess.Popen(
            [*command, *call.words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        log.info("width %d: %s under process %d", job.size.width, call.folder.name, process.pid)
        return RunningProgram(job, call, process, started, before)

    def _seconds_left(self, program: RunningProgram) -> float:
        """Seconds until a trial is overdue."""
        if self.timeout is None:
            return inf
        return program.started + self.timeout - time.perf_counter()

    def _patience(self) -> float | None:
        """Seconds until the next trial is overdue; None: there is no time limit."""
        left = min((self._seconds_left(p) for p in self.running if not p.is_overdue), default=inf)
        return max(0.0, left) if isfinite(left) else None

    def _result(self, program: RunningProgram) -> Result:
        code = program.wait()
        seconds = time.perf_counter() - program.started

        def result(outcome: Outcome, loss: float | None, why: str | None = None) -> Result:
            return Result(outcome, loss, (), seconds, why)

        if program.is_overdue:
            return result("failed", None, f"search.timeout: over {self.timeout:g} s")
        if code != 0:
            return result("failed", None, failure_reason(code, program.call.output))
        try:
            loss = read_loss(program.call, program.stamp)
        except NoLoss as error:
            return result("failed", None, str(error))
        if not isfinite(loss):
            return result("diverged", None, f"its loss is {loss}")
        return result("finished", loss)


def median_seconds(records: Sequence[Record], size: Size) -> float | None:
    """Median seconds of the finished trials of a size; None if there are none."""
    seconds = sorted(r.seconds for r in records if r.size == size and r.outcome == "finished")
    return seconds[len(seconds) // 2] if seconds else None
