"""Workers on this machine: processes of one thread each on a CPU, this process on a GPU."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType

import torch

from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.freeze import frozen_yaml
from mutransfer_cli.recipe.load import loads, override
from mutransfer_cli.recipe.schema import Recipe
from mutransfer_cli.search.engines import Engines, members_of
from mutransfer_cli.search.executor import Claim, all_of_them
from mutransfer_cli.search.job import Job
from mutransfer_cli.search.pool import Ended, Pool
from mutransfer_cli.search.study import Key
from mutransfer_cli.train.checkpoint import EVERY, Keeper
from mutransfer_cli.train.population import train_together
from mutransfer_cli.train.trial import Result, train

DEATHS_ALLOWED = 3  # of workers, in one and the same trial
GRACE = 5.0  # seconds past search.timeout before a worker that does not answer is ended

Piece = tuple[Job, ...]  # trials of one size that train together

_recipe: Recipe | None = None
_device = "cpu"
_checkpoints: Path | None = None


def default_workers(device: str) -> int:
    """One per core on a CPU; a GPU is driven by one process."""
    if device != "cpu":
        return 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def start_worker(
    recipe: str, folder: str, device: str, threads: int, parent: int, checkpoints: Path | None
) -> None:
    """In a fresh process: one thread, the user's folder, and an end when the driver dies."""
    global _recipe, _device, _checkpoints
    signal.signal(signal.SIGTERM, end)
    _checkpoints = checkpoints
    torch.set_num_threads(threads)
    sys.path.insert(0, folder)
    _recipe, _device = loads(recipe, "recipe.yaml").recipe, device

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)  # the driver was killed: nobody would read the result

    threading.Thread(target=watch, daemon=True).start()


def end(number: int, frame: FrameType | None) -> None:
    """A worker is asked to end: it saves its trial first, where that can be saved."""
    Keeper.asked = True
    if Keeper.training is None:
        os._exit(0)


def run_jobs(jobs: Piece) -> list[tuple[Job, Result]]:
    """Train trials in a worker: one, or a population."""
    assert _recipe is not None
    return run_piece(_recipe, jobs, _device, _checkpoints)


def run_piece(
    recipe: Recipe, jobs: Piece, device: str, checkpoints: Path | None = None
) -> list[tuple[Job, Result]]:
    """Trials of one size that train together; halves of them where they do not fit."""
    if len(jobs) == 1:
        return [(jobs[0], run_trial(recipe, jobs[0], device, checkpoints))]
    try:
        ended = train_together(members_of(recipe, jobs), jobs[0].size, device)
        return [(jobs[i], result) for i, result in ended]
    except (MemoryError, torch.OutOfMemoryError):
        half = len(jobs) // 2
    return [
        done
        for part in (jobs[:half], jobs[half:])
        for done in run_piece(recipe, part, device, checkpoints)
    ]


def run_trial(
    recipe: Recipe, job: Job, device: str, checkpoints: Path | None = None, every: float = EVERY
) -> Result:
    """Train one trial, and keep its checkpoint in the folder meanwhile."""
    own = override(recipe, job.params)
    if checkpoints is None:
        return train(own, job.size, job.seed, device)
    with Keeper(checkpoints, f"{frozen_yaml(own)}{job.key}", device, every) as keeper:
        result = train(own, job.size, job.seed, device, keeper=keeper)
    keeper.remove()
    return result


class Workers:
    """Runs jobs and yields each as it ends; the processes stay between rounds of jobs.

    engines: which trials train together; None: each by itself. A worker that dies is replaced and
    its jobs run again, each by itself; InputError where that keeps happening.
    A job that does not answer past `search.timeout` is ended with its worker, and has failed.
    Leaving the context ends the workers.
    """

    def __init__(
        self,
        recipe: Recipe,
        device: str,
        count: int,
        threads: int,
        checkpoints: Path | None = None,
        engines: Engines | None = None,
    ) -> None:
        self.engines = engines
        self.recipe, self.device, self.count = recipe, device, count
        self.checkpoints = checkpoints
        self.timeout = recipe.search.timeout
        self.deaths: Counter[Key] = Counter()
        self.pool: Pool[Piece] = Pool(
            count,
            start_worker,
            (frozen_yaml(recipe), os.getcwd(), device, threads, os.getpid(), checkpoints),
        )

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.close()

    def run(self, jobs: Sequence[Job], claim: Claim = all_of_them) -> Iterator[tuple[Job, Result]]:
        """The jobs that are granted, in the order of their ending."""
        pieces = self.engines.pieces(jobs) if self.engines else [[job] for job in jobs]
        if self.device != "cpu" and self.timeout is None:  # nothing that would have to be ended
            for piece in pieces:
                granted = tuple(claim(piece))
                if granted:
                    yield from run_piece(self.recipe, granted, self.device, self.checkpoints)
            return
        queue = list(reversed(pieces))
        again: list[Job] = []  # their worker died
        most = max(map(len, pieces), default=1)
        limit = None if self.timeout is None else most * self.timeout + GRACE
        while True:
            while self.pool.free and (again or queue):
                ours = [again.pop()] if again else claim(queue.pop())
                if ours:
                    self.pool.submit(run_jobs, tuple(ours))
            if not self.pool.busy:
                return
            for ended in self.pool.ended(limit):
                if ended.how == "died" or (ended.how == "hung" and len(ended.task) > 1):
                    again += [self._once_more(job) for job in ended.task]
                else:
                    yield from self._results(ended)

    def _results(self, ended: Ended[Piece]) -> list[tuple[Job, Result]]:
        if ended.how == "error":
            raise ended.value
        if ended.how == "hung":
            why = f"search.timeout: over {self.timeout:g} s without an answer; its worker was ended"
            return [(job, Result("failed", None, (), ended.seconds, why)) for job in ended.task]
        return ended.value  # type: ignore[no-any-return]

    def _once_more(self, job: Job) -> Job:
        self.deaths[job.key] += 1
        if self.deaths[job.key] > DEATHS_ALLOWED:
            raise InputError(
                f"--workers {self.count}: a worker process keeps dying (out of memory?); "
                "what was finished is kept: run the same command again with fewer --workers"
            )
        return job
