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
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.search.executors.protocol import Claim, all_of_them
from mutransfer_cli.search.executors.worker_pool import Heard, Pool, forkable
from mutransfer_cli.search.grouping.engine import Engine, Group, label_of, member_of
from mutransfer_cli.search.job import Job
from mutransfer_cli.search.storage.record import Key
from mutransfer_cli.train.checkpoint.checkpointer import (
    SAVE_INTERVAL,
    Checkpointer,
    GroupCheckpointer,
)
from mutransfer_cli.train.population.oom_split import train_group
from mutransfer_cli.train.threads import limit_threads
from mutransfer_cli.train.trial import Result, train

DEATHS_ALLOWED = 3  # of workers, in one and the same trial
GRACE = 5.0  # seconds past search.timeout before a worker that does not answer is ended

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


def no_gpu() -> bool:
    return torch.cuda.device_count() == 0 and not torch.backends.mps.is_available()


def forks(device: str, threads: int) -> bool:
    """Whether workers are forked: more threads than one do not survive it, nor does a GPU."""
    return device == "cpu" and threads == 1 and no_gpu() and forkable()


def start_worker(
    recipe: str, folder: str, device: str, threads: int, parent: int, checkpoints: Path | None
) -> None:
    """In a fresh process: one thread, the user's folder, and an end when the driver dies."""
    global _recipe, _device, _checkpoints
    signal.signal(signal.SIGTERM, end)
    _checkpoints = checkpoints
    limit_threads(threads)
    sys.path.insert(0, folder)
    _recipe, _device = loads(recipe, "recipe.yaml").recipe, device

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)  # the driver was killed: nobody would read the result

    threading.Thread(target=watch, daemon=True).start()


def end(number: int, frame: FrameType | None) -> None:
    """A worker is asked to end: it saves its trial first, where that can be saved."""
    Checkpointer.stop_requested = True
    if Checkpointer.active is None:
        os._exit(0)


def run_group(group: Group) -> Iterator[tuple[int, Result]]:
    """Train trials that were put together in a worker."""
    assert _recipe is not None
    return train_jobs(_recipe, group, _device, _checkpoints)


def train_jobs(
    recipe: Recipe, group: Group, device: str, checkpoints: Path | None = None
) -> Iterator[tuple[int, Result]]:
    """Of a group's trials each one's place and result, as it ends."""
    keeper = keeper_of(recipe, group, device, checkpoints)
    if len(group) == 1 and (keeper is None or not keeper.stored()):
        yield 0, run_trial(recipe, group[0], device, checkpoints)
        return
    members = [member_of(recipe, job) for job in group]
    if keeper is None:
        yield from train_group(members, group[0].size, device, step_mode=group[0].way)
        return
    with keeper:
        yield from train_group(members, group[0].size, device, keeper, group[0].way)
    keeper.remove()


def keeper_of(
    recipe: Recipe, group: Group, device: str, checkpoints: Path | None
) -> GroupCheckpointer | None:
    """The checkpoint of a population, whatever of it has ended since."""
    if checkpoints is None:
        return None
    labels = [label_of(job) for job in group]
    return GroupCheckpointer(checkpoints, frozen_yaml(recipe), labels, device)


def begun(
    recipe: Recipe, jobs: Sequence[Job], device: str, checkpoints: Path | None
) -> tuple[list[Group], list[Job]]:
    """Groups that were interrupted, as far as their jobs are among these; and the other jobs."""
    keeper = keeper_of(recipe, (), device, checkpoints)
    left = {label_of(job): job for job in jobs}
    groups: list[Group] = []
    for _, labels in keeper.stored() if keeper is not None else ():
        group = tuple(left.pop(label) for label in labels if label in left)
        if group:
            groups.append(group)
    return groups, list(left.values())


def run_trial(
    recipe: Recipe,
    job: Job,
    device: str,
    checkpoints: Path | None = None,
    every: float = SAVE_INTERVAL,
) -> Result:
    """Train one trial, and keep its checkpoint in the folder meanwhile."""
    own = override(recipe, job.params)
    if checkpoints is None:
        return train(own, job.size, job.seed, device, judge=job.judge)
    with Checkpointer(checkpoints, f"{frozen_yaml(own)}{job.key}", device, every) as keeper:
        result = train(own, job.size, job.seed, device, keeper=keeper, judge=job.judge)
    keeper.remove()
    return result


class Workers:
    """Runs jobs and yields each as it ends; the processes stay between rounds of jobs.

    Jobs are put into groups by the engine. A worker that dies or does not answer past
    `search.timeout` is replaced; of a population, each trial is then run by itself. A single trial
    that does not answer has failed; InputError where workers keep dying. Leaving the context ends
    the workers.
    """

    def __init__(
        self,
        recipe: Recipe,
        device: str,
        count: int,
        threads: int,
        checkpoints: Path | None = None,
        engine: Engine | None = None,
    ) -> None:
        self.recipe, self.device, self.count = recipe, device, count
        self.checkpoints = checkpoints
        self.engine = engine or Engine(recipe, device, count)
        self.timeout = recipe.search.timeout
        self.deaths: Counter[Key] = Counter()
        self.pool: Pool[Group] = Pool(
            count,
            start_worker,
            (frozen_yaml(recipe), os.getcwd(), device, threads, os.getpid(), checkpoints),
            forked=forks(device, threads),
        )

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.close()

    def run(self, jobs: Sequence[Job], claim: Claim = all_of_them) -> Iterator[tuple[Job, Result]]:
        """The jobs that are granted, in the order of their ending."""
        interrupted, rest = begun(self.recipe, jobs, self.device, self.checkpoints)
        groups = self.engine.groups(rest, interrupted)
        if self.device != "cpu" and self.timeout is None:  # nothing that would have to be ended
            for group in groups:
                granted = tuple(claim(group))
                if granted:
                    for i, result in train_jobs(
                        self.recipe, granted, self.device, self.checkpoints
                    ):
                        yield granted[i], result
            return
        queue = list(reversed(groups))
        again: list[Group] = []  # their worker died
        left: dict[Group, dict[int, Job]] = {}  # of those that are under way
        most = max(map(len, groups), default=1)
        limit = None if self.timeout is None else most * self.timeout + GRACE
        while True:
            while self.pool.free and (again or queue):
                granted = again.pop() if again else tuple(claim(queue.pop()))
                if granted:
                    left[granted] = dict(enumerate(granted))
                    self.pool.submit(run_group, granted)
            if not self.pool.busy:
                return
            for heard in self.pool.heard(limit):
                if heard.how == "error":
                    raise heard.value
                if heard.how == "part":
                    place, result = heard.value
                    yield left[heard.task].pop(place), result
                    continue
                lost = tuple(left.pop(heard.task).values())
                if heard.how == "hung" and len(lost) == 1:
                    yield lost[0], self._hung(heard)
                elif heard.how != "end":
                    again += self._once_more(lost, heard.how)

    def _hung(self, heard: Heard[Group]) -> Result:
        why = f"search.timeout: over {self.timeout:g} s without an answer; its worker was ended"
        return Result("failed", None, (), heard.seconds, why)

    def _once_more(self, group: Group, how: str) -> list[Group]:
        """A population goes on together where its worker died once, then each by itself."""
        for job in group:
            self.deaths[job.key] += 1
            if self.deaths[job.key] > DEATHS_ALLOWED:
                raise InputError(
                    f"--workers {self.count}: a worker process keeps dying (out of memory?); what "
                    "was finished is kept: run the same command again with fewer --workers"
                )
        first = max((self.deaths[job.key] for job in group), default=0) == 1
        if how == "died" and first:
            return [group]
        return [(job,) for job in group]
