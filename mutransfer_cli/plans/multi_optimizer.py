"""Several optimizers as one, such as Muon with AdamW for the tensors that Muon does not train."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch.optim import Optimizer


class MultiOptimizer(Optimizer):
    """Steps several optimizers one after another; has the parameter groups of all of them."""

    def __init__(self, parts: Sequence[Optimizer]) -> None:
        """Combine several optimizers."""
        self.parts = list(parts)
        super().__init__([p for part in parts for g in part.param_groups for p in g["params"]], {})
        self.param_groups = [group for part in parts for group in part.param_groups]

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step of every part; returns what the closure returns."""
        loss = closure() if closure is not None else None
        for part in self.parts:
            part.step()
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Reset the gradients of all parameters."""
        for part in self.parts:
            part.zero_grad(set_to_none)

    def state_dict(self) -> dict[str, Any]:
        """The states of all parts."""
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the states of all parts."""
        for part, state in zip(self.parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self.param_groups = [group for part in self.parts for group in part.param_groups]


def as_one_optimizer(parts: Sequence[Optimizer]) -> Optimizer:
    """The optimizer itself if there is only one, else a `MultiOptimizer`."""
    return parts[0] if len(parts) == 1 else MultiOptimizer(parts)
