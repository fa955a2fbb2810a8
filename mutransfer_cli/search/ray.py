"""Trials as Ray tasks: on this machine, or on a cluster. This process alone writes to the study."""

from __future__ import annotations

import importlib.util
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.freeze import frozen_yaml
from mutransfer_cli.recipe.schema import Recipe
from mutransfer_cli.search.executor import Claim, all_of_them
from mutransfer_cli.search.job import Job
from mutransfer_cli.search.local import DEATHS_ALLOWED, GRACE, default_workers
from mutransfer_cli.train.device import resolve
from mutransfer_cli.train.trial import Result

LOOK = 2.0  # seconds between looks at the tasks' times
STARTING = 60.0  # seconds that a task may spend on starting its process, beside its time-out
RETRIES = 3  # of a task whose worker or machine is lost

_ours = False  # whether this process started or joined it for a sweep


def needs_ray() -> None:
    """Raises InputError where Ray is not installed."""
    if importlib.util.find_spec("ray") is None:
        raise InputError("--executor ray: needs Ray: pip install 'mutransfer[ray]'")


def run_jobs(
    recipe: str,
    jobs: Sequence[Job],
    device: str,
    threads: int,
    folder: str,
    checkpoints: Path | None,
) -> list[Any]:
    """In a Ray worker: the jobs one after another, with the numbers of a local worker."""
    import sys

    import torch

    from mutransfer_cli.recipe.load import loads
    from mutransfer_cli.search.local import run_trial

    torch.set_num_threads(threads)
    if os.path.isdir(folder) and folder not in sys.path:
        sys.path.insert(0, folder)
    read = loads(recipe, "recipe.yaml").recipe
    if checkpoints is not None and not checkpoints.parent.is_dir():
        checkpoints = None  # a machine without the driver's file system
    return [run_trial(read, job, device, checkpoints) for job in jobs]


def connect(recipe: Recipe, address: str | None, cpus: int | None) -> None:
    """Start Ray on this machine, or join a cluster; nothing where that was done before.

    Raises InputError where there is no such cluster.
    """
    global _ours
    needs_ray()
    import ray

    if ray.is_initialized():
        return
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address is None:
        # "local": a cluster that happens to run here is joined only where it is asked for
        options |= {"address": "local", "num_cpus": cpus, "include_dashboard": False}
    else:
        options |= {"address": address}
        if ":" in recipe.model.build and not recipe.model.build.startswith("hf:"):
            options["runtime_env"] = {"working_dir": os.getcwd()}  # the user's own module
    try:
        ray.init(**options)
    except (ConnectionError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"--ray-address {address}: {reason}") from error
    _ours = True


def device_of(device: str) -> str:
    """The device of the tasks: `auto` takes GPUs where the cluster has any."""
    import ray

    if device == "auto":
        return "cuda" if ray.cluster_resources().get("GPU", 0) >= 1 else "cpu"
    return device.partition(":")[0]  # Ray tells each task which GPU is its own


@dataclass
class RayTasks:
    """Each job as a task with one CPU per thread, or one GPU; as many as fit are under way.

    address: None starts Ray on this machine; else as `ray.init` takes it, such as
    ray://head:10001. A task whose worker or machine is lost runs again elsewhere.
    """

    recipe: Recipe
    device: str
    count: int | None
    threads: int
    address: str | None = None
    checkpoints: Path | None = None
    deaths: Counter[Any] = field(default_factory=Counter)

    def __enter__(self) -> RayTasks:
        import ray

        connect(self.recipe, self.address, self.count)
        needs = {"num_gpus": 1} if self.device != "cpu" else {"num_cpus": self.threads}
        self.task = ray.remote(max_retries=RETRIES, **needs)(run_jobs)
        return self

    def __exit__(self, *_: object) -> None:
        global _ours
        import ray

        if _ours:
            ray.shutdown()
            _ours = False

    def slots(self) -> int:
        """How many tasks the cluster has room for now; it may grow."""
        import ray

        resources = ray.cluster_resources()
        if self.device != "cpu":
            room = int(resources.get("GPU", 0))
        else:
            room = int(resources.get("CPU", 0)) // self.threads
        if room < 1:
            what = "GPU" if self.device != "cpu" else f"{self.threads} CPUs for a task"
            raise InputError(f"--executor ray: the cluster has no {what}")
        return min(room, self.count or room)

    def run(self, jobs: Sequence[Job], claim: Claim = all_of_them) -> Iterator[tuple[Job, Result]]:
        """The jobs that are granted, in the order of their ending."""
        import ray

        queue, recipe = list(reversed(jobs)), ray.put(frozen_yaml(self.recipe))
        running: dict[Any, tuple[Job, float]] = {}

        def start(job: Job) -> None:
            task = self.task.remote(
                recipe, [job], self.device, self.threads, os.getcwd(), self.checkpoints
            )
            running[task] = job, time.monotonic()

        while queue or running:
            while queue and len(running) < self.slots():
                for job in claim([queue.pop()]):
                    start(job)
            if not running:
                return
            done, _ = ray.wait(list(running), num_returns=1, timeout=LOOK)
            yield from self._hung(running, done)
            for task in done:
                job, _ = running.pop(task)
                try:
                    (result,) = ray.get(task)
                except ray.exceptions.RayTaskError as error:
                    raise error.cause from error
                except ray.exceptions.RayError as error:
                    self._died(job, error)
                    start(job)
                    continue
                yield job, result

    @property
    def limit(self) -> float | None:
        timeout = self.recipe.search.timeout
        return None if timeout is None else timeout + GRACE + STARTING

    def _hung(
        self, running: dict[Any, tuple[Job, float]], done: Sequence[Any]
    ) -> Iterator[tuple[Job, Result]]:
        """End the tasks that are under way for longer than a trial may take."""
        import ray

        now, limit = time.monotonic(), self.limit
        for task, (job, since) in list(running.items()):
            if limit is not None and task not in done and now - since > limit:
                ray.cancel(task, force=True)
                del running[task]
                why = f"search.timeout: over {self.recipe.search.timeout:g} s without an answer"
                yield job, Result("failed", None, (), now - since, why)

    def _died(self, job: Job, error: Exception) -> None:
        """Ray has tried again already; a few more times it may have been the machines."""
        self.deaths[job.key] += 1
        if self.deaths[job.key] >= DEATHS_ALLOWED:
            raise InputError(
                f"--executor ray: a trial at width {job.size.width} keeps losing its worker: "
                f"{str(error).splitlines()[0]}; what was finished is kept"
            ) from error


def resources(
    recipe: Recipe, device: str, workers: int | None, executor: str, ray_address: str | None
) -> tuple[str, int]:
    """The device of the trials, and how many run at a time."""
    if executor != "ray":
        place = resolve(device)
        return place, workers or default_workers(place)
    connect(recipe, ray_address, workers)
    place = resolve(device) if ray_address is None else device_of(device)
    return place, RayTasks(recipe, place, workers, 1, ray_address).slots()
