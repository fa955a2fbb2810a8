"""Runs groups of trials as Ray tasks, on this machine or on a cluster.

Only this process writes to the study. The size of the groups is measured in a task.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

from mutransfer_cli.errors import InputError
from mutransfer_cli.search.executors.cluster.ray_cluster import (
    connect,
    device_of,
    leave,
    needs_of,
    slots,
    tasks_per_machine,
)
from mutransfer_cli.search.executors.cluster.ray_head import (
    HeadWatch,
    head_address,
    loss_message,
    require_head,
)
from mutransfer_cli.search.executors.cluster.ray_task import GroupTask, is_remote_client, result_of
from mutransfer_cli.search.executors.cluster.ray_worker import (
    Part,
    measure_remotely,
    train_all_parts,
    train_parts,
)
from mutransfer_cli.search.executors.group_training import interrupted_groups
from mutransfer_cli.search.executors.grouping_executor import GroupingExecutor
from mutransfer_cli.search.executors.protocol import Claim, ExecutorSetup, claim_all
from mutransfer_cli.search.executors.retries import Retries, unanswered
from mutransfer_cli.search.grouping.members import Group
from mutransfer_cli.search.job import Job
from mutransfer_cli.search.signals import require_not_interrupted
from mutransfer_cli.train.machine.device import resolve_device
from mutransfer_cli.train.trial_result import Result

log = logging.getLogger(__name__)

TIMEOUT_GRACE = 5.0  # seconds past search.timeout before an unresponsive task is ended
TIMEOUT_CHECK_INTERVAL = 2.0  # seconds between two checks of the tasks' times
START_GRACE = 60.0  # further seconds for starting a task's process, where its start is unknown
RAY_RETRIES = 3  # of a single trial whose worker or machine is lost

P = ParamSpec("P")
T = TypeVar("T")


class RayExecutor(GroupingExecutor):
    """Runs each group as a task with one CPU per thread, and a GPU if it trains on one.

    As many tasks run at a time as the cluster has room for. A population whose worker or machine is
    lost runs once more; after a second loss or a time-out, each of its trials runs by itself.
    """

    def __init__(self, setup: ExecutorSetup) -> None:
        """Start Ray on this machine, or join the cluster at the address.

        Args:
            setup: The models and the options; its address is passed to `ray.init`.

        Raises:
            InputError: The recipe cannot be trained, or there is no such cluster, or it has no
                room.
        """
        super().__init__(setup)
        connect(setup.proxies, setup.address, setup.workers)
        local = setup.address is None
        self.device = resolve_device(setup.device) if local else device_of(setup.device)
        self.count, self.threads, self.address = setup.workers, setup.threads, setup.address
        self.workers = slots(needs_of(self.device, 1), setup.workers)
        self.retries = Retries(
            "--executor ray: a trial at width {width} keeps losing its worker: {reason}; what was "
            "finished is kept"
        )

    def __enter__(self) -> RayExecutor:
        """Join the cluster again if it was left, and prepare the tasks."""
        import ray

        connect(self.proxies, self.address, self.count)
        self.head = head_address()
        self.watch = HeadWatch(self.head)
        self.needs = needs_of(self.device, self.threads)
        self.streams = not is_remote_client()
        if self.streams:
            self.task = ray.remote(**self.needs.options, num_returns="streaming")(train_parts)
        else:
            self.task = ray.remote(**self.needs.options)(train_all_parts)
        options = {**self.needs.options, "max_retries": RAY_RETRIES}
        self.measuring_task = ray.remote(**options)(measure_remotely)
        self.engine.measure = self.measure
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the cluster, or end the one that was started here."""
        leave()
        self.watch.stop()

    def slots(self) -> int:
        """How many tasks can run at a time now; the cluster may grow."""
        return slots(self.needs, self.count)

    def measure(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function on a machine of the cluster, with the resources of a task.

        Args:
            function: The function that measures.
            args: Its positional arguments.
            kwargs: Its named arguments.

        Raises:
            InputError: The worker keeps being lost.
        """
        import ray

        task = self.measuring_task.remote(function, (args, kwargs), self.threads, os.getcwd())
        try:
            value: T = result_of(task)
        except ray.exceptions.RayError as error:
            raise InputError(
                "--executor ray: the worker that measures how trials train fastest keeps being "
                f"lost: {str(error).splitlines()[0]}; --engine one-by-one skips the measurement"
            ) from error
        return value

    def groups(self, jobs: Sequence[Job]) -> list[Group]:
        """Put the jobs into groups that suit the machines available now."""
        room = self.slots()
        self.engine.workers = room
        self.engine.workers_sharing_memory = (
            1 if self.needs.gpus else min(room, max(tasks_per_machine(self.needs)))
        )
        interrupted, others = interrupted_groups(self.proxies, jobs, self.device, self.checkpoints)
        return self.engine.groups(others, interrupted)

    def run(self, jobs: Sequence[Job], claim: Claim = claim_all) -> Iterator[tuple[Job, Result]]:
        """Run jobs, see `Executor.run`.

        Args:
            jobs: Trials to run.
            claim: Returns the jobs of a group that may be run.

        Raises:
            InputError: A trial keeps losing its worker, or the cluster is gone.
        """
        import ray

        try:
            yield from self._run(jobs, claim)
        except (ray.exceptions.RayError, ConnectionError) as error:
            require_not_interrupted()
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise InputError(loss_message(reason)) from error

    def _run(self, jobs: Sequence[Job], claim: Claim) -> Iterator[tuple[Job, Result]]:
        import ray

        queue, proxies = list(reversed(self.groups(jobs))), ray.put(self.proxies)
        again: list[Group] = []  # claimed before: their worker was lost, or did not answer
        running: dict[Any, GroupTask] = {}
        try:
            while True:
                require_not_interrupted()  # Ray's own code may swallow what a signal raises
                require_head(self.head)
                while (again or queue) and len(running) < self.slots():
                    granted = again.pop() if again else tuple(claim(queue.pop()))
                    if granted:
                        handle = self._start(proxies, granted)
                        running[handle] = self._task(granted)
                if not running:
                    return
                ready, _ = ray.wait(list(running), num_returns=1, timeout=TIMEOUT_CHECK_INTERVAL)
                for handle in ready:
                    task = running[handle]
                    try:
                        parts = self._poll(handle)
                    except ray.exceptions.RayError as error:
                        lost = running.pop(handle).group
                        again += self.retries.regroup(lost, died=True, cause=error)
                        continue
                    for part in parts or ():
                        if part is None:
                            task.since = time.monotonic()
                        else:
                            index, result = part
                            yield task.remaining.pop(index), result
                    if parts is None or not self.streams:
                        del running[handle]
                for handle in self._hung(running):
                    ray.cancel(handle, force=True)
                    task = running.pop(handle)
                    if len(task.remaining) > 1:
                        again += self.retries.regroup(task.group, died=False)
                    elif task.remaining:
                        since = task.since or time.monotonic()
                        seconds = time.monotonic() - since
                        yield task.group[0], unanswered(self.timeout, seconds)
        finally:
            for handle in running:  # nobody reads their results; a cluster outlives this sweep
                if ray.is_initialized():
                    with suppress(Exception):  # the cluster may be gone
                        ray.cancel(handle, force=True)

    def _task(self, group: Group) -> GroupTask:
        log.info("width %d: %d trials as a task", group[0].size.width, len(group))
        remaining = dict(enumerate(group))
        if self.streams:
            return GroupTask(remaining, len(group), grace=TIMEOUT_GRACE)
        # it does not report when it starts: count from here, and allow for starting its process
        grace = TIMEOUT_GRACE + START_GRACE
        return GroupTask(remaining, len(group), time.monotonic(), grace)

    def _poll(self, handle: Any) -> Sequence[Part | None] | None:
        """The next part of a task's result, or all parts without streaming; None at the end."""
        if not self.streams:
            parts: list[Part] = result_of(handle)
            return parts
        try:
            return [result_of(next(handle))]
        except StopIteration:
            return None

    def _start(self, proxies: Any, group: Group) -> Any:
        # Ray must not retry a population as it is: the population may have killed its worker
        task = self.task.options(max_retries=RAY_RETRIES if len(group) == 1 else 0)
        return task.remote(proxies, group, self.device, self.threads, os.getcwd(), self.checkpoints)

    def _hung(self, running: dict[Any, GroupTask]) -> list[Any]:
        """The tasks that have been running for longer than their trials may take."""
        timeout = self.timeout
        if timeout is None:
            return []
        now = time.monotonic()
        return [
            handle
            for handle, task in running.items()
            if task.since is not None and now - task.since > task.count * timeout + task.grace
        ]
