"""Workers on this machine: processes of one thread each on a CPU, this process on a GPU."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence

from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.freeze import frozen_yaml
from mutransfer_cli.recipe.load import loads, override
from mutransfer_cli.recipe.schema import Recipe
from mutransfer_cli.search.executor import Claim, all_of_them
from mutransfer_cli.search.job import Job
from mutransfer_cli.search.pool import Ended, Pool
from mutransfer_cli.search.study import Key
from mutransfer_cli.train.trial import Result, train

DEATHS_ALLOWED = 3  # of workers, in one and the same trial
GRACE = 5.0  # seconds past search.timeout before a worker that does not answer is ended

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


class Workers:
    """Runs jobs and yields each as it ends; the processes stay between rounds of jobs.

    A worker that dies is replaced and its job run again; InputError where that keeps happening.
    A job that does not answer past `search.timeout` is ended with its worker, and has failed.
    Leaving the context ends the workers.
    """

    def __init__(self, recipe: Recipe, device: str, count: int, threads: int) -> None:
        self.recipe, self.device, self.count = recipe, device, count
        self.timeout = recipe.search.timeout
        self.deaths: Counter[Key] = Counter()
        self.pool: Pool[Job] = Pool(
            count,
            start_worker,
            (frozen_yaml(recipe), os.getcwd(), device, threads, os.getpid()),
        )

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.close()

    def run(self, jobs: Sequence[Job], claim: Claim = all_of_them) -> Iterator[tuple[Job, Result]]:
        """The jobs that are granted, in the order of their ending."""
        if self.device != "cpu" and self.timeout is None:  # nothing that would have to be ended
            for job in jobs:
                for granted in claim([job]):
                    yield granted, run_trial(self.recipe, granted, self.device)
            return
        queue = list(reversed(jobs))
        again: list[Job] = []  # their worker died
        limit = None if self.timeout is None else self.timeout + GRACE
        while True:
            while self.pool.free and (again or queue):
                for job in [again.pop()] if again else claim([queue.pop()]):
                    self.pool.submit(run_job, job)
            if not self.pool.busy:
                return
            for ended in self.pool.ended(limit):
                if ended.how == "died":
                    again.append(self._once_more(ended.task))
                else:
                    yield ended.task, self._result(ended)

    def _result(self, ended: Ended[Job]) -> Result:
        if ended.how == "error":
            raise ended.value
        if ended.how == "hung":
            why = f"search.timeout: over {self.timeout:g} s without an answer; its worker was ended"
            return Result("failed", None, (), ended.seconds, why)
        return ended.value  # type: ignore[no-any-return]

    def _once_more(self, job: Job) -> Job:
        self.deaths[job.key] += 1
        if self.deaths[job.key] > DEATHS_ALLOWED:
            raise InputError(
                f"--workers {self.count}: a worker process keeps dying (out of memory?); "
                "what was finished is kept: run the same command again with fewer --workers"
            )
        return job
