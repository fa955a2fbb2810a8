"""Groups of trials as Ray tasks: on this machine, or on a cluster.

This process alone writes to the study, and puts trials together by what a task measured.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.freeze import frozen_yaml
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.search.executors.local import DEATHS_ALLOWED, GRACE, begun
from mutransfer_cli.search.executors.protocol import Claim, all_of_them
from mutransfer_cli.search.executors.ray_cluster import connect, leave, needs_of, places, slots
from mutransfer_cli.search.executors.ray_worker import Part, run_here, train_parts, train_whole
from mutransfer_cli.search.grouping.engine import Engine, Group
from mutransfer_cli.search.job import Job
from mutransfer_cli.search.storage.record import Key
from mutransfer_cli.train.trial import Result

LOOK = 2.0  # seconds between looks at the tasks' times
STARTING = 60.0  # seconds that a task may spend on starting its process, beside its time-out
RETRIES = 3  # by Ray, of a single trial whose worker or machine is lost

P = ParamSpec("P")
T = TypeVar("T")


@dataclass
class Task:
    """A group under way: its trials that have not been heard of, and since when it runs."""

    left: dict[int, Job]
    count: int  # of its trials
    since: float | None = None  # None: it has not begun
    more: float = 0.0  # seconds that it may take beside its trials' time-outs

    @property
    def group(self) -> Group:
        return tuple(self.left.values())


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
        self.parts = not through_client()
        if self.parts:
            self.task = ray.remote(**self.needs.options, num_returns="streaming")(train_parts)
        else:
            self.task = ray.remote(**self.needs.options)(train_whole)
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
        running: dict[Any, Task] = {}
        try:
            while True:
                while (again or queue) and len(running) < self.slots():
                    granted = again.pop() if again else tuple(claim(queue.pop()))
                    if granted:
                        running[self._start(recipe, granted)] = self._task(granted)
                if not running:
                    return
                spoke, _ = ray.wait(list(running), num_returns=1, timeout=LOOK)
                for handle in spoke:
                    task = running[handle]
                    try:
                        parts = self._heard(handle)
                    except ray.exceptions.RayError as error:
                        again += self._lost(running.pop(handle).group, error)
                        continue
                    for part in parts or ():
                        if part is None:
                            task.since = time.monotonic()
                        else:
                            place, result = part
                            yield task.left.pop(place), result
                    if parts is None or not self.parts:
                        del running[handle]
                for handle in self._hung(running):
                    ray.cancel(handle, force=True)
                    task = running.pop(handle)
                    if len(task.left) > 1:
                        again += self._lost(task.group)
                    elif task.left:
                        since = task.since or time.monotonic()
                        yield task.group[0], self._unanswered(time.monotonic() - since)
        finally:
            for handle in running:  # nobody reads their results; a cluster outlives this sweep
                if ray.is_initialized():
                    ray.cancel(handle, force=True)

    def _task(self, group: Group) -> Task:
        left = dict(enumerate(group))
        if self.parts:
            return Task(left, len(group), more=GRACE)
        # it does not say when it begins: counted from here, with time to start its process
        return Task(left, len(group), time.monotonic(), GRACE + STARTING)

    def _heard(self, handle: Any) -> Sequence[Part | None] | None:
        """What a task has said: a part of its answer, or all of it; None: no more will come."""
        if not self.parts:
            whole: list[Part] = answer(handle)
            return whole
        try:
            return [answer(next(handle))]
        except StopIteration:
            return None

    def _start(self, recipe: Any, group: Group) -> Any:
        # Ray would run a population as it is again and again: it may be what its worker died of
        task = self.task.options(max_retries=RETRIES if len(group) == 1 else 0)
        return task.remote(recipe, group, self.device, self.threads, os.getcwd(), self.checkpoints)

    def _hung(self, running: dict[Any, Task]) -> list[Any]:
        """The tasks that run for longer than their trials may take."""
        timeout = self.recipe.search.timeout
        if timeout is None:
            return []
        now = time.monotonic()
        return [
            handle
            for handle, task in running.items()
            if task.since is not None and now - task.since > task.count * timeout + task.more
        ]

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


def through_client() -> bool:
    """Whether Ray is spoken to by ray://, which cannot pass on an answer in parts."""
    from ray.util.client import ray as client

    return bool(client.is_connected())


def answer(task: Any) -> Any:
    """What a task returns; what the code in it raised is raised as it was."""
    import ray

    try:
        return ray.get(task)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error
