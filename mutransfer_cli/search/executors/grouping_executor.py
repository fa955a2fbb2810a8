"""What executors share that train the package's own proxies in groups."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property

from mutransfer_cli.documents.sweep import Population
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.executors.protocol import Executor, ExecutorSetup
from mutransfer_cli.search.grouping.engine import Engine
from mutransfer_cli.search.storage.record import Record


class GroupingExecutor(Executor):
    """An executor whose engine puts trials into groups.

    Attributes:
        setup: What it is made from.
        proxies: Makes the models.
        checkpoints: The folder of the checkpoints; None: there are none.
        timeout: Seconds that a trial may take; None: any time.
    """

    @abstractmethod
    def __init__(self, setup: ExecutorSetup) -> None:
        """Take up the options.

        Args:
            setup: The trials' models, and the options.

        Raises:
            InputError: The recipe cannot be trained.
        """
        setup.proxies.require_trainable()
        self.setup, self.proxies = setup, setup.proxies
        self.checkpoints = setup.checkpoints
        self.timeout = setup.proxies.training.timeout

    @cached_property
    def engine(self) -> Engine:
        """Puts trials into groups.

        Raises:
            InputError: The option, or the choices of an earlier call, are invalid.
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
        """What a trial takes a worker, as the engine measured."""
        return self.engine.expected_seconds(size)
