"""The protocols of optimizers that step many trials, and of the functions that make them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from torch import Tensor

from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.train.batched_optimizers.flat_params import Layout


class BatchedOptimizer(Protocol):
    """Updates parameters (K, numbers) in place from gradients; both are given when it is made.

    Attributes:
        static: Whether `step` runs the same operations on the same memory every time, so that it
            can be captured as a CUDA graph.
        tolerance: Allowed relative difference of losses from those of the same trials one by one;
            None: the default for single precision.
    """

    static: bool
    tolerance: float | None

    def prepare(self, lr_factors: Sequence[float]) -> None:
        """Set what changes from step to step.

        Args:
            lr_factors: Learning rate of each trial (K,), divided by its peak.
        """
        ...

    def step(self) -> None:
        """Update the parameters; `prepare` was called before."""
        ...

    def select(self, trials: Sequence[int], params: Tensor, grads: Tensor) -> None:
        """Keep only these trials.

        Args:
            trials: Positions of the trials that stay.
            params: Their parameters, in new memory.
            grads: Their gradients, in new memory.
        """
        ...

    def state(self) -> dict[str, Any]:
        """The state for a checkpoint."""
        ...

    def restore(self, state: dict[str, Any], trials: Sequence[int]) -> None:
        """Restore what `state` returned.

        Args:
            state: State of these trials, and perhaps of others.
            trials: Positions of these trials in the state.
        """
        ...


class MakeBatchedOptimizer(Protocol):
    """Makes an optimizer; the field `batched` of a row in `catalog.optimizers` names one."""

    def __call__(
        self,
        plans: Sequence[Plan],
        names: Sequence[str],
        layout: Layout,
        params: Tensor,
        grads: Tensor,
    ) -> BatchedOptimizer:
        """Make the optimizer of some tensors of all trials.

        Args:
            plans: Plan of each trial (K,).
            names: The tensors that this optimizer trains; they are neighbors in the layout.
            layout: Which columns belong to which tensor.
            params: Parameters (K, numbers).
            grads: Gradients (K, numbers), filled before every step.
        """
        ...
