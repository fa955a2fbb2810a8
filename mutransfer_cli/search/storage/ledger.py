"""Who runs what: a sweep that has its study to itself asks nobody."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mutransfer_cli.search.job import Job

if TYPE_CHECKING:
    from mutransfer_cli.search.storage.record import Record
    from mutransfer_cli.search.storage.study import Ranges, Study


class Ledger:
    """The study as the sweep sees it. Leaving the context gives back what was claimed."""

    def __init__(self, study: Study, ranges: Ranges) -> None:
        self.study, self.ranges = study, ranges

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def records(self) -> list[Record]:
        """Every trial that has ended, by whomever."""
        return self.study.records()

    def order(self, jobs: Sequence[Job]) -> list[Job]:
        """The widest first; where others run too, equal ones in an order of this process alone."""
        return list(jobs)

    def claim(self, jobs: Sequence[Job]) -> list[Job]:
        """Those of the jobs that this process may run now."""
        return list(jobs)

    def store(self, record: Record) -> bool:
        """Keep the end of a trial; False where another process had taken it over."""
        self.study.add(record, self.ranges)
        return True

    def wait(self) -> None:
        """Called when nothing could be claimed: others run what is missing."""
        raise AssertionError("a sweep of its own can always claim")
