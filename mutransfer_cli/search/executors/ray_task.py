"""A group as a task of Ray."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mutransfer_cli.search.grouping.members import Group
from mutransfer_cli.search.job import Job


@dataclass
class GroupTask:
    """A group under way.

    Attributes:
        remaining: Its trials that have not ended, by their index in the group.
        count: How many trials it had.
        since: When it started; None: it is queued.
        grace: Seconds that it may take beside its trials' time-outs.
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
    """Whether the cluster is reached by ray://, which cannot stream an answer."""
    from ray.util.client import ray as client

    return bool(client.is_connected())


def answer(task: Any) -> Any:
    """What a task returns; an exception of the code in it is raised as it was."""
    import ray

    try:
        return ray.get(task)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error
