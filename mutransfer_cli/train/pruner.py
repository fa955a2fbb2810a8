"""What decides whether a trial goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Pruner(Protocol):
    """Decides by the losses of one trial alone.

    It may look at nothing else, so that a trial's end does not depend on what trains beside it.
    """

    @property
    def steps(self) -> tuple[int, ...]:
        """After how many steps it decides: multiples of `training_loop.CHECK_INTERVAL`."""
        ...

    def __call__(self, losses: Sequence[float]) -> str | None:
        """Why the trial ends, or None where it goes on.

        Args:
            losses: The training loss of every step so far.
        """
        ...
