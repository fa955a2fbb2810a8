"""What is run again after a worker was lost, and for how long."""

from __future__ import annotations

import logging
from collections import Counter

from mutransfer_cli.errors import InputError
from mutransfer_cli.search.grouping.members import Group
from mutransfer_cli.search.storage.record import Key
from mutransfer_cli.train.trial_result import Result

log = logging.getLogger(__name__)

DEATHS_ALLOWED = 3  # of workers, in one and the same trial


class Retries:
    """Counts the workers that each trial has lost."""

    def __init__(self, message: str) -> None:
        """Start counting.

        Args:
            message: What is said where a trial keeps losing its worker.
        """
        self.message = message
        self.deaths: Counter[Key] = Counter()

    def regroup(self, group: Group, *, died: bool, cause: Exception | None = None) -> list[Group]:
        """The groups to run in place of one that was lost.

        It goes on as it was where its worker died once, which may have been the machine: from its
        checkpoint, where there is one. After that, each trial runs by itself.

        Args:
            group: The trials that have not ended.
            died: Whether the worker died; False where it did not answer in time.
            cause: What was raised, if anything.

        Raises:
            InputError: A trial has lost too many workers.
        """
        for job in group:
            self.deaths[job.key] += 1
            if self.deaths[job.key] > DEATHS_ALLOWED:
                reason = str(cause).splitlines()[0] if cause is not None else ""
                raise InputError(
                    self.message.format(width=job.size.width, reason=reason)
                ) from cause
        is_first = max((self.deaths[job.key] for job in group), default=0) == 1
        groups: list[Group] = [group] if died and is_first else [(job,) for job in group]
        log.info(
            "worker of %d trials %s: they run again, in %d groups",
            len(group), "died" if died else "did not answer", len(groups),
        )  # fmt: skip
        return groups


def unanswered(timeout: float | None, seconds: float, ending: str = "") -> Result:
    """The result of a trial that did not end in time.

    Args:
        timeout: `search.timeout`.
        seconds: How long it ran.
        ending: What was done about it.
    """
    why = f"search.timeout: over {timeout:g} s without an answer{ending}"
    return Result("failed", None, (), seconds, why)
