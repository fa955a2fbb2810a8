"""The queue of a sweep's trials; this one serves a sweep that does not share its study."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from mutransfer_cli.search.job import Job
from mutransfer_cli.search.record import Record
from mutransfer_cli.search.storage.study import Study
from mutransfer_cli.search.storage.trial_attributes import Ranges


class TrialQueue:
    """Hands out trials and stores their results; leaving the context returns open claims."""

    def __init__(self, study: Study, ranges: Ranges) -> None:
        """Open the queue of a study.

        Args:
            study: Where results are stored.
            ranges: Range of every hyperparameter.
        """
        self.study, self.ranges = study, ranges

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None

    def records(self) -> list[Record]:
        """Every trial that has ended, in this process or another."""
        return self.study.records()

    def order(self, jobs: Sequence[Job]) -> list[Job]:
        """The order in which jobs are to be claimed."""
        return list(jobs)

    def claim(self, jobs: Sequence[Job]) -> list[Job]:
        """Claim jobs; returns those that this process may run now."""
        return list(jobs)

    def store(self, record: Record) -> bool:
        """Store the result of a trial; False if another process had taken it over."""
        self.study.add(record, self.ranges)
        return True

    def wait(self) -> None:
        """Wait before trying to claim again, when other processes run all remaining trials."""
        raise AssertionError("a sweep that does not share its study can always claim")
