"""The protocol of pruners, which decide whether a trial continues."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Pruner(Protocol):
    """Decides whether a trial ends early, from its own losses only.

    It must not depend on anything else, so that the decision is the same in any population.
    """

    @property
    def steps(self) -> tuple[int, ...]:
        """Numbers of steps after which it decides: multiples of `training_loop.CHECK_INTERVAL`."""
        ...

    def __call__(self, losses: Sequence[float]) -> str | None:
        """Why the trial ends; None: it continues.

        Args:
            losses: The training loss of every step so far.
        """
        ...
