"""One training run that finished, diverged or was pruned, from any source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Observation:
    """A run's sizes, hyperparameters and loss.

    Attributes:
        width: Width of the model; None where a table describes models by their parameters alone.
        lr: Learning rate, quoted at the base size.
        seed: Seed of the initialization and of the order of the data.
        loss: Loss at the end; None where the run diverged or was pruned.
        depth: Depth of the model; None if unknown, as for all other sizes below.
        batch: Examples per step.
        steps: Number of steps.
        further_sizes: Sizes along further axes, and parameters or tokens where a table describes
            models or training by them, by name.
        params: Hyperparameters that were searched in addition to the learning rate.
        pruned: Whether the run was stopped early: it is clearly worse than others, but its final
            loss is unknown.
        loss_sd: Standard deviation of the losses of which `loss` is the mean; None if unknown.
        runs: Number of runs of which `loss` is the mean; its standard error is `loss_sd`/√`runs`.
    """

    width: int | None
    lr: float
    seed: int
    loss: float | None
    depth: int | None = None
    batch: int | None = None
    steps: int | None = None
    further_sizes: Mapping[str, float] = field(default_factory=dict)
    params: dict[str, float] = field(default_factory=dict)
    pruned: bool = False
    loss_sd: float | None = None
    runs: int = 1

    def size(self, name: str) -> float | None:
        """The size of this name; None if it is unknown."""
        if name in self.further_sizes:
            return self.further_sizes[name]
        own = getattr(self, name, None)
        return own if isinstance(own, int | float) else None

    def along(self, axis: str) -> float:
        """The size along an axis on which rungs differ, where it has to be known.

        Raises:
            ValueError: The size is unknown.
        """
        size = self.size(axis)
        if size is None:
            raise ValueError(f"an observation without {axis}")
        return size
