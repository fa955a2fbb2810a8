"""One finished or divergent training run, wherever it was made."""

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
        depth: Depth of the model; None where it is not known, as for all further sizes.
        batch: Examples per step.
        steps: Number of steps.
        further_sizes: Sizes along further axes, by name.
        params: Hyperparameters that were searched beside the learning rate.
        pruned: Whether the run was stopped early: it is clearly worse than others, and no more is
            known of it.
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
        """The size of a name; None where it is not known."""
        own: int | None = getattr(self, name, None)
        return own if own is not None else self.further_sizes.get(name)

    def along(self, axis: str) -> int:
        """The size along an axis on which rungs differ: there it is known.

        Raises:
            ValueError: It is not.
        """
        size = self.size(axis)
        if size is None:
            raise ValueError(f"an observation without {axis}")
        return size
