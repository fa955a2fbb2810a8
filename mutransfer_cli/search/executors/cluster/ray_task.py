"""State and results of the Ray task that trains a group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mutransfer_cli.search.grouping.members import Group
from mutransfer_cli.search.job import Job


@dataclass
class GroupTask:
    """A group whose task is queued or running.

    Attributes:
        remaining: Its trials that have not ended, by their index in the group.
        count: How many trials it started with.
        since: When it started; None: it is queued.
        grace: Seconds that it may take beyond its trials' time-outs.
    """

    remaining: dict[int, Job]
    count: int
    since: float | None = None
    grace: float = 0.0

    @property
    def group(self) -> Group:
        """The trials that have not ended."""
        return tuple(self.remaining.values())


def is_remote_client() -> bool:
    """Whether the cluster is reached by ray://, which cannot stream results."""
    from ray.util.client import ray as client

    return bool(client.is_connected())


def result_of(task: Any) -> Any:
    """Wait for the result of a task; re-raises the original exception of the code in it."""
    import ray

    try:
        return ray.get(task)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error
