"""Workers on this machine: processes of one thread each on a CPU, this process on a GPU."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.freeze import frozen_yaml
from mutransfer_cli.recipe.load import loads, override
from mutransfer_cli.recipe.schema import Recipe
from mutransfer_cli.search.job import Job
from mutransfer_cli.train.trial import Result, train

BREAKS_ALLOWED = 2

_recipe: Recipe | None = None
_device = "cpu"


def default_workers(device: str) -> int:
    """One per core on a CPU; a GPU is driven by one process."""
    if device != "cpu":
        return 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def start_worker(recipe: str, folder: str, device: str, threads: int, parent: int) -> None:
    """In a fresh process: one thread, the user's folder, and an end when the driver dies."""
    import torch

    global _recipe, _device
    torch.set_num_threads(threads)
    sys.path.insert(0, folder)
    _recipe, _device = loads(recipe, "recipe.yaml").recipe, device

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)  # the driver was killed: nobody would read the result

    threading.Thread(target=watch, daemon=True).start()


def run_job(job: Job) -> Result:
    """Train one trial in a worker."""
    assert _recipe is not None
    return run_trial(_recipe, job, _device)


def run_trial(recipe: Recipe, job: Job, device: str) -> Result:
    return train(override(recipe, job.params), job.size, job.seed, device)


@contextmanager
def interrupts_ignored() -> Iterator[None]:
    """Processes started meanwhile never see Ctrl-C; the driver ends them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class Workers:
    """Runs jobs and yields each as it ends; the processes stay between rounds of jobs.

    A worker that dies is replaced and its jobs run again; InputError where that keeps happening.
    Leaving the context ends the workers at once.
    """

    def __init__(self, recipe: Recipe, device: str, count: int, threads: int) -> None:
        self.recipe, self.device, self.count, self.threads = recipe, device, count, threads
        self.breaks = 0
        self.pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        if self.pool is None:
            return
        for process in multiprocessing.active_children():
            process.terminate()
        self.pool.shutdown(wait=False, cancel_futures=True)
        self.pool = None

    def run(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, Result]]:
        """All the jobs, in the order of their ending."""
        if self.device != "cpu":
            for job in jobs:
                yield job, run_trial(self.recipe, job, self.device)
            return
        left = {job.key: job for job in jobs}
        while left:
            try:
                for job, result in self._round(list(left.values())):
                    del left[job.key]
                    yield job, result
            except BrokenProcessPool as error:
                self.__exit__()
                self.breaks += 1
                if self.breaks > BREAKS_ALLOWED:
                    raise InputError(
                        f"--workers {self.count}: a worker process keeps dying (out of memory?); "
                        "what was finished is kept: run the same command again with fewer --workers"
                    ) from error

    def _round(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, Result]]:
        """One round in the pool; no more jobs are handed out than there are workers."""
        pool = self.pool = self.pool or ProcessPoolExecutor(
            max_workers=self.count,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=start_worker,
            initargs=(frozen_yaml(self.recipe), os.getcwd(), "cpu", self.threads, os.getpid()),
        )
        queue = list(reversed(jobs))
        running: dict[Future[Result], Job] = {}
        while queue or running:
            with interrupts_ignored():
                while queue and len(running) < self.count:
                    job = queue.pop()
                    running[pool.submit(run_job, job)] = job
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield running.pop(future), future.result()
