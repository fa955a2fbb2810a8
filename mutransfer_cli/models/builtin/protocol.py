"""The protocols of built-in models: building them, and optional abilities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from torch import nn


class BuildModel(Protocol):
    """The implementation of a built-in model: a module's class, or a function that builds one.

    The module maps a batch of inputs to logits (…, classes). A plan puts its multipliers into the
    attributes `embedding_scale`, `logit_scale`, `attention_scale` and `residual_scale` of the
    modules that have them; they start at what the plain model has.
    """

    def __call__(self, **arguments: Any) -> nn.Module:
        """Build the model.

        Args:
            **arguments: By the names of the catalog row: the arguments that follow width and depth,
                those of `model.args`, and those that the data give.
        """
        ...


@runtime_checkable
class UnitScaled(Protocol):
    """A model that can be trained under u-muP: it weighs the skips and branches of its stream."""

    def set_unit_scales(self, forward: Mapping[str, float]) -> None:
        """Put multipliers into the forward pass.

        Args:
            forward: By name: `embedding_scale`, `logit_scale`, `attention_scale`, and `skip.i`
                and `branch.i` of the i-th residual branch.
        """
        ...


@runtime_checkable
class CountsFlops(Protocol):
    """A model that knows the cost of a training step; of others it is measured."""

    def step_flops(self, batch: int) -> float:
        """Floating-point operations of a forward and a backward pass over `batch` examples."""
        ...
