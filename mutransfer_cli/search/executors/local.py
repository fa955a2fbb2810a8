"""Runs trials on this machine: in worker processes on a CPU or several GPUs, here on one GPU."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from importlib import import_module
from types import TracebackType

import torch

from mutransfer_cli.search.executors.group_training import interrupted_groups, train_jobs
from mutransfer_cli.search.executors.grouping_executor import GroupingExecutor
from mutransfer_cli.search.executors.local_worker import run_group, start_worker
from mutransfer_cli.search.executors.protocol import Claim, ExecutorSetup, claim_all
from mutransfer_cli.search.executors.retries import Retries, unanswered
from mutransfer_cli.search.executors.worker_pool import WorkerPool, can_fork
from mutransfer_cli.search.grouping.members import Group
from mutransfer_cli.search.job import Job
from mutransfer_cli.train.machine.device import resolve_devices
from mutransfer_cli.train.trial_result import Result

log = logging.getLogger(__name__)

TIMEOUT_GRACE = 5.0  # seconds past search.timeout before an unresponsive worker is ended


def default_workers(device: str) -> int:
    """One per core on a CPU; a GPU is driven by one process."""
    if device != "cpu":
        return 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def has_no_gpu() -> bool:
    """Whether there is no GPU, whose driver would not survive a fork."""
    return torch.cuda.device_count() == 0 and not torch.backends.mps.is_available()


def forks(device: str, threads: int) -> bool:
    """Whether workers are forked, which neither a GPU nor further torch threads survive."""
    return device == "cpu" and threads == 1 and has_no_gpu() and can_fork()


class LocalExecutor(GroupingExecutor):
    """Runs groups in worker processes, which are reused for all rounds of jobs.

    A worker that dies or exceeds `search.timeout` is replaced, and the trials of its population
    are then run one by one. A single trial that exceeds the time limit has failed.
    """

    def __init__(self, setup: ExecutorSetup) -> None:
        """Make an executor; workers start when its context is entered.

        Args:
            setup: The models of the trials, and the options of the sweep.

        Raises:
            InputError: The recipe cannot be trained, or there is no such device.
        """
        super().__init__(setup)
        self.devices = resolve_devices(setup.device)
        self.device = self.devices[0]
        self.workers = setup.workers or max(default_workers(self.device), len(self.devices))
        self.threads = setup.threads
        self.retries = Retries(
            f"--workers {self.workers}: a worker process keeps dying (out of memory?); what was "
            "finished is kept: run the same command again with fewer --workers"
        )
        self.pool: WorkerPool[Group] | None = None

    def __enter__(self) -> LocalExecutor:
        """Start the workers, or let the pool start them on use where they cannot be forked."""
        forked = forks(self.device, self.threads)
        if forked:
            # torch imports it, in seconds, for the first optimizer of a process; forks share it
            import_module("torch._dynamo")
        # this process has imported it, and so have its forks
        self.reads_code_again = not forked and not self.runs_here
        self.pool = WorkerPool(
            self.workers,
            start_worker,
            (
                self.proxies,
                os.getcwd(),
                self.devices,
                self.threads,
                os.getpid(),
                self.checkpoints,
            ),
            forked=forked,
            numbered=True,
        )
        kind = "forked" if forked else "started on use"
        log.info("%d workers on %s, %s", self.workers, ", ".join(self.devices), kind)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the workers; each saves the trial that it is training."""
        if self.pool is not None:
            self.pool.close()

    def run(self, jobs: Sequence[Job], claim: Claim = claim_all) -> Iterator[tuple[Job, Result]]:
        """Run jobs, see `Executor.run`.

        Args:
            jobs: Trials to run.
            claim: Returns the jobs of a group that may be run.

        Raises:
            InputError: Workers keep dying.
        """
        interrupted, others = interrupted_groups(self.proxies, jobs, self.device, self.checkpoints)
        if interrupted:
            log.info("%d interrupted groups resume from their checkpoints", len(interrupted))
        groups = self.engine.groups(others, interrupted)
        if self.runs_here:
            yield from self._run_here(groups, claim)
        else:
            yield from self._run_in_workers(groups, claim)

    @property
    def runs_here(self) -> bool:
        """Whether this process trains: on one GPU, without a time limit to enforce."""
        return self.device != "cpu" and len(self.devices) == 1 and self.timeout is None

    def _run_here(self, groups: Sequence[Group], claim: Claim) -> Iterator[tuple[Job, Result]]:
        for group in groups:
            granted = tuple(claim(group))
            if granted:
                log.info("width %d: %d trials in this process", granted[0].size.width, len(granted))
                for i, result in train_jobs(self.proxies, granted, self.device, self.checkpoints):
                    yield granted[i], result

    def _run_in_workers(
        self, groups: Sequence[Group], claim: Claim
    ) -> Iterator[tuple[Job, Result]]:
        pool = self.pool
        assert pool is not None, "enter the executor's context first"
        queue = list(reversed(groups))
        again: list[Group] = []  # claimed before: their worker died or did not answer
        remaining: dict[Group, dict[int, Job]] = {}  # of the groups under way
        largest = max(map(len, groups), default=1)
        limit = None if self.timeout is None else largest * self.timeout + TIMEOUT_GRACE
        while True:
            while pool.has_free_worker and (again or queue):
                granted = again.pop() if again else tuple(claim(queue.pop()))
                if granted:
                    remaining[granted] = dict(enumerate(granted))
                    worker = pool.submit(run_group, granted)
                    width = granted[0].size.width
                    log.info("width %d: %d trials to worker %s", width, len(granted), worker)
            if not pool.is_busy:
                return
            for message in pool.poll(limit):
                if message.kind == "error":
                    raise message.value
                if message.kind == "part":
                    index, result = message.value
                    yield remaining[message.task].pop(index), result
                    continue
                lost = tuple(remaining.pop(message.task).values())
                if message.kind == "hung" and len(lost) == 1:
                    yield (
                        lost[0],
                        unanswered(self.timeout, message.seconds, "; its worker was ended"),
                    )
                elif message.kind != "end":
                    again += self.retries.regroup(lost, died=message.kind == "died")
