"""What a rule of a further axis knows of a tensor, and the exponents that it answers with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from mutransfer_cli.optimizers.geometry import GRADIENT, RELATIVE, Geometry
from mutransfer_cli.parameterization.plan_config import PlanConfig
from mutransfer_cli.tracing.family import Family
from mutransfer_cli.tracing.tensor_shape import TensorShape


@dataclass(frozen=True, slots=True)
class AxisExponents:
    """Exponents of target/base along an axis, beside those that follow from the fans.

    Attributes:
        lr: Of the learning rate.
        init: Of the init standard deviation.
        gradient: Of the size of the tensor's gradient, which epsilon follows.
        multiplier: Of the number by which the model multiplies the tensor's result.
        why: The derivation, in one line.
    """

    lr: float = 0.0
    init: float = 0.0
    gradient: float = 0.0
    multiplier: float = 0.0
    why: str = ""

    def under(self, geometry: Geometry) -> AxisExponents:
        """The same where updates follow the gradient, or the tensor's own size (derived)."""
        if geometry == GRADIENT:
            lr = self.lr - self.gradient
        elif geometry == RELATIVE:
            lr = self.lr - self.init
        else:
            lr = self.lr
        return replace(self, lr=lr)


@dataclass(frozen=True, slots=True)
class TensorOnAxis:
    """A tensor of a model that grows along a further axis.

    Attributes:
        tensor: The tensor at the base.
        dims: Its dimensions that grow along the axis.
        family: The traced model.
        config: Hyperparameters and rules at the base.
    """

    tensor: TensorShape
    dims: frozenset[int]
    family: Family
    config: PlanConfig

    @property
    def grows_in(self) -> bool:
        """Whether a dimension that the tensor sums over grows along the axis."""
        return bool(self.dims & set(self.tensor.in_dims))

    @property
    def grows_out(self) -> bool:
        """Whether a dimension of the tensor's output grows along the axis."""
        return bool(self.dims & set(self.tensor.out_dims))


@runtime_checkable
class TensorRule(Protocol):
    """How one tensor's numbers follow a further axis, by what the tensor does in the model."""

    def exponents(self, at: TensorOnAxis) -> AxisExponents:
        """The exponents under an optimizer whose update has entries of size 1 (Adam).

        Args:
            at: The tensor, with the dimensions that grow.
        """
        ...
