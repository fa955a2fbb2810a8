"""What steps the parameters of many trials, and how it is made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from torch import Tensor

from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.train.batched_optimizers.flat_params import Layout


class BatchedOptimizer(Protocol):
    """Updates parameters (K, numbers) in place, by the gradients that it was made with.

    Attributes:
        static: Whether `step` runs the same operations on the same memory every time, so that it
            can be captured as a CUDA graph.
        tolerance: How far losses may be from those of the same trials one by one, relative; None:
            as far as single precision explains.
    """

    static: bool
    tolerance: float | None

    def prepare(self, lr_factors: Sequence[float]) -> None:
        """Set what changes from step to step.

        Args:
            lr_factors: Of each trial (K,): its learning rate over its peak.
        """
        ...

    def step(self) -> None:
        """Update the parameters; `prepare` was called before."""
        ...

    def select(self, trials: Sequence[int], params: Tensor, grads: Tensor) -> None:
        """Leave out all other trials.

        Args:
            trials: Positions of the trials that stay.
            params: Their parameters, in new memory.
            grads: Their gradients, in new memory.
        """
        ...

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        ...

    def restore(self, state: dict[str, Any], trials: Sequence[int]) -> None:
        """Put back what `state` returned.

        Args:
            state: Of these trials, and perhaps of others.
            trials: Positions of these trials among those of the state.
        """
        ...


class MakeBatchedOptimizer(Protocol):
    """What the field `batched` of a row in `catalog.optimizers` names."""

    def __call__(
        self,
        plans: Sequence[Plan],
        names: Sequence[str],
        layout: Layout,
        params: Tensor,
        grads: Tensor,
    ) -> BatchedOptimizer:
        """Make what steps some tensors of all trials.

        Args:
            plans: Of each trial (K,).
            names: The tensors that this optimizer trains; they are neighbours in the layout.
            layout: Which columns belong to which tensor.
            params: Parameters (K, numbers).
            grads: Gradients (K, numbers), filled before every step.
        """
        ...
