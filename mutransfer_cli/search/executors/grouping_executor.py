"""Base class of executors that train the package's own proxies in groups."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property

from mutransfer_cli.documents.sweep import Population
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.executors.protocol import Executor, ExecutorSetup
from mutransfer_cli.search.grouping.engine import Engine
from mutransfer_cli.search.record import Record


class GroupingExecutor(Executor):
    """An executor whose engine puts trials into groups.

    Attributes:
        setup: The models of the trials, and the options of the sweep.
        proxies: Builds the models.
        checkpoints: The folder of the checkpoints; None: there are none.
        timeout: Seconds that a trial may take; None: no limit.
    """

    @abstractmethod
    def __init__(self, setup: ExecutorSetup) -> None:
        """Keep the options.

        Args:
            setup: The models of the trials, and the options of the sweep.

        Raises:
            InputError: The recipe cannot be trained.
        """
        setup.proxies.require_trainable()
        self.setup, self.proxies = setup, setup.proxies
        self.checkpoints = setup.checkpoints
        self.timeout = setup.proxies.training.timeout

    @cached_property
    def engine(self) -> Engine:
        """The engine, which puts trials into groups.

        Raises:
            InputError: The option `--engine` or the stored choices are invalid.
        """
        setup = self.setup
        return Engine(
            self.proxies, self.device, self.workers, setup.engine, setup.run, setup.expected
        )

    def population(self) -> Population:
        """The engine's choices."""
        return self.engine.document()

    def notes(self, records: Sequence[Record]) -> Sequence[str]:
        """The engine's notes."""
        return self.engine.notes()

    def expected_seconds(self, size: Size) -> float | None:
        """Seconds that a trial takes a worker, as the engine measured; None: not measured."""
        return self.engine.expected_seconds(size)
