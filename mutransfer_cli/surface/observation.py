"""One training run that finished, diverged or was pruned, from any source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Observation:
    """A run's sizes, hyperparameters and loss.

    Attributes:
        width: Width of the model.
        lr: Learning rate, quoted at the base size.
        seed: Seed of the initialization and of the order of the data.
        loss: Loss at the end; None where the run diverged or was pruned.
        depth: Depth of the model; None if unknown, as for all other sizes below.
        batch: Examples per step.
        steps: Number of steps.
        further_sizes: Sizes along further axes, by name.
        params: Hyperparameters that were searched in addition to the learning rate.
        pruned: Whether the run was stopped early: it is clearly worse than others, but its final
            loss is unknown.
    """

    width: int
    lr: float
    seed: int
    loss: float | None
    depth: int | None = None
    batch: int | None = None
    steps: int | None = None
    further_sizes: Mapping[str, int] = field(default_factory=dict)
    params: dict[str, float] = field(default_factory=dict)
    pruned: bool = False

    def size(self, name: str) -> int | None:
        """The size of this name; None if it is unknown."""
        own: int | None = getattr(self, name, None)
        return own if own is not None else self.further_sizes.get(name)

    def along(self, axis: str) -> int:
        """The size along an axis on which rungs differ, where it has to be known.

        Raises:
            ValueError: The size is unknown.
        """
        size = self.size(axis)
        if size is None:
            raise ValueError(f"an observation without {axis}")
        return size
