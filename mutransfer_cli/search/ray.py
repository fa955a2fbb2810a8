"""Groups of trials as Ray tasks: on this machine, or on a cluster.

This process alone writes to the study, and puts trials together by what a task measured.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.freeze import frozen_yaml
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.schema import Recipe
from mutransfer_cli.search.cluster import connect, leave, needs_of, places, slots
from mutransfer_cli.search.engine import Engine, Group
from mutransfer_cli.search.executor import Claim, all_of_them
from mutransfer_cli.search.job import Job
from mutransfer_cli.search.local import DEATHS_ALLOWED, GRACE, begun, train_jobs
from mutransfer_cli.search.study import Key
from mutransfer_cli.train.threads import limit_threads
from mutransfer_cli.train.trial import Result

LOOK = 2.0  # seconds between looks at the tasks' times
STARTING = 60.0  # seconds that a task may spend on starting its process, beside its time-out
RETRIES = 3  # by Ray, of a single trial whose worker or machine is lost

P = ParamSpec("P")
T = TypeVar("T")


def settle(threads: int, folder: str) -> None:
    """In a Ray worker: as a worker of this machine, and the user's own modules at hand."""
    limit_threads(threads)
    if os.path.isdir(folder) and folder not in sys.path:
        sys.path.insert(0, folder)


def run_group(
    recipe: str,
    group: Group,
    device: str,
    threads: int,
    folder: str,
    checkpoints: Path | None,
) -> list[Result]:
    """In a Ray worker: the trials of a group, with the numbers of a local worker."""
    settle(threads, folder)
    if checkpoints is not None and not checkpoints.parent.is_dir():
        checkpoints = None  # a machine without the driver's file system
    read = loads(recipe, "recipe.yaml").recipe
    results = dict(train_jobs(read, group, device, checkpoints))
    return [results[i] for i in range(len(group))]


def run_here(function: Callable[..., T], arguments: Any, threads: int, folder: str) -> T:
    """In a Ray worker: a measurement."""
    settle(threads, folder)
    positional, named = arguments
    return function(*positional, **named)


@dataclass
class RayTasks:
    """Each group as a task with a CPU for each thread, and a GPU where it trains on one.

    As many as fit are under way. address: None starts Ray on this machine; else as `ray.init`
    takes it, such as ray://head:10001. A population whose worker or machine is lost runs
    once more; then, or where it does not answer in time, each of its trials by itself.
    """

    recipe: Recipe
    device: str
    count: int | None
    threads: int
    address: str | None = None
    checkpoints: Path | None = None
    engine: Engine | None = None
    deaths: Counter[Key] = field(default_factory=Counter)

    def __enter__(self) -> RayTasks:
        import ray

        connect(self.recipe, self.address, self.count)
        self.needs = needs_of(self.device, self.threads)
        self.task = ray.remote(**self.needs.options)(run_group)
        self.bench = ray.remote(**self.needs.options, max_retries=RETRIES)(run_here)
        self.chooser = self.engine or Engine(self.recipe, self.device, self.slots())
        self.chooser.measure = self.measured
        return self

    def __exit__(self, *_: object) -> None:
        leave()

    def slots(self) -> int:
        return slots(self.needs, self.count)

    def measured(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What a function finds on a machine of the cluster, given what a task is given."""
        import ray

        task = self.bench.remote(function, (args, kwargs), self.threads, os.getcwd())
        try:
            found: T = answer(task)
        except ray.exceptions.RayError as error:
            raise InputError(
                "--executor ray: the worker that measures how trials train fastest is lost again "
                f"and again: {str(error).splitlines()[0]}; --engine one-by-one measures nothing"
            ) from error
        return found

    def groups(self, jobs: Sequence[Job]) -> list[Group]:
        """The jobs put together for the machines that there are now."""
        room = self.slots()
        self.chooser.workers = room
        self.chooser.sharing = 1 if self.needs.gpus else min(room, max(places(self.needs)))
        interrupted, rest = begun(self.recipe, jobs, self.device, self.checkpoints)
        return self.chooser.groups(rest, interrupted)

    def run(self, jobs: Sequence[Job], claim: Claim = all_of_them) -> Iterator[tuple[Job, Result]]:
        """The jobs that are granted, in the order of their ending."""
        import ray

        queue, recipe = list(reversed(self.groups(jobs))), ray.put(frozen_yaml(self.recipe))
        again: list[Group] = []  # claimed before: their worker was lost, or did not answer
        running: dict[Any, tuple[Group, float]] = {}
        try:
            while True:
                while (again or queue) and len(running) < self.slots():
                    granted = again.pop() if again else tuple(claim(queue.pop()))
                    if granted:
                        running[self._start(recipe, granted)] = granted, time.monotonic()
                if not running:
                    return
                done, _ = ray.wait(list(running), num_returns=1, timeout=LOOK)
                for task in done:
                    group, _ = running.pop(task)
                    try:
                        results = answer(task)
                    except ray.exceptions.RayError as error:
                        again += self._lost(group, error)
                        continue
                    yield from zip(group, results, strict=True)
                for task in self._hung(running):
                    ray.cancel(task, force=True)
                    group, since = running.pop(task)
                    if len(group) > 1:
                        again += self._lost(group)
                    else:
                        yield group[0], self._unanswered(time.monotonic() - since)
        finally:
            for task in running:  # nobody reads their results, and a cluster outlives this sweep
                if ray.is_initialized():
                    ray.cancel(task, force=True)

    def _start(self, recipe: Any, group: Group) -> Any:
        # Ray would run a population as it is again and again: it may be what its worker died of
        task = self.task.options(max_retries=RETRIES if len(group) == 1 else 0)
        return task.remote(recipe, group, self.device, self.threads, os.getcwd(), self.checkpoints)

    def _hung(self, running: dict[Any, tuple[Group, float]]) -> list[Any]:
        """The tasks that are under way for longer than their trials may take."""
        timeout = self.recipe.search.timeout
        if timeout is None:
            return []
        now, more = time.monotonic(), GRACE + STARTING
        return [t for t, (g, since) in running.items() if now - since > len(g) * timeout + more]

    def _unanswered(self, seconds: float) -> Result:
        why = f"search.timeout: over {self.recipe.search.timeout:g} s without an answer"
        return Result("failed", None, (), seconds, why)

    def _lost(self, group: Group, error: Exception | None = None) -> list[Group]:
        """What is to be run once more; error: None where a population did not answer."""
        for job in group:
            self.deaths[job.key] += 1
            if self.deaths[job.key] > DEATHS_ALLOWED:
                raise InputError(
                    f"--executor ray: a trial at width {job.size.width} keeps losing its worker: "
                    f"{str(error).splitlines()[0]}; what was finished is kept"
                ) from error
        if error is not None and max(self.deaths[job.key] for job in group) == 1:
            return [group]  # it may have been the machine: from its checkpoint, where there is one
        return [(job,) for job in group]


def answer(task: Any) -> Any:
    """What a task returns; what the code in it raised is raised as it was."""
    import ray

    try:
        return ray.get(task)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error
