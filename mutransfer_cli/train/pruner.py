"""What decides whether a trial goes on: asked at a few steps, told its losses so far."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Pruner(Protocol):
    """steps: how many have been trained when it is asked.

    Called with the losses so far, it returns why the trial ends, or None where it goes on. It may
    look at nothing else, so that a trial's end does not depend on what trains beside it.
    """

    @property
    def steps(self) -> tuple[int, ...]: ...

    def __call__(self, losses: Sequence[float]) -> str | None: ...
