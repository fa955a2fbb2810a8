"""Decides what to run again after a worker was lost, and when to give up."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import replace

from mutransfer_cli.errors import InputError
from mutransfer_cli.search.grouping.members import Group
from mutransfer_cli.search.record import Key
from mutransfer_cli.train.trial_result import Result

log = logging.getLogger(__name__)

DEATHS_ALLOWED = 3  # workers that one trial may lose


class Retries:
    """Counts the workers that each trial has lost."""

    def __init__(self, message: str) -> None:
        """Start counting.

        Args:
            message: Error for a trial that keeps losing its worker, with {width} and {reason}.
        """
        self.message = message
        self.deaths: Counter[Key] = Counter()

    def regroup(self, group: Group, *, died: bool, cause: Exception | None = None) -> list[Group]:
        """The groups to run in place of one that was lost.

        After the first death of its worker, which may be the machine's fault, the group runs again
        unchanged, from its checkpoint if it has one. After that, each trial runs by itself, and
        without the operations of a population, at which it may have died.

        Args:
            group: The trials that have not ended.
            died: Whether the worker died; False if it did not answer in time.
            cause: The exception that reported the loss, if any.

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
        alone: list[Group] = [(replace(job, batched=False),) for job in group]
        groups = [group] if died and is_first else alone
        log.info(
            "worker of %d trials %s: they run again, in %d groups",
            len(group), "died" if died else "did not answer", len(groups),
        )  # fmt: skip
        return groups


def unanswered(timeout: float | None, seconds: float, ending: str = "") -> Result:
    """The result of a trial that did not end in time.

    Args:
        timeout: The recipe's `search.timeout`, in seconds.
        seconds: How long the trial ran.
        ending: End of the message: what was done about it.
    """
    why = f"search.timeout: over {timeout:g} s without an answer{ending}"
    return Result("failed", None, (), seconds, why)
