"""Runs trials with the user's own program, several at a time; none outlives the driver."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import inf, isfinite
from multiprocessing.connection import wait
from pathlib import Path
from types import TracebackType

from mutransfer_cli.documents.sweep import Population
from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.placeholders import placeholders_in
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.executors.programs.program_notes import (
    median_seconds,
    program_notes,
    unreadable,
)
from mutransfer_cli.search.executors.programs.running_program import RunningProgram
from mutransfer_cli.search.executors.protocol import Claim, Executor, ExecutorSetup, claim_all
from mutransfer_cli.search.job import Job
from mutransfer_cli.search.record import Record
from mutransfer_cli.search.storage.location import DATABASE
from mutransfer_cli.search.storage.run import Run
from mutransfer_cli.train.command import supervisor
from mutransfer_cli.train.command.loss_file import NoLoss
from mutransfer_cli.train.command.program_output import (
    failure_reason,
    loss_file_version,
    read_loss,
    read_loss_again,
)
from mutransfer_cli.train.command.program_trial import (
    ProgramTrial,
    mark_ended,
    prepare,
    program_trial,
    require_program,
    seconds_if_ended,
)
from mutransfer_cli.train.cost import Cost, training_flops
from mutransfer_cli.train.machine.device import resolve_device
from mutransfer_cli.train.trial_result import Outcome, Result

log = logging.getLogger(__name__)

FOLDER = "trials"  # in the run directory
UNKNOWN_DEVICE = "own program"  # stands for the device of a program that chooses it
NO_LOSS, NOT_FINITE = "no loss", "its loss is"  # how the reasons of such trials begin
KILL_DELAY = 5.0  # seconds between SIGTERM and SIGKILL


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
        assert recipe.program is not None
        if setup.engine.startswith("population"):
            raise InputError(
                f"--engine {setup.engine}: train.command trains one by one; expected auto or "
                "one-by-one"
            )
        self.proxies = setup.proxies
        self.recipe, self.program = recipe, recipe.program
        require_program(self.program)
        self.placeholders = set(placeholders_in(self.program.command))
        chooses_device = "device" not in self.placeholders
        self.device = UNKNOWN_DEVICE if chooses_device else resolve_device(setup.device)
        self.ignored_device = setup.device if chooses_device and setup.device != "auto" else None
        self.workers = setup.workers or self.program.slots
        self.run_directory = setup.run or Path()
        self.folder = self.run_directory / FOLDER
        self.timeout = recipe.search.timeout
        self.code = setup.code
        self.running: list[RunningProgram] = []
        self.has_read_a_loss = False

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
        return [*notes, *program_notes(self.recipe, self.placeholders, self.folder, records)]

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
                for job in claim([queue.pop()]):
                    left = self._left_by_an_earlier_sweep(job)
                    if left is not None:
                        yield job, left
                    else:
                        self.running.append(self._start(job))
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

    def read_again(self, records: Sequence[Record]) -> Iterator[Record]:
        """Records of programs whose loss could not be read before; it is where train.loss says now.

        Args:
            records: Trials that have ended.
        """
        self.has_read_a_loss = any(
            record.outcome == "finished" or str(record.why).startswith(NOT_FINITE)
            for record in records
        )
        for record in records:
            if record.outcome != "failed" or not str(record.why).startswith(NO_LOSS):
                continue
            loss = read_loss_again(self._call(record.size, record.seed, record.params))
            if loss is not None:
                outcome, value, why = self._judge(loss)
                yield replace(record, outcome=outcome, loss=value, why=why)

    def _call(self, size: Size, seed: int, params: Mapping[str, float]) -> ProgramTrial:
        return program_trial(self.proxies, size, seed, params, self.folder, self.device)

    def _left_by_an_earlier_sweep(self, job: Job) -> Result | None:
        """The result of a program that ended well before its sweep could store a loss."""
        call = self._call(job.size, job.seed, job.params)
        seconds = seconds_if_ended(call, self.code)
        loss = None if seconds is None else read_loss_again(call)
        if seconds is None or loss is None:
            return None
        log.info("width %d: the loss in %s is read again", job.size.width, call.folder.name)
        outcome, value, why = self._judge(loss)
        return Result(outcome, value, (), seconds, why)

    def _judge(self, loss: float) -> tuple[Outcome, float | None, str | None]:
        """Outcome, loss and reason of a trial whose loss was read."""
        self.has_read_a_loss = True
        if not isfinite(loss):
            return "diverged", None, f"{NOT_FINITE} {loss}"
        return "finished", loss, None

    def _start(self, job: Job) -> RunningProgram:
        call = self._call(job.size, job.seed, job.params)
        prepare(call, self.proxies.with_hyperparameters(job.params).plan(job.size))
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
        mark_ended(program.call, seconds, self.code)
        try:
            loss = read_loss(program.call, program.stamp)
        except NoLoss as error:
            if not self.has_read_a_loss:
                raise unreadable(error, self.folder) from error
            return result("failed", None, str(error))
        return result(*self._judge(loss))
