"""The trials of a study as one sweep sees them; here, of a sweep that has its study to itself."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from mutransfer_cli.search.job import Job
from mutransfer_cli.search.storage.record import Record
from mutransfer_cli.search.storage.study import Study
from mutransfer_cli.search.storage.trial_attributes import Ranges


class TrialQueue:
    """Leaving the context gives back what was claimed."""

    def __init__(self, study: Study, ranges: Ranges) -> None:
        """Open the queue of a study.

        Args:
            study: Where results are stored.
            ranges: Of every hyperparameter.
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
        """Every trial that has ended, whoever ran it."""
        return self.study.records()

    def order(self, jobs: Sequence[Job]) -> list[Job]:
        """The order in which jobs are to be claimed."""
        return list(jobs)

    def claim(self, jobs: Sequence[Job]) -> list[Job]:
        """Those of the jobs that this process may run now."""
        return list(jobs)

    def store(self, record: Record) -> bool:
        """Store the end of a trial; False where another process had taken it over."""
        self.study.add(record, self.ranges)
        return True

    def wait(self) -> None:
        """Called when nothing could be claimed: others run what is missing."""
        raise AssertionError("a sweep of its own can always claim")
