"""The protocol of executors, and the setup that they are made from.

An executor is a class that a row in `catalog/executors.py` names. Subclasses of `Executor` need
`__init__`, `device`, `workers` and `run`; everything else has a default.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TypeAlias

from mutransfer_cli.catalog.executors import executor_for
from mutransfer_cli.documents.sweep import Population
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.job import Job
from mutransfer_cli.search.record import Record
from mutransfer_cli.train.checkpoint.checkpointer import FOLDER
from mutransfer_cli.train.cost import Cost
from mutransfer_cli.train.trial_result import Result

Claim: TypeAlias = Callable[[Sequence[Job]], Sequence[Job]]


def claim_all(jobs: Sequence[Job]) -> Sequence[Job]:
    """Grant every job, for a sweep that does not share its study."""
    return jobs


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorSetup:
    """The models of the trials, and the options of the sweep.

    Attributes:
        proxies: Builds the models.
        run: The run directory; None: nothing is stored.
        device: The option `--device`: auto, cpu, cuda …
        workers: Trials or groups at a time; None: as many as fit.
        threads: CPU threads of each worker.
        engine: The option `--engine`: auto, one-by-one or population:K.
        address: Address of a Ray cluster; None: this machine.
        expected: Trials per rung expected in this and later rounds, at least.
        code: Digest of the code and files of the trials; checkpoints of other code are not read.
    """

    proxies: ProxyFactory
    run: Path | None = None
    device: str = "auto"
    workers: int | None = None
    threads: int = 1
    engine: str = "auto"
    address: str | None = None
    expected: int = 0
    code: str = ""

    @property
    def checkpoints(self) -> Path | None:
        """The folder of the checkpoints."""
        return None if self.run is None else self.run.resolve() / FOLDER / self.code


class Executor(Protocol):
    """Runs trials. Leaving its context ends those that are still running.

    Attributes:
        device: Where trials train, as shown in documents.
        workers: How many trials or groups run at a time.
        reads_code_again: Whether the user's code is read again for later trials, by processes that
            start while the sweep is running.
    """

    device: str
    workers: int
    reads_code_again: bool = True

    @abstractmethod
    def __init__(self, setup: ExecutorSetup) -> None:
        """Make an executor; it starts nothing before its context is entered.

        Args:
            setup: The models of the trials, and the options of the sweep.

        Raises:
            InputError: The executor cannot run these trials.
        """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None

    @abstractmethod
    def run(self, jobs: Sequence[Job], claim: Claim = claim_all) -> Iterator[tuple[Job, Result]]:
        """Run jobs; yields each with its result as it ends.

        A job is claimed just before it is started, and skipped if the claim is refused. Only the
        process that iterates writes to the study.

        Args:
            jobs: Trials, in the order in which they are to be started.
            claim: Called with jobs; returns those of them that may be run.
        """
        ...

    def read_again(self, records: Sequence[Record]) -> Iterator[Record]:
        """Records of trials that had failed, and of which a loss can be read now.

        Args:
            records: Trials that have ended.
        """
        yield from ()

    def population(self) -> Population:
        """How trials were grouped, and why."""
        return Population(size=1, batched=False, why="every trial runs by itself")

    def notes(self, records: Sequence[Record]) -> Sequence[str]:
        """Remarks that the sweep's document shows.

        Args:
            records: Trials that have ended.
        """
        return ()

    def expected_seconds(self, size: Size) -> float | None:
        """Seconds that a trial takes a worker, as measured beforehand; None: unknown."""
        return None

    def known_costs(self, sizes: Sequence[Size]) -> list[Cost] | None:
        """The cost of a trial of each size, if only the executor knows it; else None."""
        return None


def make_executor(name: str, setup: ExecutorSetup) -> Executor:
    """The executor of a sweep.

    Args:
        name: The option `--executor`, as the user wrote it.
        setup: The models of the trials, and the options of the sweep.

    Raises:
        InputError: It cannot run these trials.
    """
    entry = executor_for(name, has_command=setup.proxies.recipe.program is not None)
    executor: Executor = entry.load()(setup)
    return executor
