"""What runs the trials of a sweep."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Protocol

from mutransfer_cli.search.job import Job
from mutransfer_cli.train.trial import Result

Claim = Callable[[Sequence[Job]], Sequence[Job]]


def all_of_them(jobs: Sequence[Job]) -> Sequence[Job]:
    """The claim of a sweep that has its study to itself."""
    return jobs


class Executor(Protocol):
    """A context; leaving it ends whatever still runs.

    run: each job with its result, in the order of their ending. A job is claimed just before it is
    started; one that is not granted is left out. The process that iterates is the only one that
    writes to the study.
    """

    def __enter__(self) -> Executor: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def run(
        self, jobs: Sequence[Job], claim: Claim = all_of_them
    ) -> Iterator[tuple[Job, Result]]: ...
